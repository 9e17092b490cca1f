internal import Addressing
internal import Columns

/// # Difference Engine: pages shared, patched and compressed
///
/// Pages that are equal are shared, as other sharers do. Many others are nearly equal: of those one stays as a *reference*, and the others
/// are stored as what differs, a *patch*. What is like nothing else is *compressed*. A page that is stored so has no frame, and comes back
/// whole at its next access; so only pages are taken that have not been used for a while (Gupta et al., OSDI 2008).
///
/// At each visit, once a round, a page falls into one of the paper's four classes:
/// 1. recently modified: ignored;
/// 2. not recently modified: shared, or the reference of others;
/// 3. not recently accessed: shared or patched;
/// 4. not accessed for an extended period: shared, patched or compressed.
///
/// The invariants: *a reference does not change*: it is a stable frame, held for as long as a patch refers to it, and a write to the page
/// behind it copies; a reference is itself never patched. *What is stored can be had back*: the memory takes a page only if the keeper
/// gives the very bytes back that the page has.
///
/// Where it departs from the paper: modification is seen by the checksum and, where the memory knows, access by the accessed bit; a memory
/// that does not know it goes by modification alone. Shared pages stay shared when they are idle; the paper could patch them too. A page is
/// tried against its candidates in each round until it is old enough to be compressed, and after that not again before its next use. The
/// table of pages that wait for an equal one is an index that keeps its entries from round to round; the paper clears a smaller one several
/// times a pass. Nothing is swapped by the scanner. How the pieces of stored pages are packed into frames is not modelled: `storedBytes`
/// counts their bytes.
public final class DifferenceEngine<Memory: ScannableMemory>: PageScanner {
  /// The knobs.
  public let settings: DifferenceEngineSettings
  let memory: Memory
  let nodes: CandidateNodes
  let detector: SimilarityDetector
  let stored: StoredPages<Memory>
  let compressor: PageCompressor
  let deltas = DeltaScratch()
  /// The page that is looked at, and one that it is compared with.
  let pageBytes = Column<UInt8>(count: PageDelta.pageBytes)
  let referenceBytes = Column<UInt8>(count: PageDelta.pageBytes)
  let checksums: Column<UInt32>
  /// Bit 7: the page has an item; bit 6: it was modified at the last visit; bits 5:0: rounds without an access, at most 63.
  let marks: Column<UInt8>
  private let round: ScanRound
  private let spaces: SpaceList
  private var items: UInt64 = 0

  /// All the work done so far.
  public internal(set) var work = ScanWork()

  static var hasItem: UInt8 { 128 }
  static var wasModified: UInt8 { 64 }
  static var ageMask: UInt8 { 63 }

  /// A scanner that has seen nothing, of settings that are valid.
  /// - Parameters:
  ///   - capacity: how many page ordinals there can be.
  ///   - frameCount: how many frames the memory has.
  ///   - seed: from which the places of the blocks are derived.
  public init(_ settings: DifferenceEngineSettings, memory: Memory, capacity: Int, frameCount: Int, seed: UInt64) {
    precondition(settings.areValid, "settings of a scanner are checked by whoever reads them")
    self.settings = settings
    self.memory = memory
    spaces = SpaceList(capacity: capacity)
    round = ScanRound(spaces, order: .linear, random: RandomStream(seed: 0))
    nodes = CandidateNodes(capacity: capacity, frameCount: frameCount)
    detector = SimilarityDetector(
      groups: settings.groups, blocks: settings.blocksPerGroup, candidates: settings.candidates, capacity: capacity, seed: seed)
    compressor = PageCompressor(limit: settings.compressLimit)
    stored = StoredPages(memory: memory, compressor: compressor)
    checksums = Column(count: capacity)
    marks = Column(count: capacity)
  }

  // MARK: What is stored

  /// Pages stored as patches.
  public var storedPatches: UInt64 { stored.patched }
  /// The bytes of those patches.
  public var patchBytes: UInt64 { stored.patchBytes }
  /// Pages stored compressed.
  public var compressedPages: UInt64 { stored.compressed }
  /// The bytes of those.
  public var compressedBytes: UInt64 { stored.compressedBytes }
  /// The bytes of all stored pages, with 16 for the record of each.
  public var storedBytes: UInt64 { stored.storedBytes }

  // MARK: Rounds

  /// Adds an address space; pages are shared across tenants.
  public func register(_ pages: Range<Int>, tenant: UInt32) -> SpaceID { spaces.register(pages, tenant: tenant) }

  /// Ends an address space. Its stored pages stay stored until they are accessed or discarded.
  public func unregister(_ space: SpaceID) {
    round.leaveOut(space)
    for page in spaces.unregister(space) ?? 0..<0 { drop(page) }
  }

  /// Looks at pages up to the budget or the end of the full scan.
  public func scanBatch(pages budget: UInt64, at now: UInt64) -> BatchResult {
    var result = BatchResult()
    var done = ScanWork()
    round.scan(upTo: budget, &result) { if visit($0.index, &done) { $1.pagesScanned += 1 } }
    result.pagesMerged = done.merges
    result.work = done
    work += done
    return result
  }

  /// The page has no item any more.
  func drop(_ page: Int) {
    guard marks[page] != 0 else { return }
    nodes.leave(page)
    marks[page] = 0
    items -= 1
  }

  /// Begins the item of a page that is seen for the first time, or again.
  func beginItem(_ page: Int) {
    if marks[page] == 0 { items += 1 }
    marks[page] |= Self.hasItem
  }

  /// The counters, as far as they have a meaning here: shared pages as KSM counts them, in `pagesUnshared` the pages that wait for an equal
  /// one, in `pagesVolatile` the others that are there. Stored pages are in none. They follow the memory at the next visit of a page.
  public var counters: KSMCounters {
    var counters = nodes.counters(items: items)
    counters.fullScans = round.rounds
    counters.pagesScanned = work.visits
    return counters
  }
}
