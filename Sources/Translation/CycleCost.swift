/// Cycles by cause.
public struct CycleCost: Hashable, Sendable {
  /// The accesses themselves.
  public var accesses: UInt64 = 0
  /// Accesses that hit in the first level.
  public var l1Hits: UInt64 = 0
  /// Accesses that hit in the second.
  public var l2Hits: UInt64 = 0
  /// References of walks.
  public var walks: UInt64 = 0
  /// Page faults in the guest's kernel.
  public var guestFaults: UInt64 = 0
  /// The guest's kernel at its page tables: stores, CR3, INVLPG, copies of pages.
  public var kernel: UInt64 = 0
  /// Updates that hypercalls carry and entries of new tables that they check, beside the hypercalls themselves.
  public var hypercallUpdates: UInt64 = 0
  /// Operations of the guest's kernel that do not concern memory.
  public var operations: UInt64 = 0
  /// Exits by reason.
  public var exitsByReason = ExitCounts()

  /// Nothing.
  public init() {}

  /// Exits of all reasons.
  public var exits: UInt64 { exitsByReason.total }

  /// All causes together.
  public var total: UInt64 {
    accesses + l1Hits + l2Hits + walks + guestFaults + kernel + hypercallUpdates + operations + exits
  }

  /// Every cause by its name in results, always the same and in the same order.
  public var causes: [(name: String, cycles: UInt64)] {
    [
      ("access", accesses), ("l1_hit", l1Hits), ("l2_hit", l2Hits), ("walk", walks), ("page_fault", guestFaults), ("kernel", kernel),
      ("hypercall_updates", hypercallUpdates), ("operations", operations),
    ] + ExitReason.allCases.map { ("exit_\($0.rawValue)", exitsByReason[$0]) }
  }

  /// Adds another's cycles.
  public static func += (a: inout CycleCost, b: CycleCost) {
    a.accesses += b.accesses
    a.l1Hits += b.l1Hits
    a.l2Hits += b.l2Hits
    a.walks += b.walks
    a.guestFaults += b.guestFaults
    a.kernel += b.kernel
    a.hypercallUpdates += b.hypercallUpdates
    a.operations += b.operations
    a.exitsByReason += b.exitsByReason
  }
}
