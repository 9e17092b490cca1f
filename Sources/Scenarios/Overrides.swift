/// The arguments that change a scenario before it is checked: `path=value`, with an element of a list chosen by its name, or by its index
/// from 0 if it has none: `vms.web.memory=1GiB`, `vms.web.guest.load.0.level=50%`, `sharing.pages_to_scan=500`.
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
      do throws(ValueProblem) {
        guard let equals = argument.firstIndex(of: "=") else {
          throw ValueProblem("a value is set by path=value", note: "such as host.memory=2GiB")
        }
        let path = argument[..<equals].split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard path.allSatisfy({ !$0.isEmpty }) else { throw ValueProblem("\"\(argument[..<equals])\" is not the path of a field") }
        guard path.count <= 16 else { throw ValueProblem("the path is deeper than any field") }
        let value = try value(String(argument[argument.index(after: equals)...]), index)
        try set(path[...], to: value, in: &root, index)
      } catch {
        reading.fail("", at: .argument(index), error.message, note: error.note)
      }
    }
  }

  private func value(_ text: String, _ index: Int) throws(ValueProblem) -> SourceNode {
    guard text.hasPrefix("[") || text.hasPrefix("{") else {
      return SourceNode(place: .argument(index), content: .scalar(text, isPlain: true))
    }
    do throws(Reading.Finding) {
      let (root, findings) = YAMLReader.read(SourceText(bytes: Array(text.utf8)))
      if let finding = findings.first { throw finding }
      return (root ?? SourceNode(place: .argument(index), content: .scalar("", isPlain: true))).moved(to: .argument(index))
    } catch {
      throw ValueProblem(error.message, note: error.note)
    }
  }

  private func set(_ path: ArraySlice<String>, to value: SourceNode, in node: inout SourceNode, _ index: Int) throws(ValueProblem) {
    guard let step = path.first else {
      node = value
      return
    }
    switch node.content {
    case .mapping(var fields):
      let position: Int
      if let known = fields.firstIndex(where: { $0.key == step }) {
        position = known
      } else {
        position = fields.count
        let blank = SourceNode(place: .argument(index), content: .mapping([]))
        fields.append(SourceNode.Entry(key: step, keyPlace: .argument(index), value: blank))
      }
      if path.count == 1 { fields[position].keyPlace = .argument(index) }
      // A section that the file names without fields is as good as none.
      if fields[position].value.isNull { fields[position].value.content = .mapping([]) }
      try set(path.dropFirst(), to: value, in: &fields[position].value, index)
      node.content = .mapping(fields)
    case .sequence(var elements):
      let names = elements.map { $0.scalar(named: "name") }
      guard let position = names.firstIndex(of: step) ?? Int(step).flatMap({ elements.indices.contains($0) ? $0 : nil }) else {
        let known = names.enumerated().map { $1 ?? "\($0)" }
        let note = known.isEmpty ? "the list is empty" : NearestName.note(for: step, among: known)
        throw ValueProblem("the list has no element \"\(step.quotable)\"", note: note)
      }
      try set(path.dropFirst(), to: value, in: &elements[position], index)
      node.content = .sequence(elements)
    case .scalar:
      throw ValueProblem("\"\(step.quotable)\" cannot be set in a single value")
    }
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
