internal import Addressing
internal import Columns
internal import Traces
public import TranslationCaching

/// Many TLBs on one stream in one pass.
///
/// A TLB of one level with true LRU has the stack property: what hits with few ways hits with more (Mattson et al. 1970). So one stack a set answers
/// for every number of ways. A second level sees only what the first lets through, and has no such answer: what is swept here is a single
/// level for data in pages of 4 KiB, tagged by process, from which nothing is ever dropped: by no invalidation, no switch of processes, no exit.
final class TraceSweep {
  private var sweep: TLBSweep
  private let pages = Column<UInt64>(count: AccessBatch.usualCount)
  private var process: UInt64 = 0
  /// Hits and misses before counting began, in the order of the sizes; empty where all are counted.
  private var before: [SweptTLB] = []

  /// Bits of a page number of 57 address bits; the process's number stands above.
  private static let pageBits: UInt64 = 45

  init(_ sizes: [TLBGeometry.Level]) { sweep = TLBSweep(sizes) }

  /// Looks at the records of a range that read or write.
  func add(_ records: borrowing Column<AccessRecord>, in range: Range<Int>) {
    var count = 0
    for index in range {
      let record = records[index]
      if record.isEvent {
        if record.event == .run { process = record.argument }
      } else if !record.isFetch {
        pages[count] = record.address.page.rawValue & (1 << Self.pageBits - 1) | process << Self.pageBits
        count += 1
      }
    }
    sweep.add(pages, count: count)
  }

  /// Counts from here on; what the TLBs hold stays.
  func beginCounting() { before = all }

  private var all: [SweptTLB] { sweep.results.map { SweptTLB(size: $0.size, hits: $0.hits, misses: $0.misses) } }

  /// What was counted, in the order of the sizes.
  var results: [SweptTLB] {
    guard !before.isEmpty else { return all }
    return zip(all, before).map { SweptTLB(size: $0.size, hits: $0.hits - $1.hits, misses: $0.misses - $1.misses) }
  }
}

/// What one TLB of a sweep counted.
public struct SweptTLB: Hashable, Sendable {
  /// Its size.
  public var size: TLBGeometry.Level
  /// Data accesses that hit.
  public var hits: UInt64
  /// Data accesses that missed.
  public var misses: UInt64
}
