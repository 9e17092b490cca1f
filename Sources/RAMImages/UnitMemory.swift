internal import Columns
internal import Glibc

/// Units of a few bytes each, held in memory: identities, fingerprints.
final class UnitMemory: Sendable {
  private let column: Column<UInt8>

  /// Holds the elements of an array, in the machine's byte order.
  init<Element: BitwiseCopyable>(_ elements: [Element]) {
    column = Column(count: elements.count * MemoryLayout<Element>.stride)
    unsafe elements.withUnsafeBytes { source in
      // SAFETY: the column has as many bytes as the array.
      unsafe column.withBuffer { unsafe UnsafeMutableRawBufferPointer($0).copyMemory(from: source) }
    }
  }

  /// Shows a range of the bytes; the range is checked.
  @inline(__always) func withBytes<Result>(_ range: Range<Int>, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    precondition(range.lowerBound >= 0 && range.upperBound <= column.count, "unit range out of bounds")
    // SAFETY: the range was just checked.
    return unsafe column.withBuffer { unsafe body(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer($0)[range])) }
  }
}

/// Comparisons of bytes.
enum UnitBytes {
  /// Whether two buffers of the same length hold the same bytes.
  @inline(__always) static func areEqual(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
    precondition(a.count == b.count, "units of one scan are equally long")
    // SAFETY: both buffers hold count bytes; an empty one is not read.
    return unsafe a.count == 0 || memcmp(a.baseAddress!, b.baseAddress!, a.count) == 0
  }

  /// Whether a buffer of at least one byte repeats its first byte to the end.
  @inline(__always) static func isSingleByte(_ bytes: UnsafeRawBufferPointer) -> Bool {
    // SAFETY: a buffer is compared with itself one byte further on: count - 1 bytes of each.
    unsafe bytes[0] == bytes[bytes.count / 2] && memcmp(bytes.baseAddress!, bytes.baseAddress! + 1, bytes.count - 1) == 0
  }
}
