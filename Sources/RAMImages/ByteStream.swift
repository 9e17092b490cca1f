internal import Columns

/// Reads a file from front to back, decompressed on the way if it is a zstd stream, and knows at which byte it stands.
final class ByteStream {
  /// The file's path, for errors.
  let path: String
  /// The offset of the next byte, in the decompressed stream.
  private(set) var offset: UInt64 = 0

  private let file: MappedFile
  private let decoder: ZstdDecoder?

  /// A stream over a file's bytes, or over what they decompress to.
  init(_ file: MappedFile) throws(ImageError) {
    self.file = file
    path = file.path
    decoder = file.starts(with: ZstdDecoder.magic) ? ZstdDecoder(file) : nil
  }

  /// The most that the rest of the stream can hold, known before it is read: a zstd block of 4 bytes gives at most 128 KiB (RFC 8878, 3.1.1.2).
  var largestRest: UInt64 {
    guard decoder != nil else { return UInt64(file.count) - offset }
    let (most, overflow) = UInt64(file.count).multipliedReportingOverflow(by: 1 << 15)
    return overflow ? .max : most
  }

  /// Reads up to `count` bytes; fewer only at the end.
  func bytes(upTo count: Int) throws(ImageError) -> [UInt8] {
    var failure: ImageError?
    // SAFETY: `fill` writes at most the buffer's length and says how much; only that much is taken for initialized.
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      do throws(ImageError) {
        filled = unsafe try fill(UnsafeMutableRawBufferPointer(buffer))
      } catch { failure = error }
    }
    if let failure { throw failure }
    return bytes
  }

  /// Reads exactly `count` bytes of what `name` says.
  func bytes(_ count: Int, _ name: String) throws(ImageError) -> [UInt8] {
    let start = offset
    let bytes = try bytes(upTo: count)
    guard bytes.count == count else { throw truncated(at: start, name) }
    return bytes
  }

  /// Reads a little-endian integer.
  func integer<Integer: FixedWidthInteger>(_ type: Integer.Type, _ name: String) throws(ImageError) -> Integer {
    var value: Integer = 0
    for byte in try bytes(MemoryLayout<Integer>.size, name).reversed() { value = value << 8 | Integer(truncatingIfNeeded: byte) }
    return value
  }

  /// Appends `count` little-endian elements to an array; memory is taken as the elements arrive, not as the header promises them.
  func append<Element: FixedWidthInteger & BitwiseCopyable>(_ count: UInt64, to array: inout [Element], _ name: String) throws(ImageError) {
    let size = MemoryLayout<Element>.size
    var missing = count
    while missing > 0 {
      let start = offset
      let batch = Int(min(missing, UInt64(1 << 16)))
      let bytes = try bytes(upTo: batch * size)
      guard bytes.count == batch * size else { throw truncated(at: start + UInt64(bytes.count), name) }
      unsafe bytes.withUnsafeBytes { buffer in
        // SAFETY: the buffer holds batch elements; loads may be unaligned.
        for index in 0..<batch {
          unsafe array.append(Element(littleEndian: buffer.loadUnaligned(fromByteOffset: index * size, as: Element.self)))
        }
      }
      missing -= UInt64(batch)
    }
  }

  /// Reads no further: fails if bytes are left.
  func end() throws(ImageError) {
    let start = offset
    guard try bytes(upTo: 1).isEmpty else { throw ImageError(path, .malformed, at: start, "bytes follow the last guest") }
  }

  private func truncated(at offset: UInt64, _ name: String) -> ImageError {
    ImageError(path, .truncated, at: offset, "the file ends inside \(name)")
  }

  private func fill(_ target: UnsafeMutableRawBufferPointer) throws(ImageError) -> Int {
    let count: Int
    if let decoder {
      count = unsafe try decoder.read(into: target)
    } else {
      let start = Int(offset)
      count = min(target.count, file.count - start)
      // SAFETY: the target holds at least count bytes.
      unsafe file.withBytes(start..<start + count) { unsafe target.copyMemory(from: $0) }
    }
    offset += UInt64(count)
    return count
  }
}
