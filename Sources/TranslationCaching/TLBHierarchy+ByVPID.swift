public import Addressing
internal import Columns

/// The rights an access needs of a TLB entry, without keys, SMEP and SMAP.
@frozen public struct TLBNeed: Hashable, Sendable, BitwiseCopyable {
  let check: AccessCheck

  /// The needs of an access of a kind, in user mode or not.
  public init(_ access: AccessKind, isUser: Bool) {
    var bits = AccessCheck.present
    if isUser { bits |= AccessCheck.user }
    switch access {
    case .read: break
    case .write: bits |= AccessCheck.writable | AccessCheck.dirty
    case .fetch: bits |= AccessCheck.executable
    }
    check = AccessCheck(needed: bits)
  }
}

/// The one space of each VPID that has no PCIDs, and its counts.
struct VPIDSpaces: ~Copyable {
  let spaces = Column<Int>(count: 1 << 16)
  let counts = Column<TLBCounts>(count: 1 << 16)

  struct TLBCounts: BitwiseCopyable {
    var hits: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    var misses: (UInt64, UInt64) = (0, 0)
  }
}

/// Entry points for guests with one space each, which count.
extension TLBHierarchy {
  private func only(_ vpid: VPID) -> TLBSpace {
    let known = byVPID.spaces[Int(vpid.rawValue)]
    if known != 0 { return TLBSpace(index: known) }
    let space = space(TLBTag(vpid: vpid))
    byVPID.spaces[Int(vpid.rawValue)] = space.index
    return space
  }

  /// Looks a page up and counts a hit.
  public func lookup(_ vpid: VPID, _ page: GuestVirtualPage, _ access: AccessKind, need: TLBNeed) -> TLBHit? {
    let hit = lookup(only(vpid), page.address, isFetch: access == .fetch, need.check)
    if hit.level == 0 { return nil }
    let isFetch = access == .fetch
    switch (hit.level, isFetch) {
    case (1, true): byVPID.counts[Int(vpid.rawValue)].hits.0 += 1
    case (1, false): byVPID.counts[Int(vpid.rawValue)].hits.1 += 1
    case (_, true): byVPID.counts[Int(vpid.rawValue)].hits.2 += 1
    case (_, false): byVPID.counts[Int(vpid.rawValue)].hits.3 += 1
    }
    return hit
  }

  /// Fills both levels and counts the miss.
  public func insert(_ vpid: VPID, _ page: GuestVirtualPage, _ access: AccessKind, _ entry: TLBEntry) {
    countUncachedMiss(vpid, access)
    insert(only(vpid), page.address, isFetch: access == .fetch, entry)
  }

  /// Counts an access that missed and completed without leaving a translation behind.
  public func countUncachedMiss(_ vpid: VPID, _ access: AccessKind) {
    if access == .fetch { byVPID.counts[Int(vpid.rawValue)].misses.0 += 1 } else { byVPID.counts[Int(vpid.rawValue)].misses.1 += 1 }
  }

  /// Forgets one page of a VPID.
  public func invalidate(_ vpid: VPID, _ page: GuestVirtualPage) { invalidate(.invvpidAddress(vpid, page.address)) }

  /// Forgets every page of a VPID.
  public func flush(_ vpid: VPID) { invalidate(.invvpidContext(vpid)) }

  /// Forgets everything.
  public func flushAll() { invalidate(.everything) }

  /// The counts of one VPID.
  public func counters(of vpid: VPID) -> TLBCounters {
    let counts = byVPID.counts[Int(vpid.rawValue)]
    var counters = TLBCounters()
    counters.l1iHits = counts.hits.0
    counters.l1iMisses = counts.hits.2 + counts.misses.0
    counters.l1dHits = counts.hits.1
    counters.l1dMisses = counts.hits.3 + counts.misses.1
    counters.l2Hits = counts.hits.2 + counts.hits.3
    counters.l2Misses = counts.misses.0 + counts.misses.1
    return counters
  }

  /// Calls `body` with every translation that a look-up of this VPID could hit.
  public func forEachLive(_ vpid: VPID, _ body: (GuestVirtualPage, TLBEntry) -> Void) {
    forEachLive(vpid) { (live: LiveTLBEntry) in body(live.page, live.entry) }
  }
}

extension TLBEntry {
  /// A 4 KiB translation without key and G.
  public init(_ frame: HostFrame, writable: Bool, user: Bool, noExecute: Bool, dirty: Bool) {
    self.init(
      frame, .size4K,
      rights: (writable ? AccessCheck.writable : 0) | (user ? AccessCheck.user : 0) | (noExecute ? 0 : AccessCheck.executable)
        | (dirty ? AccessCheck.dirty : 0))
  }
}
