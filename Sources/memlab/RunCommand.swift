internal import ArgumentParser
internal import Foundation
internal import Guests
internal import Laboratory
internal import RAMImages
internal import Reporting
internal import Scenarios

/// `memlab run`.
struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Run a scenario and write its results and a report.",
    discussion: """
      Writes into the output folder: summary.json, timeline.csv, vms.csv, metrics.csv, results.sqlite, report.html, figures/ and manifest.json, and \
      prints the summary. The same scenario and seed give the same files, byte for byte, except manifest.json.

      Control-C ends the run: what was finished is written and marked partial. A second Control-C ends at once and writes nothing.

      --format json prints summary.json, --format csv vms.csv.
      """)

  @Argument(help: ArgumentHelp("The scenario, a YAML file.", valueName: "scenario"), completion: .file(extensions: ["yaml", "yml"]))
  var scenario: String
  @Option(
    name: .customLong("out"),
    help: ArgumentHelp("The folder to write into (default: Reports/runs/<name of the scenario>).", valueName: "dir"), completion: .directory
  )
  var out: String?
  @OptionGroup var changes: ScenarioChanges
  @OptionGroup var output: OutputOptions
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "How many threads prepare the report (default: one for each processor); results do not depend on it.", valueName: "n"))
  var threads: Int?
  @Flag(inversion: .prefixedNo, help: "Check all laws of the machine at every sample.") var audit = true

  func validate() throws {
    guard !scenario.isEmpty else { throw ValidationError("the name of the scenario is empty") }
    if let threads, !(1...1024).contains(threads) { throw ValidationError("--threads takes a number from 1 to 1024") }
    guard out != "" else { throw ValidationError("the name of the folder to write into is empty") }
  }

  func run() async throws {
    let started = Date()
    let loaded = try changes.load(scenario)
    let plan = loaded.scenario
    let folder = out ?? "Reports/runs/\(plan.name)"
    do { try RunReport.check(path: folder) } catch { throw Diagnostics.fail(.cannotWrite, "error: \(error)") }
    let recordings = try Recordings(of: loaded)
    let experiment: Experiment
    do throws(ExperimentError) {
      experiment = try Experiment(plan, recordings: recordings.traces, audited: audit)
    } catch { throw Diagnostics.fail(.badInput, "\(scenario): error: \(error)") }
    // The digests are taken before the run, so that they are those of what was read.
    let inputs = try recordings.inputs(scenario)
    Interrupt.watch()
    let progress = ProgressLine(total: plan.durationNanoseconds, options: output)
    var result = experiment.run(progress: progress.update, isInterrupted: { Interrupt.isSet })
    progress.end()
    result.failedExpectations = RunVerdict.failedExpectations(of: result)
    let finished = Date()
    let manifest = ManifestInput(
      version: Version.current, arguments: Array(CommandLine.arguments.dropFirst()), scenarioFile: scenario, overrides: changes.overrides,
      resolvedScenario: plan.canonicalText, inputs: inputs, started: started, finished: finished,
      wallSeconds: finished.timeIntervalSince(started))
    do throws(ReportingError) {
      let warnings = try await RunReport.write(
        result, manifest: manifest, to: folder, threads: threads ?? ProcessInfo.processInfo.activeProcessorCount)
      if !output.quiet { for warning in warnings { Diagnostics.print("warning: \(warning)") } }
    } catch { throw Diagnostics.fail(.cannotWrite, "error: \(error)") }
    switch output.format {
    case .text: try StandardOutput.write(RunReport.summaryText(result) + "\nreport: \(folder)/report.html\n")
    case .json: try StandardOutput.write(result.summary.text())
    case .csv: try StandardOutput.write(RunReport.csvText(result))
    }
    try conclude(result)
  }

  private func conclude(_ result: RunResult) throws {
    if result.audit.violations > 0 {
      let lines = ["error: the audit found \(result.audit.violations) breaches:"] + result.audit.messages
      throw Diagnostics.fail(.brokenInvariant, lines.joined(separator: "\n"))
    }
    if result.state == .partial { throw Diagnostics.fail(.interrupted, "interrupted: what was finished is kept and marked partial") }
    guard result.failedExpectations.isEmpty else {
      throw Diagnostics.fail(.failed, result.failedExpectations.map { "expectation failed: \($0)" }.joined(separator: "\n"))
    }
  }
}

/// Options that change a scenario before it is used.
struct ScenarioChanges: ParsableArguments {
  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: ArgumentHelp(
      "Replace a value of the scenario, such as host.memory=2GiB or vms.web.paging=shadow; repeatable.", valueName: "path=value"))
  var overrides: [String] = []
  @Option(parsing: .unconditional, help: ArgumentHelp("Replace the scenario's seed.", valueName: "n")) var seed: UInt64?

  /// Loads a scenario, or prints all that is wrong with it.
  func load(_ path: String) throws -> LoadedScenario {
    do throws(ScenarioErrors) {
      return try ScenarioLoader.load(path: path, overrides: overrides, seed: seed)
    } catch {
      Diagnostics.print(error.description)
      throw ExitCode(error.exitCode)
    }
  }
}

/// The recordings that a scenario names.
struct Recordings {
  private(set) var traces: [String: IdentityTrace] = [:]
  private let paths: [(name: String, path: String)]

  init(of loaded: LoadedScenario) throws {
    var paths: [(name: String, path: String)] = []
    for vm in loaded.scenario.vms {
      guard case .recorded(let recorded) = vm.guest, traces[recorded.trace] == nil else { continue }
      let path = loaded.folder.resolve(recorded.trace)
      do throws(ImageError) { traces[recorded.trace] = try IdentityTrace(path: path) } catch { throw Diagnostics.fail(error) }
      paths.append((recorded.trace, path))
    }
    self.paths = paths
  }

  /// The scenario and the recordings, with their digests.
  func inputs(_ scenario: String) throws -> [ManifestInput.InputFile] {
    do {
      return try ([(scenario, scenario)] + paths).map { ManifestInput.InputFile(path: $0.0, sha256: try SHA256.hexDigest(ofFile: $0.1)) }
    } catch { throw Diagnostics.fail(.missingInput, "error: \(error)") }
  }
}
