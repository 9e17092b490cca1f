internal import Columns

/// The pages of one input as the exact scanner takes them: equally long strings of bytes, numbered from 0.
///
/// A unit is a page's bytes where there are bytes; its identity or its fingerprint where the file holds only these; and several of them in a row where
/// larger pages are asked for. An all-zero unit is a zero page in each case (a zero page's fingerprint is replaced by zeros). So one scanner
/// counts all kinds, and compares what it has of them byte by byte.
struct ScanUnits: Sendable {
  /// Units that follow one another in the file or column.
  struct Run: Sendable {
    /// The number of the first one.
    let first: Int
    /// How many there are.
    let count: Int
    /// Where the first one begins.
    let offset: Int
  }

  /// What holds the bytes.
  enum Store: Sendable {
    /// A mapped file.
    case file(MappedFile)
    /// Identities or fingerprints in memory.
    case memory(UnitMemory)
  }

  /// The input's name.
  let name: String
  /// Bytes in a unit.
  let unitBytes: Int
  /// How many units there are.
  let count: Int
  /// Bytes of the input that belong to no whole, aligned unit.
  let bytesLeftOut: UInt64
  /// What holds them.
  let store: Store
  /// Where they are, by ascending number.
  let runs: [Run]

  /// The index of the run that holds a unit.
  private func run(of unit: Int) -> Int {
    var (low, high) = (0, runs.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if runs[middle].first <= unit { low = middle } else { high = middle }
    }
    return low
  }

  /// Shows the bytes of a range of units, piece by piece.
  func forEachPiece(of range: Range<Int>, _ body: (_ first: Int, _ bytes: UnsafeRawBufferPointer) -> Void) throws(ImageError) {
    var unit = range.lowerBound
    var index = run(of: unit)
    while unit < range.upperBound {
      let run = runs[index]
      let end = min(range.upperBound, run.first + run.count)
      let start = run.offset + (unit - run.first) * unitBytes
      let bytes = start..<start + (end - unit) * unitBytes
      switch store {
      case .file(let file):
        guard file.populate(bytes) else {
          throw ImageError(file.path, .changed, at: UInt64(start), "the file became shorter or could not be read while it was scanned")
        }
        unsafe file.withBytes(bytes) { unsafe body(unit, $0) }
      case .memory(let memory): unsafe memory.withBytes(bytes) { unsafe body(unit, $0) }
      }
      unit = end
      index += 1
    }
  }

  /// Whether a unit's bytes are these.
  @inline(__always) func unit(_ unit: Int, equals bytes: UnsafeRawBufferPointer) -> Bool {
    let run = runs.count == 1 ? runs[0] : runs[run(of: unit)]
    let start = run.offset + (unit - run.first) * unitBytes
    let range = start..<start + unitBytes
    return switch store {
    case .file(let file): unsafe file.withBytes(range) { unsafe UnitBytes.areEqual($0, bytes) }
    case .memory(let memory): unsafe memory.withBytes(range) { unsafe UnitBytes.areEqual($0, bytes) }
    }
  }
}
