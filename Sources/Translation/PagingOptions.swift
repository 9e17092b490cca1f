/// What can be chosen about a way of paging. Each choice concerns the modes that its comment names; others ignore it.
public struct PagingOptions: Hashable, Sendable {
  /// Whether the processor tags the guest's translations, so that exits and entries drop none. All modes but native.
  public var usesVPID = true
  /// EPT A/D bits: bit 6 of the EPTP. Nested.
  public var eptAccessedDirty = true
  /// Which guest tables may differ from their shadow for a while. Shadow, agile.
  public var unsync = UnsyncPolicy.kvm
  /// The most shadow pages that may exist at a time; nil for KVM's default, 2 % of the guest's pages and at least 64. Shadow, agile.
  public var shadowPageLimit: Int?
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

/// Where the hypervisor of a direct guest lives.
public enum MonitorSpace: String, CaseIterable, Sendable {
  /// At the top of every guest's address space, out of reach by segment limits: a hypercall drops no translations (Xen on x86-32).
  case segmentLimits = "segment-limits"
  /// In an address space of its own: each hypercall loads CR3 twice.
  case ownSpace = "own-space"
}
