/// # Member: a field of a scenario file, described once
///
/// A member ties a name in the file to a property of a plan, with the type of its values, its default and a sentence about it. Everything
/// that knows of fields comes from the same members: reading (with unknown names, missing fields and wrong kinds), the canonical text,
/// `schema` and `explain`. So they cannot disagree, and a new field is one entry in one table (`ScenarioFields`).
///
/// Reading goes on after a fault: the fault is noted with its place, the property keeps a blank value, and the path is marked so that no
/// rule across fields looks at the blank.
struct Member<Root: Sendable>: Sendable {
  /// What people and programs are told.
  let description: FieldDescription
  /// Reads the field of a mapping, nil if it is not given.
  let read: @Sendable (_ entry: SourceNode.Entry?, _ path: String, inout Root, inout Reading) -> Void
  /// What the canonical text says.
  let write: @Sendable (Root) -> CanonicalNode
  /// Whether it is read after the fields around it, since its default depends on them.
  var isReadLast = false

  /// A property that a member reads and writes.
  typealias Property<Value> = any WritableKeyPath<Root, Value> & Sendable

  /// What a field is if a scenario does not give it.
  enum Default<Value> {
    /// There is none: the scenario must give it.
    case required
    /// A value, as a file would write it.
    case text(String)
    /// A value that depends on the fields around it, with words that say how.
    case derived(String, @Sendable (Root) -> Value)

    var text: String? {
      switch self {
      case .required: nil
      case .text(let text): text
      case .derived(let words, _): "(\(words))"
      }
    }
  }
}

extension Member {
  /// A field that holds a single value.
  static func value<Value>(
    _ name: String, _ property: Property<Value>, _ type: ValueType<Value>, default initial: Default<Value>, _ documentation: String
  ) -> Member {
    let isRequired = if case .required = initial { true } else { false }
    let isDerived = if case .derived = initial { true } else { false }
    let kind = FieldDescription.Kind.value(type.description)
    return Member(
      description: FieldDescription(
        name: name, kind: kind, isRequired: isRequired, defaultText: initial.text, documentation: documentation),
      read: { entry, path, root, reading in
        guard let entry else {
          switch initial {
          case .required: reading.fail(path, "the field \"\(name)\" is missing", note: "it is \(type.description.words)")
          case .text(let text): if let value = try? type.parse(text) { root[keyPath: property] = value }
          case .derived(_, let derive): root[keyPath: property] = derive(root)
          }
          return
        }
        if let value = reading.value(of: entry.value, named: name, path, at: entry.keyPlace, type) { root[keyPath: property] = value }
      },
      write: { .scalar(type.write($0[keyPath: property])) }, isReadLast: isDerived)
  }

  /// A field that holds fields.
  static func section<Section>(
    _ name: String, _ property: Property<Section>, _ members: [Member<Section>], _ documentation: String
  ) -> Member {
    Member(
      description: FieldDescription(
        name: name, kind: .section(members.map(\.description)), isRequired: members.contains(where: \.description.isRequired),
        defaultText: nil, documentation: documentation),
      read: { entry, path, root, reading in
        guard let entry else { return members.read([], path, &root[keyPath: property], &reading) }
        guard let fields = reading.fields(of: entry.value, named: name, path, at: entry.keyPlace) else { return }
        members.read(fields, path, &root[keyPath: property], &reading)
      },
      write: { members.write($0[keyPath: property]) })
  }

  /// A field that holds a list whose elements have fields.
  static func list<Element>(
    _ name: String, _ property: Property<[Element]>, of blank: Element, count: ClosedRange<Int>, _ members: [Member<Element>],
    _ documentation: String
  ) -> Member {
    Member(
      description: FieldDescription(
        name: name, kind: .list(members.map(\.description), count: count), isRequired: count.lowerBound > 0,
        defaultText: count.lowerBound > 0 ? nil : "[]", documentation: documentation),
      read: { entry, path, root, reading in
        guard let nodes = reading.elements(of: entry, named: name, path, count: count) else { return }
        root[keyPath: property] = nodes.enumerated().map { index, node in
          var element = blank
          let path = "\(path).\(index)"
          if let fields = reading.fields(of: node, named: "an element of \(name)", path, at: node.place) {
            members.read(fields, path, &element, &reading)
          }
          return element
        }
      },
      write: { .sequence($0[keyPath: property].map { members.write($0) }) })
  }

  /// A field that holds a list of single values.
  static func values<Value>(
    _ name: String, _ property: Property<[Value]>, of blank: Value, count: ClosedRange<Int>, _ type: ValueType<Value>,
    _ documentation: String
  ) -> Member {
    Member(
      description: FieldDescription(
        name: name, kind: .values(type.description, count: count), isRequired: count.lowerBound > 0, defaultText: "[]",
        documentation: documentation),
      read: { entry, path, root, reading in
        guard let nodes = reading.elements(of: entry, named: name, path, count: count) else { return }
        // A faulty element leaves a blank, so that the others keep their paths for the rules.
        root[keyPath: property] = nodes.enumerated().map { index, node in
          reading.value(of: node, named: "an element of \(name)", "\(path).\(index)", at: node.place, type) ?? blank
        }
      },
      write: { .sequence($0[keyPath: property].map { .scalar(type.write($0)) }) })
  }

  /// A field that holds values by the paths of other fields.
  static func settings(_ name: String, _ property: Property<[VariantSetting]>, _ documentation: String) -> Member {
    Member(
      description: FieldDescription(name: name, kind: .settings, isRequired: false, defaultText: "{}", documentation: documentation),
      read: { entry, path, root, reading in
        guard let entry, let fields = reading.fields(of: entry.value, named: name, path, at: entry.keyPlace) else { return }
        root[keyPath: property] = fields.map { VariantSetting(path: $0.key, value: $0.value.flowText) }
      },
      write: { .mapping($0[keyPath: property].map { ($0.path, .scalar($0.value)) }) })
  }
}
