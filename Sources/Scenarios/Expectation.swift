internal import Addressing

/// Something that must hold of a run's summary, such as `sharing.merges > 0`.
public struct Expectation: Hashable, Sendable {
  /// The value's path in the summary; a list's element is chosen by its name, `vms.web.exits.ept_violation`.
  public var path: String
  /// The comparison.
  public var comparison: Comparison
  /// What it is compared with.
  public var value: Double

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

  /// Whether a value satisfies it.
  public func holds(for actual: Double) -> Bool {
    switch comparison {
    case .equal: actual == value
    case .notEqual: actual != value
    case .less: actual < value
    case .atMost: actual <= value
    case .greater: actual > value
    case .atLeast: actual >= value
    }
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
