public import Addressing
public import Columns

/// The transparent page sharing of VMware ESX (Waldspurger, OSDI 2002, section 4; vSphere Resource Management for what came later).
///
/// One table holds a frame or a *hint* for every hash of 64 bits. A page that is looked at is hashed. Where the table has a shared frame of
/// that hash and the bytes agree, the page is mapped to it. Where it has a hint, which is only the number of a page that had that hash once
/// and was not write-protected since, that page is hashed again: if its hash has changed, the hint is stale and goes; if not, and the bytes
/// agree, both pages become one shared frame. Otherwise the page becomes a hint. So a page is write-protected only once a partner is found,
/// and no page needs two visits, as KSM demands, to be merged.
///
/// Pages of one hash and different bytes are a *false match*: the paper takes one hash for one content and leaves such a page alone. So
/// does this scanner, which merges equal bytes only, however weak the hash.
///
/// Salting puts the tenant's number into the hash; here the tenants are compared as well, so not even a collision of salted hashes shares
/// across tenants. Not modelled: large pages, which ESX breaks and shares under memory pressure only; the attempt to share a page before it
/// is swapped out; one copy for each NUMA node.
public final class ESXScanner<Memory: ScannableMemory>: PageScanner {
  @usableFromInline let memory: Memory
  @usableFromInline let settings: ESXSettings
  @usableFromInline let index: MergeIndex
  @usableFromInline let spaces: SpaceList
  @usableFromInline let round: ScanRound
  /// All the work done so far.
  public internal(set) var work = ScanWork()
  /// Visits that ended in a false match: the page's hash was that of a page with other bytes.
  public internal(set) var falseMatches: UInt64 = 0

  /// A scanner that has seen nothing.
  /// - Parameters:
  ///   - seed: from which the order of pages derives.
  ///   - capacity: how many page ordinals there can be.
  ///   - frameCount: how many frames the memory has.
  public init(settings: ESXSettings, memory: Memory, seed: UInt64, capacity: Int, frameCount: Int) {
    self.memory = memory
    self.settings = settings
    index = MergeIndex(capacity: capacity, frameCount: frameCount)
    spaces = SpaceList(capacity: capacity)
    round = ScanRound(spaces, order: settings.order, random: RandomSource(seed: seed).stream("scanner/esx"))
  }

  /// Adds an address space; its pages are looked at from the next round on.
  public func register(_ pages: Range<Int>, tenant: UInt32) -> SpaceID { spaces.register(pages, tenant: tenant) }

  /// Ends an address space; its pages are given up at once.
  public func unregister(_ space: SpaceID) {
    guard let pages = spaces.unregister(space) else { return }
    round.leaveOut(space)
    for page in pages { index.forget(page) }
  }

  /// So many pages a second as `scanTimeNanoseconds` and `maxPagesPerSecond` ask for.
  public var pace: ScanPace? {
    guard settings.scanTimeNanoseconds > 0 else { return nil }
    let second: UInt64 = 1_000_000_000
    let pages = UInt64(spaces.pageCount).multipliedReportingOverflow(by: second).partialValue / settings.scanTimeNanoseconds + 1
    return ScanPace(pages: max(1, min(pages, settings.maxPagesPerSecond)), pauseNanoseconds: second)
  }

  /// Looks at a number of pages, or fewer up to the end of the round.
  @inlinable public func scanBatch(pages budget: UInt64, at now: UInt64) -> BatchResult {
    var result = BatchResult()
    round.scan(upTo: budget, &result) { visit($0, &$1) }
    finish(&result)
    return result
  }

  @usableFromInline func finish(_ result: inout BatchResult) {
    result.work.visits = result.pagesScanned
    result.pagesMerged = result.work.merges
    work += result.work
  }

  @inlinable func visit(_ page: PageOrdinal, _ result: inout BatchResult) {
    switch index.settle(page, in: memory) {
    case .nothing: return
    case .shared: result.pagesScanned += 1
    case .single(let frame, _):
      result.pagesScanned += 1
      let hash = memory.indexHash(of: frame)
      result.work.bytesHashed += PageSize.size4K.bytes
      let domain = settings.isSalted ? spaces.tenant(of: page.index) ?? 0 : 0
      let key = salted(hash, domain)
      if share(page, frame, hash, key: key, domain: domain, &result.work) { return }
      let state = index.state(of: page.index)
      // A page that could not be merged may be a stable one by now, whose only sharer it is.
      guard state != .sharer, state == .none || index.key(of: page.index) != key else { return }
      index.forget(page.index)
      index.wait(page.index, key: key)
    }
  }

  /// Looks for a partner.
  /// - Returns: whether the page must not become a hint, since it shares a frame now, or was refused.
  @inlinable func share(
    _ page: PageOrdinal, _ frame: HostFrame, _ hash: UInt64, key: UInt32, domain: UInt32, _ work: inout ScanWork
  ) -> Bool {
    var probe = index.probe(key)
    while let node = index.nextCurrent(&probe, key: key, in: memory, &work) {
      guard index.domain(of: node) == domain, index.tag(of: node) == hash else { continue }
      guard index.areEqual(frame, index.frame(of: node), in: memory, &work) else { return refuse(page) }
      return index.join(page, node, in: memory, &work)
    }
    probe = index.probeWaiting(key)
    while let hint = index.nextWaiting(&probe) {
      guard hint != page else { continue }
      work.searchSteps += 1
      guard !settings.isSalted || spaces.tenant(of: hint.index) == domain else { continue }
      guard let (other, otherHash) = validated(hint, key: key, domain: domain, &work) else {
        index.forget(hint.index)
        probe = index.probeWaiting(key)
        continue
      }
      guard otherHash == hash else { continue }
      guard index.areEqual(frame, other, in: memory, &work) else { return refuse(page) }
      return index.meet(page, hint, key: key, tag: hash, domain: domain, in: memory, &work)
    }
    return false
  }

  /// The frame and the hash of a hinted page, if it still has the hash that the hint tells.
  @inlinable func validated(_ hint: PageOrdinal, key: UInt32, domain: UInt32, _ work: inout ScanWork) -> (HostFrame, UInt64)? {
    guard case .private(let frame) = memory.backing(of: hint) else { return nil }
    let hash = memory.indexHash(of: frame)
    work.bytesHashed += PageSize.size4K.bytes
    return salted(hash, domain) == key ? (frame, hash) : nil
  }

  /// The 32 bits of a salted hash that the table keeps.
  @inlinable func salted(_ hash: UInt64, _ domain: UInt32) -> UInt32 {
    ContentIndex.shortened(settings.isSalted ? hash ^ SplitMix64.mix(UInt64(domain) &+ 1) : hash)
  }

  /// Leaves a page alone whose hash is that of other bytes.
  @usableFromInline func refuse(_ page: PageOrdinal) -> Bool {
    falseMatches += 1
    index.forget(page.index)
    return true
  }

  /// Frames shared, further sharers, hints (as unshared pages), rounds and pages scanned.
  public var counters: KSMCounters {
    var counters = index.counters
    counters.fullScans = round.rounds
    counters.pagesScanned = work.visits
    return counters
  }
}
