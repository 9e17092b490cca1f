public import Addressing
internal import Columns

/// A two-level TLB with VPID tags. One may serve all guests of a host: they compete for its entries and never see each other's.
public final class TLBHierarchy {
  /// The sizes.
  public let geometry: TLBGeometry

  private let l1i: SetAssociativeTable
  private let l1d: SetAssociativeTable
  private let l2: SetAssociativeTable

  /// The context of each VPID that has one, else 0.
  private let contexts = Column<UInt32>(count: 1 << 16)
  /// Six counts a VPID, in the order of `Count`.
  private let counts = Column<UInt64>(count: Count.stride << 16)
  /// The last context given out.
  private let lastContext = Column<UInt32>(count: 1)

  private enum Count {
    static let l1iHits = 0
    static let l1iMisses = 1
    static let l1dHits = 2
    static let l1dMisses = 3
    static let l2Hits = 4
    static let l2Misses = 5
    static let stride = 6
  }

  /// Bits of a context number; the other 45 bits of a tag hold a virtual page number of up to 57 address bits.
  private static let contextBits: UInt64 = 19

  /// An empty TLB.
  public init(_ geometry: TLBGeometry) {
    self.geometry = geometry
    l1i = SetAssociativeTable(geometry.l1i)
    l1d = SetAssociativeTable(geometry.l1d)
    l2 = SetAssociativeTable(geometry.l2)
  }

  // MARK: Accesses

  /// Looks a page up and counts a hit; an entry that lacks a right is no hit. After nil, `insert` counts the miss.
  @inline(__always) public func lookup(_ vpid: VPID, _ page: GuestVirtualPage, _ access: AccessKind, need: TLBNeed) -> TLBHit? {
    let tag = tag(vpid, page)
    let base = Int(vpid.rawValue) &* Count.stride
    if access == .fetch {
      if let entry = l1i.find(tag, page: page.rawValue, need: need.rawValue) {
        counts[base &+ Count.l1iHits] &+= 1
        return TLBHit(entry: TLBEntry(rawValue: entry), level: .l1)
      }
    } else if let entry = l1d.find(tag, page: page.rawValue, need: need.rawValue) {
      counts[base &+ Count.l1dHits] &+= 1
      return TLBHit(entry: TLBEntry(rawValue: entry), level: .l1)
    }
    guard let entry = l2.find(tag, page: page.rawValue, need: need.rawValue) else { return nil }
    counts[base &+ Count.l2Hits] &+= 1
    fillFirstLevel(tag, page, access, entry, base)
    return TLBHit(entry: TLBEntry(rawValue: entry), level: .l2)
  }

  /// Fills both levels with what a walk found, in place of an older entry of the page, and counts the miss that led to the walk.
  public func insert(_ vpid: VPID, _ page: GuestVirtualPage, _ access: AccessKind, _ entry: TLBEntry) {
    let tag = tag(vpid, page)
    let base = Int(vpid.rawValue) &* Count.stride
    counts[base &+ Count.l2Misses] &+= 1
    l2.insert(tag, page: page.rawValue, entry: entry.rawValue)
    fillFirstLevel(tag, page, access, entry.rawValue, base)
  }

  @inline(__always)
  private func fillFirstLevel(_ tag: UInt64, _ page: GuestVirtualPage, _ access: AccessKind, _ entry: UInt64, _ base: Int) {
    if access == .fetch {
      counts[base &+ Count.l1iMisses] &+= 1
      l1i.insert(tag, page: page.rawValue, entry: entry)
    } else {
      counts[base &+ Count.l1dMisses] &+= 1
      l1d.insert(tag, page: page.rawValue, entry: entry)
    }
  }

  /// Counts an access that missed and completed without leaving a translation behind.
  public func countUncachedMiss(_ vpid: VPID, _ access: AccessKind) {
    let base = Int(vpid.rawValue) &* Count.stride
    counts[base &+ (access == .fetch ? Count.l1iMisses : Count.l1dMisses)] &+= 1
    counts[base &+ Count.l2Misses] &+= 1
  }

  // MARK: Invalidation

  /// Forgets one page of a VPID.
  public func invalidate(_ vpid: VPID, _ page: GuestVirtualPage) {
    let tag = tag(vpid, page)
    l1i.remove(tag, page: page.rawValue)
    l1d.remove(tag, page: page.rawValue)
    l2.remove(tag, page: page.rawValue)
  }

  /// Forgets every page of a VPID, in constant time.
  public func flush(_ vpid: VPID) { contexts[Int(vpid.rawValue)] = 0 }

  /// Forgets everything.
  public func flushAll() {
    contexts.fill(0..<contexts.count, with: 0)
    l1i.clear()
    l1d.clear()
    l2.clear()
    lastContext[0] = 0
  }

  // MARK: Reading

  /// The counts of one VPID.
  public func counters(of vpid: VPID) -> TLBCounters {
    let base = Int(vpid.rawValue) * Count.stride
    var counters = TLBCounters()
    counters.l1iHits = counts[base + Count.l1iHits]
    counters.l1iMisses = counts[base + Count.l1iMisses]
    counters.l1dHits = counts[base + Count.l1dHits]
    counters.l1dMisses = counts[base + Count.l1dMisses]
    counters.l2Hits = counts[base + Count.l2Hits]
    counters.l2Misses = counts[base + Count.l2Misses]
    return counters
  }

  /// Calls `body` with every translation that a look-up of this VPID could hit; a page may come up to three times, once a table.
  public func forEachLive(_ vpid: VPID, _ body: (GuestVirtualPage, TLBEntry) -> Void) {
    let context = UInt64(contexts[Int(vpid.rawValue)])
    guard context != 0 else { return }
    func visit(_ tag: UInt64, _ entry: UInt64) {
      guard tag & (1 << Self.contextBits - 1) == context else { return }
      // The tag keeps 45 bits of the page number; the bits above repeat the topmost, as in every canonical address.
      let page = UInt64(bitPattern: Int64(bitPattern: tag) >> Int64(Self.contextBits)) & (1 << 52 - 1)
      body(GuestVirtualPage(page), TLBEntry(rawValue: entry))
    }
    l1i.forEach(visit)
    l1d.forEach(visit)
    l2.forEach(visit)
  }

  // MARK: Tags

  @inline(__always) private func tag(_ vpid: VPID, _ page: GuestVirtualPage) -> UInt64 {
    let context = contexts[Int(vpid.rawValue)]
    return page.rawValue << Self.contextBits | UInt64(context != 0 ? context : newContext(vpid))
  }

  @inline(never) private func newContext(_ vpid: VPID) -> UInt32 {
    if lastContext[0] == 1 << Self.contextBits - 1 { flushAll() }
    lastContext[0] += 1
    contexts[Int(vpid.rawValue)] = lastContext[0]
    return lastContext[0]
  }
}
