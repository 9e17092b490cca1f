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

/// What translation costs on one processor, in cycles an event. Counts are exact; cycles are counts times these figures, no more.
public struct CostPreset: Sendable {
  /// What options and scenarios call it.
  public let name: String
  /// Cycles a second.
  public let clockHertz: UInt64
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
  /// An exit's round trip, the hypervisor's work for it included, by reason.
  public let exits: [ExitReason: CostFigure]

  /// The cycles that counted events cost.
  public func cycles(for counters: TranslationCounters) -> CycleCost {
    var cost = CycleCost()
    cost.accesses = counters.references * access.cycles
    cost.l1Hits = (counters.tlb.l1iHits + counters.tlb.l1dHits) * l1Hit.cycles
    cost.l2Hits = counters.tlb.l2Hits * l2Hit.cycles
    cost.walks = counters.walkReferences * walkReference.cycles
    cost.guestFaults = counters.guestFaults * guestPageFault.cycles
    for reason in ExitReason.allCases { cost.exits += counters.exits[reason] * (exits[reason]?.cycles ?? 0) }
    return cost
  }

  /// Every figure under a name, in the order in which lists show them.
  public var figures: [(name: String, figure: CostFigure)] {
    [
      ("access", access), ("l1_hit", l1Hit), ("l2_hit", l2Hit), ("walk_reference", walkReference),
      ("native_page_fault", guestPageFault),
    ] + ExitReason.allCases.compactMap { reason in exits[reason].map { ("exit_\(reason.rawValue)", $0) } }
  }

  /// Every preset, in the order in which lists show them.
  public static let all: [CostPreset] = [haswell2013, adamsAgesen2006]

  /// The preset of a name.
  public init?(named name: String) {
    guard let preset = Self.all.first(where: { $0.name == name }) else { return nil }
    self = preset
  }

  init(
    name: String, clockHertz: UInt64, access: CostFigure, l1Hit: CostFigure, l2Hit: CostFigure, walkReference: CostFigure,
    guestPageFault: CostFigure,
    exits: [ExitReason: CostFigure]
  ) {
    self.name = name
    self.clockHertz = clockHertz
    self.access = access
    self.l1Hit = l1Hit
    self.l2Hit = l2Hit
    self.walkReference = walkReference
    self.guestPageFault = guestPageFault
    self.exits = exits
  }
}

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
  /// Exits.
  public var exits: UInt64 = 0

  /// Nothing.
  public init() {}

  /// All causes together.
  public var total: UInt64 { accesses + l1Hits + l2Hits + walks + guestFaults + exits }
}
