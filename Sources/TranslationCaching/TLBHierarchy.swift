public import Addressing
public import Columns

/// TLBs of one or two levels, paging-structure caches and a nested TLB, as one processor has them. One hierarchy may serve all guests of a
/// host: they compete for its entries and never see each other's.
public final class TLBHierarchy {
  /// What it consists of.
  public let geometry: TLBGeometry

  @usableFromInline let sets: WaySets
  /// Where each level keeps what: the index is `slot(level:isFetch:size:)`.
  @usableFromInline let tables: Column<WayTable>
  /// For each slot, the code of the size in which a page of its size is kept there; `absent` where it is not.
  @usableFromInline let keptAs: Column<UInt64>
  /// For each size, the kinds (as in `SpaceRecord.kinds`) that a page of its own of that size becomes.
  @usableFromInline let kindsOfSize: Column<UInt64>
  /// The tables that 4 KiB pages are looked up in, beside the column for speed.
  @usableFromInline let smallFetch: WayTable
  @usableFromInline let smallData: WayTable
  /// Whether ways are kept in the order of their last use.
  @usableFromInline let isLRU: Bool
  @usableFromInline let records: Column<SpaceRecord>
  let walkTables: WalkTables

  var registry = SpaceRegistry()
  /// The last context given out, divided by 4: a context's two lowest bits hold the size of a page.
  var lastContext: UInt64 = 0
  /// The same for the walk caches.
  var lastWalkContext: UInt64 = 0
  let byVPID = VPIDSpaces()

  /// Bits of a context and a size; the other 45 bits of a tag hold a virtual page number of up to 57 address bits.
  @usableFromInline static let contextBits: UInt64 = 19
  @usableFromInline static let absent: UInt64 = 3

  /// An empty hierarchy.
  public init(_ geometry: TLBGeometry) {
    self.geometry = geometry
    var ways = 0
    var setCount = 0
    var laid: [TLBGeometry.Structure: WayTable] = [:]
    for structure in geometry.structures {
      laid[structure] = WayTable(structure.level, &ways, &setCount)
    }
    sets = WaySets(slots: ways, sets: setCount, policy: geometry.policy)
    tables = Column(count: 12, repeating: .none)
    keptAs = Column(count: 12, repeating: TLBHierarchy.absent)
    kindsOfSize = Column(count: 4)
    for level in 1...2 {
      for isFetch in [false, true] {
        var kept = TLBHierarchy.absent
        for size in PageSize.allCases {
          let slot = TLBHierarchy.slot(level: level, isFetch: isFetch, TLBEntry.code(size))
          if let structure = geometry.structure(level: level, isFetch: isFetch, size), let table = laid[structure] {
            tables[slot] = table
            kept = TLBEntry.code(size)
          }
          keptAs[slot] = kept
          guard kept != TLBHierarchy.absent else { continue }
          let code = TLBEntry.code(size)
          kindsOfSize[Int(code)] |= 1 << kept | (kept == code ? 0 : Kinds.pieces)
        }
      }
    }
    smallFetch = tables[TLBHierarchy.slot(level: 1, isFetch: true, 0)]
    smallData = tables[TLBHierarchy.slot(level: 1, isFetch: false, 0)]
    isLRU = geometry.policy == .lru
    records = Column(count: SpaceRegistry.capacity, isSparse: true)
    walkTables = WalkTables(geometry)
  }

  @inlinable @inline(__always) static func slot(level: Int, isFetch: Bool, _ code: UInt64) -> Int {
    (level &- 1) &* 6 &+ (isFetch ? 3 : 0) &+ Int(truncatingIfNeeded: code)
  }

  // MARK: Spaces

  /// The space of a tag, always the same until its VPID is released. Beyond 2^20 tags it is one that caches nothing.
  public func space(_ tag: TLBTag) -> TLBSpace {
    if let known = registry.index(tag) { return TLBSpace(index: known) }
    let (index, group) = registry.add(tag)
    guard index != 0 else { return TLBSpace(index: 0) }
    var record = SpaceRecord()
    record.group = group
    // What its siblings can find: global entries of the group, guest-physical ones of the root.
    if let sibling = registry.groups[group].spaces.first, sibling != index {
      record.globalContext = records[sibling].globalContext
      record.kinds = records[sibling].kinds & Kinds.global
    }
    if let root = registry.groups[group].root {
      let relatives = registry.roots[root].groups.flatMap { registry.groups[$0].spaces }
      if let relative = relatives.first(where: { $0 != index }) {
        record.hostContext = records[relative].hostContext
        record.hostKinds = records[relative].hostKinds
      }
    }
    records[index] = record
    return TLBSpace(index: index)
  }

  /// The guest is gone: everything of its VPID is forgotten, and its spaces may be given to other tags.
  public func release(_ vpid: VPID) {
    for group in registry.groups(of: vpid) {
      for index in registry.groups[group].spaces { records[index] = SpaceRecord() }
    }
    registry.remove(vpid)
  }

  // MARK: Accesses

