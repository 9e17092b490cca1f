/// KubeVirt's node agent (virt-handler, pkg/virt-handler/ksm/ksm.go), which took its constants from MoM and asks for less: available memory
/// alone.
///
/// Every three minutes: while a fifth of memory or less is available, KSM is started with 100 pages, and then gets 300 more each time, at
/// most 1250. Otherwise it loses 50 each time, and is stopped when fewer than 64 would be left. The pause is 100 ms on a host that uses 16
/// GiB, longer where less is used, at least 10 ms.
public struct KubeVirtTuner: SharingTuner {
  /// pagesBoostDefault: pages more while memory is short.
  public static let boost: UInt64 = 300
  /// pagesDecayDefault: pages fewer while it is not.
  public static let decay: UInt64 = 50
  /// nPagesMinDefault and nPagesMaxDefault.
  public static let pageLimits: ClosedRange<UInt64> = 64...1250
  /// nPagesInitDefault: what it starts with.
  public static let initialPages: UInt64 = 100
  /// sleepMsBaselineDefault: the pause on a host that uses 16 GiB, in milliseconds.
  public static let sleepMilliseconds: UInt64 = 100
  /// freePercentDefault, a number of single precision there and here.
  public static let freeShare: Float = 0.2

  private var decision = TunerDecision.kernelDefault

  /// The agent just started, on a host where KSM does not run.
  public init() {}

  /// Three minutes.
  public var intervalNanoseconds: UInt64 { 180_000_000_000 }

  /// `calculateNewRunSleepAndPages` of the agent; what it leaves unwritten when KSM stops stays as it was.
  public mutating func tune(_ statistics: TunerStatistics) -> TunerDecision {
    let total = statistics.totalKilobytes
    // The agent would divide by zero where all memory is available; here a kilobyte is always used.
    let used = max(1, total - min(total, statistics.freeKilobytes))
    let sleep = max(Self.sleepMilliseconds * 16 * 1024 * 1024 / used, Self.sleepMilliseconds / 10)
    if Float(statistics.freeKilobytes) > Float(total) * Self.freeShare {
      guard decision.runs, decision.pagesToScan >= Self.decay + Self.pageLimits.lowerBound else {
        decision.runs = false
        return decision
      }
      decision.pagesToScan -= Self.decay
    } else if decision.runs {
      decision.pagesToScan = min(decision.pagesToScan + Self.boost, Self.pageLimits.upperBound)
    } else {
      decision.pagesToScan = Self.initialPages
      decision.runs = true
    }
    decision.sleepNanoseconds = TunerDecision.nanoseconds(milliseconds: sleep)
    return decision
  }
}
