public import Addressing
internal import Columns

/// UKSM, ultra KSM (Xia, Tian, Luo and others, FAST 2018; mm/uksm.c and Documentation/vm/uksm.txt of the kernel patch, release 0.1.2.6).
///
/// Three ideas set it apart from KSM. *Regions on rungs* (`ScanLadder`): most of memory is sampled at almost no cost, and only where
/// samples merge, and the merges last, does the scanner spend its processor time. *A sampled hash* (`SampledHash`): a page is known by a
/// hash of some of its words, and `HashStrength` lets their number follow from what collisions cost. *No gate*: a page is merged at its
/// first visit; what is written to soon after is kept off by the rule against thrashing, not by a checksum.
///
/// A page that is looked at is first compared with zeros if its hash is theirs, then searched for in the stable set, whose frames are
/// write-protected, then in the unstable one, and joins that if it found no equal. When the strength changes, the unstable set is emptied
/// and the stable one filed anew. Pages of one sampled hash and different bytes *collide*: from then on, until the strength changes,
/// pages of that hash are filed by a hash of all their bytes as well (the kernel's second tree).
///
/// A batch is a wake-up of the kernel's thread, or part of one where the budget is smaller than what the rungs may look at. What differs:
/// indexes of hashes stand for trees sorted by hashes, and the second hash is XXH3; the stable set is hashed anew where the kernel updates
/// hashes by the difference; a page's time is `ScanCosts` of the work done; a write to a merged page is noticed at the next visit, where
/// the kernel notices it at once; full strength is a page's words once, not ten more; a full scan counts each page once, where the kernel
/// stops to count a region that was seen in full, and may wait for ever if there is but one. UKSM's `full_scans` counts quarters of the
/// memory, and so does the counter; a batch says that a full scan is over after every fourth.
public final class UKSMScanner<Memory: ScannableMemory>: PageScanner {
  @usableFromInline let memory: Memory
  @usableFromInline let index: MergeIndex
  @usableFromInline let state: UKSMState
  private let settings: UKSMSettings
  /// All the work done so far.
  public internal(set) var work = ScanWork()
  private var ksmZeroPages: UInt64 = 0
  /// The work and the places of the wake-up under way.
  private var wakeUp = ScanWork()
  private var wakeUpPlaces: UInt64 = 0

  /// A scanner that has seen nothing.
  /// - Parameters:
  ///   - seed: from which the order of words and pages derives.
  ///   - capacity: how many page ordinals there can be.
  ///   - frameCount: how many frames the memory has.
  public init(settings: UKSMSettings, memory: Memory, seed: UInt64, capacity: Int, frameCount: Int) {
    self.memory = memory
    self.settings = settings
    index = MergeIndex(capacity: capacity, frameCount: frameCount)
    state = UKSMState(settings, seed: seed, capacity: capacity)
  }

  /// Adds an address space, which begins on the lowest rung.
  public func register(_ pages: Range<Int>, tenant: UInt32) -> SpaceID {
    let space = state.spaces.register(pages, tenant: tenant)
    state.ladder.add(space, pages)
    return space
  }

  /// Ends an address space; its pages are given up at once.
  public func unregister(_ space: SpaceID) {
    guard let pages = state.spaces.unregister(space) else { return }
    for page in pages {
      zeroPageLeft(PageOrdinal(UInt32(truncatingIfNeeded: page)))
      index.forget(page)
    }
    state.ladder.remove(space)
  }

  /// A page that was mapped to the zero page no longer is.
  public func zeroPageLeft(_ page: PageOrdinal) {
    guard state.takeZeroBack(page.index) else { return }
    ksmZeroPages -= 1
    state.ladder.noteBreak(of: page.index)
  }

  /// All pages that the rungs may look at in a wake-up, and the pause between two.
  public var pace: ScanPace? {
    ScanPace(pages: max(1, state.ladder.quotas.reduce(0, +)), pauseNanoseconds: settings.sleepNanoseconds)
  }

  /// How many words of a page are hashed now.
  public var hashStrength: Int { state.words }

  /// The rung, from 0 to 3, of the region of a page; nil where the page belongs to none.
  public func rung(of page: PageOrdinal) -> Int? { state.ladder.rung(of: page.index) }

  /// How many pages each rung may look at in the next wake-up.
  public var quotas: [UInt64] { state.ladder.quotas }

  /// How many pages were looked at on each rung so far, absent ones included.
  public var looks: [UInt64] { state.ladder.looks }

  /// What a page takes, in nanoseconds: the moving average from which quotas follow.
  public var pageNanoseconds: UInt64 { state.ladder.pageNanoseconds }

  /// Wakes up, and looks at what the rungs may, or at the budget if that is less; the next batch then goes on.
  @inlinable public func scanBatch(pages budget: UInt64, at now: UInt64) -> BatchResult {
    var result = BatchResult()
    var places: UInt64 = 0
    var isOver = false
    while places < budget {
      guard let page = state.ladder.next() else {
        if endWakeUp(places: places, &result) { fileAnew(&result.work) }
        isOver = true
        break
      }
      places += 1
      visit(PageOrdinal(UInt32(truncatingIfNeeded: page)), &result)
      state.ladder.advance(past: page)
    }
    finish(&result, places: isOver ? 0 : places)
    return result
  }

  /// The rungs have done what they may; returns whether the strength of the hash has changed.
  @usableFromInline func endWakeUp(places: UInt64, _ result: inout BatchResult) -> Bool {
    wakeUp += result.work
    wakeUp.visits += result.pagesScanned
    wakeUpPlaces += places
    let isQuarterOver = state.ladder.endWakeUp(pages: wakeUpPlaces, nanoseconds: ScanCosts().nanoseconds(of: wakeUp))
    (wakeUp, wakeUpPlaces) = (ScanWork(), 0)
    guard isQuarterOver else { return false }
    result.completedFullScan = state.ladder.fullScans % 4 == 0
    return state.adjustStrength()
  }

  /// Counts a batch; a wake-up that is not over goes on after these places.
  @usableFromInline func finish(_ result: inout BatchResult, places: UInt64) {
    result.work.visits = result.pagesScanned
    if places > 0 {
      wakeUp += result.work
      wakeUpPlaces += places
    }
    result.pagesMerged = result.work.merges - result.zeroPagesPlaced
    ksmZeroPages += result.zeroPagesPlaced
    work += result.work
  }

  /// Frames shared, further sharers, waiting pages, zero pages, quarters of full scans (UKSM's `full_scans`), and pages scanned.
  public var counters: KSMCounters {
    var counters = index.counters
    counters.fullScans = state.ladder.fullScans
    counters.pagesScanned = work.visits
    counters.ksmZeroPages = ksmZeroPages
    return counters
  }
}
