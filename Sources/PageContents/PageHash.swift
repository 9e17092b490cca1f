private import CXXHash

/// The hashes that pages are known by, all computed by libxxhash over a page's bytes.
public enum PageHash {
  /// The checksum that Linux KSM keeps of a page: the low 32 bits of XXH64 with seed 0 (mm/ksm.c, `calc_checksum`).
  public static func ksmChecksum(_ page: UnsafeRawBufferPointer) -> UInt32 {
    // SAFETY: the buffer's own bounds are passed on.
    unsafe UInt32(truncatingIfNeeded: memlab_xxh64(page.baseAddress, page.count))
  }

  /// XXH3, 64 bits: what an index of contents is keyed by. Equal hashes are never taken for equal pages.
  public static func index(_ page: UnsafeRawBufferPointer) -> UInt64 {
    // SAFETY: the buffer's own bounds are passed on.
    unsafe memlab_xxh3_64(page.baseAddress, page.count)
  }

  /// XXH3, 128 bits: a fingerprint that is comparable across files and machines.
  public static func fingerprint(_ page: UnsafeRawBufferPointer) -> (low: UInt64, high: UInt64) {
    // SAFETY: the buffer's own bounds are passed on.
    let hash = unsafe memlab_xxh3_128(page.baseAddress, page.count)
    return (hash.low64, hash.high64)
  }

  /// Whether every byte is zero; looks no further than the first 32 bytes that are not.
  public static func isZero(_ page: UnsafeRawBufferPointer) -> Bool {
    var offset = 0
    // SAFETY: offsets stay below the count; loads may be unaligned.
    while offset + 32 <= page.count {
      let a =
        unsafe page.loadUnaligned(fromByteOffset: offset, as: UInt64.self) | page.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self)
      let b =
        unsafe page.loadUnaligned(fromByteOffset: offset + 16, as: UInt64.self)
        | page.loadUnaligned(fromByteOffset: offset + 24, as: UInt64.self)
      if a | b != 0 { return false }
      offset += 32
    }
    while offset < page.count {
      if unsafe page[offset] != 0 { return false }
      offset += 1
    }
    return true
  }
}
