/// ksmtuned: the shell script that Red Hat wrote for KVM hosts in 2009 and that distributions and Proxmox VE ship since
/// (/usr/sbin/ksmtuned, with the defaults of /etc/ksmtuned.conf).
///
/// Once a minute: if the guests' resident memory and a fifth of the host's fit into the host together, and more than a fifth is free, KSM
/// stops. Otherwise it runs: with 300 pages more than last time while less than a fifth is free, with 50 fewer otherwise, from 64 to 1250.
/// The pause depends on the size of the host alone.
///
/// The script's first versions took the guests' virtual size for what is committed; those of the last ten years take the resident size, as
/// here.
public struct KsmtunedTuner: SharingTuner {
  /// KSM_NPAGES_BOOST: pages more while memory is short.
  public static let boost: UInt64 = 300
  /// KSM_NPAGES_DECAY: pages fewer while it is not.
  public static let decay: UInt64 = 50
  /// KSM_NPAGES_MIN and KSM_NPAGES_MAX.
  public static let pageLimits: ClosedRange<UInt64> = 64...1250
  /// KSM_SLEEP_MSEC: the pause on a host of 16 GiB, in milliseconds. It is also the shortest.
  public static let sleepMilliseconds: UInt64 = 10
  /// KSM_THRES_COEF: the share of memory to keep free, in percent.
  public static let thresholdPercent: UInt64 = 20
  /// KSM_THRES_CONST: the least to keep free, in kilobytes.
  public static let leastThresholdKilobytes: UInt64 = 2048

  /// The script's `npages`, which begins at 0 and stays while KSM is stopped.
  private var pages: UInt64 = 0
  private var decision = TunerDecision.kernelDefault

  /// The daemon just started.
  public init() {}

  /// KSM_MONITOR_INTERVAL: 60 s.
  public var intervalNanoseconds: UInt64 { 60_000_000_000 }

  /// `adjust` of the script.
  public mutating func tune(_ statistics: TunerStatistics) -> TunerDecision {
    let total = statistics.totalKilobytes
    let threshold = max(total / 100 * Self.thresholdPercent + total % 100 * Self.thresholdPercent / 100, Self.leastThresholdKilobytes)
    let needed = statistics.residentKilobytes + threshold
    guard needed >= total || statistics.freeKilobytes <= threshold else {
      decision.runs = false
      return decision
    }
    let isShort = statistics.freeKilobytes < threshold
    pages = isShort ? pages + Self.boost : pages - min(pages, Self.decay)
    pages = min(max(pages, Self.pageLimits.lowerBound), Self.pageLimits.upperBound)
    let sleep = max(Self.sleepMilliseconds * 16 * 1024 * 1024 / max(1, total), Self.sleepMilliseconds)
    decision = TunerDecision(runs: true, pagesToScan: pages, sleepNanoseconds: TunerDecision.nanoseconds(milliseconds: sleep))
    return decision
  }
}
