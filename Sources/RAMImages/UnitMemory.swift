internal import Columns

/// Units of a few bytes each, held in memory: identities, fingerprints.
final class UnitMemory: Sendable {
  private let column: Column<UInt8>

  /// Holds the elements of an array, in the machine's byte order.
  init<Element: BitwiseCopyable>(_ elements: [Element]) {
    column = Column(count: elements.count * MemoryLayout<Element>.stride)
    // SAFETY: the column has as many bytes as the array.
    unsafe elements.withUnsafeBytes { source in
      unsafe column.withBuffer { unsafe UnsafeMutableRawBufferPointer($0).copyMemory(from: source) }
    }
  }

  /// Shows a range of the bytes; the range is checked.
  @inline(__always) func withSpan<Result>(_ range: Range<Int>, _ body: (RawSpan) -> Result) -> Result {
    precondition(range.lowerBound >= 0 && range.upperBound <= column.count, "unit range out of bounds")
    // SAFETY: the range was just checked, and the column lives during the call.
    return unsafe column.withBuffer { unsafe body(RawSpan(_unsafeBytes: UnsafeRawBufferPointer($0)).extracting(range)) }
  }
}
