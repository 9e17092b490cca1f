public import Addressing
internal import Columns

/// Look-ups and fills of any size, global entries and any policy: what the fast path leaves.
extension TLBHierarchy {
  /// `lookup`, for what its fast path leaves.
  @inline(never)
  public func lookupAny(_ space: TLBSpace, _ address: GuestVirtualAddress, isFetch: Bool, _ check: AccessCheck) -> TLBHit {
    let kinds = records[space.index].kinds & ~Kinds.pieces
    // The first place to look in, under LRU: the space's own entries of its smallest size, unless there are smaller global ones.
    let code = UInt64(truncatingIfNeeded: (kinds & Kinds.own).trailingZeroBitCount)
    guard code < 3, kinds & Kinds.general == 0, kinds >> 3 & (1 &<< code &- 1) == 0 else {
      return lookupEverywhere(space, address, isFetch: isFetch, check)
    }
    let page = address.rawValue &>> (12 &+ 9 &* code)
    let tag = TLBHierarchy.tag(address, code, records[space.index].context)
    let first = tables[TLBHierarchy.slot(level: 1, isFetch: isFetch, code)].set(page)
    if first.ways > 1 {
      let (one, two) = (first[0], first[1])
      if one.tag == tag && check.passes(one.word) { return TLBHit(entry: TLBEntry(rawValue: one.word), level: 1) }
      if two.tag == tag && check.passes(two.word) {
        first[1] = one
        first[0] = two
        return TLBHit(entry: TLBEntry(rawValue: two.word), level: 1)
      }
    }
    if kinds != 1 &<< code { return lookupEverywhere(space, address, isFetch: isFetch, check) }
    return lookupRest(first, tables[TLBHierarchy.slot(level: 2, isFetch: isFetch, code)].set(page), tag, from: 0, check)
  }

  /// In every structure that may have the address, the first level's first, small pages before large ones, its own entries before global ones.
  @inline(never)
  private func lookupEverywhere(_ space: TLBSpace, _ address: GuestVirtualAddress, isFetch: Bool, _ check: AccessCheck) -> TLBHit {
    let record = records[space.index]
    for level in 1...2 {
      var sizes = (record.kinds | record.kinds >> 3) & Kinds.own
      while sizes != 0 {
        let code = UInt64(truncatingIfNeeded: sizes.trailingZeroBitCount)
        sizes &= sizes &- 1
        let table = tables[TLBHierarchy.slot(level: level, isFetch: isFetch, code)]
        if table.ways == 0 { continue }
        let page = address.rawValue &>> (12 &+ 9 &* code)
        var word: UInt64 = 0
        if record.kinds &>> code & 1 != 0 { word = memory.use(TLBHierarchy.tag(address, code, record.context), table, page, check) }
        if word == 0 && record.kinds &>> (code &+ 3) & 1 != 0 {
          word = memory.use(TLBHierarchy.tag(address, code, record.globalContext), table, page, check)
        }
        if word == 0 { continue }
        let entry = TLBEntry(rawValue: word)
        if level == 2 { fill(1, record, address, isFetch: isFetch, entry) }
        return TLBHit(entry: entry, level: level)
      }
    }
    return .miss
  }

  @usableFromInline @inline(never)
  func insertAny(_ space: TLBSpace, _ address: GuestVirtualAddress, isFetch: Bool, _ entry: TLBEntry) {
    var record = records[space.index]
    let kinds = kinds(of: entry)
    if record.kinds & kinds != kinds || space.index == 0 {
      guard prepare(space, entry) else { return }
      record = records[space.index]
    }
    fill(2, record, address, isFetch: isFetch, entry)
    fill(1, record, address, isFetch: isFetch, entry)
  }

  /// The bits of `SpaceRecord.kinds` that a look-up must know of to find the entry, in whatever pieces it is kept.
  func kinds(of entry: TLBEntry) -> UInt64 {
    let kinds = kindsOfSize[Int(truncatingIfNeeded: entry.sizeCode)]
    let placed = entry.isGlobal ? (kinds & Kinds.own) << 3 | kinds & Kinds.pieces : kinds
    return entry.isPiece ? placed | Kinds.pieces : placed
  }

  private func fill(_ level: Int, _ record: SpaceRecord, _ address: GuestVirtualAddress, isFetch: Bool, _ entry: TLBEntry) {
    let code = keptAs[TLBHierarchy.slot(level: level, isFetch: isFetch, entry.sizeCode)]
    guard code != TLBHierarchy.absent else { return }
    let kept = code == entry.sizeCode ? entry : entry.piece(code, of: address)
    let table = tables[TLBHierarchy.slot(level: level, isFetch: isFetch, code)]
    let tag = TLBHierarchy.tag(address, code, entry.isGlobal ? record.globalContext : record.context)
    memory.insert(tag, kept.rawValue, table, address.rawValue >> (12 &+ 9 &* code))
  }

  /// The tag of the page of a size that holds an address: the page's address above bits 18:2, the context, and the size in bits 1:0.
  static func tag(_ address: GuestVirtualAddress, _ code: UInt64, _ context: UInt64) -> UInt64 {
    let shift = 12 &+ 9 &* code
    let page = address.rawValue &>> shift
    return page &<< (shift &+ contextBits &- 12) | context | code
  }
}
