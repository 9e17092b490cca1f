/// A column of bits, packed 64 to a word, all clear at first.
public struct BitColumn: ~Copyable, Sendable {
  /// How many bits there are.
  public let count: Int
  private let words: Column<UInt64>

  /// A column of `count` clear bits.
  public init(count: Int) {
    precondition(count >= 0, "a column's length cannot be negative")
    self.count = count
    words = Column(count: count / 64 + (count % 64 == 0 ? 0 : 1))
  }

  /// The bit at an index; the index is checked.
  public subscript(index: Int) -> Bool {
    get {
      precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "bit column index out of bounds")
      return words[index >> 6] >> UInt64(index & 63) & 1 == 1
    }
    nonmutating set {
      precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "bit column index out of bounds")
      let mask: UInt64 = 1 << UInt64(index & 63)
      words[index >> 6] = newValue ? words[index >> 6] | mask : words[index >> 6] & ~mask
    }
  }

  /// Clears every bit.
  public func clear() { words.fill(0..<words.count, with: 0) }

  /// How many bits are set.
  public var setCount: Int {
    var total = 0
    for index in 0..<words.count { total += words[index].nonzeroBitCount }
    return total
  }
}
