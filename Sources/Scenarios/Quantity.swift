/// Times in scenario files: a decimal number and a unit, scaled without rounding.
enum Quantity {
  /// The units of time, longest last, with their nanoseconds.
  static let timeUnits: [(name: String, nanoseconds: UInt64)] = [
    ("ns", 1), ("us", 1000), ("ms", 1_000_000), ("s", 1_000_000_000), ("min", 60_000_000_000), ("h", 3_600_000_000_000),
  ]

  /// Reads a time.
  /// - Throws: what is wrong with the text, in words for its author.
  static func nanoseconds(parsing text: String) throws(ValueProblem) -> UInt64 {
    let number = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    let unit = text.dropFirst(number.count).drop { $0 == " " }
    if text.hasPrefix("-") { throw ValueProblem("a time cannot be negative") }
    guard !number.isEmpty else { throw ValueProblem("\"\(text.quotable)\" is not a time: a number and a unit, such as 20ms") }
    if unit.isEmpty { throw ValueProblem("a time needs a unit, such as \(number)s", note: "the units are ns, us, ms, s, min, h") }
    guard let scale = timeUnits.first(where: { $0.name == unit })?.nanoseconds else {
      let note = unit == "m" ? "minutes are \"min\", milliseconds \"ms\"" : "the units are ns, us, ms, s, min, h"
      throw ValueProblem("\"\(String(unit).quotable)\" is not a unit of time", note: note)
    }
    let parts = number.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count <= 2, !parts.contains(where: \.isEmpty) else { throw ValueProblem("\"\(number)\" is not a number") }
    guard let whole = UInt64(parts[0]) else { throw ValueProblem("the time is longer than 2^64 ns") }
    let (scaled, overflow) = whole.multipliedReportingOverflow(by: scale)
    guard !overflow else { throw ValueProblem("the time is longer than 2^64 ns") }
    guard parts.count == 2 else { return scaled }
    guard parts[1].count <= 9, let decimals = UInt64(parts[1]) else { throw ValueProblem("\"\(number)\" has more than nine decimals") }
    // Nine decimals of the longest unit: 10^9 * 3.6 * 10^12 is more than 2^64, hence the full width.
    var denominator: UInt64 = 1
    for _ in parts[1] { denominator *= 10 }
    let (quotient, remainder) = denominator.dividingFullWidth(decimals.multipliedFullWidth(by: scale))
    guard remainder == 0 else { throw ValueProblem("the time is not a whole number of nanoseconds") }
    let (sum, carry) = scaled.addingReportingOverflow(quotient)
    guard !carry else { throw ValueProblem("the time is longer than 2^64 ns") }
    return sum
  }

  /// A time in the longest of ns, us, ms, s and h that keeps it whole; `nanoseconds(parsing:)` reads it back.
  static func text(nanoseconds: UInt64) -> String {
    guard nanoseconds > 0 else { return "0s" }
    let unit = timeUnits.last { $0.name != "min" && nanoseconds % $0.nanoseconds == 0 } ?? timeUnits[0]
    return "\(nanoseconds / unit.nanoseconds)\(unit.name)"
  }
}
