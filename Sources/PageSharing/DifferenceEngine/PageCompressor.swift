internal import CZstd
internal import Columns

/// Compresses single pages with zstd at level 1, the real library on the real bytes.
///
/// A level near the speed of the compressors of memory (LZO, LZ4, WKdm). The sizes are those of the library's version: another may give
/// others, and whoever compares runs across machines should know.
@safe final class PageCompressor {
  private let compressor: OpaquePointer
  private let decompressor: OpaquePointer
  private let target: Column<UInt8>
  /// What a compressed page may take at most.
  let limit: Int

  /// A compressor for results of at most `limit` bytes.
  init(limit: Int) {
    // SAFETY: the library returns contexts of its own, or nil where there is no memory for them.
    guard let compressor = unsafe ZSTD_createCCtx(), let decompressor = unsafe ZSTD_createDCtx() else {
      preconditionFailure("no memory for a compressor")
    }
    unsafe self.compressor = compressor
    unsafe self.decompressor = decompressor
    self.limit = max(1, limit)
    target = Column(count: self.limit)
  }

  deinit {
    // SAFETY: created in init, used by nobody else.
    unsafe ZSTD_freeCCtx(compressor)
    unsafe ZSTD_freeDCtx(decompressor)
  }

  /// The page compressed; nil where that takes more than the limit.
  func compress(_ page: borrowing Column<UInt8>) -> [UInt8]? {
    let size = unsafe page.withBuffer { source in
      // SAFETY: both buffers state their own bounds, and the library stays inside them.
      unsafe target.withBuffer { target in
        unsafe ZSTD_compressCCtx(compressor, target.baseAddress, target.count, source.baseAddress, source.count, 1)
      }
    }
    // Where the target is too small the library says so.
    guard ZSTD_isError(size) == 0 else { return nil }
    return (0..<size).map { target[$0] }
  }

  /// Makes a page from its compressed form.
  /// - Returns: whether it made exactly a page.
  func decompress(_ compressed: [UInt8], into page: borrowing Column<UInt8>) -> Bool {
    let size = unsafe compressed.withUnsafeBytes { source in
      // SAFETY: as above.
      unsafe page.withBuffer { target in
        unsafe ZSTD_decompressDCtx(decompressor, target.baseAddress, target.count, source.baseAddress, source.count)
      }
    }
    return ZSTD_isError(size) == 0 && size == page.count
  }
}
