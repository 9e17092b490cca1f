public import Addressing

/// # PageSharing: who finds equal pages, and lets them share a frame
///
/// Guests hold many pages alike. A page sharer finds them among millions that change under its eyes and maps them to one frame, read-only.
/// Sharers differ in where they look (at everything in turn, where samples merge, where a disk was read), in what makes them believe that
/// two pages are equal, and in what they do besides. Here all have the same doors, so that they can be raced.
///
/// The invariant: *no sharer, however wrong, merges two pages that differ*. It holds because a sharer changes the memory through
/// `ScannableMemory` alone, whose calls compare bytes before they merge. What a sharer believes costs time and savings, never content. It
/// says nothing of what a guest may learn from the time that an access takes: only VUsion's rules do.
///
/// A scanner belongs to one memory. Whoever runs it registers the address spaces that may share, calls `scanBatch` at moments of virtual
/// time, and tells it what only the machine sees: pages read from a block device, pages that lost what the scanner had given them.
///
/// Beside the sharers stand the daemons that set KSM's knobs (`SharingTuner`), recorded memories to scan (`ImageMemory`), and the trials by
/// which the model of KSM is compared with a kernel (`KSMTrial`).
///
/// Every scanner is a file with a class of this protocol, a case of `ScannerKind`, a scenario and a test against a brute-force twin.
public protocol PageScanner<Memory>: AnyObject {
  associatedtype Memory: ScannableMemory

  /// Adds an address space, a range of page ordinals that overlaps no other registered one.
  /// - Parameter tenant: to whom it belongs; scanners that share inside a tenant only go by it.
  func register(_ pages: Range<Int>, tenant: UInt32) -> SpaceID
  /// Ends an address space; its pages are given up at once or when the scanner comes by.
  func unregister(_ space: SpaceID)

  /// Looks at no more than `budget` pages, beginning where the last batch ended.
  /// - Parameter now: virtual time, in nanoseconds; never less than before.
  func scanBatch(pages budget: UInt64, at now: UInt64) -> BatchResult

  /// The scanner's own idea of a batch and the pause after it, where it has one (the advisor's, UKSM's rungs); nil to be driven by
  /// `pages_to_scan` and `sleep` of the scenario.
  var pace: ScanPace? { get }

  /// A guest read a block into a page: the page holds the block's bytes now. Blocks of equal number hold equal bytes until one is written.
  func pageRead(_ page: PageOrdinal, from block: UInt64, at now: UInt64)
  /// A page that the scanner mapped to the zero page no longer is.
  func zeroPageLeft(_ page: PageOrdinal)

  /// The counters, by the kernel's names where a scanner has such a thing; the others stay 0.
  var counters: KSMCounters { get }
  /// All the work done so far.
  var work: ScanWork { get }
  /// What the kernel would say of one address space; nil where the scanner does not count by space. It may take a look at each page.
  func statistics(of space: SpaceID) -> KSMProcessStatistics?
  /// What the scanner itself keeps for pages that it took from the memory, in bytes of the host's memory: what is saved is less by so much.
  var storedBytes: UInt64 { get }
}

extension PageScanner {
  /// Takes no pages.
  @inlinable public var storedBytes: UInt64 { 0 }
  /// Driven by the scenario.
  @inlinable public var pace: ScanPace? { nil }
  /// Ignored.
  @inlinable public func pageRead(_ page: PageOrdinal, from block: UInt64, at now: UInt64) {}
  /// Ignored.
  @inlinable public func zeroPageLeft(_ page: PageOrdinal) {}
  /// Not counted.
  @inlinable public func statistics(of space: SpaceID) -> KSMProcessStatistics? { nil }
}

/// How much to scan, and how long to pause after it.
public struct ScanPace: Hashable, Sendable {
  /// Pages in a batch, at least 1.
  public var pages: UInt64
  /// The pause after a batch, in nanoseconds of virtual time.
  public var pauseNanoseconds: UInt64

  /// A pace.
  public init(pages: UInt64, pauseNanoseconds: UInt64) {
    self.pages = pages
    self.pauseNanoseconds = pauseNanoseconds
  }
}
