internal import Foundation

/// # Scenarios: from a file to a plan that can be trusted
///
/// A scenario file is written by hand, and a run of it may take an hour: so everything that can be wrong with it is found before the run
/// starts, all at once, each with its place. The way of a file:
///
/// bytes -> `SourceText` (UTF-8, lines) -> `YAMLReader` (tree with places) -> `Overrides` (arguments change the tree; so does each variant,
/// in a copy) -> `ScenarioFields` (each field's type and range) -> `ScenarioRules` (rules across fields) -> `Scenario`.
///
/// The invariant: a `Scenario` that leaves the loader obeys every rule, so whoever runs it checks nothing again. It holds because a fault
/// at any step is noted, and a plan is only given out when nothing was noted. It says nothing about the content of traces, which is only
/// read in a run, nor about how much memory the run itself takes.
public enum ScenarioLoader {
  /// Loads a scenario's file.
  /// - Parameters:
  ///   - path: the file.
  ///   - overrides: values that replace the file's, each `path=value`, in order.
  ///   - seed: a seed that replaces the file's and the overrides'.
  /// - Throws: that there is no such file, or everything that is wrong with it.
  public static func load(path: String, overrides: [String] = [], seed: UInt64? = nil) throws(ScenarioErrors) -> LoadedScenario {
    try load(bytes: try read(path), path: path, overrides: overrides, seed: seed)
  }

  /// Loads a scenario from bytes, as if they were the content of the file with the path.
  /// - Parameters:
  ///   - bytes: the content.
  ///   - path: what diagnostics call the file; traces are looked for from its folder.
  ///   - overrides: values that replace the file's, each `path=value`, in order.
  ///   - seed: a seed that replaces the file's and the overrides'.
  ///   - traceExists: says whether there is a file; by default, the file system is asked.
  /// - Throws: everything that is wrong with it.
  public static func load(
    bytes: [UInt8], path: String, overrides: [String] = [], seed: UInt64? = nil, traceExists: ((String) -> Bool)? = nil
  ) throws(ScenarioErrors) -> LoadedScenario {
    let arguments = overrides + (seed.map { ["seed=\($0)"] } ?? [])
    let names = overrides.map { "--set \($0.quotable)" } + (seed.map { ["--seed \($0)"] } ?? [])
    let folder = ScenarioFolder(ofFile: path)
    let source = SourceText(bytes: bytes)
    let (root, findings) = YAMLReader.read(source)
    guard var root else {
      let empty = Reading.Finding(place: .file(line: 1, column: 1), message: "the file is empty", note: "a scenario begins with \"name: \"")
      throw errors(findings.isEmpty ? [empty] : findings, source, path, names)
    }
    var reading = Reading()
    Overrides(arguments).apply(to: &root, &reading)
    let exists = traceExists ?? { FileManager.default.isReadableFile(atPath: $0) && !isFolder($0) }
    let traceExists: (String) -> Bool = { exists(folder.resolve($0)) }
    let changed = VariantTrees(root).all.map { tree in (tree, plan(tree.root, tree.reading, isVariant: true, traceExists)) }
    let whole = plan(root, reading, isVariant: false, machinesOfVariants: changed.map(\.1.machineNames), traceExists)
    var wrong = findings + whole.findings
    var variants: [LoadedVariant] = []
    for (tree, variant) in changed {
      // What is wrong with the scenario itself has been said.
      for finding in variant.findings where !wrong.contains(where: { $0.place == finding.place && $0.message == finding.message }) {
        wrong.append(
          Reading.Finding(place: finding.place, message: "variant \"\(tree.name.quotable)\": \(finding.message)", note: finding.note))
      }
      guard whole.scenario.variants.indices.contains(tree.index) else { continue }
      variants.append(LoadedVariant(whole.scenario.variants[tree.index], changed: variant.scenario))
    }
    guard wrong.isEmpty else { throw errors(wrong, source, path, names) }
    return LoadedScenario(
      scenario: whole.scenario.withEachMachine, path: path, folder: folder, sourceBytes: bytes, overrides: overrides, variants: variants)
  }

  /// Reads a tree and checks all rules.
  private static func plan(
    _ root: SourceNode, _ noted: Reading, isVariant: Bool, machinesOfVariants: [[String]?] = [], _ traceExists: @escaping (String) -> Bool
  ) -> (scenario: Scenario, findings: [Reading.Finding], machineNames: [String]?) {
    var (scenario, reading) = (Scenario.blank, noted)
    if let fields = reading.fields(of: root, named: "the scenario", "", at: root.place) {
      ScenarioFields.scenario.read(fields, "", &scenario, &reading)
    }
    var rules = ScenarioRules(
      scenario: scenario, reading: reading, traceExists: traceExists, isVariant: isVariant, machinesOfVariants: machinesOfVariants)
    rules.check()
    return (scenario, rules.reading.findings, rules.machineNames)
  }

  /// The content of a file, up to one byte more than a scenario may have.
  static func read(_ path: String) throws(ScenarioErrors) -> [UInt8] {
    guard FileManager.default.fileExists(atPath: path) else { throw .missing(path: path) }
    guard !isFolder(path) else { throw .unreadable(path: path, reason: "this is a folder, not a scenario") }
    do {
      guard let file = FileHandle(forReadingAtPath: path) else {
        throw ScenarioErrors.unreadable(path: path, reason: "the file cannot be opened")
      }
      defer { try? file.close() }
      var bytes: [UInt8] = []
      while bytes.count <= SourceText.mostBytes, let part = try file.read(upToCount: SourceText.mostBytes + 1 - bytes.count), !part.isEmpty
      {
        bytes += part
      }
      return bytes
    } catch {
      throw .unreadable(path: path, reason: "the file cannot be read")
    }
  }

  private static func isFolder(_ path: String) -> Bool {
    let target = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
    return (try? FileManager.default.attributesOfItem(atPath: target))?[.type] as? FileAttributeType == .typeDirectory
  }

  private static func errors(_ findings: [Reading.Finding], _ source: SourceText, _ path: String, _ arguments: [String]) -> ScenarioErrors {
    // In the order of the file, then of the arguments; the order of discovery decides between faults at one place.
    let sorted = findings.enumerated().sorted { a, b in
      let ((line, column), (otherLine, otherColumn)) = (a.element.place.order, b.element.place.order)
      return (line, column, a.offset) < (otherLine, otherColumn, b.offset)
    }.map(\.element)
    return .invalid(
      sorted.map { finding in
        switch finding.place {
        case .file(let line, let column):
          let origin = ScenarioDiagnostic.Origin.file(path: path, line: line, column: column, text: source.line(line))
          return ScenarioDiagnostic(origin: origin, message: finding.message, note: finding.note)
        case .argument(let index):
          return ScenarioDiagnostic(origin: .argument(arguments[index]), message: finding.message, note: finding.note)
        }
      })
  }
}

extension SourceNode.Place {
  /// What places are ordered by.
  fileprivate var order: (Int, Int) {
    switch self {
    case .file(let line, let column): (line, column)
    case .argument(let index): (.max, index)
    }
  }
}
