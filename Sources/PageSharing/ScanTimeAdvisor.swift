/// The kernel's scan-time advisor: after each full scan it sets `pages_to_scan` so that the next one takes a wanted time (mm/ksm.c, `scan_time_advisor`).
public struct ScanTimeAdvisor: Hashable, Sendable {
  /// The advisor's knobs (/sys/kernel/mm/ksm/advisor_*).
  public struct Settings: Hashable, Sendable {
    /// How long a full scan should take, in seconds.
    public var targetScanTime: UInt64 = 200
    /// The most processor time that it may take, in percent.
    public var maxCPU: UInt64 = 70
    /// The least and the most pages in a batch.
    public var minPagesToScan: UInt64 = 500
    /// See `minPagesToScan`.
    public var maxPagesToScan: UInt64 = 30_000

    /// The kernel's defaults.
    public init() {}
  }

  /// The knobs.
  public let settings: Settings
  /// The pages in a batch that it advises now.
  public private(set) var pagesToScan: UInt64

  /// An advisor before its first full scan.
  public init(_ settings: Settings) {
    self.settings = settings
    pagesToScan = settings.minPagesToScan
  }
}
