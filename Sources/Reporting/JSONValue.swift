/// A JSON document whose objects keep the order in which their members were written.
///
/// Printing is a function of the value alone: members in their own order, two spaces a level, numbers by Swift's shortest exact
/// description. So equal results give equal bytes, and a reader finds the keys where the documentation lists them.
public enum JSONValue: Hashable, Sendable {
  /// `null`; also what a number that JSON cannot hold becomes.
  case null
  /// `true` or `false`.
  case bool(Bool)
  /// A count or an amount: never negative.
  case count(UInt64)
  /// An integer that may be negative.
  case integer(Int64)
  /// A real number; not-a-number and infinities are printed as `null`.
  case real(Double)
  /// A text.
  case string(String)
  /// A list.
  case array([JSONValue])
  /// An object's members in order.
  case object([Member])

  /// A member of an object.
  public struct Member: Hashable, Sendable {
    /// Its key.
    public var key: String
    /// Its value.
    public var value: JSONValue

    /// A key and a value.
    public init(_ key: String, _ value: JSONValue) {
      self.key = key
      self.value = value
    }
  }
}

extension JSONValue: ExpressibleByDictionaryLiteral, ExpressibleByArrayLiteral, ExpressibleByStringLiteral {
  /// An object with its members in the order written.
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    self = .object(elements.map { Member($0.0, $0.1) })
  }

  /// A list.
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }

  /// A text.
  public init(stringLiteral value: String) { self = .string(value) }
}

extension JSONValue {
  /// How a document is laid out.
  public enum Layout: Sendable {
    /// A member or an element a line, indented by two spaces a level, ending in a newline.
    case pretty
    /// One line without a newline, as JSON Lines want it.
    case line
  }

  /// The document as text.
  public func text(_ layout: Layout = .pretty) -> String {
    var text = ""
    print(to: &text, layout, depth: 0)
    if layout == .pretty { text += "\n" }
    return text
  }

  private func print(to text: inout String, _ layout: Layout, depth: Int) {
    switch self {
    case .null: text += "null"
    case .bool(let value): text += value ? "true" : "false"
    case .count(let value): text += String(value)
    case .integer(let value): text += String(value)
    case .real(let value): text += value.isFinite ? value.description : "null"
    case .string(let value): Self.quote(value, to: &text)
    case .array(let elements):
      Self.list(elements, between: ("[", "]"), to: &text, layout, depth) { element, text in
        element.print(to: &text, layout, depth: depth + 1)
      }
    case .object(let members):
      Self.list(members, between: ("{", "}"), to: &text, layout, depth) { member, text in
        Self.quote(member.key, to: &text)
        text += ": "
        member.value.print(to: &text, layout, depth: depth + 1)
      }
    }
  }

  private static func list<Item>(
    _ items: [Item], between brackets: (String, String), to text: inout String, _ layout: Layout, _ depth: Int,
    _ print: (Item, inout String) -> Void
  ) {
    text += brackets.0
    for (index, item) in items.enumerated() {
      if index > 0 { text += layout == .pretty ? "," : ", " }
      if layout == .pretty { text += "\n" + String(repeating: "  ", count: depth + 1) }
      print(item, &text)
    }
    if layout == .pretty, !items.isEmpty { text += "\n" + String(repeating: "  ", count: depth) }
    text += brackets.1
  }

  /// Quotes a text as RFC 8259 section 7 asks: quotation mark, reverse solidus and control characters are escaped, nothing else.
  private static func quote(_ value: String, to text: inout String) {
    text += "\""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case "\u{0}"..<"\u{20}":
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }
}

extension JSONValue {
  /// The value at a path such as `sharing.merges` or `vms.web.exits.ept_violation`: a member of an object is chosen by its key, an
  /// element of a list by its member `name`. Names may hold periods themselves; of several that fit, the longest is taken.
  public func value(at path: String) -> JSONValue? {
    let candidates: [Member]
    switch self {
    case .object(let members): candidates = members
    case .array(let elements): candidates = elements.compactMap { element in element.name.map { Member($0, element) } }
    default: return nil
    }
    if let whole = candidates.first(where: { $0.key == path }) { return whole.value }
    let fitting = candidates.filter { path.hasPrefix($0.key + ".") }.sorted { $0.key.utf8.count > $1.key.utf8.count }
    for candidate in fitting {
      if let found = candidate.value.value(at: String(path.dropFirst(candidate.key.count + 1))) { return found }
    }
    return nil
  }

  /// The number at a path, as `value(at:)` finds it; nil if nothing is there or if it is no number.
  public func number(at path: String) -> Double? {
    switch value(at: path) {
    case .count(let value): Double(value)
    case .integer(let value): Double(value)
    case .real(let value): value
    default: nil
    }
  }

  private var name: String? {
    guard case .object(let members) = self, case .string(let name)? = members.first(where: { $0.key == "name" })?.value else { return nil }
    return name
  }
}
