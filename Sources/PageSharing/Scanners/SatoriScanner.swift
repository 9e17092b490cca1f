public import Addressing
internal import Columns

/// Satori (Milos, Murray, Hand and Fetterman, USENIX ATC 2009): pages that were read from one block are equal, and are shared at once.
///
/// The paper's host sees every read of a virtual disk, whose images are copy-on-write children of common ones. The first read of a block
/// leaves a note where the block is in memory; the second one finds it and shares the page, with no scan and no delay: sharing that lives
/// for seconds is caught too. A note is worth nothing once its page was written: the paper's hypervisor revokes it, this one compares
/// bytes. What no disk read brings into memory (zeros, heaps, what guests write) is never found.
///
/// Since nothing is scanned, batches cost nothing: they only go through the pages that share, to learn which were written meanwhile. The
/// paper's hypervisor counts that when it copies the page; here the counters, and they alone, lag behind by up to a round of batches. Not
/// modelled: the guests' lists of pages that they give back when sharing breaks (the repayment FIFO), and who is entitled to the memory
/// saved.
public final class SatoriScanner<Memory: ScannableMemory>: PageScanner {
  @usableFromInline let memory: Memory
  @usableFromInline let index: MergeIndex
  @usableFromInline let notes: BlockNotes
  @usableFromInline let spaces: SpaceList
  @usableFromInline let round: ScanRound
  /// All the work done so far.
  public internal(set) var work = ScanWork()

  /// A scanner that has seen nothing.
  /// - Parameters:
  ///   - capacity: how many page ordinals there can be.
  ///   - frameCount: how many frames the memory has.
  public init(memory: Memory, capacity: Int, frameCount: Int) {
    self.memory = memory
    index = MergeIndex(capacity: capacity, frameCount: frameCount)
    notes = BlockNotes(capacity: capacity)
    spaces = SpaceList(capacity: capacity)
    round = ScanRound(spaces, order: .linear, random: RandomStream(seed: 0))
  }

  /// Adds an address space, whose reads count from now on.
  public func register(_ pages: Range<Int>, tenant: UInt32) -> SpaceID { spaces.register(pages, tenant: tenant) }

  /// Ends an address space; its pages are given up at once.
  public func unregister(_ space: SpaceID) {
    guard let pages = spaces.unregister(space) else { return }
    round.leaveOut(space)
    for page in pages { index.forget(page) }
  }

  /// A block was read into a page: shares the page with one that was read from the same block and still holds it.
  @inlinable public func pageRead(_ page: PageOrdinal, from block: UInt64, at now: UInt64) {
    guard spaces.tenant(of: page.index) != nil else { return }
    var done = ScanWork()
    index.forget(page.index)
    if case .single(let frame, _) = index.settle(page, in: memory), !share(page, frame, block, &done), index.state(of: page.index) == .none
    {
      notes[page.index] = block
      index.wait(page.index, key: BlockNotes.key(block))
    }
    done.visits = 1
    count(done)
  }

  @usableFromInline func count(_ done: ScanWork) { work += done }

  /// Looks for a page of the block; returns whether the page shares its frame now.
  @inlinable func share(_ page: PageOrdinal, _ frame: HostFrame, _ block: UInt64, _ work: inout ScanWork) -> Bool {
    let key = BlockNotes.key(block)
    var probe = index.probe(key)
    while let node = index.nextCurrent(&probe, key: key, in: memory, &work) {
      guard index.tag(of: node) == block, index.areEqual(frame, index.frame(of: node), in: memory, &work) else { continue }
      return index.join(page, node, in: memory, &work)
    }
    probe = index.probeWaiting(key)
    while let other = index.nextWaiting(&probe) {
      work.searchSteps += 1
      guard notes[other.index] == block else { continue }
      guard case .private(let otherFrame) = memory.backing(of: other), index.areEqual(frame, otherFrame, in: memory, &work) else {
        index.forget(other.index)
        probe = index.probeWaiting(key)
        continue
      }
      return index.meet(page, other, key: key, tag: block, in: memory, &work)
    }
    return false
  }

  /// Goes through a number of pages to bring the counters up to date; scans nothing.
  @inlinable public func scanBatch(pages budget: UInt64, at now: UInt64) -> BatchResult {
    var result = BatchResult()
    var left = budget
    while left > 0 {
      switch round.next() {
      case .nothing: return result
      case .roundEnded:
        result.completedFullScan = true
        return result
      case .page(let page):
        left -= 1
        if index.state(of: page) == .sharer { _ = index.settle(PageOrdinal(UInt32(truncatingIfNeeded: page)), in: memory) }
      }
    }
    return result
  }

  /// Frames shared, further sharers, and pages whose block was read once.
  public var counters: KSMCounters {
    var counters = index.counters
    counters.fullScans = round.rounds
    return counters
  }
}

/// From which block each waiting page was read.
@usableFromInline final class BlockNotes {
  private let blocks: Column<UInt64>

  init(capacity: Int) { blocks = Column(count: capacity, isSparse: true) }

  /// The block of a page.
  @usableFromInline subscript(page: Int) -> UInt64 {
    get { blocks[page] }
    set { blocks[page] = newValue }
  }

  /// What a block's pages are found by.
  @usableFromInline static func key(_ block: UInt64) -> UInt32 { ContentIndex.shortened(SplitMix64.mix(block)) }
}
