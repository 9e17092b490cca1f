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

  /// An access that hit in a level of the TLB, 1 or 2; without a branch, since levels come mixed.
  @inline(__always) func addHit(level: Int, isFetch: Bool) {
    // SAFETY: the column has a word for each place, and a miss of the first level stands behind its hits.
    unsafe column.withBuffer { places in
      unsafe places[(isFetch ? Place.l1iHits : Place.l1dHits) &+ level &- 1] &+= 1
      unsafe places[Place.l2Hits] &+= UInt64(truncatingIfNeeded: level &- 1)
    }
  }

  /// Accesses that hit in the first level, those of fetches among them.
  @inline(__always) func addHits(_ hits: UInt64, ofFetches fetches: UInt64) {
    column[Place.l1iHits] &+= fetches
    column[Place.l1dHits] &+= hits &- fetches
  }

  /// An access that missed every level and completes.
  @inline(__always) func addMiss(isFetch: Bool) {
    column[isFetch ? Place.l1iMisses : Place.l1dMisses] &+= 1
    column[Place.l2Misses] &+= 1
  }

  /// An access that missed every level and completes after a walk.
  @inline(__always) func addMiss(isFetch: Bool, references: UInt64) {
    // SAFETY: the column has a word for each place.
    unsafe column.withBuffer { places in
      unsafe places[isFetch ? Place.l1iMisses : Place.l1dMisses] &+= 1
      unsafe places[Place.l2Misses] &+= 1
      unsafe places[Place.walks] &+= 1
      unsafe places[Place.walkReferences] &+= references
    }
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
