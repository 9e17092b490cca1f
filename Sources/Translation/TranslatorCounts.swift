internal import Addressing
internal import Columns
internal import TranslationCaching

/// What a translator counts. In a column, because a class's own variables pay for an exclusivity check at each access.
struct TranslatorCounts: ~Copyable {
  private let column = Column<UInt64>(count: Place.exits + ExitReason.allCases.count)

  /// The order of the counts. Hits stand at four times the level, misses of the first level behind each kind's hits.
  private enum Place {
    static let l1iHits = 0
    static let l1iMisses = 1
    static let l1dHits = 2
    static let l1dMisses = 3
    static let l2Hits = 4
    static let l2Misses = 5
    static let walks = 6
    static let walkReferences = 7
    static let guestFaults = 8
    static let tableUpdates = 9
    static let checkedEntries = 10
    static let sparedReferences = 11
    /// What is spared in the walk under way.
    static let sparedNow = 12
    static let exits = 13
  }

  /// An access that hit in a level of the TLB.
  @inline(__always) func addHit(level: Int, isFetch: Bool) {
    var hits = BatchHits()
    hits.add(level: level, isFetch: isFetch)
    add(hits)
  }

  /// Hits of a batch.
  @inline(__always) func add(_ hits: BatchHits) {
    column[Place.l1iHits] &+= hits.l1i
    column[Place.l1dHits] &+= hits.l1d
    column[Place.l1iMisses] &+= hits.l2i
    column[Place.l1dMisses] &+= hits.l2d
    column[Place.l2Hits] &+= hits.l2i &+ hits.l2d
  }

  /// An access that missed every level and completes.
  @inline(__always) func addMiss(isFetch: Bool) {
    column[isFetch ? Place.l1iMisses : Place.l1dMisses] &+= 1
    column[Place.l2Misses] &+= 1
  }

  @inline(__always) func addWalk(references: UInt64) {
    column[Place.walks] &+= 1
    column[Place.walkReferences] &+= references
  }

  /// A walk begins with so many levels known.
  @inline(__always) func beginWalk(spared levels: Int) { column[Place.sparedNow] = UInt64(truncatingIfNeeded: levels) }

  /// That walk ended well.
  @inline(__always) func endWalk() { column[Place.sparedReferences] &+= column[Place.sparedNow] }

  func addCheckedEntry() { column[Place.checkedEntries] &+= 1 }

  func addTableUpdate() { column[Place.tableUpdates] &+= 1 }

  func addGuestFault() { column[Place.guestFaults] &+= 1 }

  func add(_ reason: ExitReason) { column[Place.exits + reason.index] &+= 1 }

  func add(_ reason: ExitReason, _ count: UInt64) { column[Place.exits + reason.index] &+= count }

  /// All counts.
  var total: TranslationCounters {
    var counters = TranslationCounters()
    counters.tlb.l1iHits = column[Place.l1iHits]
    counters.tlb.l1iMisses = column[Place.l1iMisses]
    counters.tlb.l1dHits = column[Place.l1dHits]
    counters.tlb.l1dMisses = column[Place.l1dMisses]
    counters.tlb.l2Hits = column[Place.l2Hits]
    counters.tlb.l2Misses = column[Place.l2Misses]
    counters.walks = column[Place.walks]
    counters.walkReferences = column[Place.walkReferences]
    counters.guestFaults = column[Place.guestFaults]
    counters.tableUpdates = column[Place.tableUpdates]
    counters.checkedEntries = column[Place.checkedEntries]
    counters.sparedReferences = column[Place.sparedReferences]
    for reason in ExitReason.allCases { counters.exits[reason] = column[Place.exits + reason.index] }
    return counters
  }
}

/// The TLB hits of a batch, in registers.
struct BatchHits {
  var l1i: UInt64 = 0
  var l1d: UInt64 = 0
  var l2i: UInt64 = 0
  var l2d: UInt64 = 0

  /// A hit, without a branch: levels and kinds come mixed.
  @inline(__always) mutating func add(level: Int, isFetch: Bool) {
    let fetch: UInt64 = isFetch ? 1 : 0
    let first: UInt64 = level == 1 ? 1 : 0
    l1i &+= first & fetch
    l1d &+= first & ~fetch
    l2i &+= (first ^ 1) & fetch
    l2d &+= (first ^ 1) & ~fetch
  }
}
