/// One of the ways in which a section can be filled: the fields that the value of its key chooses.
struct Alternative<Value: Sendable>: Sendable {
  /// What people and programs are told.
  let description: FieldDescription.Alternative
  /// Reads the fields, without the key's.
  let read: @Sendable (_ fields: [SourceNode.Entry], _ path: String, inout Reading) -> Value
  /// The fields of a value that was filled in this way, otherwise nil.
  let write: @Sendable (Value) -> [(key: String, value: CanonicalNode)]?

  /// The alternative that a name chooses, which makes a whole of some parts and finds them in it again.
  init<Parts: Sendable>(
    _ name: String, of blank: Parts, _ members: [Member<Parts>], make: @escaping @Sendable (Parts) -> Value,
    parts: @escaping @Sendable (Value) -> Parts?, _ documentation: String
  ) {
    description = FieldDescription.Alternative(name: name, documentation: documentation, fields: members.map(\.description))
    read = { fields, path, reading in
      var filled = blank
      members.read(fields, path, &filled, &reading)
      return make(filled)
    }
    write = { value in
      guard let parts = parts(value), case .mapping(let fields) = members.write(parts) else { return nil }
      return fields
    }
  }
}

extension Member {
  /// A section whose fields depend on the value of one of them, the key.
  static func choice<Value>(
    _ name: String, _ property: Property<Value>, key: String, _ alternatives: [Alternative<Value>], _ documentation: String
  ) -> Member {
    let names = alternatives.map(\.description.name)
    let type = ValueType<String>.name("a \(key) of \(name)", among: names)
    return Member(
      description: FieldDescription(
        name: name, kind: .choice(key: key, alternatives.map(\.description)), isRequired: true, defaultText: nil,
        documentation: documentation),
      read: { entry, path, root, reading in
        guard let entry else { return reading.fail(path, "the field \"\(name)\" is missing") }
        guard let fields = reading.fields(of: entry.value, named: name, path, at: entry.keyPlace) else { return }
        guard let chosen = fields.first(where: { $0.key == key }) else {
          reading.fail(path, "the field \"\(key)\" of \(name) is missing", note: "it is one of \(names.joined(separator: ", "))")
          return
        }
        guard let choice = reading.value(of: chosen.value, named: key, "\(path).\(key)", at: chosen.keyPlace, type),
          let alternative = alternatives.first(where: { $0.description.name == choice })
        else { return reading.condemn(path) }
        root[keyPath: property] = alternative.read(fields.filter { $0.key != key }, path, &reading)
      },
      write: { root in
        for alternative in alternatives {
          if let fields = alternative.write(root[keyPath: property]) {
            return .mapping([(key, .scalar(alternative.description.name))] + fields)
          }
        }
        return .mapping([])
      })
  }
}
