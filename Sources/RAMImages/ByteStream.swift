internal import Files

/// Reads a file from front to back, decompressed on the way if it is a zstd stream; its failures name the file and what was to be read.
final class ByteStream {
  /// The file's path, for errors.
  let path: String
  private let file: SequentialFile

  /// A stream over a file's bytes, or over what they decompress to.
  init(_ file: MappedFile) {
    self.file = SequentialFile(file)
    path = file.path
  }

  /// The offset of the next byte, in the decompressed stream.
  var offset: UInt64 { file.offset }

  /// The most that the rest of the stream can hold, known before it is read.
  var largestRest: UInt64 { file.largestRest }

  private func read<Element: FixedWidthInteger & BitwiseCopyable>(upTo count: Int) throws(ImageError) -> [Element] {
    do throws(SequentialFileError) {
      return try file.read(upTo: count)
    } catch {
      throw switch error {
      case .malformed(let offset, let problem): ImageError(path, .malformed, at: offset, problem)
      case .truncated(let offset, let problem): ImageError(path, .truncated, at: offset, problem)
      case .changed: .changed(path)
      }
    }
  }

  /// Reads up to `count` bytes; fewer only at the end.
  func bytes(upTo count: Int) throws(ImageError) -> [UInt8] { try read(upTo: count) }

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
    var missing = count
    while missing > 0 {
      let batch = Int(min(missing, UInt64(1 << 16)))
      let elements: [Element] = try read(upTo: batch)
      guard elements.count == batch else { throw truncated(at: offset, name) }
      array += elements
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
}
