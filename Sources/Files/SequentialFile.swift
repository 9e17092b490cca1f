/// Reads a file from front to back, decompressed on the way if it is a zstd stream, and knows at which byte it stands.
@safe public final class SequentialFile {
  /// The offset of the next byte, in the decompressed stream.
  public private(set) var offset: UInt64 = 0

  private let file: MappedFile
  private let decoder: ZstdStream?

  /// Reads a file's bytes, or what they decompress to. The content decides, never the name.
  public init(_ file: MappedFile) {
    self.file = file
    decoder = Self.isCompressed(file) ? ZstdStream(file) : nil
  }

  /// Whether a file is a zstd stream, by its first bytes.
  public static func isCompressed(_ file: MappedFile) -> Bool { file.starts(with: ZstdStream.magic) }

  /// The most that the rest of the stream can hold, known before it is read: a zstd block of 4 bytes gives at most 128 KiB (RFC 8878, 3.1.1.2).
  public var largestRest: UInt64 {
    guard decoder != nil else { return UInt64(file.count) - offset }
    let (most, overflow) = UInt64(file.count).multipliedReportingOverflow(by: 1 << 15)
    return overflow ? .max : most
  }

  /// Reads up to `count` elements of plain bits in the file's byte order, little endian; fewer only at the end, where bytes that make up no whole
  /// element are read and dropped.
  public func read<Element: FixedWidthInteger & BitwiseCopyable>(upTo count: Int, as type: Element.Type = Element.self)
    throws(SequentialFileError) -> [Element]
  {
    var failure: SequentialFileError?
    // SAFETY: `fill` writes at most the buffer's length and says how much; only whole elements of that are taken for initialized, and every
    // pattern of bits is an integer.
    let elements = unsafe [Element](unsafeUninitializedCapacity: count) { buffer, filled in
      do throws(SequentialFileError) {
        filled = unsafe try fill(UnsafeMutableRawBufferPointer(buffer)) / MemoryLayout<Element>.stride
        for index in 0..<filled { unsafe buffer[index] = Element(littleEndian: buffer[index]) }
      } catch { failure = error }
    }
    if let failure { throw failure }
    return elements
  }

  private func fill(_ target: UnsafeMutableRawBufferPointer) throws(SequentialFileError) -> Int {
    let count: Int
    if let decoder {
      count = unsafe try decoder.read(into: target)
    } else {
      let start = Int(offset)
      count = min(target.count, file.count - start)
      // SAFETY: the target holds at least count bytes.
      unsafe file.withBytes(start..<start + count) { unsafe target.copyMemory(from: $0) }
    }
    guard file.isIntact else { throw .changed }
    offset += UInt64(count)
    return count
  }
}

/// Why a file cannot be read to its end.
public enum SequentialFileError: Error, Equatable, Sendable {
  /// The bytes from this one on are no zstd stream; why, in words.
  case malformed(at: UInt64, String)
  /// The file ends too early.
  case truncated(at: UInt64, String)
  /// The file became shorter, or the disk failed, while it was read.
  case changed
}
