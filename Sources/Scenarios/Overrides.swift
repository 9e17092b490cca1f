/// The arguments that change a scenario before it is checked: `path=value`, with an element of a list chosen by its name, or by its index
/// from 0 if it has none: `vms.web.memory=1GiB`, `vms.web.guest.load.0.level=50%`, `sharing.pages_to_scan=500`. A star is every element:
/// `vms.*.paging=shadow`.
///
/// They change the file's tree, so that a value from an argument is checked by the same rules as one from the file. A value in brackets or
/// braces is read as YAML: `expect=[]`.
struct Overrides {
  private let arguments: [String]

  /// Takes the arguments, without what each is introduced by.
  init(_ arguments: [String]) { self.arguments = arguments }

  /// Applies all to a tree, in their order.
  func apply(to root: inout SourceNode, _ reading: inout Reading) {
    for (index, argument) in arguments.enumerated() {
      let place = SourceNode.Place.argument(index)
      do throws(ValueProblem) {
        guard let equals = argument.firstIndex(of: "=") else {
          throw ValueProblem("a value is set by path=value", note: "such as host.memory=2GiB")
        }
        let value = SourceNode(place: place, content: .scalar(String(argument[argument.index(after: equals)...]), isPlain: true))
        try Self.set(String(argument[..<equals]), to: value, keyPlace: place, in: &root)
      } catch {
        reading.fail("", at: place, error.message, note: error.note)
      }
    }
  }

  /// Sets the value at a path of a tree.
  static func set(_ path: String, to value: SourceNode, keyPlace: SourceNode.Place, in root: inout SourceNode) throws(ValueProblem) {
    let steps = path.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard steps.allSatisfy({ !$0.isEmpty }) else { throw ValueProblem("\"\(path.quotable)\" is not the path of a field") }
    guard steps.count <= 16 else { throw ValueProblem("the path is deeper than any field") }
    try set(steps[...], to: try parsed(value), keyPlace, in: &root)
  }

  /// The value that a text in brackets or braces stands for.
  private static func parsed(_ node: SourceNode) throws(ValueProblem) -> SourceNode {
    guard case .scalar(let text, _) = node.content, text.hasPrefix("[") || text.hasPrefix("{") else { return node }
    do throws(Reading.Finding) {
      let (root, findings) = YAMLReader.read(SourceText(bytes: Array(text.utf8)))
      if let finding = findings.first { throw finding }
      return (root ?? SourceNode(place: node.place, content: .scalar("", isPlain: true))).moved(to: node.place)
    } catch {
      throw ValueProblem(error.message, note: error.note)
    }
  }

  private static func set(
    _ path: ArraySlice<String>, to value: SourceNode, _ keyPlace: SourceNode.Place, in node: inout SourceNode
  ) throws(ValueProblem) {
    guard let step = path.first else {
      node = value
      return
    }
    switch node.content {
    case .mapping(var fields):
      // The paths that a variant sets are keys with periods.
      let rest = path.joined(separator: ".")
      if path.count > 1, let whole = fields.firstIndex(where: { $0.key == rest }) {
        fields[whole].value = value
        node.content = .mapping(fields)
        return
      }
      let position: Int
      if let known = fields.firstIndex(where: { $0.key == step }) {
        position = known
      } else {
        position = fields.count
        let blank = SourceNode(place: keyPlace, content: .mapping([]))
        fields.append(SourceNode.Entry(key: step, keyPlace: keyPlace, value: blank))
      }
      if path.count == 1 { fields[position].keyPlace = keyPlace }
      // A section that the file names without fields is as good as none.
      if fields[position].value.isNull { fields[position].value.content = .mapping([]) }
      try set(path.dropFirst(), to: value, keyPlace, in: &fields[position].value)
      node.content = .mapping(fields)
    case .sequence(var elements):
      for position in try positions(of: step, in: elements) { try set(path.dropFirst(), to: value, keyPlace, in: &elements[position]) }
      node.content = .sequence(elements)
    case .scalar:
      throw ValueProblem("\"\(step.quotable)\" cannot be set in a single value")
    }
  }

  /// The elements of a list that a step of a path chooses.
  private static func positions(of step: String, in elements: [SourceNode]) throws(ValueProblem) -> [Int] {
    if step == "*", !elements.isEmpty { return Array(elements.indices) }
    let names = elements.map { $0.scalar(named: "name") }
    if let position = names.firstIndex(of: step) ?? Int(step).flatMap({ elements.indices.contains($0) ? $0 : nil }) { return [position] }
    let known = names.enumerated().map { $1 ?? "\($0)" }
    let note = known.isEmpty ? "the list is empty" : NearestName.note(for: step, among: known)
    throw ValueProblem("the list has no element \"\(step.quotable)\"", note: note)
  }
}

extension SourceNode {
  /// The same values at another place, all of them.
  fileprivate func moved(to place: Place) -> SourceNode {
    switch content {
    case .scalar: SourceNode(place: place, content: content)
    case .sequence(let elements): SourceNode(place: place, content: .sequence(elements.map { $0.moved(to: place) }))
    case .mapping(let fields):
      SourceNode(place: place, content: .mapping(fields.map { Entry(key: $0.key, keyPlace: place, value: $0.value.moved(to: place)) }))
    }
  }
}
