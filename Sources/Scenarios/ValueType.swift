internal import Addressing

/// A type of single values in scenario files: how a text is read, written back, and described.
struct ValueType<Value: Sendable>: Sendable {
  /// What people and JSON Schema are told of it.
  let description: ValueDescription
  /// Reads a text, or says what is wrong with it.
  let parse: @Sendable (String) throws(ValueProblem) -> Value
  /// Writes a value so that `parse` gives it back.
  let write: @Sendable (Value) -> String
}

extension ValueType where Value == ByteSize {
  /// An amount of memory within a range and of a granularity; with `none`, that word stands for 0.
  static func size(_ range: ClosedRange<ByteSize>, multipleOf granule: ByteSize, orNone: Bool = false) -> Self {
    let words = "a size with a unit, such as 512MiB" + (orNone ? ", or none" : "")
    let number = #"[0-9]+(\.[0-9]+)? ?(B|KiB|MiB|GiB|TiB|PiB)"#
    return ValueType(
      description: ValueDescription(
        words: words, range: "\(range.lowerBound) to \(range.upperBound), in steps of \(granule)", unit: "bytes",
        json: .string(pattern: orNone ? "^(none|\(number))$" : "^\(number)$")),
      parse: { (text: String) throws(ValueProblem) -> ByteSize in
        if orNone, text == "none" { return ByteSize(bytes: 0) }
        let size: ByteSize
        do throws(ByteSizeError) { size = try ByteSize(parsing: text) } catch { throw ValueProblem(error.problem) }
        if orNone, size.bytes == 0 { return size }
        guard range.contains(size) else { throw ValueProblem("\(text) is not within \(range.lowerBound) to \(range.upperBound)") }
        guard size.bytes % granule.bytes == 0 else { throw ValueProblem("\(text) is not a multiple of \(granule)") }
        return size
      },
      write: { orNone && $0.bytes == 0 ? "none" : $0.description })
  }
}

