internal import Addressing

extension ValueType where Value == String {
  /// Any text on one line, up to 1000 characters.
  static var text: Self {
    ValueType(
      description: ValueDescription(words: "a text on one line", range: "up to 1000 characters", unit: nil, json: .string(pattern: nil)),
      parse: { (text: String) throws(ValueProblem) -> String in
        guard text.unicodeScalars.count <= 1000 else { throw ValueProblem("the text is longer than 1000 characters") }
        guard !text.hasControlCharacters else {
          throw ValueProblem("the text has a line break or another control character")
        }
        return text
      },
      write: { $0 })
  }

  /// A name that can stand in a path and be a file's: small letters, digits, `_` and `-`.
  static var identifier: Self {
    characters("a name of small letters, digits, _ and -", "a-z0-9_-") { (0x61...0x7a).contains($0) }
  }

  /// A name from outside: letters, digits, `_`, `-`, `.` and `+`.
  static var label: Self {
    characters("a name of letters, digits, _, -, . and +", "A-Za-z0-9_.+-") {
      (0x61...0x7a).contains($0) || (0x41...0x5a).contains($0) || $0 == 0x2e || $0 == 0x2b
    }
  }

  private static func characters(_ words: String, _ set: String, or isAllowed: @escaping @Sendable (UInt8) -> Bool) -> Self {
    ValueType(
      description: ValueDescription(words: words, range: "up to 64 characters", unit: nil, json: .string(pattern: "^[\(set)]{1,64}$")),
      parse: { (text: String) throws(ValueProblem) -> String in
        guard (1...64).contains(text.utf8.count) else { throw ValueProblem("a name has from 1 to 64 characters") }
        let isGood = text.utf8.allSatisfy { isAllowed($0) || (0x30...0x39).contains($0) || $0 == 0x2d || $0 == 0x5f }
        guard isGood else { throw ValueProblem("\"\(text.quotable)\" is not \(words)") }
        return text
      },
      write: { $0 })
  }

  /// The path of a file.
  static var path: Self {
    ValueType(
      description: ValueDescription(words: "the path of a file", range: nil, unit: nil, json: .string(pattern: nil)),
      parse: { (text: String) throws(ValueProblem) -> String in
        guard !text.isEmpty, text.utf8.count <= 4096 else { throw ValueProblem("a path has from 1 to 4096 bytes") }
        guard !text.hasControlCharacters else {
          throw ValueProblem("the path has a control character")
        }
        return text
      },
      write: { $0 })
  }

  /// One of some names.
  static func name(_ words: String, among names: [String]) -> Self {
    ValueType(
      description: ValueDescription(words: "one of \(names.joined(separator: ", "))", range: nil, unit: nil, json: .names(names)),
      parse: { (text: String) throws(ValueProblem) -> String in
        guard names.contains(text) else {
          throw ValueProblem("\"\(text.quotable)\" is not \(words)", note: NearestName.note(for: text, among: names))
        }
        return text
      },
      write: { $0 })
  }

  /// A TLB: a preset's name, or the levels' entries and ways, `l1i=32x32,l1d=64x4,l2=1536x6`.
  static var tlb: Self {
    let names = KnownNames.tlbs
    return ValueType(
      description: ValueDescription(
        words: "one of \(names.joined(separator: ", ")), or levels with entries x ways, such as l1i=32x32,l1d=64x4,l2=1536x6", range: nil,
        unit: nil, json: .string(pattern: "^(\(names.joined(separator: "|"))|((l1i|l1d|l2)=[0-9]+x[0-9]+,?){3})$")),
      parse: { (text: String) throws(ValueProblem) -> String in
        if names.contains(text) { return text }
        guard text.contains("=") else {
          throw ValueProblem("\"\(text.quotable)\" is not a TLB", note: NearestName.note(for: text, among: names))
        }
        try KnownNames.checkGeometry(text)
        return text
      },
      write: { $0 })
  }
}

