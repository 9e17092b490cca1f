internal import Glibc
internal import PageContents

/// What is asked of a unit's bytes. Spans carry their bounds and cannot outlive what they show, so the callers need no unsafe code.
enum UnitBytes {
  /// Whether two units hold the same bytes.
  @inline(__always) static func areEqual(_ a: RawSpan, _ b: RawSpan) -> Bool {
    guard a.byteCount == b.byteCount else { return false }
    // SAFETY: both spans hold as many bytes; an empty one is not read.
    return unsafe a.withUnsafeBytes { left in
      unsafe b.withUnsafeBytes { right in unsafe left.count == 0 || memcmp(left.baseAddress!, right.baseAddress!, left.count) == 0 }
    }
  }

  /// Whether a unit of at least one byte repeats its first byte to the end.
  @inline(__always) static func isSingleByte(_ unit: RawSpan) -> Bool {
    // SAFETY: a unit is compared with itself one byte further on: count - 1 bytes of each.
    unsafe unit.withUnsafeBytes { bytes in
      unsafe bytes[0] == bytes[bytes.count / 2] && memcmp(bytes.baseAddress!, bytes.baseAddress! + 1, bytes.count - 1) == 0
    }
  }

  /// Whether every byte is zero.
  @inline(__always) static func isZero(_ unit: RawSpan) -> Bool {
    // SAFETY: the span's own bounds are passed on, here and below.
    unsafe unit.withUnsafeBytes { unsafe PageHash.isZero($0) }
  }

  /// XXH3-64: what the index is keyed by.
  @inline(__always) static func hash(_ unit: RawSpan) -> UInt64 { unsafe unit.withUnsafeBytes { unsafe PageHash.index($0) } }

  /// XXH3-128: a page's fingerprint.
  static func fingerprint(_ page: RawSpan) -> UInt128 {
    let hash = unsafe page.withUnsafeBytes { unsafe PageHash.fingerprint($0) }
    return UInt128(hash.high) << 64 | UInt128(hash.low)
  }
}
