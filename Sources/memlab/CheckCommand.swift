internal import ArgumentParser
internal import Reporting
internal import Scenarios

/// `memlab check`.
struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Check scenarios without running them: every mistake at once, with its place.",
    discussion: """
      Says of each file whether it is correct. With --format json the diagnostics are part of the result; otherwise they go to standard error. Exits with 65 \
      if a file is wrong, otherwise with 66 if one is missing.
      """)

  @Argument(help: ArgumentHelp("Scenarios, YAML files.", valueName: "scenario"), completion: .file(extensions: ["yaml", "yml"]))
  var scenarios: [String]
  @OptionGroup var changes: ScenarioChanges
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard !scenarios.contains("") else { throw ValidationError("the name of a scenario is empty") }
    try OutputName.checkResult(reading: scenarios)
  }

  /// What was found in one file.
  private struct Finding {
    let path: String
    var vms = 0
    var variants = 0
    var errors: ScenarioErrors?

    init(_ path: String, _ changes: ScenarioChanges) {
      self.path = path
      do throws(ScenarioErrors) {
        let loaded = try ScenarioLoader.load(path: path, overrides: changes.overrides, seed: changes.seed)
        (vms, variants) = (loaded.scenario.vms.count, loaded.variants.count)
      } catch { errors = error }
    }

    /// How many machines, and variants where there are any, in words.
    var size: String {
      let machines = "\(vms) virtual \(vms == 1 ? "machine" : "machines")"
      return variants == 0 ? machines : "\(machines), \(variants) \(variants == 1 ? "variant" : "variants")"
    }

    var verdict: String { errors == nil ? "correct" : errors?.diagnostics.isEmpty == true ? "missing" : "wrong" }

    var json: JSONValue {
      let diagnostics = errors?.diagnostics ?? []
      var entries: [JSONValue] = diagnostics.map { diagnostic in
        let argument: JSONValue = if case .argument(let argument) = diagnostic.origin { .string(argument) } else { .null }
        return [
          "line": diagnostic.line.map { .count(UInt64($0)) } ?? .null, "column": diagnostic.column.map { .count(UInt64($0)) } ?? .null,
          "argument": argument, "message": .string(diagnostic.message), "note": diagnostic.note.map { .string($0) } ?? .null,
        ]
      }
      if let errors, diagnostics.isEmpty {
        entries = [["line": .null, "column": .null, "argument": .null, "message": .string(errors.description), "note": .null]]
      }
      return [
        "path": .string(path), "verdict": .string(verdict), "vms": errors == nil ? .count(UInt64(vms)) : .null,
        "variants": errors == nil ? .count(UInt64(variants)) : .null,
        "diagnostics": .array(entries),
      ]
    }
  }

  func run() throws {
    let findings = scenarios.map { Finding($0, changes) }
    if output.format != .json { for errors in findings.compactMap(\.errors) { Diagnostics.print(errors.description) } }
    let correct = findings.filter { $0.errors == nil }
    let text = correct.map { "\($0.path): correct (\($0.size))\n" }.joined()
    switch output.format {
    case .text: try StandardOutput.write(text)
    case .json: try StandardOutput.write((["schema": "memlab.check/1", "files": .array(findings.map(\.json))] as JSONValue).text())
    case .csv:
      let rows = findings.map { [$0.path, $0.verdict, $0.errors == nil ? String($0.vms) : "", String($0.errors?.diagnostics.count ?? 0)] }
      try StandardOutput.write(CSVText.text([["path", "verdict", "vms", "diagnostics"]] + rows))
    }
    let codes = findings.compactMap { $0.errors?.exitCode }
    if let code = codes.min() { throw ExitCode(code) }
  }
}
