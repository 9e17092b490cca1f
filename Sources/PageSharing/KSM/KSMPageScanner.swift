public import Addressing

/// Linux KSM as one of the scanners that a run can drive.
public final class KSMPageScanner<Memory: ScannableMemory>: PageScanner {
  /// The scanner itself.
  public let scanner: KSMScanner
  @usableFromInline let memory: Memory

  /// A scanner that has seen nothing, and its memory.
  @inlinable public init(_ scanner: KSMScanner, memory: Memory) {
    self.scanner = scanner
    self.memory = memory
  }

  /// Adds an address space; KSM shares across tenants.
  @inlinable public func register(_ pages: Range<Int>, tenant: UInt32) -> SpaceID { scanner.register(pages) }
  /// Ends an address space.
  @inlinable public func unregister(_ space: SpaceID) { scanner.unregister(space) }

  /// Scans a number of pages, or fewer up to the end of the full scan.
  @inlinable public func scanBatch(pages budget: UInt64, at now: UInt64) -> BatchResult {
    scanner.scanBatch(pages: budget, in: memory, at: now)
  }

  /// A page was written, discarded or unmapped that KSM had mapped to the zero page.
  @inlinable public func zeroPageLeft(_ page: PageOrdinal) { scanner.zeroPageLeft(page) }

  /// The kernel's counters.
  @inlinable public var counters: KSMCounters { scanner.counters }
  /// All the work done so far.
  @inlinable public var work: ScanWork { scanner.work }
  /// What the kernel would say of one address space. Counts its items.
  @inlinable public func statistics(of space: SpaceID) -> KSMProcessStatistics? { scanner.statistics(of: space) }
}
