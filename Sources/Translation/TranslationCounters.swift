public import TranslationCaching

/// What the translation of one guest's accesses has cost so far.
public struct TranslationCounters: Hashable, Sendable {
  /// TLB hits and misses of this guest.
  public var tlb = TLBCounters()
  /// Walks that were begun, by hardware: those that ended in a fault or violation too.
  public var walks: UInt64 = 0
  /// Memory references that those walks made.
  public var walkReferences: UInt64 = 0
  /// Page faults that the guest's kernel had to handle.
  public var guestFaults: UInt64 = 0
  /// Words that hypercalls changed in a direct guest's memory, each after its check.
  public var tableUpdates: UInt64 = 0
  /// Entries that were checked because the frame that they lie in became a table of a direct guest's.
  public var checkedEntries: UInt64 = 0
  /// Of the walks of accesses that completed: references to the guest's tables that paging-structure caches spared. A walk without these caches
  /// would have made them, one on bare hardware with the same caches would not.
  public var sparedReferences: UInt64 = 0
  /// Pages that the processor wrote to a page-modification log, each time that it set their D bit.
  public var loggedPages: UInt64 = 0
  /// Exits by reason.
  public var exits = ExitCounts()

  /// All zero.
  public init() {}

  /// Accesses that completed: an access that faulted and was made again is one.
  public var references: UInt64 { tlb.references }
  /// Memory references of a walk on average; 0 where there was none.
  public var referencesPerWalk: Double { walks == 0 ? 0 : Double(walkReferences) / Double(walks) }

  /// Adds another's counts.
  public static func += (a: inout TranslationCounters, b: TranslationCounters) {
    a.tlb += b.tlb
    a.walks += b.walks
    a.walkReferences += b.walkReferences
    a.guestFaults += b.guestFaults
    a.tableUpdates += b.tableUpdates
    a.checkedEntries += b.checkedEntries
    a.sparedReferences += b.sparedReferences
    a.loggedPages += b.loggedPages
    a.exits += b.exits
  }
}

extension TranslationCounters {
  /// What was counted after an earlier reading of the same counters.
  public func since(_ earlier: TranslationCounters) -> TranslationCounters {
    var difference = self
    difference.tlb = tlb.since(earlier.tlb)
    difference.walks -= earlier.walks
    difference.walkReferences -= earlier.walkReferences
    difference.guestFaults -= earlier.guestFaults
    difference.tableUpdates -= earlier.tableUpdates
    difference.checkedEntries -= earlier.checkedEntries
    difference.sparedReferences -= earlier.sparedReferences
    difference.loggedPages -= earlier.loggedPages
    for reason in ExitReason.allCases { difference.exits[reason] -= earlier.exits[reason] }
    return difference
  }
}
