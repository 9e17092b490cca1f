internal import Addressing

/// Something that must hold of a run's summary, such as `sharing.merges > 0` or `vms.a.slowdown < vms.b.slowdown`.
public struct Expectation: Hashable, Sendable {
  /// The value's path in the summary; a list's element is chosen by its name, `vms.web.exits.ept_violation`.
  public var path: String
  /// The comparison.
  public var comparison: Comparison
  /// What it is compared with.
  public var value: Operand

  /// What a result is compared with.
  public enum Operand: Hashable, Sendable {
    /// A number.
    case number(Double)
    /// Another result, by its path.
    case result(String)
  }

  /// How an expectation compares.
  public enum Comparison: String, CaseIterable, Sendable {
    /// Equal.
    case equal = "=="
    /// Not equal.
    case notEqual = "!="
    /// Less.
    case less = "<"
    /// Less or equal.
    case atMost = "<="
    /// Greater.
    case greater = ">"
    /// Greater or equal.
    case atLeast = ">="
  }

  /// The paths of the results that it looks at.
  public var paths: [String] {
    switch value {
    case .number: [path]
    case .result(let other): [path, other]
    }
  }

  /// Whether two values satisfy it.
  public func holds(for actual: Double, against other: Double) -> Bool {
    switch comparison {
    case .equal: actual == other
    case .notEqual: actual != other
    case .less: actual < other
    case .atMost: actual <= other
    case .greater: actual > other
    case .atLeast: actual >= other
    }
  }
}

extension Expectation.Operand: ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral {
  /// A number.
  public init(floatLiteral value: Double) { self = .number(value) }
  /// A number.
  public init(integerLiteral value: Int) { self = .number(Double(value)) }
}

extension Expectation: CustomStringConvertible {
  /// Reads `path comparison number` or `path comparison path`.
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
    guard !path.isEmpty else {
      throw ValueProblem("the path of a result is missing before \(sign)", note: "such as \"sharing.merges > 0\"")
    }
    guard Self.isPath(path) else { throw ValueProblem("\"\(path.quotable)\" is not the path of a result") }
    self.init(path: path, comparison: comparison, value: try Self.operand(value, after: String(sign)))
  }

  private static func isPath(_ text: String) -> Bool {
    text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { word in
      !word.isEmpty && word.utf8.allSatisfy { byte in "abcdefghijklmnopqrstuvwxyz0123456789_-".utf8.contains(byte) }
    }
  }

  private static func operand(_ text: String, after sign: String) throws(ValueProblem) -> Operand {
    if text.isEmpty { throw ValueProblem("a number is missing after \(sign)") }
    // Only decimals: Double's own grammar also has nan, inf and hexadecimal.
    if text.utf8.allSatisfy({ "0123456789.eE+-".utf8.contains($0) }), let number = Double(text), number.isFinite { return .number(number) }
    if let size = try? ByteSize(parsing: text) { return .number(Double(size.bytes)) }
    if let time = try? Quantity.nanoseconds(parsing: text) { return .number(Double(time)) }
    if text.contains("."), text.utf8.first.map({ (0x61...0x7a).contains($0) }) == true, isPath(text) { return .result(text) }
    throw ValueProblem("\"\(text.quotable)\" is neither a finite number, a size or a time, nor the path of a result")
  }

  /// The comparison as scenario files write it.
  public var description: String {
    let operand: String
    switch value {
    case .result(let other): operand = other
    case .number(let value): operand = value.magnitude < 0x1p53 && value == value.rounded() ? "\(Int64(value))" : "\(value)"
    }
    return "\(path) \(comparison.rawValue) \(operand)"
  }
}

extension Substring {
  /// The text without spaces at its ends.
  fileprivate var trimmingSpaces: String {
    let head = drop { $0 == " " }
    return String(head.reversed().drop { $0 == " " }.reversed())
  }
}
