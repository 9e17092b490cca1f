internal import Files

/// Hexadecimal and decimal numbers in bytes, eight digits at a time where speed matters.
enum HexDigits {
  private static let ones: UInt64 = 0x0101_0101_0101_0101
  private static let tops: UInt64 = 0x8080_8080_8080_8080

  /// How many of a word's bytes stand before the first comma, the lowest byte first; 8 if none is one.
  @inline(__always) static func beforeComma(_ word: UInt64) -> Int { before(ones &* 0x2c, word) }

  /// The same for a newline.
  @inline(__always) static func beforeNewline(_ word: UInt64) -> Int { before(ones &* 0x0a, word) }

  /// A byte that equals the pattern's becomes 0, and subtracting 1 borrows from its top bit. Bytes above may be wrong, the lowest is not.
  @inline(__always) private static func before(_ pattern: UInt64, _ word: UInt64) -> Int {
    let difference = word ^ pattern
    return ((difference &- ones) & ~difference & tops).trailingZeroBitCount >> 3
  }

  /// The number in a word's first `count` bytes, from 1 to 8 hexadecimal digits, the first in the lowest byte; nil if one is none.
  ///
  /// Missing digits become leading zeros. For each byte, adding 0x80 less a bound sets the top bit if the byte is not below the bound; no sum
  /// carries, since a byte above 0x7f is refused by its own top bit.
  @inline(__always) static func value(_ word: UInt64, _ count: Int) -> UInt64? {
    let shift = UInt64(truncatingIfNeeded: 64 &- count &* 8)
    let text = word &<< shift | ones &* 0x30 & ((1 &<< shift) &- 1)
    let low = text & ~tops
    let digits = (low &+ ones &* (0x80 - 0x30)) & ~(low &+ ones &* (0x80 - 0x3a))
    let lower = low | ones &* 0x20
    let letters = (lower &+ ones &* (0x80 - 0x61)) & ~(lower &+ ones &* (0x80 - 0x67))
    guard (digits | letters) & ~text & tops == tops else { return nil }
    var value = (text & (ones &* 0x0f)) &+ (text >> 6 & ones) &* 9
    value = (value << 4 | value >> 8) & 0x00ff_00ff_00ff_00ff
    value = (value << 8 | value >> 16) & 0x0000_ffff_0000_ffff
    return (value << 16 | value >> 32) & 0xffff_ffff
  }

  /// The hexadecimal number in a range of bytes; nil if it is none or does not fit in 64 bits.
  static func hexadecimal(_ bytes: RawSpan, _ range: Range<Int>) -> UInt64? {
    var value: UInt64 = 0
    guard !range.isEmpty else { return nil }
    for index in range {
      let byte = bytes.byte(index)
      let digit: UInt8
      switch byte {
      case 0x30...0x39: digit = byte & 15
      case 0x41...0x46, 0x61...0x66: digit = byte & 15 + 9
      default: return nil
      }
      guard value >> 60 == 0 else { return nil }
      value = value << 4 | UInt64(digit)
    }
    return value
  }

  /// The decimal number in a range of bytes; nil if it is none or does not fit in 64 bits.
  static func decimal(_ bytes: RawSpan, _ range: Range<Int>) -> UInt64? {
    var value: UInt64 = 0
    guard !range.isEmpty else { return nil }
    for index in range {
      let digit = bytes.byte(index) &- 0x30
      guard digit <= 9 else { return nil }
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(UInt64(digit))
      guard !overflow && !carry else { return nil }
      value = sum
    }
    return value
  }

  /// The number in a range of bytes, hexadecimal after 0x, decimal without.
  static func number(_ bytes: RawSpan, _ range: Range<Int>) -> UInt64? {
    hasPrefix(bytes, range) ? hexadecimal(bytes, range.lowerBound + 2..<range.upperBound) : decimal(bytes, range)
  }

  /// Whether a range of bytes begins with 0x and something more.
  static func hasPrefix(_ bytes: RawSpan, _ range: Range<Int>) -> Bool {
    range.count > 2 && bytes.byte(range.lowerBound) == 0x30 && bytes.byte(range.lowerBound + 1) | 0x20 == 0x78
  }
}
