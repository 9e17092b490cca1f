internal import CZstd

/// Decompresses a mapped zstd file a block at a time, so that a small file cannot ask for more memory than is read of it.
///
/// The invariant: the decoder never holds more than one window of the format (at most 128 MiB, the library's own limit) and one block.
@safe final class ZstdStream {
  /// The first four bytes of a zstd frame (RFC 8878, 3.1.1).
  static let magic: [UInt8] = [0x28, 0xb5, 0x2f, 0xfd]

  private let file: MappedFile
  private let stream: OpaquePointer
  private var consumed = 0
  private var frameIsOpen = false

  /// A decoder at the beginning of a file; nil if the library has no memory for one.
  init?(_ file: MappedFile) {
    // SAFETY: the library returns a stream of its own or nil; it is freed in deinit.
    guard let stream = unsafe ZSTD_createDStream() else { return nil }
    self.file = file
    unsafe self.stream = stream
  }

  deinit {
    // SAFETY: created in init, used by nobody else.
    unsafe ZSTD_freeDStream(stream)
  }

  /// Fills as much of a buffer as there is to decompress.
  /// - Returns: how many bytes; 0 at the end of the file.
  func read(into target: UnsafeMutableRawBufferPointer) throws(SequentialFileError) -> Int {
    var produced = 0
    while produced < target.count {
      if consumed == file.count && !frameIsOpen { break }
      // SAFETY: produced is below the target's length.
      let (taken, given, hint) = unsafe step(into: UnsafeMutableRawBufferPointer(rebasing: target[produced...]))
      if ZSTD_isError(hint) != 0 {
        // SAFETY: the library returns a constant C string for every code.
        let reason = unsafe String(cString: ZSTD_getErrorName(hint))
        throw file.isIntact ? .malformed(at: UInt64(consumed), "the zstd stream cannot be decompressed: \(reason)") : .changed
      }
      consumed += taken
      produced += given
      frameIsOpen = hint != 0
      if taken == 0 && given == 0 {
        throw .truncated(at: UInt64(file.count), "the zstd stream ends in the middle of a frame")
      }
    }
    return produced
  }

  private func step(into target: UnsafeMutableRawBufferPointer) -> (taken: Int, given: Int, hint: Int) {
    unsafe file.withBytes(consumed..<file.count) { source in
      // SAFETY: both buffers state their own bounds, and the library stays inside them.
      var input = unsafe ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: 0)
      var output = unsafe ZSTD_outBuffer(dst: target.baseAddress, size: target.count, pos: 0)
      let hint = unsafe ZSTD_decompressStream(stream, &output, &input)
      return unsafe (input.pos, output.pos, hint)
    }
  }
}
