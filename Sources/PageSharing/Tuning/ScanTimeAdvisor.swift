/// The kernel's scan-time advisor: after each full scan it sets `pages_to_scan` so that the next one takes a wanted time (mm/ksm.c,
/// `scan_time_advisor`, since Linux 6.8).
///
/// The wish is `pages_to_scan` times the scan's time by the wanted one, times a moving average of how the time changes. What the scan cost
/// limits it: the advisor takes the pages of a batch by the percent of a processor that they took, and asks for 10 to `maxCPU` times as
/// many. `sleep_millisecs` stays as it is.
public struct ScanTimeAdvisor: Hashable, Sendable {
  /// The advisor's knobs (/sys/kernel/mm/ksm/advisor_*).
  public struct Settings: Hashable, Sendable {
    /// How long a full scan should take, in seconds.
    public var targetScanTime: UInt64 = 200
    /// The most processor time that it may take, in percent.
    public var maxCPU: UInt64 = 70
    /// Pages in a batch of the first full scan. (The kernel calls it the least; later scans may get fewer.)
    public var minPagesToScan: UInt64 = 500
    /// The most pages in a batch.
    public var maxPagesToScan: UInt64 = 30_000

    /// The kernel's defaults.
    public init() {}
  }

  /// The least processor time that it takes, in percent (KSM_ADVISOR_MIN_CPU).
  public static let leastCPU: UInt64 = 10
  /// The weight of the newest change in the moving average, in percent (EWMA_WEIGHT).
  public static let newestWeight: UInt64 = 30

  /// The knobs.
  public let settings: Settings
  /// The pages in a batch that it advises now.
  public private(set) var pagesToScan: UInt64
  /// The moving average of a scan's time by that of the scan before, in percent. It begins at 0, so that the first advice is 30 % of what
  /// it will be.
  private var change: UInt64 = 0
  /// How long the last scan took, in seconds; 0 before the first.
  private var lastScanTime: UInt64 = 0

  /// An advisor before its first full scan.
  public init(_ settings: Settings) {
    self.settings = settings
    pagesToScan = settings.minPagesToScan
  }

  /// A full scan has ended: sets `pagesToScan` for the next one.
  ///
  /// The kernel's integers are 64 bits wide here and there; where its products would wrap around, these stay at the greatest number.
  /// - Parameters:
  ///   - seconds: how long it took, in whole seconds of virtual time.
  ///   - cpuMilliseconds: the processor time that the scanner took since the end of the scan before, in milliseconds.
  public mutating func fullScanEnded(seconds: UInt64, cpuMilliseconds: UInt64) {
    let scanTime = max(1, seconds)
    let cpuPercent = max(1, saturatingProduct(cpuMilliseconds, 100) / saturatingProduct(scanTime, 1000))
    let factor = max(1, saturatingProduct(settings.targetScanTime, 100) / scanTime)
    let newest = max(1, saturatingProduct(scanTime, 100) / (lastScanTime == 0 ? scanTime : lastScanTime))
    let (old, new) = (saturatingProduct(100 - Self.newestWeight, change), saturatingProduct(Self.newestWeight, newest))
    let sum = old.addingReportingOverflow(new)
    change = (sum.overflow ? UInt64.max : sum.partialValue) / 100
    let wanted = saturatingProduct(saturatingProduct(pagesToScan, 100) / factor, change) / 100
    let pagesPerPercent = max(1, pagesToScan / cpuPercent)
    let limited = max(
      min(wanted, saturatingProduct(pagesPerPercent, settings.maxCPU)), saturatingProduct(pagesPerPercent, Self.leastCPU))
    pagesToScan = min(limited, settings.maxPagesToScan)
    lastScanTime = scanTime
  }

  private func saturatingProduct(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let product = a.multipliedReportingOverflow(by: b)
    return product.overflow ? UInt64.max : product.partialValue
  }
}
