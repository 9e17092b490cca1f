internal import Addressing
internal import Columns
internal import TranslationCaching

/// The counts that a translator keeps itself; the TLB keeps the rest. In a column, because a class's own variables pay for an exclusivity
/// check at each access.
struct TranslatorCounts: ~Copyable {
  private let column = Column<UInt64>(count: 3 + ExitReason.allCases.count)

  @inline(__always) func addWalk(references: UInt64) {
    column[0] &+= 1
    column[1] &+= references
  }

  func addGuestFault() { column[2] += 1 }

  func add(_ reason: ExitReason) { column[3 + reason.index] += 1 }

  func total(_ tlb: TLBCounters) -> TranslationCounters {
    var counters = TranslationCounters()
    counters.tlb = tlb
    counters.walks = column[0]
    counters.walkReferences = column[1]
    counters.guestFaults = column[2]
    for reason in ExitReason.allCases { counters.exits[reason] = column[3 + reason.index] }
    return counters
  }
}
