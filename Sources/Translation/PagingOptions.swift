/// What can be chosen about a way of paging. Each choice concerns the modes that its comment names; others ignore it.
public struct PagingOptions: Hashable, Sendable {
  /// Whether the processor tags the guest's translations, with a VPID or AMD's ASID, so that exits and entries drop none. Nested, shadow, agile.
  public var usesVPID = true
  /// The host's tables that the processor walks. Nested.
  public var nested = NestedOptions()
  /// Which guest tables may differ from their shadow for a while. Shadow, agile.
  public var unsync = UnsyncPolicy.kvm
  /// The most shadow pages that may exist at a time; nil for KVM's default, 2 % of the guest's pages and at least 64. Shadow, agile.
  public var shadowPageLimit: Int?
  /// Which entries are filled in before anyone asks for them. Shadow, agile.
  public var prefetch = PrefetchPolicy.kvm
  /// How many stores to a shadowed table within an interval make it nested: 2, as the paper has it. Agile.
  public var agileStores = 2
  /// How long an interval is, in walks. The paper's is a second; the laboratory's translators have no clock, so the figure is assumed: what
  /// a processor with few TLB misses makes in a second. Agile.
  public var agileInterval: UInt64 = 100_000
  /// Which nested tables are shadowed again when an interval ends. Agile.
  public var agileReturn = AgileReturn.dirtyScan
  /// How many walks an address space makes fully nested before it is shadowed: short-lived processes never pay for shadow tables. The paper does
  /// so without a figure; 0 shadows at once, `UInt64.max` never. Agile.
  public var agileWarmUp: UInt64 = 0
  /// Where the hypervisor lives that a direct guest calls. Direct.
  public var monitor = MonitorSpace.segmentLimits
  /// How many page-table updates a direct guest sends in one hypercall, from 1 up. Direct.
  public var updateBatch = 16

  /// The defaults of the real systems.
  public init() {}
}

/// Which guest tables the hypervisor lets run out of step with their shadow.
public enum UnsyncPolicy: String, CaseIterable, Sendable {
  /// None: every store to a shadowed table exits.
  case none
  /// Level-1 tables, any number of them, as in KVM.
  case kvm
  /// Level-1 tables, at most three a processor, each with a snapshot, as in Xen.
  case xen
}

/// Which level-1 entries are filled in with one that faulted, if their A bits are set already.
public enum PrefetchPolicy: String, CaseIterable, Sendable {
  /// None.
  case none
  /// The others of 8 aligned entries, up to the first that cannot be, as in KVM (`PTE_PREFETCH_NUM`).
  case kvm
  /// Up to 31 that follow, to the first that would need a fault of its own, as in Xen (`PREFETCH_DISTANCE`).
  case xen
}

/// Which tables agile paging shadows again when an interval ends.
public enum AgileReturn: String, CaseIterable, Sendable {
  /// All: those that change often trap again and go back.
  case all
  /// Those whose pages have a clear D bit in the guest-physical map: nobody has written them.
  case dirtyScan = "dirty-scan"
}

/// Where the hypervisor of a direct guest lives.
public enum MonitorSpace: String, CaseIterable, Sendable {
  /// At the top of every guest's address space, out of reach by segment limits: a hypercall drops no translations (Xen on x86-32).
  case segmentLimits = "segment-limits"
  /// In an address space of its own: each hypercall loads CR3 twice.
  case ownSpace = "own-space"
}
