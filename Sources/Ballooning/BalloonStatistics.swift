/// What a guest reports of its memory, by tag (virtio 1.2, 5.5.6.3; the tags from 10 on are Linux 6.12's).
public enum BalloonStatisticsTag: UInt16, CaseIterable, Sendable {
  /// Bytes swapped in.
  case swapIn = 0
  /// Bytes swapped out.
  case swapOut = 1
  /// Page faults that waited for a disk.
  case majorFaults = 2
  /// Page faults that did not.
  case minorFaults = 3
  /// Bytes used for nothing.
  case freeMemory = 4
  /// Bytes in all.
  case totalMemory = 5
  /// Bytes that could be had without swapping.
  case availableMemory = 6
  /// Bytes of file caches that could be dropped.
  case diskCaches = 7
  /// Huge pages allocated.
  case hugePageAllocations = 8
  /// Huge pages that could not be allocated.
  case hugePageFailures = 9
  /// Processes killed for want of memory.
  case outOfMemoryKills = 10
  /// Allocations that had to wait.
  case allocationStalls = 11
  /// Pages scanned by the background reclaimer.
  case asynchronousScans = 12
  /// Pages scanned by allocating processes themselves.
  case directScans = 13
  /// Pages reclaimed by the background reclaimer.
  case asynchronousReclaims = 14
  /// Pages reclaimed by allocating processes themselves.
  case directReclaims = 15
}

/// One report: a value for some of the tags.
public struct BalloonStatistics: Hashable, Sendable {
  private var values: [UInt64?]

  /// A report of nothing.
  public init() { values = Array(repeating: nil, count: BalloonStatisticsTag.allCases.count) }

  /// The value of a tag; nil if the report has none.
  public subscript(tag: BalloonStatisticsTag) -> UInt64? {
    get { values[Int(tag.rawValue)] }
    set { values[Int(tag.rawValue)] = newValue }
  }

  /// The bytes of an entry, {u16 tag, u64 value} packed. (The specification's "multiple of 6" is an erratum: drivers and devices use 10.)
  public static let entryBytes = 10
}
