internal import Files
internal import PageContents
internal import PageSharing

/// The pages of one input as the exact scanner takes them: equally long strings of bytes, numbered from 0.
///
/// A unit is a page's bytes where there are bytes; its identity or its fingerprint where the file holds only these; and several of them in
/// a row where larger pages are asked for. An all-zero unit is a zero page in each case (a zero page's fingerprint is replaced by zeros).
/// So one scanner counts all kinds, and compares what it has of them byte by byte.
final class ScanUnits: Sendable {
  /// Units that follow one another in the store.
  struct Run: Sendable {
    /// The number of the first one.
    let first: Int
    /// How many there are.
    let count: Int
    /// Where the first one begins: an offset, or an address in a process.
    let start: UInt64
  }

  /// What holds the bytes.
  enum Store: Sendable {
    case file(MappedFile)
    case memory(UnitMemory)
    case process(any RemoteMemory)
  }

  /// The input's name.
  let name: String
  /// Bytes in a unit.
  let unitBytes: Int
  /// How many units there are.
  let count: Int
  /// Bytes of the input that belong to no whole, aligned unit.
  let bytesLeftOut: UInt64
  /// Units that had vanished before the scan, while they were hashed.
  let vanished: Int
  private let store: Store
  private let runs: [Run]

  private init(name: String, unitBytes: Int, bytesLeftOut: UInt64, vanished: Int = 0, store: Store, runs: [Run]) {
    self.name = name
    self.unitBytes = unitBytes
    self.bytesLeftOut = bytesLeftOut
    self.vanished = vanished
    self.store = store
    self.runs = runs
    count = runs.last.map { $0.first + $0.count } ?? 0
  }

  /// The aligned units of an image.
  convenience init(_ name: String, _ image: MemoryImage, unitBytes: Int) {
    let rows = image.runs.map {
      (address: $0.address, bytes: UInt64($0.pageCount) * UInt64(MemoryImage.pageSize), start: UInt64($0.offset))
    }
    let (runs, leftOut) = Self.aligned(rows, unitBytes)
    self.init(name: name, unitBytes: unitBytes, bytesLeftOut: image.bytesLeftOut + leftOut, store: .file(image.file), runs: runs)
  }

  /// The aligned units of a process.
  convenience init(_ process: any RemoteMemory, unitBytes: Int) {
    let rows = process.runs.map { (address: $0.address, bytes: UInt64($0.pageCount) * UInt64(process.pageSize), start: $0.address) }
    let (runs, leftOut) = Self.aligned(rows, unitBytes)
    self.init(name: process.name, unitBytes: unitBytes, bytesLeftOut: leftOut, store: .process(process), runs: runs)
  }

  /// Identities or fingerprints, `each` of them to a unit; they stand for pages of `recordedPageSize` bytes from address 0.
  convenience init<Element: BitwiseCopyable>(_ name: String, _ elements: [Element], each: Int, recordedPageSize: Int, vanished: Int = 0) {
    self.init(
      name: name, unitBytes: each * MemoryLayout<Element>.stride, bytesLeftOut: UInt64(elements.count % each) * UInt64(recordedPageSize),
      vanished: vanished, store: .memory(UnitMemory(elements)), runs: [Run(first: 0, count: elements.count / each, start: 0)])
  }

  /// The whole units, at addresses that are multiples of their size, inside rows of bytes.
  private static func aligned(_ rows: [(address: UInt64, bytes: UInt64, start: UInt64)], _ unitBytes: Int) -> (
    runs: [Run], bytesLeftOut: UInt64
  ) {
    let unit = UInt64(unitBytes)
    var runs: [Run] = []
    var leftOut: UInt64 = 0
    var first = 0
    for row in rows {
      let skipped = (unit - row.address % unit) % unit
      let count = row.bytes >= skipped ? (row.bytes - skipped) / unit : 0
      leftOut += row.bytes - count * unit
      guard count > 0 else { continue }
      runs.append(Run(first: first, count: Int(count), start: row.start + skipped))
      first += Int(count)
    }
    return (runs, leftOut)
  }

  /// The index of the run that holds a unit.
  private func runIndex(of unit: Int) -> Int {
    var (low, high) = (0, runs.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if runs[middle].first <= unit { low = middle } else { high = middle }
    }
    return low
  }

  /// Shows the bytes of a range of units, piece by piece, in order.
  /// - Returns: how many units of the range have vanished and were not shown.
  func forEachPiece(of range: Range<Int>, _ body: (_ first: Int, _ bytes: RawSpan) -> Void) throws(ImageError) -> Int {
    var unit = range.lowerBound
    var index = runIndex(of: unit)
    var vanished = 0
    while unit < range.upperBound {
      let run = runs[index]
      let end = min(range.upperBound, run.first + run.count)
      let start = run.start + UInt64(unit - run.first) * UInt64(unitBytes)
      switch store {
      case .file(let file):
        let bytes = Int(start)..<Int(start) + (end - unit) * unitBytes
        file.withSpan(bytes) { body(unit, $0) }
        guard file.isIntact else { throw .changed(file.path, at: start) }
      case .memory(let memory):
        memory.withSpan(Int(start)..<Int(start) + (end - unit) * unitBytes) { body(unit, $0) }
      case .process(let process):
        do throws(RemoteMemoryError) {
          vanished += try RemoteCopy.forEachPiece(of: process, at: start, units: unit..<end, unitBytes: unitBytes, body)
        } catch { throw ImageError(error) }
      }
      unit = end
      index += 1
    }
    return vanished
  }

  /// Checks that everything that was shown was the file's. A unit that is compared with one of another range is not asked about at once.
  func checkIntact() throws(ImageError) {
    if case .file(let file) = store, !file.isIntact { throw .changed(file.path) }
  }

  /// Asks the processor for a unit's bytes, where they can be read in place.
  @inline(__always) func prefetch(_ unit: Int) {
    guard case .file(let file) = store else { return }
    let run = runs[runs.count == 1 ? 0 : runIndex(of: unit)]
    let start = Int(run.start) + (unit - run.first) * unitBytes
    file.withSpan(start..<start + unitBytes) { PageBytes.prefetch($0) }
  }

  /// Whether a unit's bytes are these.
  @inline(__always) func unit(_ unit: Int, equals bytes: RawSpan) -> Bool {
    let run = runs[runs.count == 1 ? 0 : runIndex(of: unit)]
    let start = run.start + UInt64(unit - run.first) * UInt64(unitBytes)
    return switch store {
    case .file(let file): file.withSpan(Int(start)..<Int(start) + unitBytes) { PageBytes.areEqual($0, bytes) }
    case .memory(let memory): memory.withSpan(Int(start)..<Int(start) + unitBytes) { PageBytes.areEqual($0, bytes) }
    case .process(let process): RemoteCopy.bytes(of: process, at: start, equal: bytes)
    }
  }
}
