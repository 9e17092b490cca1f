public import Addressing
internal import Columns

/// A TLB entry that a look-up could hit.
public struct LiveTLBEntry: Hashable, Sendable {
  /// A space that it answers for; for a global entry any space of its VPID and EPT root does.
  public let tag: TLBTag
  /// The first page that it translates.
  public let page: GuestVirtualPage
  /// What it says of it; its size is among that.
  public let entry: TLBEntry
}

/// An entry of a walk cache that a look-up could hit.
public enum LiveWalkCacheEntry: Hashable, Sendable {
  /// A walk for any address of the `level` tables from `address` on goes on in a table of that level.
  case walk(TLBTag, GuestVirtualAddress, WalkStart)
  /// The same of EPT tables.
  case hostWalk(ep4ta: HostFrame, GuestPhysicalAddress, WalkStart)
  /// The guest-physical page is where the entry says.
  case nested(ep4ta: HostFrame, GuestFrame, TLBEntry)
}

/// Reading everything that could be hit, for audits.
extension TLBHierarchy {
  /// Calls `body` with every translation that a look-up of this VPID could hit; a page may come up once for each structure.
  public func forEachLive(_ vpid: VPID, _ body: (LiveTLBEntry) -> Void) {
    var tags: [UInt64: TLBTag] = [:]
    for group in registry.groups(of: vpid) {
      for index in registry.groups[group].spaces {
        guard let tag = registry.tags[index] else { continue }
        if records[index].context != 0 { tags[records[index].context] = tag }
        if records[index].globalContext != 0 { tags[records[index].globalContext] = tag }
      }
    }
    forEachTable { table in
      table.forEach { tag, word in
        guard let owner = tags[tag & TLBHierarchy.contextMask] else { return }
        body(LiveTLBEntry(tag: owner, page: TLBHierarchy.page(tag), entry: TLBEntry(rawValue: word)))
      }
    }
  }

  /// Calls `body` with every entry of the walk caches that a look-up under this VPID could hit.
  public func forEachWalkCacheEntry(_ vpid: VPID, _ body: (LiveWalkCacheEntry) -> Void) {
    var tags: [UInt64: TLBTag] = [:]
    var roots: [UInt64: HostFrame] = [:]
    for group in registry.groups(of: vpid) {
      for index in registry.groups[group].spaces {
        guard let tag = registry.tags[index] else { continue }
        if records[index].walkContext != 0 { tags[records[index].walkContext] = tag }
        if let ep4ta = tag.ep4ta, records[index].hostContext != 0 { roots[records[index].hostContext] = ep4ta }
      }
    }
    let contextMask = WalkTables.contextMask
    for below in 0..<4 {
      let shift = UInt64(21 + 9 * below)
      walkTables.tables[below].forEach { tag, word in
        guard let owner = tags[tag & contextMask] else { return }
        let address = GuestVirtualAddress(TLBHierarchy.canonical((tag >> WalkTables.contextBits) << shift))
        body(.walk(owner, address, WalkStart(level: below + 1, word: word)))
      }
      walkTables.tables[4 + below].forEach { tag, word in
        guard let root = roots[tag & contextMask] else { return }
        let address = GuestPhysicalAddress((tag >> WalkTables.contextBits) << shift)
        body(.hostWalk(ep4ta: root, address, WalkStart(level: below + 1, word: word)))
      }
    }
    walkTables.tables[WalkTables.nested].forEach { tag, word in
      guard let root = roots[tag & contextMask] else { return }
      let entry = TLBEntry(rawValue: word)
      body(.nested(ep4ta: root, GuestFrame((tag >> WalkTables.contextBits) << (9 * entry.sizeCode)), entry))
    }
  }

  /// The first page that a tag stands for. A tag keeps 45 bits of the page number; the bits above repeat the topmost, as in every canonical
  /// address.
  static func page(_ tag: UInt64) -> GuestVirtualPage {
    GuestVirtualPage(UInt64(bitPattern: Int64(bitPattern: tag) >> Int64(contextBits)) & (1 << 52 - 1))
  }

  private static func canonical(_ address: UInt64) -> UInt64 { address >> 56 & 1 == 0 ? address : address | ~(1 << 57 - 1) }
}
