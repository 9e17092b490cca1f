internal import ArgumentParser

/// The command line: arguments in, exit codes out, no logic of its own.
@main struct Memlab: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "memlab",
    abstract: "A laboratory for virtual memory on a host full of guests.",
    discussion: """
      memlab answers, before anyone touches a kernel or a fleet: how much page sharing would save on these machines, what shadow and nested paging \
      cost, and how far memory can be overcommitted before guests suffer.

      Start with:  memlab run Workloads/quickstart.yaml
      Or look at this machine:  memlab scan pid:self
      """,
    version: "memlab \(Version.current)",
    subcommands: [RunCommand.self, CheckCommand.self, ListCommand.self, VersionCommand.self])
}

/// The version that results and manifests name.
enum Version {
  static let current = "0.1.0"
}
