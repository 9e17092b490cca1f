internal import Addressing
internal import Columns

extension TLBHierarchy {
  /// Forgets what an operation must make a processor forget.
  public func invalidate(_ operation: TLBInvalidation) {
    forget(operation)
    sweep()
  }

  private func forget(_ operation: TLBInvalidation) {
    switch operation {
    case .invlpg(let space, let address):
      guard let tag = registry.tags[space.index] else { return }
      forEachSpace(tag.vpid, tag.pcid) { index in
        forgetPage(index, address)
        forgetWalks(index)
      }
      forgetGlobalPage(tag.vpid, address)
    case .pageFault(let space, let address):
      guard let tag = registry.tags[space.index] else { return }
      forEachSpace(tag.vpid, tag.pcid) { index in
        forgetPage(index, address)
        forgetWalk(index, address)
      }
      forgetGlobalPage(tag.vpid, address)
    case .movToCR3(let space):
      guard let tag = registry.tags[space.index] else { return }
      forEachSpace(tag.vpid, tag.pcid) { forgetOwn($0) }
    case .invpcidAddress(let vpid, let pcid, let address):
      forEachSpace(vpid, pcid) { index in
        forgetPage(index, address)
        forgetWalk(index, address)
      }
    case .invpcidContext(let vpid, let pcid):
      forEachSpace(vpid, pcid) { forgetOwn($0) }
    case .invpcidAll(let vpid), .invvpidContext(let vpid), .vmTransition(let vpid):
      for group in registry.groups(of: vpid) { forgetGroup(group) }
    case .invpcidAllButGlobals(let vpid), .invvpidContextButGlobals(let vpid):
      for group in registry.groups(of: vpid) { for index in registry.groups[group].spaces { forgetOwn(index) } }
    case .invvpidAddress(let vpid, let address):
      for group in registry.groups(of: vpid) {
        for index in registry.groups[group].spaces {
          forgetPage(index, address)
          forgetWalk(index, address)
        }
      }
      forgetGlobalPage(vpid, address)
    case .invvpidAll:
      for group in registry.groups.indices where registry.groups[group].vpid != VPID(0) { forgetGroup(group) }
    case .inveptContext(let ep4ta):
      if let root = registry.root(of: ep4ta) { forgetRoot(root) }
    case .inveptAll:
      for root in registry.roots.indices { forgetRoot(root) }
    case .eptViolation(let space, let address, let linear): forgetViolated(space, address, linear)
    case .everything:
      forgetEntries()
      forgetWalks()
    }
  }

  private func forgetRoot(_ root: Int) {
    forgetHost(root)
    for group in registry.roots[root].groups { forgetGroup(group) }
  }

  private func forgetViolated(_ space: TLBSpace, _ address: GuestPhysicalAddress, _ linear: GuestVirtualAddress?) {
    let record = records[space.index]
    if record.hostContext != 0 { forgetPhysical(record.hostContext, address) }
    guard let linear else { return }
    forgetPage(space.index, linear)
    forgetWalk(space.index, linear)
    if record.globalContext != 0 { forgetTagged(record.globalContext, record.kinds >> 3, record.kinds, linear) }
  }

  // MARK: One address

  /// The entries of a space's own for an address.
  private func forgetPage(_ index: Int, _ address: GuestVirtualAddress) {
    let record = records[index]
    if record.context != 0 { forgetTagged(record.context, record.kinds, record.kinds, address) }
  }

  /// The global entries for an address under a VPID, of every EPT root.
  private func forgetGlobalPage(_ vpid: VPID, _ address: GuestVirtualAddress) {
    for group in registry.groups(of: vpid) {
      guard let first = registry.groups[group].spaces.first else { continue }
      let record = records[first]
      if record.globalContext != 0 { forgetTagged(record.globalContext, record.kinds >> 3, record.kinds, address) }
    }
  }

  private func forgetTagged(_ context: UInt64, _ sizes: UInt64, _ kinds: UInt64, _ address: GuestVirtualAddress) {
    for code in 0..<3 as Range<UInt64> where sizes >> code & 1 != 0 {
      let tag = TLBHierarchy.tag(address, code, context)
      for slot in 0..<12 where slot % 3 == Int(code) && tables[slot].ways > 0 {
        memory.remove(tag, tables[slot], address.rawValue >> (12 + 9 * code))
      }
    }
    if kinds & Kinds.pieces != 0 { forgetPieces(context, address) }
  }

  /// The pieces of the guest's page that holds an address. They may lie anywhere: every way is looked at.
  private func forgetPieces(_ context: UInt64, _ address: GuestVirtualAddress) {
    for slot in 0..<12 where tables[slot].ways > 0 {
      memory.removeAll(tables[slot]) { tag, word in
        guard tag & TLBHierarchy.contextMask == context else { return false }
        let entry = TLBEntry(rawValue: word)
        let other = GuestVirtualAddress(TLBHierarchy.page(tag).address.rawValue)
        return entry.isPiece
          && TLBHierarchy.tag(other, TLBEntry.code(entry.guestSize), 0) == TLBHierarchy.tag(address, TLBEntry.code(entry.guestSize), 0)
      }
    }
  }

  /// The paging-structure-cache entries that a walk of a space's tables for an address would use.
  private func forgetWalk(_ index: Int, _ address: GuestVirtualAddress) {
    let context = records[index].walkContext
    if context != 0 { forgetPrefixes(address.rawValue, context, 0) }
  }

  private func forgetPhysical(_ context: UInt64, _ address: GuestPhysicalAddress) {
    forgetPrefixes(address.rawValue, context, 4)
    let table = walkTables.tables[WalkTables.nested]
    for code in 0..<3 as Range<UInt64> where table.ways > 0 {
      let page = address.rawValue >> (12 + 9 * code)
      walkTables.memory.remove(page << WalkTables.contextBits | context | code, table, page)
    }
  }

  private func forgetPrefixes(_ address: UInt64, _ context: UInt64, _ dimension: Int) {
    for below in 0..<4 where walkTables.tables[dimension + below].ways > 0 {
      let prefix = WalkTables.prefix(address, below: below)
      walkTables.memory.remove(prefix << WalkTables.contextBits | context, walkTables.tables[dimension + below], prefix)
    }
  }
}
