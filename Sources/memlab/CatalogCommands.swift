internal import ArgumentParser
internal import Overcommit
internal import PageSharing
internal import Reporting
internal import Scenarios
internal import Traces
internal import Translation
internal import TranslationCaching

/// `memlab list`.
struct ListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List what there is: scenarios, scanners, policies, cost presets, TLB presets.",
    discussion: """
      Scenarios are those of the folder Workloads: the one in the current folder, or else the one beside the executable or in a folder above it.
      """)

  @OptionGroup var output: OutputOptions

  func run() throws {
    let folder = WorkloadsFolder.find()
    var scenarios: [ScenarioCatalog.Item] = []
    if let folder {
      do throws(ScenarioErrors) { scenarios = try ScenarioCatalog(folder: folder).items } catch {
        throw Diagnostics.fail(.missingInput, error.description)
      }
    }
    if scenarios.isEmpty && !output.quiet {
      let places = folder.map { [$0] } ?? WorkloadsFolder.candidates
      Diagnostics.print("note: no scenarios found; looked in \(places.joined(separator: ", "))")
    }
    try output.print(text: text(scenarios), json: json(scenarios), csv: csv(scenarios))
  }

  /// What there is besides scenarios: a heading, a key, and names each with a line.
  private var groups: [(heading: String, key: String, items: [(name: String, line: String)])] {
    [
      (
        "Scanners (memlab scan --scanner; but for exact, sharing.scanner of a scenario)", "scanners",
        ScannerName.allCases.map { ($0.rawValue, $0.line) }
      ),
      ("Tuners of page sharers (sharing.tuner)", "tuners", TunerKind.allCases.map { ($0.rawValue, $0.summary) }),
      ("Overcommit policies (overcommit.policy)", "policies", PolicyKind.allCases.map { ($0.rawValue, $0.line) }),
      ("Cost presets (host.cost)", "cost_presets", CostPreset.all.map { ($0.name, $0.line) }),
      (
        "Generated access streams (memlab trace, guest.source; with gen: before the name)", "generators",
        GeneratorKind.allCases.map { ($0.rawValue, $0.line) }
      ),
      ("Formats of recorded access streams (memlab trace)", "trace_formats", TraceFormat.allCases.map { ($0.rawValue, $0.summary) }),
      ("TLB presets (host.tlb)", "tlb_presets", TLBPreset.all.map { ($0.name, $0.source) }),
    ]
  }

  private func text(_ scenarios: [ScenarioCatalog.Item]) -> String {
    let all = [("Scenarios (memlab run)", scenarios.map { (name: $0.path, line: $0.description) })] + groups.map { ($0.heading, $0.items) }
    return all.map { heading, items in
      let width = items.map(\.name.count).max() ?? 0
      let lines = items.map { "  \($0.name)\(String(repeating: " ", count: width - $0.name.count))  \($0.line)" }
      return ([heading] + (lines.isEmpty ? ["  none found"] : lines)).joined(separator: "\n")
    }.joined(separator: "\n\n") + "\n"
  }

  private func json(_ scenarios: [ScenarioCatalog.Item]) -> JSONValue {
    let listed: [JSONValue] = scenarios.map { item in
      [
        "name": .string(item.name), "path": .string(item.path), "description": .string(item.description),
        "vms": item.vmCount.map { .count(UInt64($0)) } ?? .null,
      ]
    }
    let others = groups.map { group in
      JSONValue.Member(group.key, .array(group.items.map { .object(members($0.name, $0.line, of: group.key)) }))
    }
    return .object([.init("schema", "memlab.list/1"), .init("scenarios", .array(listed))] + others)
  }

  private func members(_ name: String, _ line: String, of key: String) -> [JSONValue.Member] {
    let members: [JSONValue.Member] = [.init("name", .string(name)), .init("description", .string(line))]
    guard key == "cost_presets", let preset = CostPreset(named: name) else { return members }
    let figures: [JSONValue] = preset.figures.map { name, figure in
      [
        "name": .string(name), "cycles": .count(figure.cycles), "assumed": .bool(figure.isAssumed), "source": .string(figure.source),
      ]
    }
    return members + [.init("figures", .array(figures))]
  }

  private func csv(_ scenarios: [ScenarioCatalog.Item]) -> [[String]] {
    [["kind", "name", "description"]] + scenarios.map { ["scenarios", $0.path, $0.description] }
      + groups.flatMap { group in group.items.map { [group.key, $0.name, $0.line] } }
  }
}

extension CostPreset {
  /// Its clock and how much of it is known, in a line.
  fileprivate var line: String {
    let assumed = figures.count { $0.figure.isAssumed }
    return "\(clockHertz / 1_000_000) MHz; of \(figures.count) figures \(assumed) are assumed: --format json gives each with its source"
  }
}

extension GeneratorKind {
  /// What it makes, and its parameters with what they are unless given.
  fileprivate var line: String {
    let known = parameters.map { "\($0.name)=\($0.standard)" }.joined(separator: ",")
    return known.isEmpty ? summary : "\(summary) (\(known))"
  }
}

extension PolicyKind {
  /// What it does, in a line.
  var line: String {
    switch self {
    case .none: "every guest keeps its maximum"
    case .shareProportional: "shares of what lies above the minima, toward a use of the host (Proxmox VE)"
    case .idleTax: "shares, with a tax on idle memory (ESX)"
    case .squeeze: "every guest squeezed to the same fraction of its range (XenServer)"
    case .mom: "thresholds of host and guest free memory (oVirt)"
    }
  }
}

/// `memlab schema`.
struct SchemaCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schema", abstract: "Print the JSON Schema of scenario files, for editors and programs.",
    discussion: """
      memlab schema > scenario.schema.json. An editor with a YAML language server then completes names and marks mistakes: begin a scenario with
      # yaml-language-server: $schema=scenario.schema.json
      """)

  func run() throws { try StandardOutput.write(ScenarioSchema.jsonSchema) }
}

/// `memlab explain`.
struct ExplainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain", abstract: "Explain a field of scenarios, a metric, or a key of a result.",
    discussion: """
      memlab explain vms.memory, memlab explain pages_to_scan, memlab explain tlb_miss_rate, memlab explain scan.saved_self. The beginning of a path may be \
      left out where the rest is known.
      """)

  @Argument(help: ArgumentHelp("The field, metric or key.", valueName: "path")) var path: String
  @OptionGroup var output: OutputOptions

  func run() throws {
    let found: [Explanation]
    do throws(UnknownPath) { found = try ScenarioSchema.explain(path, among: ResultKeys.explanations) } catch {
      Diagnostics.print("error: \(error)\nhelp: memlab schema, memlab help explain")
      throw ExitCode.validationFailure
    }
    let entries: [JSONValue] = found.map { entry in
      let details = entry.details.map { JSONValue.Member($0.label, .string($0.text)) }
      return ["path": .string(entry.path), "meaning": .string(entry.documentation), "details": .object(details)]
    }
    let rows = found.map { [$0.path, $0.documentation, $0.details.map { "\($0.label): \($0.text)" }.joined(separator: "; ")] }
    try output.print(
      text: found.map(\.description).joined(separator: "\n\n"), json: ["schema": "memlab.explain/1", "entries": .array(entries)],
      csv: [["path", "meaning", "details"]] + rows)
  }
}

/// `memlab version`.
struct VersionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "version", abstract: "Print the version; also memlab --version.")

  func run() throws { try StandardOutput.write("memlab \(Version.current)\n") }
}
