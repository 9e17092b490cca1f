public import CAtomic

/// Atomic accesses, for columns that several threads fill at once. The index is checked.
extension Column where Element == UInt64 {
  /// Loads a word, with acquire order.
  @inlinable @inline(__always) public func atomicLoad(_ index: Int) -> UInt64 {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "column index out of bounds")
    // SAFETY: the index was just checked against count.
    return unsafe memlab_atomic_load(base + index)
  }

  /// Stores a word if the one that is there is still `expected`, which becomes what was found.
  /// - Returns: whether it was stored.
  @inlinable @inline(__always) public func compareExchange(_ index: Int, expected: inout UInt64, desired: UInt64) -> Bool {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "column index out of bounds")
    // SAFETY: the index was just checked against count.
    return unsafe memlab_atomic_compare_exchange(base + index, &expected, desired)
  }

  /// Asks for the cache line that holds a word which will be written soon.
  @inlinable @inline(__always) public func prefetch(_ index: Int) {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "column index out of bounds")
    // SAFETY: the index was just checked against count.
    unsafe memlab_prefetch(base + index)
  }
}

extension Column where Element == UInt32 {
  /// Stores a word and returns the one that it replaced.
  @inlinable @inline(__always) public func atomicExchange(_ index: Int, with value: UInt32) -> UInt32 {
    precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "column index out of bounds")
    // SAFETY: the index was just checked against count.
    return unsafe memlab_atomic_exchange32(base + index, value)
  }
}
