public import Addressing
public import Columns

/// TLBs of one or two levels, paging-structure caches and a nested TLB, as one processor has them. One hierarchy may serve all guests of a
/// host: they compete for its entries and never see each other's.
public final class TLBHierarchy {
  /// What it consists of.
  public let geometry: TLBGeometry

  let memory: WayMemory
  /// Where each level keeps what: the index is `slot(level:isFetch:size:)`.
  let tables: Column<WayTable>
  /// For each slot, the code of the size in which a page of its size is kept there; `absent` where it is not.
  let keptAs: Column<UInt64>
  /// For each size, the kinds (as in `SpaceRecord.kinds`) that a page of its own of that size becomes.
  let kindsOfSize: Column<UInt64>
  /// The tables of 4 KiB pages, beside the column for speed.
  @usableFromInline let fetch1: WayTable
  @usableFromInline let data1: WayTable
  @usableFromInline let fetch2: WayTable
  @usableFromInline let data2: WayTable
  /// The same for loops: see `TLBLane.tables`.
  @usableFromInline let laneTables: Column<WayTable>
  /// The kinds of a space with nothing cached: `Kinds.general` unless the fast path knows the geometry.
  let noKinds: UInt64
  @usableFromInline let records: Column<SpaceRecord>
  let walkTables: WalkTables

  var registry = SpaceRegistry()
  /// The last context given out, divided by 4: a context's two lowest bits hold the size of a page.
  var lastContext: UInt64 = 0
  /// The same for the walk caches.
  var lastWalkContext: UInt64 = 0
  /// How many contexts are in use, and those taken away by the invalidation under way.
  var liveContexts = 0
  var dead: [UInt64] = []
  var liveWalkContexts = 0
  var deadWalks: [UInt64] = []

  /// Bits of a context and a size; the other 45 bits of a tag hold a virtual page number of up to 57 address bits.
  @inlinable static var contextBits: UInt64 { 19 }
  /// The context in a tag, without the size.
  static var contextMask: UInt64 { 1 << contextBits - 4 }
  static var absent: UInt64 { 3 }

  /// An empty hierarchy.
  public init(_ geometry: TLBGeometry) {
    self.geometry = geometry
    var laid: [WayTable] = []
    memory = WayMemory(geometry.structures.map(\.level), policy: geometry.policy) { laid.append($1) }
    tables = Column(count: 12, repeating: memory.none)
    keptAs = Column(count: 12, repeating: TLBHierarchy.absent)
    kindsOfSize = Column(count: 3)
    for (index, place) in TLBHierarchy.slots.enumerated() {
      guard let structure = geometry.structure(level: place.level, isFetch: place.isFetch, place.size) else { continue }
      for (other, candidate) in zip(geometry.structures, laid) where other == structure { tables[index] = candidate }
    }
    for (index, place) in TLBHierarchy.slots.enumerated() {
      // A page is kept in its own size, or else in the next smaller one that the level has a structure for.
      let code = TLBEntry.code(place.size)
      var kept = code
      while kept > 0 && tables[index - Int(code - kept)].ways == 0 { kept -= 1 }
      guard tables[index - Int(code - kept)].ways > 0 else { continue }
      keptAs[index] = kept
      kindsOfSize[Int(code)] |= 1 << kept | (kept == code ? 0 : Kinds.pieces)
    }
    fetch1 = tables[TLBHierarchy.slot(level: 1, isFetch: true, 0)]
    data1 = tables[TLBHierarchy.slot(level: 1, isFetch: false, 0)]
    fetch2 = tables[TLBHierarchy.slot(level: 2, isFetch: true, 0)]
    data2 = tables[TLBHierarchy.slot(level: 2, isFetch: false, 0)]
    laneTables = Column(count: 4)
    for (index, table) in [data1, fetch1, data2, fetch2].enumerated() { laneTables[index] = table }
    noKinds = geometry.policy == .lru && fetch1.ways > 1 && data1.ways > 1 ? 0 : Kinds.general
    records = Column(count: SpaceRegistry.capacity, isSparse: true)
    records[0].kinds = Kinds.general
    walkTables = WalkTables(geometry)
  }

  /// The places of `tables`, in their order.
  private static let slots: [(level: Int, isFetch: Bool, size: PageSize)] = [1, 2].flatMap { level in
    [false, true].flatMap { isFetch in PageSize.allCases.map { (level, isFetch, $0) } }
  }

  static func slot(level: Int, isFetch: Bool, _ code: UInt64) -> Int {
    (level &- 1) &* 6 &+ (isFetch ? 3 : 0) &+ Int(truncatingIfNeeded: code)
  }

  // MARK: Spaces

