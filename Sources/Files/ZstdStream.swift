/// Decompresses a mapped zstd file a block at a time, so that a small file cannot ask for more memory than is read of it.
///
/// The invariant: the decoder never holds more than one window of the format (at most 128 MiB, the library's own limit) and one block.
@safe final class ZstdStream {
  /// The first four bytes of a zstd frame (RFC 8878, 3.1.1).
  static let magic: [UInt8] = [0x28, 0xb5, 0x2f, 0xfd]

  private let file: MappedFile
  private let decompressor: ZstdDecompressor
  private var consumed = 0

  /// A decoder at the beginning of a file; nil if the library has no memory for one.
  init?(_ file: MappedFile) {
    guard let decompressor = try? ZstdDecompressor() else { return nil }
    self.file = file
    self.decompressor = decompressor
  }

  /// Fills as much of a buffer as there is to decompress.
  /// - Returns: how many bytes; 0 at the end of the file.
  func read(into target: UnsafeMutableRawBufferPointer) throws(SequentialFileError) -> Int {
    var produced = 0
    while produced < target.count {
      if consumed == file.count && decompressor.mayEnd { break }
      // SAFETY: produced is below the target's length.
      let (taken, given) = unsafe try step(into: UnsafeMutableRawBufferPointer(rebasing: target[produced...]))
      consumed += taken
      produced += given
      if taken == 0 && given == 0 {
        throw .truncated(at: UInt64(file.count), "the zstd stream ends in the middle of a frame")
      }
    }
    return produced
  }

  private func step(into target: UnsafeMutableRawBufferPointer) throws(SequentialFileError) -> (taken: Int, given: Int) {
    do throws(DecompressionProblem) {
      return unsafe try file.withBytes(consumed..<file.count) { source throws(DecompressionProblem) in
        unsafe try decompressor.step(source, target)
      }
    } catch {
      throw file.isIntact ? .malformed(at: UInt64(consumed), error.text) : .changed
    }
  }
}
