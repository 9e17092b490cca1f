public import Addressing
internal import Columns

/// XLH, a memory scanner with cross-layer hints (Miller, Franz, Rittinghaus, Hillenbrand and Bellosa, USENIX ATC 2013).
///
/// Pages that a guest has just read from its disk are likely to be equal to pages that another guest read from the same image. The host,
/// which carries out the read, pushes the page on a bounded stack of hints; the scanner, which otherwise is KSM's, lets batches of hints
/// alternate with batches of its linear scan, both within KSM's limit of pages. So equal pages are merged within moments of being read
/// instead of within two full scans, and sharing that would be gone by then is found at all.
///
/// The scan beside the hints is KSM's of 2013: the checksum gate, a stable and an unstable set, the unstable one emptied with every full
/// scan; no smart scan, no limit of sharers, no zero page. Sets are indexed by a hash of all bytes, and its cost is charged, where the
/// paper's trees go by the bytes themselves; a match is compared in both. A hinted page passes the gate at once (assumed: the paper indexes
/// it "soon after its content has been established"), a batch of hints that runs out of them goes on with the scan (assumed).
public final class XLHScanner<Memory: ScannableMemory>: PageScanner {
  @usableFromInline let memory: Memory
  @usableFromInline let index: MergeIndex
  @usableFromInline let gate: ChecksumGate
  @usableFromInline let hints: HintBuffer
  @usableFromInline let spaces: SpaceList
  @usableFromInline let round: ScanRound
  private let settings: XLHSettings
  /// Batches so far in the cycle of hint runs and scan runs.
  private var run = 0
  /// All the work done so far.
  public internal(set) var work = ScanWork()
  /// Pages that were merged when a hint led to them.
  public internal(set) var mergesByHint: UInt64 = 0

  /// A scanner that has seen nothing.
  /// - Parameters:
  ///   - capacity: how many page ordinals there can be.
  ///   - frameCount: how many frames the memory has.
  public init(settings: XLHSettings, memory: Memory, capacity: Int, frameCount: Int) {
    self.memory = memory
    self.settings = settings
    index = MergeIndex(capacity: capacity, frameCount: frameCount)
    gate = ChecksumGate(capacity: capacity)
    hints = HintBuffer(settings)
    spaces = SpaceList(capacity: capacity)
    round = ScanRound(spaces, order: .linear, random: RandomStream(seed: 0))
  }

  /// Adds an address space; it is scanned from the next full scan on, hints count from now on.
  public func register(_ pages: Range<Int>, tenant: UInt32) -> SpaceID { spaces.register(pages, tenant: tenant) }

  /// Ends an address space; its pages are given up at once.
  public func unregister(_ space: SpaceID) {
    guard let pages = spaces.unregister(space) else { return }
    round.leaveOut(space)
    for page in pages {
      index.forget(page)
      gate.close(page)
    }
  }

  /// A block was read into a page: a hint.
  @inlinable public func pageRead(_ page: PageOrdinal, from block: UInt64, at now: UInt64) {
    if spaces.tenant(of: page.index) != nil { hints.push(page, at: now) }
  }

  /// Looks at a number of pages: hinted ones first if it is their turn, then those of the linear scan up to the end of the full scan.
  @inlinable public func scanBatch(pages budget: UInt64, at now: UInt64) -> BatchResult {
    var result = BatchResult()
    if isHintRun() {
      while result.pagesScanned < budget, let page = hints.pop(at: now) {
        if spaces.tenant(of: page.index) != nil { visit(page, isHinted: true, &result) }
      }
      noteHints(result)
    }
    if round.isBetweenRounds && result.pagesScanned < budget { index.forgetAllWaiting(in: spaces) }
    round.scan(upTo: budget, &result) { visit($0, isHinted: false, &$1) }
    finish(&result)
    return result
  }

  /// Whether it is the turn of a batch of hints; moves on to the next turn.
  @usableFromInline func isHintRun() -> Bool {
    defer { run = (run + 1) % max(1, max(0, settings.hintRuns) + max(0, settings.scanRuns)) }
    return run < settings.hintRuns
  }

  @usableFromInline func noteHints(_ result: BatchResult) { mergesByHint += result.work.merges }

  @usableFromInline func finish(_ result: inout BatchResult) {
    result.work.visits = result.pagesScanned
    result.pagesMerged = result.work.merges
    work += result.work
  }

  @inlinable func visit(_ page: PageOrdinal, isHinted: Bool, _ result: inout BatchResult) {
    switch index.settle(page, in: memory) {
    case .nothing: gate.close(page.index)
    case .shared: result.pagesScanned += 1
    case .single(let frame, _):
      result.pagesScanned += 1
      index.forget(page.index)
      let checksum = memory.ksmChecksum(of: frame)
      result.work.bytesHashed += PageSize.size4K.bytes
      guard gate.passes(page.index, checksum) || isHinted else { return }
      let key = ContentIndex.shortened(memory.indexHash(of: frame))
      result.work.bytesHashed += PageSize.size4K.bytes
      if !share(page, frame, key, &result.work) { index.wait(page.index, key: key) }
    }
  }

  /// Looks for a partner.
  /// - Returns: whether the page must not go on waiting, since it shares a frame now or could not be merged.
  @inlinable func share(_ page: PageOrdinal, _ frame: HostFrame, _ key: UInt32, _ work: inout ScanWork) -> Bool {
    var probe = index.probe(key)
    while let node = index.nextCurrent(&probe, key: key, in: memory, &work) {
      guard index.areEqual(frame, index.frame(of: node), in: memory, &work) else { continue }
      _ = index.join(page, node, in: memory, &work)
      return true
    }
    probe = index.probeWaiting(key)
    while let other = index.nextWaiting(&probe) {
      work.searchSteps += 1
      guard case .private(let otherFrame) = memory.backing(of: other), index.areEqual(frame, otherFrame, in: memory, &work) else {
        continue
      }
      _ = index.meet(page, other, key: key, in: memory, &work)
      return true
    }
    return false
  }

  /// Frames shared, further sharers, waiting pages (the unstable set), full scans and pages scanned, hinted ones included.
  public var counters: KSMCounters {
    var counters = index.counters
    counters.fullScans = round.rounds
    counters.pagesScanned = work.visits
    return counters
  }
}

/// KSM's gate against pages that change: a page passes if its checksum is what it was at the last visit. The first one is 0, as in the
/// kernel.
@usableFromInline final class ChecksumGate {
  private let checksums: Column<UInt32>

  init(capacity: Int) { checksums = Column(count: capacity) }

  /// Whether a page's checksum is the last one; remembers it.
  @usableFromInline func passes(_ page: Int, _ checksum: UInt32) -> Bool {
    if checksums[page] == checksum { return true }
    checksums[page] = checksum
    return false
  }

  /// Forgets a page that is gone.
  @usableFromInline func close(_ page: Int) { if checksums[page] != 0 { checksums[page] = 0 } }
}
