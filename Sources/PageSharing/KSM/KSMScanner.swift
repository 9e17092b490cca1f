public import Addressing

/// # Linux KSM
///
/// A scanner walks through the pages of all registered address spaces, again and again, and merges those that hold the same bytes: one
/// frame remains, mapped read-only by all. It must find equal pages among millions that change under its eyes, and it must never merge two
/// that differ in one bit. This one takes every decision in the order of Linux (mm/ksm.c, 6.18), so that its counters are the kernel's:
///
/// 1. A page that is already merged costs a visit and nothing else.
/// 2. A page must keep its checksum from one visit to the next: what changes often is not worth merging.
/// 3. Where `use_zero_pages` is set, zeros are mapped to the zero page.
/// 4. The *stable* tree holds merged pages. They are write-protected, hence trustworthy: a match with room is taken.
/// 5. The *unstable* tree holds unmerged pages of this scan. They may change at any moment, so it is thrown away with every scan and a
///    match counts only if the bytes are equal now. Two pages that match become a new stable page.
///
/// The invariant: *the scanner believes nothing that it has not just compared*. Its trees are ordered by what pages held when they were
/// inserted, its items say where a page stood at the last visit, and the memory does not tell it of writes, balloons or exits: at each
/// visit it compares its item with the page's backing, and a stable node with its frame, and corrects itself. So counters lag behind the
/// memory by up to one full scan, exactly as `/sys/kernel/mm/ksm` does.
///
/// Why real trees: a search has effects on what it meets on its way. It prunes stale nodes, dissolves or removes chains, puts dups at the
/// heads of their chains; it gives up at an unstable page that is gone, and strays at one that has changed. Which nodes it meets depends on
/// the tree's shape, so the trees here are red-black trees that take the kernel's shape, node for node.
///
/// Why they are fast nevertheless: a node carries the first four bytes of its content, so that most steps of a search look at no page; the
/// memory says how often it changed (`changes`), so that as long as nobody wrote during a scan no step need ask whether an unstable page is
/// still what it was; it says how many stable frames it lost, so that as long as none did no step need ask whether a node is stale; and
/// which frames nobody wrote since their checksum was computed, so that it need not be computed again.
///
/// Where it departs from the kernel: frames are not migrated between NUMA nodes, and an allocation for an item or a node never fails.
///
/// A scanner keeps five bytes for each page that it has seen, 24 more for each that stands in the unstable tree, four more for one that
/// shares, and about 45 for each stable page.
public final class KSMScanner {
  /// The release of Linux whose decisions these are.
  public static let modelledKernel = "6.18"

  /// The knobs. Those that decide about the shape of the trees, `maxPageSharing` and `mergeAcrossNodes`, keep their values; the others may
  /// change.
  public private(set) var settings: KSMSettings

  /// The checksum of a page of zeros: the low 32 bits of XXH64 over 4096 of them.
  @usableFromInline static let zeroPageChecksum: UInt32 = 0x32d8_bbdb

  /// How often a page was mapped to the frame of another with the same bytes, since the start.
  public internal(set) var merges: UInt64 = 0
  /// All the work done so far.
  public internal(set) var work = ScanWork()

  @usableFromInline let items: RmapItems
  @usableFromInline let stable: StableTree
  @usableFromInline let unstable: UnstableTree
  @usableFromInline let treeCount: Int

  var spaces: [RegisteredSpace] = []
  /// Spaces that were taken off the list because nothing of them was mergeable; they may come back.
  var idleSpaces: [RegisteredSpace] = []
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
  @usableFromInline var fullScans: UInt64 = 0

  /// Virtual time, in nanoseconds.
  @usableFromInline var now: UInt64 = 0
  /// What the memory's count of changes was when the unstable tree was last emptied.
  @usableFromInline var changesAtScanStart: UInt64 = 0
  /// Whether a part of a space ceased to be mergeable since then.
  @usableFromInline var hasUnmerged = false

  /// A scanner that has seen nothing.
  /// - Parameters:
  ///   - settings: the knobs; `maxPageSharing` is at least 2, as the kernel demands.
  ///   - capacity: how many page ordinals there can be, at most 2^31 - 2; every registered range lies below it.
  ///   - frameCount: how many frames the memory has; every frame that it names lies below it. Both together are at most 3 * 2^30.
  ///   - numaNodes: how many NUMA nodes the memory has, 1 to 64.
  public init(settings: KSMSettings, capacity: Int, frameCount: Int, numaNodes: Int = 1) {
    precondition(settings.maxPageSharing >= 2, "max_page_sharing is at least 2")
    precondition(capacity >= 0 && frameCount >= 0 && capacity + frameCount <= 3 << 30, "more pages than the scanner can number")
    precondition(capacity < Int(Int32.max), "more pages than a tree can number")
    precondition((1...64).contains(numaNodes), "1 to 64 NUMA nodes")
    self.settings = settings
    treeCount = settings.mergeAcrossNodes ? 1 : numaNodes
    items = RmapItems(count: capacity)
    unstable = UnstableTree(capacity: capacity, treeCount: treeCount)
    stable = StableTree(itemCapacity: capacity, frameCount: frameCount, treeCount: treeCount, maxPageSharing: settings.maxPageSharing)
  }

  /// Changes knobs. `maxPageSharing` and `mergeAcrossNodes` stay what they are: the kernel, too, refuses to change them while pages are
  /// shared.
  public func set(_ wanted: KSMSettings) {
    let kept = settings
    settings = wanted
    settings.maxPageSharing = kept.maxPageSharing
    settings.mergeAcrossNodes = kept.mergeAcrossNodes
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
