/// What is being found out about a scenario while its tree is read: where each value stands and what is wrong.
struct Reading {
  /// Something wrong.
  struct Finding: Error {
    var place: SourceNode.Place
    var message: String
    var note: String?
  }

  /// What is wrong so far, in the order of discovery.
  private(set) var findings: [Finding] = []
  private var places: [String: SourceNode.Place] = [:]
  private var broken: Set<String> = []

  /// Notes where the value of a path stands.
  mutating func locate(_ path: String, at place: SourceNode.Place) { places[path] = place }

  /// Notes that no rule may look at the value of a path.
  mutating func condemn(_ path: String) { broken.insert(path) }

  /// Notes something wrong at a path's value, or at the nearest thing above it that the file has.
  mutating func fail(_ path: String, at place: SourceNode.Place? = nil, _ message: String, note: String? = nil) {
    condemn(path)
    findings.append(Finding(place: place ?? self.place(of: path), message: message, note: note))
  }

  /// Where a path's value stands; for a default, where the nearest thing above it stands.
  func place(of path: String) -> SourceNode.Place {
    for prefix in Self.prefixes(of: path) {
      if let place = places[prefix] { return place }
    }
    return places[""] ?? .file(line: 1, column: 1)
  }

  /// Whether a path was read without a fault in it or above it.
  func isSound(_ path: String) -> Bool {
    !broken.contains("") && Self.prefixes(of: path).allSatisfy { !broken.contains($0) }
  }

  /// The path and those above it, longest first.
  private static func prefixes(of path: String) -> [String] {
    let parts = path.split(separator: ".")
    return (0..<parts.count).map { parts.dropLast($0).joined(separator: ".") }
  }
}

extension Reading {
  /// Reads a single value; `place` is where to point if there is none.
  mutating func value<Value>(
    of node: SourceNode, named name: String, _ path: String, at place: SourceNode.Place, _ type: ValueType<Value>
  ) -> Value? {
    locate(path, at: node.place)
    if node.isNull {
      fail(path, at: place, "\"\(name)\" has no value", note: "it is \(type.description.words)")
      return nil
    }
    guard case .scalar(let text, _) = node.content else {
      fail(path, at: node.place, "\"\(name)\" is \(type.description.words), not \(node.kindInWords)")
      return nil
    }
    do {
      return try type.parse(text)
    } catch {
      fail(path, at: node.place, "\(name): \(error.message)", note: error.note)
      return nil
    }
  }

  /// The fields of a section; `place` is where to point if it has none.
  mutating func fields(of node: SourceNode, named name: String, _ path: String, at place: SourceNode.Place) -> [SourceNode.Entry]? {
    locate(path, at: node.place)
    if case .mapping(let fields) = node.content { return fields }
    let what = node.isNull ? "\"\(name)\" has no value" : "\"\(name)\" has fields, it is not \(node.kindInWords)"
    fail(path, at: node.isNull ? place : node.place, what)
    return nil
  }

  /// The elements of a list, none if it is not given and need not be.
  mutating func elements(of entry: SourceNode.Entry?, named name: String, _ path: String, count: ClosedRange<Int>) -> [SourceNode]? {
    guard let entry else {
      if count.lowerBound > 0 { fail(path, "the list \"\(name)\" is missing") }
      return nil
    }
    locate(path, at: entry.value.place)
    guard case .sequence(let nodes) = entry.value.content else {
      let isNull = entry.value.isNull
      let what = isNull ? "\"\(name)\" has no value" : "\"\(name)\" is a list, not \(entry.value.kindInWords)"
      fail(path, at: isNull ? entry.keyPlace : entry.value.place, what, note: "each element begins with \"- \"")
      return nil
    }
    guard count.contains(nodes.count) else {
      let place = nodes.count > count.upperBound ? nodes[count.upperBound].place : entry.keyPlace
      fail(path, at: place, "\"\(name)\" has \(nodes.count) elements, not \(count.lowerBound) to \(count.upperBound)")
      return nil
    }
    return nodes
  }
}

extension Array {
  /// Reads all members from the fields of a mapping.
  func read<Root>(_ fields: [SourceNode.Entry], _ path: String, _ root: inout Root, _ reading: inout Reading)
  where Element == Member<Root> {
    let names = map(\.description.name)
    var misspelled: [String] = []
    for field in fields where !names.contains(field.key) {
      let place = path.split(separator: ".").last { Int($0) == nil }.map { " in \($0)" } ?? ""
      reading.fail(
        [path, field.key].joinedPath(), at: field.keyPlace, "unknown field \"\(field.key.quotable)\"\(place)",
        note: NearestName.note(for: field.key, among: names))
      if let name = NearestName.nearest(to: field.key, among: names) { misspelled.append(name) }
    }
    for member in filter({ !$0.isReadLast }) + filter(\.isReadLast) {
      let name = member.description.name
      let entry = fields.first { $0.key == name }
      if entry == nil, misspelled.contains(name) {
        // It is there, under another name, which has been told: not as missing, and not as its default, once more.
        reading.condemn([path, name].joinedPath())
      } else {
        member.read(entry, [path, name].joinedPath(), &root, &reading)
      }
    }
  }

  /// What the canonical text says of all members.
  func write<Root>(_ root: Root) -> CanonicalNode where Element == Member<Root> {
    .mapping(map { ($0.description.name, $0.write(root)) })
  }
}
