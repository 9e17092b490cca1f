internal import Translation
internal import TranslationCaching

/// What accesses at full resolution measured: those of windows, or all of a stream.
struct WindowMeasure {
  private(set) var counters = TranslationCounters()
  private(set) var swapIns: UInt64 = 0
  /// What the guest's kernel did meanwhile, and exits that no translator counts; of streams only, since a window is too short for them.
  private(set) var work = KernelWork()
  private(set) var deviceExits = ExitCounts()
  /// How the addresses are translated.
  var mode = PagingMode.nested
  /// Where a direct guest's hypervisor lives.
  var monitor = MonitorSpace.segmentLimits
  /// References of a walk of the guest's tables alone.
  var nativeReferences: UInt64 = 4

  /// How long a guest waits for a page from the host's swap device: a random 4 KiB read of a solid-state disk, assumed.
  static let swapInMicroseconds: UInt64 = 100

  /// Adds what happened between two readings of a virtual machine's counters.
  mutating func add(_ after: TranslationCounters, swapIns swapsAfter: UInt64, since before: (TranslationCounters, UInt64)) {
    counters += after.since(before.0)
    swapIns += swapsAfter - before.1
  }

  /// All that a stream has measured so far.
  mutating func set(_ counters: TranslationCounters, swapIns: UInt64, work: KernelWork, deviceExits: ExitCounts) {
    (self.counters, self.swapIns, self.work, self.deviceExits) = (counters, swapIns, work, deviceExits)
  }

  /// The windows after an earlier measure.
  func since(_ earlier: WindowMeasure) -> WindowMeasure {
    var difference = self
    difference.counters = counters.since(earlier.counters)
    difference.swapIns = swapIns - earlier.swapIns
    difference.work = work.since(earlier.work)
    difference.deviceExits = deviceExits.since(earlier.deviceExits)
    return difference
  }

  /// Accesses that missed every level of the TLB, of all; 0 where there were none.
  var missRate: Double { counters.references == 0 ? 0 : Double(counters.tlb.l2Misses) / Double(counters.references) }

  /// Table entries read per page walk.
  var referencesPerWalk: Double { counters.referencesPerWalk }

  /// The cycles of the accesses by cause.
  func cycles(_ cost: CostPreset) -> CycleCost {
    cost.cycles(for: counters, work: work, mode: mode, monitor: monitor, deviceExits: deviceExits)
  }

  /// Exits for all reasons by reason.
  var exits: ExitCounts {
    var exits = counters.exits
    exits += deviceExits
    return exits
  }

  /// Cycles of an access on average; 0 where there were none.
  func cyclesPerAccess(_ cost: CostPreset) -> Double {
    counters.references == 0 ? 0 : Double(cycles(cost).total) / Double(counters.references)
  }

  /// Cycles of the accesses over the cycles of the same accesses on bare hardware with the same TLB, the same paging-structure caches and enough
  /// memory. 1 where there were none.
  ///
  /// What bare hardware takes is not measured but follows from the counts: the same hits and misses, each miss walked in the guest's tables alone,
  /// less the levels that paging-structure caches spared in the walk that was made; the same page faults and the same work of the guest's
  /// kernel; no exits, no updates in hypercalls, nothing swapped. It has the misses of this way of paging: what the hypervisor flushed is not counted
  /// against it, and where a TLB entry holds less because the host's pages are small, that is not either. To compare with these too, run a variant
  /// with native paging. A native guest is its own bare hardware.
  func slowdown(_ cost: CostPreset) -> Double {
    var native = counters
    if mode != .native {
      let whole = nativeReferences * counters.tlb.l2Misses
      native.walkReferences = whole - min(whole, counters.sparedReferences)
    }
    native.exits = ExitCounts()
    (native.tableUpdates, native.checkedEntries) = (0, 0)
    let bare = cost.cycles(for: native, work: work, mode: .native).total
    let waiting = swapIns * (cost.clockHertz / 1_000_000) * Self.swapInMicroseconds
    return bare == 0 ? 1 : Double(cycles(cost).total + waiting) / Double(bare)
  }
}