extension ValueType where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
  /// One of an enumeration's cases.
  static func oneOf(_ words: String) -> Self {
    let names = Value.allCases.map(\.rawValue)
    return ValueType(
      description: ValueDescription(words: "one of \(names.joined(separator: ", "))", range: nil, unit: nil, json: .names(names)),
      parse: { (text: String) throws(ValueProblem) -> Value in
        guard let value = Value(rawValue: text) else {
          throw ValueProblem("\"\(text.quotable)\" is not \(words)", note: NearestName.note(for: text, among: names))
        }
        return value
      },
      write: { $0.rawValue })
  }
}

extension ValueType where Value == Expectation {
  /// A comparison of a result with a number, `sharing.merges > 0`; a size stands for its bytes.
  static var expectation: Self {
    ValueType(
      description: ValueDescription(
        words: "a result, a comparison (\(Expectation.Comparison.allCases.map(\.rawValue).joined(separator: " "))) and a number or size",
        range: nil, unit: nil, json: .string(pattern: #"^[A-Za-z0-9_.-]+ *(==|!=|<|<=|>|>=) *[-+0-9.eE]+ ?(B|KiB|MiB|GiB|TiB|PiB)?$"#)),
      parse: { (text: String) throws(ValueProblem) -> Expectation in try Expectation(parsing: text) },
      write: { $0.description })
  }
}

extension Expectation: CustomStringConvertible {
  /// Reads `path comparison number`.
  init(parsing text: String) throws(ValueProblem) {
    let isOperator: (Character) -> Bool = { "=!<>".contains($0) }
    guard let start = text.firstIndex(where: isOperator) else {
      throw ValueProblem("\"\(text.quotable)\" compares nothing", note: "such as \"sharing.merges > 0\"")
    }
    let path = text[..<start].trimmingSpaces
    let sign = text[start...].prefix(while: isOperator)
    let value = text[sign.endIndex...].trimmingSpaces
    guard let comparison = Comparison(rawValue: String(sign)) else {
      let all = Comparison.allCases.map(\.rawValue).joined(separator: " ")
      throw ValueProblem(
        "\"\(String(sign).quotable)\" is not a comparison", note: sign == "=" ? "equality is \"==\"" : "known here: \(all)")
    }
    let parts = path.split(separator: ".", omittingEmptySubsequences: false)
    let isWord: (Substring) -> Bool = { word in
      !word.isEmpty && word.utf8.allSatisfy { byte in "abcdefghijklmnopqrstuvwxyz0123456789_-".utf8.contains(byte) }
    }
    guard !path.isEmpty else {
      throw ValueProblem("the path of a result is missing before \(sign)", note: "such as \"sharing.merges > 0\"")
    }
    guard parts.allSatisfy(isWord) else { throw ValueProblem("\"\(path.quotable)\" is not the path of a result") }
    self.init(path: path, comparison: comparison, value: try Self.number(value, after: String(sign)))
  }

  private static func number(_ text: String, after sign: String) throws(ValueProblem) -> Double {
    if text.isEmpty { throw ValueProblem("a number is missing after \(sign)") }
    // Only decimals: Double's own grammar also has nan, inf and hexadecimal.
    if text.utf8.allSatisfy({ "0123456789.eE+-".utf8.contains($0) }), let number = Double(text), number.isFinite { return number }
    if let size = try? ByteSize(parsing: text) { return Double(size.bytes) }
    throw ValueProblem("\"\(text.quotable)\" is neither a finite number nor a size")
  }

  /// The comparison as scenario files write it.
  public var description: String {
    let number = value.magnitude < 0x1p53 && value == value.rounded() ? "\(Int64(value))" : "\(value)"
    return "\(path) \(comparison.rawValue) \(number)"
  }
}

extension Substring {
  /// The text without spaces at its ends.
  fileprivate var trimmingSpaces: String {
    let head = drop { $0 == " " }
    return String(head.reversed().drop { $0 == " " }.reversed())
  }
}

extension String {
  /// Whether the text has control characters, or a byte order mark, which readers drop.
  fileprivate var hasControlCharacters: Bool {
    unicodeScalars.contains { $0.properties.generalCategory == .control || $0 == "\u{feff}" }
  }
}
