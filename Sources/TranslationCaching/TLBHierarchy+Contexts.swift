internal import Addressing
internal import Columns

/// Contexts: given out when something is first inserted, taken away to forget, in constant time, all that was tagged with them.
extension TLBHierarchy {
  /// Gives a space the context that an entry needs and notes which kinds it now can find.
  /// - Returns: false where nothing may be cached.
  @usableFromInline @inline(never) func prepare(_ space: TLBSpace, _ entry: TLBEntry) -> Bool {
    let kinds = kinds(of: entry)
    guard space.index != 0, kinds != 0 else { return false }
    let isMissing = entry.isGlobal ? records[space.index].globalContext == 0 : records[space.index].context == 0
    let fresh = isMissing ? newContext() : 0
    guard entry.isGlobal else {
      if isMissing { records[space.index].context = fresh }
      records[space.index].kinds |= kinds
      return true
    }
    for index in registry.groups[records[space.index].group].spaces {
      if isMissing { records[index].globalContext = fresh }
      records[index].kinds |= kinds
    }
    return true
  }

  private func newContext() -> UInt64 {
    if lastContext == 1 << (TLBHierarchy.contextBits - 2) - 1 { forgetEntries() }
    lastContext += 1
    liveContexts += 1
    return lastContext << 2
  }

  /// Forgets every TLB entry; contexts begin anew.
  func forgetEntries() {
    memory.clear()
    for index in 1..<registry.tags.count {
      records[index].kinds = noKinds
      records[index].context = 0
      records[index].globalContext = 0
    }
    lastContext = 0
    liveContexts = 0
    dead = []
  }

  /// A new context for the walk caches.
  func newWalkContext() -> UInt64 {
    if lastWalkContext == 1 << (WalkTables.contextBits - 2) - 1 { forgetWalks() }
    lastWalkContext += 1
    liveWalkContexts += 1
    return lastWalkContext << 2
  }

  /// Forgets everything in the walk caches.
  func forgetWalks() {
    walkTables.memory.clear()
    for index in 1..<registry.tags.count {
      records[index].walkContext = 0
      records[index].hostContext = 0
      records[index].hostKinds = 0
    }
    lastWalkContext = 0
    liveWalkContexts = 0
    deadWalks = []
  }

  // MARK: Forgetting what belongs to whom

  /// A space's own entries, and its walks.
  func forgetOwn(_ index: Int) {
    retire(records[index].context)
    records[index].context = 0
    records[index].kinds &= Kinds.global | Kinds.general | (records[index].kinds & Kinds.global == 0 ? 0 : Kinds.pieces)
    forgetWalks(index)
  }

  /// A space's paging-structure-cache entries.
  func forgetWalks(_ index: Int) {
    retireWalk(records[index].walkContext)
    records[index].walkContext = 0
  }

  /// A group's global entries.
  func forgetGlobal(_ group: Int) {
    if let first = registry.groups[group].spaces.first { retire(records[first].globalContext) }
    for index in registry.groups[group].spaces {
      records[index].globalContext = 0
      records[index].kinds &= Kinds.own | Kinds.general | (records[index].kinds & Kinds.own == 0 ? 0 : Kinds.pieces)
    }
  }

  /// Everything of a group.
  func forgetGroup(_ group: Int) {
    for index in registry.groups[group].spaces { forgetOwn(index) }
    forgetGlobal(group)
  }

  /// The guest-physical entries of an EPT root.
  func forgetHost(_ root: Int) {
    let members = registry.roots[root].groups.flatMap { registry.groups[$0].spaces }
    if let first = members.first { retireWalk(records[first].hostContext) }
    for index in members {
      records[index].hostContext = 0
      records[index].hostKinds = 0
    }
  }

  // MARK: Ways of the dead

  private func retire(_ context: UInt64) {
    guard context != 0 else { return }
    liveContexts -= 1
    dead.append(context)
  }

  private func retireWalk(_ context: UInt64) {
    guard context != 0 else { return }
    liveWalkContexts -= 1
    deadWalks.append(context)
  }

  /// Empties the ways of contexts that were just taken away, as a processor does: an empty way is filled before a live one is given up.
  ///
  /// Where ways are in the order of use and nobody else has any, there is nothing to do: whatever comes later comes before the dead, which
  /// go first anyway. That makes the common flush, of the only guest's only context, one of constant time.
  func sweep() {
    let isOrdered = geometry.policy == .lru || geometry.policy == .fifo
    if !dead.isEmpty && !(isOrdered && liveContexts == 0) {
      forEachTable { table in Self.sweep(memory, table, Self.contextMask, dead) }
    }
    if !deadWalks.isEmpty && !(isOrdered && liveWalkContexts == 0) {
      for index in 0...WalkTables.nested { Self.sweep(walkTables.memory, walkTables.tables[index], WalkTables.contextMask, deadWalks) }
    }
    dead.removeAll(keepingCapacity: true)
    deadWalks.removeAll(keepingCapacity: true)
  }

  private static func sweep(_ memory: borrowing WayMemory, _ table: WayTable, _ mask: UInt64, _ dead: [UInt64]) {
    if dead.count == 1 {
      let only = dead[0]
      memory.removeAll(table) { tag, _ in tag & mask == only }
    } else {
      let all = Set(dead)
      memory.removeAll(table) { tag, _ in all.contains(tag & mask) }
    }
  }

  /// Calls `body` with each TLB structure once, though several sizes may share it.
  func forEachTable(_ body: (WayTable) -> Void) {
    for slot in 0..<12 where tables[slot].ways > 0 {
      let isFirst = !(0..<slot).contains { tables[$0].ways > 0 && tables[$0].firstSet == tables[slot].firstSet }
      if isFirst { body(tables[slot]) }
    }
  }

  /// Calls `body` with the spaces of a PCID under a VPID, of every EPT root.
  func forEachSpace(_ vpid: VPID, _ pcid: PCID, _ body: (Int) -> Void) {
    for group in registry.groups(of: vpid) {
      let ep4ta = registry.groups[group].root.map { registry.roots[$0].ep4ta }
      if let index = registry.index(TLBTag(vpid: vpid, pcid: pcid, ep4ta: ep4ta)) { body(index) }
    }
  }
}
