internal import Columns

/// Random permutations, a word of four bytes a page.
enum Permutations {
  /// Each of the numbers below `count` once, in random order (Fisher and Yates, as Durstenfeld wrote it in 1964).
  static func shuffled(_ count: Int, _ random: inout RandomStream) -> Column<UInt32> {
    let column = identity(count)
    for index in stride(from: count - 1, to: 0, by: -1) { swap(column, index, random.index(below: index + 1)) }
    return column
  }

  private static func identity(_ count: Int) -> Column<UInt32> {
    let column = Column<UInt32>(count: count)
    for index in 0..<count { column[index] = UInt32(truncatingIfNeeded: index) }
    return column
  }

  private static func swap(_ column: borrowing Column<UInt32>, _ a: Int, _ b: Int) {
    let value = column[a]
    column[a] = column[b]
    column[b] = value
  }
}

/// The numbers below a count in random order, which takes no memory and no time to make, however many they are.
///
/// A Feistel network of four rounds (Luby and Rackoff, 1988) permutes the numbers of as many bits as the count needs; what leads out of the
/// range is led on until it comes back (Black and Rogaway, 2002), after two steps or fewer on average, since less than half of the numbers
/// lie outside.
struct RandomOrder {
  private let count: UInt64
  /// How many bits the two halves of a number have; they change places in each round.
  private let lower: UInt64
  private let upper: UInt64
  private let keys: (UInt64, UInt64, UInt64, UInt64)

  /// An order of 1 to 2^63 numbers.
  init(_ count: UInt64, _ random: inout RandomStream) {
    let bits = UInt64(UInt64.bitWidth - (max(count, 1) - 1).leadingZeroBitCount)
    (self.count, lower, upper) = (max(count, 1), bits / 2, bits - bits / 2)
    keys = (random.next(), random.next(), random.next(), random.next())
  }

  /// The number at a place below the count.
  func number(at place: UInt64) -> UInt64 {
    var number = place
    repeat { number = permuted(number) } while number >= count
    return number
  }

  private func permuted(_ number: UInt64) -> UInt64 {
    let (lowerMask, upperMask) = ((1 << lower) - 1 as UInt64, (1 << upper) - 1 as UInt64)
    var (right, left) = (number & lowerMask, number >> lower)
    left ^= SplitMix64.mix(right ^ keys.0) & upperMask
    right ^= SplitMix64.mix(left ^ keys.1) & lowerMask
    left ^= SplitMix64.mix(right ^ keys.2) & upperMask
    right ^= SplitMix64.mix(left ^ keys.3) & lowerMask
    return left << lower | right
  }
}
