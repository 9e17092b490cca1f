/// What the scanner did in one batch.
public struct BatchResult: Hashable, Sendable {
  /// Pages scanned: what the batch was charged for.
  public var pagesScanned: UInt64 = 0
  /// Pages that smart_scan skipped, which are free.
  public var pagesSkipped: UInt64 = 0
  /// Pages mapped to the frame of another page.
  public var pagesMerged: UInt64 = 0
  /// Pages mapped to the zero page.
  public var zeroPagesPlaced: UInt64 = 0
  /// The work that the batch took.
  public var work = ScanWork()
  /// Whether the batch ended a full scan.
  public var completedFullScan = false

  /// Nothing done.
  @inlinable public init() {}
}
