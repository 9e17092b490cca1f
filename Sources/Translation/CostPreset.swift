internal import TranslationCaching

/// What one event costs, and how that is known.
public struct CostFigure: Hashable, Sendable {
  /// Cycles an event.
  public let cycles: UInt64
  /// Where the figure comes from.
  public let source: String
  /// Whether nobody measured it: a plausible figure that lets totals be formed. Conclusions must not rest on it.
  public let isAssumed: Bool

  /// A published figure.
  public static func published(_ cycles: UInt64, _ source: String) -> CostFigure {
    CostFigure(cycles: cycles, source: source, isAssumed: false)
  }

  /// An assumed figure, with the reason for it.
  public static func assumed(_ cycles: UInt64, _ reason: String) -> CostFigure {
    CostFigure(cycles: cycles, source: reason, isAssumed: true)
  }
}

/// What an operation of a kernel costs: on bare hardware, and under the preset's hypervisor with everything that this adds.
public struct OperationCost: Hashable, Sendable {
  /// On bare hardware.
  public let native: CostFigure
  /// Under the hypervisor.
  public let virtual: CostFigure

  /// Both.
  public init(native: CostFigure, virtual: CostFigure) {
    self.native = native
    self.virtual = virtual
  }
}

/// What translation costs on one processor, in cycles an event. Counts are exact; cycles are counts times these figures, no more.
public struct CostPreset: Sendable {
  /// What options and scenarios call it.
  public let name: String
  /// Cycles a second.
  public var clockHertz: UInt64 { clock.cycles }
  /// The clock, as cycles that a second takes. It turns waits for the swap device into cycles, and nothing else.
  public let clock: CostFigure
  /// What an access takes whatever its translation costs: the instructions around it and the data cache.
  public let access: CostFigure
  /// An access that hits in the first level of the TLB.
  public let l1Hit: CostFigure
  /// An access that hits in the second level.
  public let l2Hit: CostFigure
  /// One memory reference of a walk.
  public let walkReference: CostFigure
  /// A page fault that the guest's kernel handles, without any exit: entry, handler, return.
  public let guestPageFault: CostFigure
  /// What the kernel's own work at its tables costs on bare hardware.
  public let kernel: KernelCosts
  /// One update of a page table in a hypercall: checking it and storing it. As much is assumed for an entry of a frame that becomes a table.
  public let hypercallUpdate: CostFigure
  /// An exit and entry with nothing done in between.
  public let bareExit: CostFigure
  /// An exit's round trip, the hypervisor's work for it included, by reason: every reason has a figure.
  public let exits: [ExitReason: CostFigure]
  /// Operations of kernels that do not concern memory: every one has a cost.
  public let operations: [KernelOperation: OperationCost]

  /// What a kernel's work at page tables costs.
  public struct KernelCosts: Sendable {
    /// A store to a table.
    public var tableStore: CostFigure
    /// A load of CR3, without the walks that follow.
    public var cr3Load: CostFigure
    /// An INVLPG.
    public var pageInvalidation: CostFigure
    /// A copy of a page of 4 KiB.
    public var pageCopy: CostFigure
  }

  /// The cycles that counted events cost.
  /// - Parameters:
  ///   - work: what the guest's kernel did, where that is known.
  ///   - mode: the way of paging: native paging has no hypervisor, and a direct guest's stores are updates in hypercalls.
  ///   - monitor: where a direct guest's hypervisor lives: in an address space of its own, each exit loads CR3 twice.
  ///   - deviceExits: exits that no translator counts.
  public func cycles(
    for counters: TranslationCounters, work: KernelWork = KernelWork(), mode: PagingMode = .nested,
    monitor: MonitorSpace = .segmentLimits, deviceExits: ExitCounts = ExitCounts()
  ) -> CycleCost {
    var cost = CycleCost()
    cost.accesses = counters.references * access.cycles
    cost.l1Hits = (counters.tlb.l1iHits + counters.tlb.l1dHits) * l1Hit.cycles
    cost.l2Hits = counters.tlb.l2Hits * l2Hit.cycles
    cost.walks = counters.walkReferences * walkReference.cycles
    cost.guestFaults = counters.guestFaults * guestPageFault.cycles
    cost.kernel =
      work.tableStores * kernel.tableStore.cycles + work.cr3Loads * kernel.cr3Load.cycles
      + work.pageInvalidations * kernel.pageInvalidation.cycles + work.pageCopies * kernel.pageCopy.cycles
    cost.hypercallUpdates = (counters.tableUpdates + counters.checkedEntries) * hypercallUpdate.cycles
    for operation in KernelOperation.allCases {
      let figure = mode == .native ? operations[operation]?.native : operations[operation]?.virtual
      cost.operations += work[operation] * (figure?.cycles ?? 0)
    }
    let crossing = mode == .direct && monitor == .ownSpace ? 2 * kernel.cr3Load.cycles : 0
    for reason in ExitReason.allCases {
      cost.exitsByReason[reason] = (counters.exits[reason] + deviceExits[reason]) * ((exits[reason] ?? bareExit).cycles + crossing)
    }
    return cost
  }

  /// Every figure under a name, in the order in which lists show them.
  public var figures: [(name: String, figure: CostFigure)] {
    [
      ("second", clock), ("access", access), ("l1_hit", l1Hit), ("l2_hit", l2Hit), ("walk_reference", walkReference),
      ("native_page_fault", guestPageFault), ("table_store", kernel.tableStore), ("cr3_load", kernel.cr3Load),
      ("invlpg", kernel.pageInvalidation), ("page_copy", kernel.pageCopy), ("hypercall_update", hypercallUpdate), ("bare_exit", bareExit),
    ] + ExitReason.allCases.compactMap { reason in exits[reason].map { ("exit_\(reason.rawValue)", $0) } }
      + KernelOperation.allCases.flatMap { operation in
        operations[operation].map { [("native_\(operation.name)", $0.native), ("virtual_\(operation.name)", $0.virtual)] } ?? []
      }
  }

  /// The preset of a name.
  public init?(named name: String) {
    guard let preset = Self.all.first(where: { $0.name == name }) else { return nil }
    self = preset
  }

  /// A preset, with a figure for every exit.
  init(
    name: String, clock: CostFigure, access: CostFigure, l1Hit: CostFigure, l2Hit: CostFigure, walkReference: CostFigure,
    guestPageFault: CostFigure, kernel: KernelCosts, hypercallUpdate: CostFigure, bareExit: CostFigure, exits: [ExitReason: CostFigure],
    operations: [KernelOperation: OperationCost]
  ) {
    self.name = name
    self.clock = clock
    self.access = access
    self.l1Hit = l1Hit
    self.l2Hit = l2Hit
    self.walkReference = walkReference
    self.guestPageFault = guestPageFault
    self.kernel = kernel
    self.hypercallUpdate = hypercallUpdate
    self.bareExit = bareExit
    self.exits = exits
    self.operations = operations
  }
}