  /// Looks an address up; counts nothing. An entry that the access's check does not pass is no hit.
  @inlinable @inline(__always)
  public func lookup(_ space: TLBSpace, _ address: GuestVirtualAddress, isFetch: Bool, _ check: AccessCheck) -> TLBHit {
    let record = records[space.index]
    guard record.kinds == Kinds.small && isLRU else { return lookupAnySize(space, address, isFetch: isFetch, check) }
    let table = isFetch ? smallFetch : smallData
    let tag = TLBHierarchy.tag(address, 0, record.context)
    let base = table.base(address.rawValue >> 12)
    let found = sets.find(tag, base, table.ways)
    if found >= 0 {
      let word = sets.slots[found].word
      if check.passes(word) {
        sets.moveToFront(found, base)
        return TLBHit(entry: TLBEntry(rawValue: word), level: 1)
      }
    }
    return lookupSecondLevel(tag, address, isFetch: isFetch, check)
  }

  @usableFromInline
  func lookupSecondLevel(_ tag: UInt64, _ address: GuestVirtualAddress, isFetch: Bool, _ check: AccessCheck) -> TLBHit {
    let table = tables[TLBHierarchy.slot(level: 2, isFetch: isFetch, 0)]
    let page = address.rawValue >> 12
    let base = table.base(page)
    let found = sets.find(tag, base, table.ways)
    guard found >= 0 else { return .miss }
    let word = sets.slots[found].word
    guard check.passes(word) else { return .miss }
    sets.moveToFront(found, base)
    let first = isFetch ? smallFetch : smallData
    sets.insertFirst(tag, word, first.base(page), first.ways)
    return TLBHit(entry: TLBEntry(rawValue: word), level: 2)
  }

  @usableFromInline @inline(never)
  func lookupAnySize(_ space: TLBSpace, _ address: GuestVirtualAddress, isFetch: Bool, _ check: AccessCheck) -> TLBHit {
    let record = records[space.index]
    let kinds = (record.kinds | record.kinds >> 3) & Kinds.own
    for level in 1...2 {
      for code in 0..<3 as Range<UInt64> where kinds >> code & 1 != 0 {
        let table = tables[TLBHierarchy.slot(level: level, isFetch: isFetch, code)]
        if table.ways == 0 { continue }
        let page = address.rawValue >> (12 &+ 9 &* code)
        let own = record.context == 0 ? -1 : find(table, page, TLBHierarchy.tag(address, code, record.context), check)
        let global =
          record.globalContext == 0 || own >= 0 ? -1 : find(table, page, TLBHierarchy.tag(address, code, record.globalContext), check)
        let found = max(own, global)
        if found < 0 { continue }
        let entry = TLBEntry(rawValue: sets.slots[found].word)
        sets.use(found, table, page)
        if level == 2 { fill(1, record, address, isFetch: isFetch, entry) }
        return TLBHit(entry: entry, level: level)
      }
    }
    return .miss
  }

  /// The index of a tag's way if it passes the check; else -1.
  private func find(_ table: WayTable, _ page: UInt64, _ tag: UInt64, _ check: AccessCheck) -> Int {
    let found = sets.find(tag, table.base(page), table.ways)
    return found >= 0 && check.passes(sets.slots[found].word) ? found : -1
  }

  /// Fills both levels with what a walk found, in place of older entries of the same page.
  @inlinable
  public func insert(_ space: TLBSpace, _ address: GuestVirtualAddress, isFetch: Bool, _ entry: TLBEntry) {
    var record = records[space.index]
    // The kinds that it can become: its own size, and smaller ones where a level has no place for that.
    if record.kinds & kinds(of: entry) != kinds(of: entry) {
      guard prepare(space, entry) else { return }
      record = records[space.index]
    }
    fill(2, record, address, isFetch: isFetch, entry)
    fill(1, record, address, isFetch: isFetch, entry)
  }

  /// The bits of `SpaceRecord.kinds` that a look-up must know of to find the entry, in whatever pieces it is kept.
  @inlinable func kinds(of entry: TLBEntry) -> UInt64 {
    let kinds = kindsOfSize[Int(truncatingIfNeeded: entry.sizeCode)]
    let placed = entry.isGlobal ? (kinds & Kinds.own) << 3 | kinds & Kinds.pieces : kinds
    return entry.isPiece ? placed | Kinds.pieces : placed
  }

  @usableFromInline
  func fill(_ level: Int, _ record: SpaceRecord, _ address: GuestVirtualAddress, isFetch: Bool, _ entry: TLBEntry) {
    let code = keptAs[TLBHierarchy.slot(level: level, isFetch: isFetch, entry.sizeCode)]
    guard code != TLBHierarchy.absent else { return }
    let kept = code == entry.sizeCode ? entry : entry.piece(code, of: address)
    let table = tables[TLBHierarchy.slot(level: level, isFetch: isFetch, code)]
    let tag = TLBHierarchy.tag(address, code, entry.isGlobal ? record.globalContext : record.context)
    sets.insert(tag, kept.rawValue, table, address.rawValue >> (12 &+ 9 &* code))
  }

  /// The tag of the page of a size that holds an address: the page's address above bits 18:2, the context, and the size in bits 1:0.
  @inlinable @inline(__always) static func tag(_ address: GuestVirtualAddress, _ code: UInt64, _ context: UInt64) -> UInt64 {
    let shift = 12 &+ 9 &* code
    let page = address.rawValue &>> shift
    return page &<< (shift &+ contextBits &- 12) | context | code
  }
}