extension ValueType where Value == UInt64 {
  /// A time within a range, in nanoseconds.
  static func duration(_ shortest: String, _ range: ClosedRange<UInt64>) -> Self {
    let words = "\(shortest) to \(Quantity.text(nanoseconds: range.upperBound))"
    return ValueType(
      description: ValueDescription(
        words: "a time with a unit, such as 60s, 20ms or 1h", range: words, unit: "ns",
        json: .string(pattern: #"^[0-9]+(\.[0-9]+)? ?(ns|us|ms|s|min|h)$"#)),
      parse: { (text: String) throws(ValueProblem) -> UInt64 in
        let nanoseconds = try Quantity.nanoseconds(parsing: text)
        guard range.contains(nanoseconds) else { throw ValueProblem("\(text) is not within \(words)") }
        return nanoseconds
      },
      write: { Quantity.text(nanoseconds: $0) })
  }
}

extension ValueType where Value == UInt64? {
  /// A time within a range, in nanoseconds, or `never`.
  static func moment(_ range: ClosedRange<UInt64>) -> Self {
    let time = ValueType<UInt64>.duration(Quantity.text(nanoseconds: range.lowerBound), range)
    return ValueType(
      description: ValueDescription(
        words: "\(time.description.words), or never", range: time.description.range, unit: "ns",
        json: .string(pattern: #"^(never|[0-9]+(\.[0-9]+)? ?(ns|us|ms|s|min|h))$"#)),
      parse: { (text: String) throws(ValueProblem) -> UInt64? in text == "never" ? nil : try time.parse(text) },
      write: { $0.map(time.write) ?? "never" })
  }
}

extension ValueType where Value == UInt64 {
  /// A time within a range, in whole seconds.
  static func seconds(_ range: ClosedRange<UInt64>) -> Self {
    let time = ValueType<UInt64>.duration("\(range.lowerBound)s", range.lowerBound * 1_000_000_000...range.upperBound * 1_000_000_000)
    return ValueType(
      description: time.description,
      parse: { (text: String) throws(ValueProblem) -> UInt64 in
        let nanoseconds = try time.parse(text)
        guard nanoseconds % 1_000_000_000 == 0 else { throw ValueProblem("\(text) is not a whole number of seconds") }
        return nanoseconds / 1_000_000_000
      },
      write: { time.write($0 * 1_000_000_000) })
  }
}

extension ValueType where Value: FixedWidthInteger {
  /// A whole number within a range.
  static func integer(_ range: ClosedRange<Value>) -> Self {
    ValueType(
      description: ValueDescription(
        words: "a whole number", range: "\(range.lowerBound) to \(range.upperBound)", unit: "1",
        json: .integer(minimum: "\(range.lowerBound)", maximum: "\(range.upperBound)")),
      parse: { (text: String) throws(ValueProblem) -> Value in
        try wholeNumber(text, of: text, in: range, suffix: "", example: "\(range.upperBound)")
      },
      write: { "\($0)" })
  }

  /// A share of a hundred within a range, `80%`.
  static func percent(_ range: ClosedRange<Value> = 0...100) -> Self {
    ValueType(
      description: ValueDescription(
        words: "a whole percentage, such as 80%", range: "\(range.lowerBound)% to \(range.upperBound)%", unit: "percent",
        json: .string(pattern: "^[0-9]+%$")),
      parse: { (text: String) throws(ValueProblem) -> Value in
        guard text.hasSuffix("%") else {
          throw ValueProblem("\"\(text.quotable)\" is not a percentage", note: Value(text) == nil ? "such as 80%" : "write \(text)%")
        }
        return try wholeNumber(String(text.dropLast()), of: text, in: range, suffix: "%", example: "80%")
      },
      write: { "\($0)%" })
  }

  /// How often something happens within a range, `300/s`.
  static func rate(_ range: ClosedRange<Value>) -> Self {
    ValueType(
      description: ValueDescription(
        words: "a rate, such as 300/s", range: "\(range.lowerBound)/s to \(range.upperBound)/s", unit: "1/s",
        json: .string(pattern: "^[0-9]+/s$")),
      parse: { (text: String) throws(ValueProblem) -> Value in
        guard text.hasSuffix("/s") else {
          throw ValueProblem("\"\(text.quotable)\" is not a rate", note: Value(text) == nil ? "such as 300/s" : "write \(text)/s")
        }
        return try wholeNumber(String(text.dropLast(2)), of: text, in: range, suffix: "/s", example: "300/s")
      },
      write: { "\($0)/s" })
  }

  private static func wholeNumber(
    _ digits: String, of text: String, in range: ClosedRange<Value>, suffix: String, example: String
  ) throws(ValueProblem) -> Value {
    let unsigned = digits.hasPrefix("-") ? digits.dropFirst() : digits[...]
    guard !unsigned.isEmpty, unsigned.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
      throw ValueProblem("\"\(text.quotable)\" is not a whole number\(suffix.isEmpty ? "" : " of \(suffix)")")
    }
    guard let value = Value(digits), range.contains(value) else {
      throw ValueProblem("\(text.quotable) is not within \(range.lowerBound)\(suffix) to \(range.upperBound)\(suffix)")
    }
    return value
  }
}

extension ValueType where Value == Bool {
  /// Yes or no, written `true` or `false` and in no other of YAML's ways.
  static var boolean: Self {
    ValueType(
      description: ValueDescription(words: "true or false", range: nil, unit: nil, json: .boolean),
      parse: { (text: String) throws(ValueProblem) -> Bool in
        switch text {
        case "true": return true
        case "false": return false
        default:
          let meant = ["yes": true, "on": true, "y": true, "no": false, "off": false, "n": false][text.lowercased()]
          throw ValueProblem("\"\(text.quotable)\" is neither true nor false", note: meant.map { "write \($0)" })
        }
      },
      write: { "\($0)" })
  }
}
