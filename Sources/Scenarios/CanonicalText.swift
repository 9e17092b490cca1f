/// A scenario's values in order, as they are written out.
indirect enum CanonicalNode: Sendable {
  /// A value.
  case scalar(String)
  /// Fields in the order of the schema.
  case mapping([(key: String, value: CanonicalNode)])
  /// A list.
  case sequence([CanonicalNode])

  /// The values as YAML: one value a line, two spaces a level, quotes only where they are needed. No line is folded, so what was read
  /// is what is read again.
  var yaml: String {
    var text = ""
    write(to: &text, indent: 0)
    return text
  }

  private func write(to text: inout String, indent: Int) {
    let margin = String(repeating: " ", count: indent)
    switch self {
    case .scalar(let value): text += margin + Self.quoted(value) + "\n"
    case .mapping(let fields):
      for (key, value) in fields {
        text += "\(margin)\(Self.quoted(key)):"
        value.writeValue(to: &text, indent: indent + 2)
      }
    case .sequence(let elements):
      for element in elements {
        var inner = ""
        element.write(to: &inner, indent: indent + 2)
        // The dash takes the place of two of the first line's spaces.
        text += margin + "- " + inner.dropFirst(indent + 2)
      }
    }
  }

  private func writeValue(to text: inout String, indent: Int) {
    switch self {
    case .scalar(let value): text += " \(Self.quoted(value))\n"
    case .sequence(let elements) where elements.isEmpty: text += " []\n"
    case .mapping(let fields) where fields.isEmpty: text += " {}\n"
    default:
      text += "\n"
      write(to: &text, indent: indent)
    }
  }

  /// The values with their paths; an element of a list is chosen by its name, or by its index from 0 if it has none.
  var flattened: [ResolvedValue] {
    var values: [ResolvedValue] = []
    flatten(under: "", into: &values)
    return values
  }

  private func flatten(under path: String, into values: inout [ResolvedValue]) {
    let prefix = path.isEmpty ? "" : path + "."
    switch self {
    case .scalar(let value): values.append(ResolvedValue(path: path, value: value))
    case .mapping(let fields):
      for (key, value) in fields { value.flatten(under: prefix + key, into: &values) }
    case .sequence(let elements):
      for (index, element) in elements.enumerated() { element.flatten(under: prefix + (element.name ?? "\(index)"), into: &values) }
    }
  }

  private var name: String? {
    guard case .mapping(let fields) = self, case .scalar(let name)? = fields.first(where: { $0.key == "name" })?.value else { return nil }
    return name
  }

  /// A value as YAML reads it back: plain where no reader could take it for anything else, otherwise in double quotes.
  static func quoted(_ value: String) -> String {
    let isPlain: (Unicode.Scalar) -> Bool = { scalar in
      switch scalar {
      case "a"..."z", "A"..."Z", "0"..."9", " ", ".", "_", "/", "%", "+", "=", "-", "<", ">", "!", "(", ")", ";": true
      default: false
      }
    }
    let startsPlain = value.unicodeScalars.first.map { ("a"..."z").contains($0) || ("A"..."Z").contains($0) || ("0"..."9").contains($0) }
    if startsPlain == true, value.unicodeScalars.last != " ", value.lowercased() != "null", value.unicodeScalars.allSatisfy(isPlain) {
      return value
    }
    var text = "\""
    for scalar in value.unicodeScalars {
      switch scalar.value {
      case 0x22, 0x5c: text += "\\\(scalar)"
      case 0x20...0x7e, 0xa0...0x2027, 0x202a...0xd7ff, 0xe000...0xfefe, 0xff00...0xfffd: text.unicodeScalars.append(scalar)
      default:
        let digits = String(scalar.value, radix: 16)
        text += "\\U" + String(repeating: "0", count: 8 - digits.count) + digits
      }
    }
    return text + "\""
  }
}

/// A value of a scenario after all defaults are filled in.
public struct ResolvedValue: Hashable, Sendable {
  /// The path, `vms.web.memory`.
  public var path: String
  /// The value as a scenario file writes it.
  public var value: String

  /// A path and a value.
  public init(path: String, value: String) {
    self.path = path
    self.value = value
  }
}
