/// A JSON value whose fields keep their order, which Foundation's serializers do not promise.
indirect enum OrderedJSON {
  /// Fields in order.
  case object([(key: String, value: OrderedJSON)])
  /// Elements.
  case array([OrderedJSON])
  /// A text.
  case string(String)
  /// A number or `true` or `false`, as it is written.
  case literal(String)

  /// The value, two spaces a level.
  var text: String { text(indent: "") }

  private func text(indent: String) -> String {
    let inner = indent + "  "
    switch self {
    case .literal(let literal): return literal
    case .string(let string): return Self.quoted(string)
    case .array(let elements) where elements.isEmpty: return "[]"
    case .array(let elements):
      return "[\n" + elements.map { inner + $0.text(indent: inner) }.joined(separator: ",\n") + "\n\(indent)]"
    case .object(let fields) where fields.isEmpty: return "{}"
    case .object(let fields):
      let lines = fields.map { "\(inner)\(Self.quoted($0.key)): \($0.value.text(indent: inner))" }
      return "{\n" + lines.joined(separator: ",\n") + "\n\(indent)}"
    }
  }

  private static func quoted(_ string: String) -> String {
    var text = "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"", "\\": text += "\\\(scalar)"
      case "\u{0}"..."\u{1f}":
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text + "\""
  }
}
