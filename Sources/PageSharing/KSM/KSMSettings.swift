/// The knobs of Linux KSM (/sys/kernel/mm/ksm), with the kernel's defaults.
public struct KSMSettings: Hashable, Sendable {
  /// Pages scanned in one batch.
  public var pagesToScan: UInt64 = 100
  /// Pause between batches, in nanoseconds of virtual time; the kernel's `sleep_millisecs` is 20.
  public var sleepNanoseconds: UInt64 = 20_000_000
  /// How many pages may map one stable page; at least 2.
  public var maxPageSharing: UInt32 = 256
  /// Whether pages of zeros are mapped to the kernel's zero page.
  public var useZeroPages = false
  /// Whether pages that failed to merge are skipped for some scans (the default since Linux 6.7).
  public var smartScan = true
  /// What is done, beyond the kernel, about pages that smart_scan keeps apart.
  public var smartScanRemedy = SmartScanRemedy.none
  /// Whether pages are merged across NUMA nodes; otherwise each node has trees of its own.
  public var mergeAcrossNodes = true
  /// The time between two prunings of a chain, in nanoseconds of virtual time; the kernel's `stable_node_chains_prune_millisecs` is 2000.
  public var pruneNanoseconds: UInt64 = 2_000_000_000

  /// The kernel's defaults.
  public init() {}
}
