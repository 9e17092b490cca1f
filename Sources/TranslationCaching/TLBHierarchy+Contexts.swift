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
    return lastContext << 2
  }

  /// Forgets every TLB entry; contexts begin anew.
  func forgetEntries() {
    sets.clear()
    for index in 1..<registry.tags.count {
      records[index].kinds = 0
      records[index].context = 0
      records[index].globalContext = 0
    }
    lastContext = 0
  }

  /// A new context for the walk caches.
  func newWalkContext() -> UInt64 {
    if lastWalkContext == 1 << (WalkTables.contextBits - 2) - 1 { forgetWalks() }
    lastWalkContext += 1
    return lastWalkContext << 2
  }

  /// Forgets everything in the walk caches.
  func forgetWalks() {
    walkTables.sets.clear()
    for index in 1..<registry.tags.count {
      records[index].walkContext = 0
      records[index].hostContext = 0
      records[index].hostKinds = 0
    }
    lastWalkContext = 0
  }

  // MARK: Forgetting what belongs to whom

  /// A space's own entries, and its walks' where `walks` says so.
  func forgetOwn(_ index: Int, walks: Bool = true) {
    records[index].context = 0
    records[index].kinds &= Kinds.global | (records[index].kinds & Kinds.global == 0 ? 0 : Kinds.pieces)
    if walks { records[index].walkContext = 0 }
  }

  /// A group's global entries.
  func forgetGlobal(_ group: Int) {
    for index in registry.groups[group].spaces {
      records[index].globalContext = 0
      records[index].kinds &= Kinds.own | (records[index].kinds & Kinds.own == 0 ? 0 : Kinds.pieces)
    }
  }

  /// Everything of a group.
  func forgetGroup(_ group: Int) {
    for index in registry.groups[group].spaces { forgetOwn(index) }
    forgetGlobal(group)
  }

  /// The guest-physical entries of an EPT root.
  func forgetHost(_ root: Int) {
    for group in registry.roots[root].groups {
      for index in registry.groups[group].spaces {
        records[index].hostContext = 0
        records[index].hostKinds = 0
      }
    }
  }

  /// The spaces of a PCID under a VPID, of every EPT root.
  func spaces(_ vpid: VPID, _ pcid: PCID) -> [Int] {
    registry.groups(of: vpid).compactMap { group in
      let ep4ta = registry.groups[group].root.map { registry.roots[$0].ep4ta }
      return registry.index(TLBTag(vpid: vpid, pcid: pcid, ep4ta: ep4ta))
    }
  }
}
