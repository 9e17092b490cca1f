internal import Columns

/// Units of a few bytes each, held in memory: identities, fingerprints.
final class UnitMemory: Sendable {
  private let column: Column<UInt8>

  /// Holds the elements of an array, in the machine's byte order.
  init<Element: BitwiseCopyable>(_ elements: [Element]) { column = Column(bytesOf: elements) }

  /// Shows a range of the bytes; the range is checked.
  @inline(__always) func withSpan<Result>(_ range: Range<Int>, _ body: (RawSpan) -> Result) -> Result { column.withSpan(range, body) }
}
