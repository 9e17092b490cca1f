internal import Translation
internal import TranslationCaching

/// What windows of accesses at full resolution measured.
struct WindowMeasure {
  private(set) var counters = TranslationCounters()
  private(set) var swapIns: UInt64 = 0

  /// How long a guest waits for a page from the host's swap device: a random 4 KiB read of a solid-state disk, assumed.
  static let swapInMicroseconds: UInt64 = 100

  /// Adds what happened between two readings of a virtual machine's counters.
  mutating func add(_ after: TranslationCounters, swapIns swapsAfter: UInt64, since before: (TranslationCounters, UInt64)) {
    counters += after.since(before.0)
    swapIns += swapsAfter - before.1
  }

  /// The windows after an earlier measure.
  func since(_ earlier: WindowMeasure) -> WindowMeasure {
    var difference = WindowMeasure()
    difference.counters = counters.since(earlier.counters)
    difference.swapIns = swapIns - earlier.swapIns
    return difference
  }

  /// Accesses that missed every level of the TLB, of all; 0 where there were none.
  var missRate: Double { counters.references == 0 ? 0 : Double(counters.tlb.l2Misses) / Double(counters.references) }

  /// Table entries read per page walk.
  var referencesPerWalk: Double { counters.referencesPerWalk }

  /// Cycles of the accesses over the cycles of the same accesses on bare hardware: the same TLB misses walked in four references, no
  /// exits, nothing swapped. 1 where there were none.
  func slowdown(_ cost: CostPreset) -> Double {
    var native = counters
    native.walkReferences = 4 * counters.tlb.l2Misses
    native.exits = ExitCounts()
    let bare = cost.cycles(for: native).total
    let waiting = swapIns * (cost.clockHertz / 1_000_000) * Self.swapInMicroseconds
    return bare == 0 ? 1 : Double(cost.cycles(for: counters).total + waiting) / Double(bare)
  }
}
