internal import ArgumentParser
internal import Foundation
internal import Guests
internal import Laboratory
internal import RAMImages
internal import Reporting
internal import Scenarios
internal import Traces

/// `memlab run`.
struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Run a scenario and write its results and a report.",
    discussion: """
      Writes into the output folder: summary.json, timeline.csv, vms.csv, metrics.csv, results.sqlite, report.html, figures/ and manifest.json, and \
      prints the summary. The same scenario and seed give the same files, byte for byte, except manifest.json.

      A scenario with variants is run once for each of them, several at a time; variants/NAME/ has what a run of the variant alone would write, and \
      summary.json, variants.csv, report.html and figures/ compare them.

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
      "How many variants run and how many figures are drawn at a time (default: one for each processor); results do not depend on it.",
      valueName: "n"))
  var threads: Int?
  @Flag(inversion: .prefixedNo, help: "Check all laws of the machine at every sample.") var audit = true
  @Flag(
    help: """
      Compare each access of every guest that completes with its tables and the hypervisor's map at that moment, and fail if a translation \
      outlived what it stood for; slow.
      """)
  var checkStale = false
  @Flag(inversion: .prefixedNo, help: "Draw the figures of the report; their numbers and scripts are written in any case.") var figures =
    true

  func validate() throws {
    guard !scenario.isEmpty else { throw ValidationError("the name of the scenario is empty") }
    if let threads, !(1...1024).contains(threads) { throw ValidationError("--threads takes a number from 1 to 1024") }
    guard out != "" else { throw ValidationError("the name of the folder to write into is empty") }
    try OutputName.checkResult(reading: [scenario])
  }

  func run() async throws {
    let started = Date()
    let loaded = try changes.load(scenario)
    let folder = out ?? "Reports/runs/\(loaded.scenario.name)"
    do { try RunReport.check(path: folder) } catch { throw Diagnostics.fail(.cannotWrite, "error: \(error)") }
    let recordings = try Recordings(of: loaded)
    do throws(ReportingError) { try RunReport.check(path: folder, keeping: [scenario] + recordings.files) } catch {
      throw ValidationError("\(error)")
    }
    // The digests are taken before the run, so that they are those of what was read.
    let inputs = try recordings.inputs(scenario)
    let manifest = { (finished: Date) in
      ManifestInput(
        version: Version.current, arguments: Array(CommandLine.arguments.dropFirst()), scenarioFile: scenario, overrides: changes.overrides,
        resolvedScenario: loaded.scenario.canonicalText, inputs: inputs, started: started, finished: finished,
        wallSeconds: finished.timeIntervalSince(started))
    }
    if loaded.variants.isEmpty {
      try await runAlone(loaded.scenario, recordings, folder, manifest)
    } else {
      try await runRace(loaded, recordings, folder, manifest)
    }
  }

  /// How many things are done at a time.
  private var threadCount: Int { threads ?? ProcessInfo.processInfo.activeProcessorCount }

  private func runAlone(
    _ plan: Scenario, _ recordings: Recordings, _ folder: String, _ manifest: (Date) -> ManifestInput
  ) async throws {
    let experiment: Experiment
    do throws(ExperimentError) {
      experiment = try Experiment(
        plan, recordings: recordings.traces, streams: recordings.streams, audited: audit, checksStale: checkStale)
    } catch { throw Diagnostics.fail(.badInput, "\(scenario): error: \(error)") }
    Interrupt.watch()
    let progress = ProgressLine(total: plan.durationNanoseconds, options: output)
    var result = experiment.run(progress: progress.update, isInterrupted: { Interrupt.isSet })
    progress.end()
    result.failedExpectations = RunVerdict.failedExpectations(of: result)
    let folder = place(of: folder, result.state)
    do throws(ReportingError) {
      tell(try await RunReport.write(result, manifest: manifest(Date()), to: folder, threads: figures ? threadCount : 0))
    } catch { throw Diagnostics.fail(.cannotWrite, "error: \(error)") }
    switch output.format {
    case .text: try StandardOutput.write(RunReport.summaryText(result) + "\nreport: \(folder)/report.html\n")
    case .json: try StandardOutput.write(result.summary.text())
    case .csv: try StandardOutput.write(RunReport.csvText(result))
    }
    try conclude([("", result)], result.state, result.failedExpectations)
  }

  private func runRace(
    _ loaded: LoadedScenario, _ recordings: Recordings, _ folder: String, _ manifest: (Date) -> ManifestInput
  ) async throws {
    let result: RaceResult
    do throws(Race.Failure) {
      let race = try Race(
        loaded, recordings: recordings.traces, streams: recordings.streams, audited: audit, checksStale: checkStale)
      Interrupt.watch()
      let progress = ProgressLine(total: race.totalNanoseconds, options: output)
      let found = try await race.run(threads: threadCount, progress: progress.update, isInterrupted: { Interrupt.isSet })
      progress.end()
      result = RunVerdict.judge(found)
    } catch { throw Diagnostics.fail(.badInput, "\(scenario): error: \(error)") }
    let folder = place(of: folder, result.state)
    do throws(ReportingError) {
      tell(try await RaceReport.write(result, manifest: manifest(Date()), to: folder, threads: figures ? threadCount : 0))
    } catch { throw Diagnostics.fail(.cannotWrite, "error: \(error)") }
    switch output.format {
    case .text: try StandardOutput.write(RaceReport.summaryText(result) + "\nreport: \(folder)/report.html\n")
    case .json: try StandardOutput.write(result.summary.text())
    case .csv: try StandardOutput.write(RaceReport.csvText(result))
    }
    let results = result.entries.compactMap { entry in entry.result.map { ("variant \(entry.spec.name): ", $0) } }
    try conclude(results, result.state, result.failedExpectations)
  }

  /// Where the report goes; says so if that is not where it was asked for.
  private func place(of folder: String, _ state: RunState) -> String {
    let place = RunReport.place(of: folder, for: state)
    if place != folder && !output.quiet {
      Diagnostics.print("note: \(folder) holds the report of a complete run, which stays; this one goes to \(place)")
    }
    return place
  }

  private func tell(_ warnings: [String]) {
    if !output.quiet { for warning in warnings { Diagnostics.print("warning: \(warning)") } }
  }

  private func conclude(_ results: [(prefix: String, result: RunResult)], _ state: RunState, _ failed: [String]) throws {
    let broken = results.flatMap { Self.breaches(in: $0.result, $0.prefix) }
    guard broken.isEmpty else { throw Diagnostics.fail(.brokenInvariant, broken.joined(separator: "\n")) }
    if state == .partial { throw Diagnostics.fail(.interrupted, "interrupted: what was finished is kept and marked partial") }
    guard failed.isEmpty else {
      throw Diagnostics.fail(.failed, failed.map { "expectation failed: \($0)" }.joined(separator: "\n"))
    }
  }
}

extension RunCommand {
  /// What must never be, in words: laws that an audit found broken, and accesses through translations that the hypervisor left stale.
  private static func breaches(in result: RunResult, _ prefix: String) -> [String] {
    var lines: [String] = []
    if result.audit.violations > 0 {
      lines += ["error: \(prefix)the audit found \(result.audit.violations) breaches:"] + result.audit.messages
    }
    if let stale = result.stale, stale.byHypervisor > 0 {
      let count = "\(stale.byHypervisor) of \(stale.compared) accesses"
      lines += ["error: \(prefix)\(count) went wrong for want of an invalidation by the hypervisor:"] + stale.findings
    }
    return lines
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
  /// Where the files of access streams lie.
  private(set) var streams: [String: String] = [:]
  private let paths: [(name: String, path: String)]
  /// Where all of them lie.
  var files: [String] { paths.map(\.path) }

  init(of loaded: LoadedScenario) throws {
    var paths: [(name: String, path: String)] = []
    // A variant may name other recordings.
    for vm in loaded.scenario.vms + loaded.variants.flatMap(\.scenario.vms) {
      if case .stream(let stream) = vm.guest, streams[stream.source] == nil, !stream.source.hasPrefix(GeneratorKind.prefix) {
        let path = loaded.folder.resolve(stream.source)
        streams[stream.source] = path
        paths.append((stream.source, path))
      }
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
