internal import Glibc

/// Comparison of pages as bytes.
@usableFromInline enum PageComparison {
  /// Whether two pages hold the same bytes, to the last one.
  @usableFromInline static func areEqual(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
    guard a.count == b.count else { return false }
    guard let left = a.baseAddress, let right = b.baseAddress else { return a.count == 0 }
    // SAFETY: both buffers hold a.count bytes.
    return unsafe memcmp(left, right, a.count) == 0
  }

  /// -1, 0 or 1 as a page's bytes stand before, equal or behind another's, as `memcmp` orders them.
  @usableFromInline static func order(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
    guard let left = a.baseAddress, let right = b.baseAddress, a.count == b.count else { return (a.count - b.count).signum() }
    // SAFETY: both buffers hold a.count bytes.
    return unsafe Int(memcmp(left, right, a.count)).signum()
  }
}
