public import Guests
public import Traces
public import Translation

/// What replaying a stream found.
public struct TraceResult: Sendable {
  /// What was asked.
  public var plan: TracePlan
  /// The stream's name.
  public var name: String
  /// What is worth telling about the recording.
  public var notes: [String]
  /// What was read.
  public var counters: StreamCounters
  /// Whether the stream was replayed to its end.
  public var state: RunState
  /// The ways of paging in the order in which they were asked for.
  public var modes: [Mode]
  /// The TLBs of the sweep in the order in which they were asked for.
  public var sweep: [SweptTLB]

  /// What one way of paging took.
  public struct Mode: Sendable {
    /// The way of paging.
    public var mode: PagingMode
    /// TLB, walks and faults.
    public var counters: TranslationCounters
    /// Exits of all reasons, those that translators do not count among them.
    public var exits: ExitCounts
    /// What the guest's kernel did.
    public var guest: StreamGuestCounts
    /// Cycles by cause.
    public var cost: CycleCost
    /// The wall time of replaying, without the reading of the stream.
    public var seconds: Double
    /// Accesses that went where the tables did not lead, and the first of them in words; nil where nobody compared.
    public var stale: StaleSummary?

    /// Pages of 4 KiB that were written to since counting began, as the hypervisor knows by a page-modification log; nil where none is kept.
    public var dirtyPages: UInt64?

    init(
      mode: PagingMode, counters: TranslationCounters, exits: ExitCounts, guest: StreamGuestCounts, cost: CycleCost, seconds: Double,
      stale: StaleTranslations?, dirtyPages: UInt64?
    ) {
      self.dirtyPages = dirtyPages
      self.mode = mode
      self.counters = counters
      self.exits = exits
      self.guest = guest
      self.cost = cost
      self.seconds = seconds
      self.stale = stale.map { StaleSummary($0) }
    }

    /// Cycles of an access on average; 0 where there was none.
    public var cyclesPerReference: Double {
      counters.references == 0 ? 0 : Double(cost.total) / Double(counters.references)
    }
  }

  /// Cycles of an access over those of native paging; nil where native paging was not asked for.
  public func ratioToNative(_ mode: Mode) -> Double? {
    guard let native = modes.first(where: { $0.mode == .native }), native.cost.total > 0 else { return nil }
    return mode.cyclesPerReference / native.cyclesPerReference
  }
}
