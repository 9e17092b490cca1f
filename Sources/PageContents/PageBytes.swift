internal import CAtomic
internal import Glibc

/// What is asked of a page's bytes, or of several pages' in a row. Spans carry their bounds and cannot outlive what they show, so callers
/// need no unsafe code.
public enum PageBytes {
  /// Whether two spans hold the same bytes.
  public static func areEqual(_ a: RawSpan, _ b: RawSpan) -> Bool {
    guard a.byteCount == b.byteCount else { return false }
    // SAFETY: both spans hold as many bytes; an empty one is not read.
    return unsafe a.withUnsafeBytes { left in
      unsafe b.withUnsafeBytes { right in unsafe left.count == 0 || memcmp(left.baseAddress!, right.baseAddress!, left.count) == 0 }
    }
  }

  /// Whether a span of at least one byte repeats its first byte to the end.
  public static func isSingleByte(_ bytes: RawSpan) -> Bool {
    // SAFETY: a span is compared with itself one byte further on: count - 1 bytes of each.
    unsafe bytes.withUnsafeBytes { bytes in
      unsafe bytes[0] == bytes[bytes.count / 2] && memcmp(bytes.baseAddress!, bytes.baseAddress! + 1, bytes.count - 1) == 0
    }
  }

  /// Whether every byte is zero.
  public static func isZero(_ bytes: RawSpan) -> Bool {
    // SAFETY: the span's own bounds are passed on, here and below.
    unsafe bytes.withUnsafeBytes { unsafe PageHash.isZero($0) }
  }

  /// XXH3-64: what the index is keyed by.
  public static func hash(_ bytes: RawSpan) -> UInt64 { unsafe bytes.withUnsafeBytes { unsafe PageHash.index($0) } }

  /// Asks the processor for bytes that will be read soon: of a span longer than a page its first 4096, from where on the processor reads
  /// ahead by itself.
  ///
  /// It does not read beyond a page's end by itself, and so waits for memory at every new one.
  public static func prefetch(_ bytes: RawSpan) {
    // SAFETY: a prefetch reads nothing; the range is the span's own.
    unsafe bytes.withUnsafeBytes { bytes in
      unsafe memlab_prefetch_bytes(bytes.baseAddress, min(bytes.count, 4096))
    }
  }

  /// XXH3-128: a page's fingerprint.
  public static func fingerprint(_ page: RawSpan) -> UInt128 {
    let hash = unsafe page.withUnsafeBytes { unsafe PageHash.fingerprint($0) }
    return UInt128(hash.high) << 64 | UInt128(hash.low)
  }

  /// The fingerprint of so many zero bytes.
  public static func zeroFingerprint(count: Int) -> UInt128 {
    let zeros = [UInt8](repeating: 0, count: count)
    let hash = unsafe zeros.withUnsafeBytes { unsafe PageHash.fingerprint($0) }
    return UInt128(hash.high) << 64 | UInt128(hash.low)
  }
}
