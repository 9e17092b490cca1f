/// An amount of memory as people write it: a decimal number and a binary unit, `512MiB`, `4GiB`, `1.5GiB`.
///
/// Bare numbers are refused because nobody can tell bytes from pages, and `MB` or `M` because nobody can tell 10^6 from 2^20. Spaces may
/// stand between number and unit and nowhere else; a fraction has at most nine decimals and must come to whole bytes.
public struct ByteSize: Hashable, Comparable, Sendable {
  /// The amount in bytes.
  public let bytes: UInt64

  /// An amount in bytes.
  public init(bytes: UInt64) { self.bytes = bytes }

  /// Orders by amount.
  public static func < (a: ByteSize, b: ByteSize) -> Bool { a.bytes < b.bytes }

  static let units: [(name: String, shift: UInt64)] = [("B", 0), ("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40), ("PiB", 50)]

  /// Reads an amount.
  /// - Throws: what is wrong with the text, in words for its author.
  public init(parsing text: String) throws(ByteSizeError) {
    let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    let unit = text.dropFirst(digits.count).drop { $0 == " " }
    if text.hasPrefix("-") { throw ByteSizeError(text: text, problem: "a size cannot be negative") }
    guard !digits.isEmpty else { throw ByteSizeError(text: text, problem: "a size is a number and a unit, such as 512MiB") }
    if unit.isEmpty { throw ByteSizeError(text: text, problem: "a size needs a unit, such as \(digits)MiB") }
    // By code units: Swift's == takes the Kelvin sign for a K.
    guard let shift = Self.units.first(where: { $0.name.utf8.elementsEqual(unit.utf8) })?.shift else {
      throw ByteSizeError(text: text, problem: "\"\(unit)\" is not a unit of size; the units are B, KiB, MiB, GiB, TiB, PiB")
    }
    let parts = digits.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count <= 2, !parts[0].isEmpty else { throw ByteSizeError(text: text, problem: "\"\(digits)\" is not a number") }
    let tooLarge = ByteSizeError(text: text, problem: "the size is larger than 2^64 - 1 bytes")
    guard let whole = UInt64(parts[0]) else { throw tooLarge }
    let (scaled, overflow) = whole.multipliedReportingOverflow(by: 1 << shift)
    guard !overflow else { throw tooLarge }
    var fraction: UInt64 = 0
    if parts.count == 2 {
      guard parts[1].count <= 9, let numerator = UInt64(parts[1]) else {
        throw ByteSizeError(text: text, problem: "\"\(digits)\" is not a number of at most nine decimals")
      }
      var denominator: UInt64 = 1
      for _ in parts[1] { denominator *= 10 }
      let (high, low) = numerator.multipliedFullWidth(by: 1 << shift)
      let (quotient, remainder) = denominator.dividingFullWidth((high, low))
      guard remainder == 0 else { throw ByteSizeError(text: text, problem: "the size is not a whole number of bytes") }
      fraction = quotient
    }
    let (sum, carry) = scaled.addingReportingOverflow(fraction)
    guard !carry else { throw tooLarge }
    bytes = sum
  }
}

extension ByteSize: CustomStringConvertible {
  /// The amount in the largest unit that keeps it exact, "512MiB"; `init(parsing:)` reads it back.
  public var description: String {
    guard bytes > 0 else { return "0B" }
    let unit = Self.units.last { $0.shift <= UInt64(bytes.trailingZeroBitCount) } ?? Self.units[0]
    return "\(bytes >> unit.shift)\(unit.name)"
  }

  /// The amount for reading, rounded to one decimal (halves up) in the largest unit that is not above it, "1.5 GiB".
  public var rounded: String {
    let unit = Self.units.last { bytes >> $0.shift > 0 } ?? Self.units[0]
    guard unit.shift > 0 else { return "\(bytes) B" }
    let (whole, rest) = (bytes >> unit.shift, bytes & ((1 << unit.shift) - 1))
    // A rest is below 2^50, so ten of it fit.
    let tenths = (rest * 10 + 1 << (unit.shift - 1)) >> unit.shift
    return "\(whole + tenths / 10).\(tenths % 10) \(unit.name)"
  }
}

/// A text that is no amount of memory.
public struct ByteSizeError: Error, Equatable, CustomStringConvertible {
  /// What was read.
  public let text: String
  /// What is wrong with it.
  public let problem: String

  /// The problem, after the text.
  public var description: String { "\"\(text)\": \(problem)" }
}
