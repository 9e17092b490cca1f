/// The knobs of the scanner of VMware ESX.
public struct ESXSettings: Hashable, Sendable {
  /// In which order pages are looked at. The paper: "scans guest pages randomly". Here every page comes once a round (assumed).
  public var order = ScanOrder.random
  /// Whether pages are shared inside a tenant only: `Mem.ShareForceSalting` = 2, the product's default since 2014. Off reproduces the
  /// paper.
  public var isSalted = true
  /// The time in which a whole guest is scanned, in nanoseconds: `Mem.ShareScanTime`, 60 minutes. 0 leaves the pace to the scenario, so
  /// that scanners can be compared at one rate.
  public var scanTimeNanoseconds: UInt64 = 3_600_000_000_000
  /// The most pages that are scanned in a second, over all guests: `Mem.ShareScanGHz` allows 4 MB for each GHz of the host's processors;
  /// the default is that of 40 GHz (assumed: 16 cores of 2.5 GHz).
  public var maxPagesPerSecond: UInt64 = 40_960

  /// The defaults of ESXi 6 and later, where VMware's documents name them.
  public init() {}
}
