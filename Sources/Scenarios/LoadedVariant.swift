/// A variant of a loaded scenario.
public struct LoadedVariant: Sendable {
  /// Its name.
  public let name: String
  /// What it shows, for people.
  public let description: String
  /// The values that it changes.
  public let settings: [VariantSetting]
  /// Its plan, without variants of its own. It is what the scenario's file gives where each of the settings is an argument, and a last one
  /// leaves the variants out.
  public let scenario: Scenario
}

/// Makes the variants' trees of a scenario's tree.
///
/// A variant is the file with some values changed, so it is read and checked like the file: all rules hold of it, and a fault in it stands
/// at the value that brought it about.
struct VariantTrees {
  /// A variant's tree, and how its settings fared.
  struct Tree {
    let name: String
    let index: Int
    var root: SourceNode
    var reading = Reading()
  }

  private let root: SourceNode

  /// Takes the whole scenario's tree.
  init(_ root: SourceNode) { self.root = root }

  /// The variants' trees in order; none where the list is no list.
  var all: [Tree] {
    guard case .mapping(let fields) = root.content, let entry = fields.first(where: { $0.key == "variants" }) else { return [] }
    guard case .sequence(let elements) = entry.value.content, elements.count <= 64 else { return [] }
    var base = root
    base.content = .mapping(fields.filter { $0.key != "variants" })
    return elements.enumerated().map { index, element in
      var tree = Tree(name: element.scalar(named: "name") ?? "\(index)", index: index, root: base)
      for setting in element.fields(named: "set") { tree.set(setting) }
      return tree
    }
  }
}

extension VariantTrees.Tree {
  /// What no variant may change: it is by these that variants belong together.
  private static let fixed = ["name", "variants"]

  fileprivate mutating func set(_ setting: SourceNode.Entry) {
    do throws(ValueProblem) {
      let first = setting.key.split(separator: ".").first.map(String.init) ?? ""
      guard !Self.fixed.contains(first) else { throw ValueProblem("a variant cannot set \"\(first)\"") }
      // The value stands at the path's own place for rules that look at the field as a whole.
      try Overrides.set(setting.key, to: setting.value, keyPlace: setting.keyPlace, in: &root)
    } catch {
      reading.fail("", at: setting.keyPlace, error.message, note: error.note)
    }
  }
}

extension SourceNode {
  /// The fields of a field; none where it has none.
  fileprivate func fields(named key: String) -> [Entry] {
    guard case .mapping(let entries) = content, let entry = entries.first(where: { $0.key == key }) else { return [] }
    guard case .mapping(let fields) = entry.value.content else { return [] }
    return fields
  }
}

extension LoadedVariant {
  /// The variant of a plan, whose own fields were read from its changed tree.
  init(_ spec: VariantSpec, changed: Scenario) {
    var scenario = changed.withEachMachine
    // Expectations that name variants look at all of them together.
    scenario.expectations = changed.expectations.filter { !$0.looksAtVariants } + spec.expectations
    self.init(name: spec.name, description: spec.description, settings: spec.settings, scenario: scenario)
  }
}

extension Expectation {
  /// Whether it compares results of variants.
  public var looksAtVariants: Bool { paths.contains { $0.hasPrefix("variants.") } }
}
