/// The counters of Linux KSM, by the kernel's names, as /sys/kernel/mm/ksm would show them.
public struct KSMCounters: Hashable, Sendable {
  /// Full scans of all registered memory since the start.
  public var fullScans: UInt64 = 0
  /// Pages scanned since the start.
  public var pagesScanned: UInt64 = 0
  /// Pages that smart_scan skipped since the start.
  public var pagesSkipped: UInt64 = 0
  /// Stable pages in use.
  public var pagesShared: UInt64 = 0
  /// Further pages that map a stable page: what sharing saves.
  public var pagesSharing: UInt64 = 0
  /// Pages in the unstable tree: unique so far.
  public var pagesUnshared: UInt64 = 0
  /// The rest: pages that change too fast, were skipped, or were given the zero page.
  public var pagesVolatile: UInt64 = 0
  /// Pages that KSM mapped to the zero page.
  public var ksmZeroPages: UInt64 = 0
  /// Contents whose sharers overflowed one stable page.
  public var stableNodeChains: UInt64 = 0
  /// Stable pages of those contents.
  public var stableNodeDups: UInt64 = 0
  /// Items that the scanner keeps, 64 bytes each in the kernel.
  public var rmapItems: UInt64 = 0

  /// All zero.
  public init() {}

  /// Bytes saved less bytes spent on items: (sharing + zero) * 4096 - items * 64.
  public var generalProfit: Int64 { Int64(pagesSharing + ksmZeroPages) * 4096 - Int64(rmapItems) * 64 }
}
