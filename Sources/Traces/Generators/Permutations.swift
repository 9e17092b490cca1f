internal import Columns

/// Random permutations, a word of four bytes a page.
enum Permutations {
  /// Each of the numbers below `count` once, in random order (Fisher and Yates, as Durstenfeld wrote it in 1964).
  static func shuffled(_ count: Int, _ random: inout RandomStream) -> Column<UInt32> {
    let column = identity(count)
    for index in stride(from: count - 1, to: 0, by: -1) { swap(column, index, random.index(below: index + 1)) }
    return column
  }

  /// Where each of the numbers below `count` leads to, so that all of them lie on one cycle (Sattolo, 1986).
  static func cycle(_ count: Int, _ random: inout RandomStream) -> Column<UInt32> {
    let column = identity(count)
    for index in stride(from: count - 1, to: 0, by: -1) { swap(column, index, random.index(below: index)) }
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