  /// The space of a tag, always the same until its VPID is released. Beyond 2^20 tags it is one that caches nothing.
  public func space(_ tag: TLBTag) -> TLBSpace {
    if let known = registry.index(tag) { return TLBSpace(index: known) }
    let (index, group) = registry.add(tag)
    guard index != 0 else { return TLBSpace(index: 0) }
    var record = SpaceRecord(kinds: noKinds)
    record.group = group
    // What its siblings can find: global entries of the group, guest-physical ones of the root.
    if let sibling = registry.groups[group].spaces.first, sibling != index {
      record.globalContext = records[sibling].globalContext
      record.kinds |= records[sibling].kinds & (Kinds.global | Kinds.pieces)
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

  /// The guest is gone: all mappings of its VPID are forgotten, and the guest-physical ones of EPT roots that only it ran on; its spaces may
  /// be given to other tags.
  public func release(_ vpid: VPID) {
    invalidate(.invvpidContext(vpid))
    for group in registry.groups(of: vpid) {
      if let root = registry.groups[group].root {
        let isAlone = registry.roots[root].groups.allSatisfy { registry.groups[$0].vpid == vpid || registry.groups[$0].spaces.isEmpty }
        if isAlone { forgetHost(root) }
      }
      for index in registry.groups[group].spaces { records[index] = SpaceRecord(kinds: noKinds) }
    }
    sweep()
    registry.remove(vpid)
  }

  // MARK: Accesses

  /// Looks an address up; counts nothing. An entry that the access's check does not pass is no hit.
  @inlinable @inline(__always)
  public func lookup(_ space: TLBSpace, _ address: GuestVirtualAddress, isFetch: Bool, _ check: AccessCheck) -> TLBHit {
    let record = records[space.index]
    guard record.kinds & ~Kinds.pieces == Kinds.small else { return lookupAny(space, address, isFetch: isFetch, check) }
    let page = address.rawValue &>> 12
    let tag = page &<< TLBHierarchy.contextBits | record.context
    let set = isFetch ? fetch1.set(page) : data1.set(page)
    let first = set[0]
    if first.tag == tag && check.passes(first.word) { return TLBHit(entry: TLBEntry(rawValue: first.word), level: 1) }
    let second = set[1]
    if second.tag == tag && check.passes(second.word) {
      set[1] = first
      set[0] = second
      return TLBHit(entry: TLBEntry(rawValue: second.word), level: 1)
    }
    return lookupRest(set, isFetch ? fetch2.set(page) : data2.set(page), tag, from: 2, check)
  }

  /// What is left of a look-up of a space with pages of one size under LRU: the ways of the first level from `start` on, and the second level.
  @usableFromInline @inline(never)
  func lookupRest(_ first: WaySet, _ second: WaySet, _ tag: UInt64, from start: Int, _ check: AccessCheck) -> TLBHit {
    let near = first.ways == 4 ? first.use(tag, check, from: start, ways: 4) : first.use(tag, check, from: start, ways: first.ways)
    if near != 0 { return TLBHit(entry: TLBEntry(rawValue: near), level: 1) }
    // Numbers of ways that processors have: known, the loops are unrolled.
    let far =
      switch second.ways {
      case 4: second.use(tag, check, ways: 4)
      case 6: second.use(tag, check, ways: 6)
      case 8: second.use(tag, check, ways: 8)
      case 12: second.use(tag, check, ways: 12)
      default: second.use(tag, check, ways: second.ways)
      }
    guard far != 0 else { return .miss }
    if first.ways == 4 { first.insertFirst(tag, far, ways: 4) } else { first.insertFirst(tag, far, ways: first.ways) }
    return TLBHit(entry: TLBEntry(rawValue: far), level: 2)
  }

  /// Fills both levels with what a walk found, in place of older entries of the same page.
  @inlinable @inline(__always)
  public func insert(_ space: TLBSpace, _ address: GuestVirtualAddress, isFetch: Bool, _ entry: TLBEntry) {
    let record = records[space.index]
    guard record.kinds == Kinds.small && entry.isPlain else { return insertAny(space, address, isFetch: isFetch, entry) }
    let page = address.rawValue &>> 12
    insertSmall(page &<< TLBHierarchy.contextBits | record.context, page, isFetch: isFetch, entry.rawValue)
  }

  @usableFromInline @inline(never)
  func insertSmall(_ tag: UInt64, _ page: UInt64, isFetch: Bool, _ word: UInt64) {
    let second = isFetch ? fetch2.set(page) : data2.set(page)
    switch second.ways {
    case 4: second.insertFirst(tag, word, ways: 4)
    case 6: second.insertFirst(tag, word, ways: 6)
    case 8: second.insertFirst(tag, word, ways: 8)
    case 12: second.insertFirst(tag, word, ways: 12)
    default: second.insertFirst(tag, word, ways: second.ways)
    }
    let first = isFetch ? fetch1.set(page) : data1.set(page)
    if first.ways == 4 { first.insertFirst(tag, word, ways: 4) } else { first.insertFirst(tag, word, ways: first.ways) }
  }
}
