public import Addressing

/// # PageSharing: the scanner of Linux KSM
///
/// A scanner walks through the pages of all registered address spaces, again and again, and merges those that hold the same bytes: one frame
/// remains, mapped read-only by all. It must find equal pages among millions that change under its eyes, and it must never merge two
/// that differ in one bit. This one takes every decision in the order of Linux (mm/ksm.c, 6.18), so that its counters are the kernel's:
///
/// 1. A page that is already merged costs a visit and nothing else.
/// 2. A page must keep its checksum from one visit to the next: what changes often is not worth merging.
/// 3. Where `use_zero_pages` is set, zeros are mapped to the zero page.
/// 4. The *stable* tree holds merged pages. They are write-protected, hence trustworthy: a match with room is taken.
/// 5. The *unstable* tree holds unmerged pages of this scan. They may change at any moment, so it is thrown away with every scan and a
///    match counts only if the bytes are equal now. Two pages that match become a new stable page.
///
/// The invariant: *the scanner believes nothing that it has not just compared*. Its trees are indexes of hashes, which propose; `areEqual`
/// and `merge` of the memory, which compare bytes, decide. Its items say where a page stood at the last visit, and the memory does not
/// tell it of writes, balloons or exits: at each visit it compares its item with the page's backing, and a stable node with its frame, and
/// corrects itself. So counters lag behind the memory by up to one full scan, exactly as `/sys/kernel/mm/ksm` does.
///
/// Where it departs from the kernel, and what that can change:
/// - A walk through the kernel's trees also meets pages of *other* contents: it prunes stale stable nodes and gives up at an unstable
///   page that is gone. An index meets pages of one hash only, and here an unstable page that is gone never ends a search. Stale nodes are
///   pruned when their content is searched for or one of their items is visited, that is within one full scan.
/// - Among several copies of an overflowed content, the kernel takes the fullest that has room at every `stable_node_chains_prune_millisecs`
///   of wall time, and between those moments the first. Here it is always the first: the newest, or the one that last regained room.
/// - One NUMA node (as with `merge_across_nodes` = 1), no huge pages (which KSM splits at a merge).
///
/// A scanner keeps five bytes for each page that it has seen, four more for one that shares, and nothing for others. Its trees add 10 to 12.5 for each
/// page that stands in the unstable tree (eight a slot, of which a fifth to a third is empty) and about 30 for each stable page.
public final class KSMScanner {
  /// The knobs that the scanner was made with.
  public let settings: KSMSettings

  /// The checksum of a page of zeros: the low 32 bits of XXH64 over 4096 of them.
  @usableFromInline static let zeroPageChecksum: UInt32 = 0x32d8_bbdb

  /// How often a page was mapped to the frame of another with the same bytes, since the start.
  public internal(set) var merges: UInt64 = 0

  /// All the work done so far.
  public internal(set) var work = ScanWork()

  @usableFromInline let items: RmapItems
  @usableFromInline let stable: StableTree
  @usableFromInline let unstable: ContentIndex

  var spaces: [RegisteredSpace] = []
  /// Which space is being scanned; nil between two full scans.
  var cursor: Int?
  /// The next page ordinal of that space.
  var position = 0
  var nextSpace: UInt32 = 0

  @usableFromInline var pagesUnshared: UInt64 = 0
  @usableFromInline var ksmZeroPages: UInt64 = 0
  @usableFromInline var rmapItems: UInt64 = 0
  var pagesScanned: UInt64 = 0
  var pagesSkipped: UInt64 = 0
  var fullScans: UInt64 = 0

  /// A scanner that has seen nothing.
  /// - Parameters:
  ///   - settings: the knobs; `maxPageSharing` is at least 2, as the kernel demands.
  ///   - capacity: how many page ordinals there can be; every registered range lies below it.
  ///   - frameCount: how many frames the memory has; every frame that it names lies below it. Both together are at most 3 * 2^30.
  public init(settings: KSMSettings, capacity: Int, frameCount: Int) {
    precondition(settings.maxPageSharing >= 2, "max_page_sharing is at least 2")
    precondition(capacity >= 0 && frameCount >= 0 && capacity + frameCount <= 3 << 30, "more pages than the scanner can number")
    self.settings = settings
    items = RmapItems(count: capacity)
    unstable = ContentIndex(capacity: capacity)
    stable = StableTree(itemCapacity: capacity, frameCount: frameCount, maxPageSharing: settings.maxPageSharing)
  }

  /// The counters, by the kernel's names. `pagesVolatile` is what is left of the items, as in the kernel.
  public var counters: KSMCounters {
    var counters = KSMCounters()
    counters.fullScans = fullScans
    counters.pagesScanned = pagesScanned
    counters.pagesSkipped = pagesSkipped
    counters.pagesShared = stable.pagesShared
    counters.pagesSharing = stable.pagesSharing
    counters.pagesUnshared = pagesUnshared
    counters.ksmZeroPages = ksmZeroPages
    counters.stableNodeChains = stable.chainCount
    counters.stableNodeDups = stable.dupCount
    counters.rmapItems = rmapItems
    let placed = stable.pagesShared + stable.pagesSharing + pagesUnshared
    counters.pagesVolatile = rmapItems > placed ? rmapItems - placed : 0
    return counters
  }

  /// Tells the scanner that a page that it mapped to the zero page no longer is: it was written, discarded or unmapped.
  ///
  /// The kernel learns this from the page table entry and corrects `ksm_zero_pages` at once. A memory that does not call this is
  /// found out at the next visit. A page that the scanner did not map to the zero page is ignored.
  public func zeroPageLeft(_ page: PageOrdinal) {
    guard items[page.index].isZeroPlaced else { return }
    items[page.index].isZeroPlaced = false
    ksmZeroPages -= 1
  }
}
