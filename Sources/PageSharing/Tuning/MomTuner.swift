/// The KSM rules of oVirt's Memory Overcommitment Manager (doc/ksm.rules of MoM), under the intervals of its sample configuration.
///
/// They are ksmtuned's, but for four things: the guests' virtual size counts as committed, not the resident one; free memory is the mean of
/// ten samples, one every 5 s; the rules run every 10 s; and pages are counted from what the kernel's knob says, 100 at first. The pause
/// has no least value: on hosts of more than 16 GiB it is shorter than 10 ms.
public struct MomTuner: SharingTuner {
  /// ksm_pages_boost: pages more while memory is short.
  public static let boost: UInt64 = 300
  /// ksm_pages_decay: pages fewer while it is not.
  public static let decay: UInt64 = 50
  /// ksm_npages_min and ksm_npages_max.
  public static let pageLimits: ClosedRange<UInt64> = 64...1250
  /// ksm_sleep_ms_baseline: the pause on a host of 16 GiB, in milliseconds.
  public static let sleepMilliseconds: UInt64 = 10
  /// ksm_free_percent: a fifth of the host's memory is to be free.
  public static let freeDivisor: UInt64 = 5
  /// sample-history-length: how many samples the mean is taken of.
  public static let historyLength = 10
  /// policy-engine-interval by host-monitor-interval, 10 s by 5 s: the rules run at every second sample.
  public static let samplesPerDecision = 2

  private var history: [UInt64] = []
  private var samples = 0
  private var decision = TunerDecision.kernelDefault

  /// The manager just started, on a host where nobody has touched KSM's knobs.
  public init() {}

  /// host-monitor-interval: a sample every 5 s.
  public var intervalNanoseconds: UInt64 { 5_000_000_000 }

  /// Takes a sample; at every second one the rules run.
  public mutating func tune(_ statistics: TunerStatistics) -> TunerDecision {
    history.append(statistics.freeKilobytes)
    if history.count > Self.historyLength { history.removeFirst() }
    samples = samples + 1 == Self.samplesPerDecision ? 0 : samples + 1
    if samples == 0 { decide(statistics) }
    return decision
  }

  /// The rules. The mean and the threshold are fractions there: here both sides of each comparison are multiplied by their divisors.
  private mutating func decide(_ statistics: TunerStatistics) {
    let total = UInt128(statistics.totalKilobytes)
    let divisor = UInt128(Self.freeDivisor)
    let free = history.reduce(UInt128(0)) { $0 + UInt128($1) } * divisor
    let wanted = total * UInt128(history.count)
    if total + UInt128(statistics.committedKilobytes) * divisor < total * divisor && free > wanted {
      decision.runs = false
      return
    }
    decision.runs = true
    let sleep = Self.sleepMilliseconds * 16 * 1024 * 1024 / max(1, statistics.totalKilobytes)
    decision.sleepNanoseconds = TunerDecision.nanoseconds(milliseconds: sleep)
    let pages = free < wanted ? decision.pagesToScan + Self.boost : decision.pagesToScan - min(decision.pagesToScan, Self.decay)
    decision.pagesToScan = min(max(pages, Self.pageLimits.lowerBound), Self.pageLimits.upperBound)
  }
}
