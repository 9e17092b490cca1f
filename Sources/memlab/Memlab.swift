internal import ArgumentParser
internal import Foundation

/// # memlab: the command line
///
/// Arguments in, exit codes out, no logic of its own: every command reads its arguments, calls the modules below, and prints what they give.
///
/// The invariant: *standard output holds the result and nothing else, and the exit code says how it ended*. Progress and diagnostics go to standard
/// error; whatever a user gets wrong ends in one sentence there and a code of `ExitStatus`, never in a trap or in the words of a framework.
@main struct Memlab: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "memlab",
    abstract: "A laboratory for virtual memory on a host full of guests.",
    discussion: """
      memlab answers, before anyone touches a kernel or a fleet: how much page sharing would save on these machines, what shadow and nested paging \
      cost, and how far memory can be overcommitted before guests suffer.

      Start with:  memlab run Workloads/quickstart.yaml
      Or look at this machine:  memlab scan pid:self
      Or see what there is:  memlab list

      Exit codes: 0 done; 1 an expectation or a comparison failed; 64 wrong usage; 65 a bad scenario, trace or image; 66 a missing input; \
      70 a broken invariant of memlab; 71 the system gives no memory; 73 the output cannot be written; 130 interrupted.

      Completions: memlab --generate-completion-script bash (or zsh, or fish) prints a script for your shell.
      """,
    version: "memlab \(Version.current)",
    subcommands: [
      RunCommand.self, ScanCommand.self, TraceCommand.self, VerifyCommand.self, FingerprintCommand.self, CaptureCommand.self,
      WalkCommand.self, MappingsCommand.self, CheckCommand.self, ListCommand.self,
      ExplainCommand.self, SchemaCommand.self, VersionCommand.self,
    ])

  /// Parses the arguments, carries the command out, and ends with its exit code.
  static func main() async {
    StandardOutput.reserve()
    Interrupt.endAtOnce()
    let arguments = Array(CommandLine.arguments.dropFirst())
    do {
      try UsageErrors.checkCommandName(arguments)
      var command = try parseAsRoot(arguments)
      if var command = command as? any AsyncParsableCommand { try await command.run() } else { try command.run() }
    } catch {
      end(with: error, arguments)
    }
  }

  private static func end(with error: any Error, _ arguments: [String]) -> Never {
    let code = exitCode(for: error)
    switch code {
    // A help screen, the version, a completion script: on standard output.
    case .success:
      let text = fullMessage(for: error)
      do { if !text.isEmpty { try StandardOutput.write(text + "\n") } } catch { exit(withError: error) }
      exit(withError: code)
    case .validationFailure where !(error is ExitCode):
      Diagnostics.print(UsageErrors.report(message(for: error), arguments))
      exit(withError: code)
    default:
      if !(error is ExitCode) { exit(withError: Diagnostics.fail(.brokenInvariant, "error: this should not happen: \(error)")) }
      exit(withError: error)
    }
  }
}

/// The version that results and manifests name.
enum Version {
  static let current = "0.1.0"
}
