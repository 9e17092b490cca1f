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
}
