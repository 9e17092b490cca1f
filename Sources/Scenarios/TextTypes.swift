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
    let structure = "l[12][id]?(-(4k|2m|1g)([+](4k|2m|1g))*)?=[0-9]+x[0-9]+"
    let part = "(\(structure)|(e?p(ml5e|ml4e|dpte|de)|ntlb)=[0-9]+(x[0-9]+)?|policy=[a-z]+)"
    return ValueType(
      description: ValueDescription(
        words: "one of \(names.joined(separator: ", ")), or levels with entries x ways, such as l1i=32x32,l1d=64x4,l2=1536x6", range: nil,
        unit: nil, json: .string(pattern: "^(\(names.joined(separator: "|"))|\(part)(,\(part))*)$")),
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
  /// A comparison of a result with a number, `sharing.merges > 0`, or with another result; a size stands for its bytes, a time for its
  /// nanoseconds.
  static var expectation: Self {
    ValueType(
      description: ValueDescription(
        words:
          "a result, a comparison (\(Expectation.Comparison.allCases.map(\.rawValue).joined(separator: " "))) and a number, size, time or result",
        range: nil, unit: nil,
        json: .string(
          pattern: #"^[A-Za-z0-9_.-]+ *(==|!=|<|<=|>|>=) *([-+0-9.eE]+ ?(B|KiB|MiB|GiB|TiB|PiB|ns|us|ms|s|min|h)?|[a-z][a-z0-9_.-]+)$"#)),
      parse: { (text: String) throws(ValueProblem) -> Expectation in try Expectation(parsing: text) },
      write: { $0.description })
  }
}

extension String {
  /// Whether the text has control characters, or a byte order mark, which readers drop.
  fileprivate var hasControlCharacters: Bool {
    unicodeScalars.contains { $0.properties.generalCategory == .control || $0 == "\u{feff}" }
  }
}
