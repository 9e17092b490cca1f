internal import Addressing
internal import Columns
internal import PageContents
internal import PageTables
internal import TranslationCaching

extension ShadowPaging {
  @inline(__always) var walkOrigin: WalkOrigin {
    state[ShadowState.pending] != 0
      ? .none : WalkOrigin(owner: state[ShadowState.start], changes: tables.contents.walkChanges)
  }

  @inline(__always) func repeatedWalk(_ record: AccessRecord, _ origin: WalkOrigin) -> RepeatedWalk {
    guard nesting.mayRepeat, let table = mmu.recall(record.address, origin) else { return .none }
    let leaf = mmu.leaf(of: record.address, in: table)
    guard plainChecks[record.mode].passes(leaf.rawValue ^ X86Entry.noExecute) else { return .none }
    return RepeatedWalk(
      entry: TLBEntry(leaf.hostFrame, rights: leaf.rawValue ^ X86Entry.noExecute), references: table.references)
  }

  @inline(__always) func noteRepeatedWalk() { nesting.noteRepeatedWalk() }

  /// The processor's walk; nil where it faults. Only the leaf has rights: links allow everything.
  @inline(__always)
  func walk(_ address: GuestVirtualAddress, _ access: AccessKind, _ privilege: Privilege) -> TranslationOutcome? {
    let start = state[ShadowState.start]
    guard start != 0 else { return nil }
    var walk = X86Walk<HostPhysical>(
      address, root: HostPhysicalAddress(start & X86Entry.frameMask), levels: Int(truncatingIfNeeded: state[ShadowState.levels]))
    let cached = mmu.resume(&walk)
    if cached.level != 0 { walk.table = cached.table }
    if Nesting.nests && isNested(walk, start: start, cached) {
      return walkNested(walk, access, privilege, isFull: cached.level == 0 && start & ShadowStart.full != 0, references: 0)
    }
    var references: UInt64 = 0
    let first = walk.level
    while true {
      let entry = X86Entry(rawValue: tables.contents.load(walk.entryAddress))
      references &+= 1
      guard entry.isPresent else { break }
      if walk.level == 1 || entry.rawValue & (X86Entry.pageSize | X86Entry.switching) != 0 {
        mmu.rememberWalk(address, from: first, downTo: walk.level)
        if Nesting.nests && walk.level > 1 && entry.rawValue & X86Entry.switching != 0 {
          walk.table = HostPhysicalAddress(entry.rawValue & X86Entry.frameMask)
          walk.level &-= 1
          walk.rights = X86Rights(of: entry)
          return walkNested(walk, access, privilege, isFull: false, references: references)
        }
        mmu.counts.addWalk(references: references)
        return finish(address, access, privilege, entry, level: walk.level)
      }
      walk.table = HostPhysicalAddress(entry.rawValue & X86Entry.frameMask)
      walk.level &-= 1
      mmu.pass(walk.table, walk)
    }
    mmu.counts.addWalk(references: references)
    return nil
  }

  /// A leaf was found: checks, marks and caches it.
  @inline(__always)
  private func finish(
    _ address: GuestVirtualAddress, _ access: AccessKind, _ privilege: Privilege, _ leaf: X86Entry, level: Int
  ) -> TranslationOutcome? {
    let mode = Int(privilege.rawValue) << 2 | Int(access.rawValue)
    var rights = (leaf.rawValue ^ X86Entry.noExecute) & TLBEntry.rightsMask
    guard checks[mode].passes(rights) else { return nil }
    let isWrite = access == .write
    if !leaf.isAccessed || (isWrite && !leaf.isDirty) {
      noteUse(address, isWrite: isWrite)
      if isWrite { rights |= AccessCheck.dirty }
    }
    let size = PageSize(leafLevel: level) ?? .size4K
    if level == 1 && !mmu.cachesWalks {
      let start = state[ShadowState.start]
      mmu.remember(address, owner: start, root: HostPhysicalAddress(start & X86Entry.frameMask))
    }
    mmu.fill(address, access, TLBEntry(leaf.hostFrame, size, rights: rights))
    let inside = (size.pages &- 1) & address.page.rawValue
    return .mapped(HostFrame(leaf.hostFrame.rawValue | inside).address(atOffsetOf: address))
  }

  /// Sets A, after a write D, in the leaf of an address, and in the map's, which stands for the processor's own marks of the page.
  @inline(never)
  private func noteUse(_ address: GuestVirtualAddress, isWrite: Bool) {
    let root = roots.root(0, in: shadow)
    let slot = root == 0 ? 0 : shadow.slot(of: address, under: root)
    guard slot != 0 else { return }
    let entry = shadow.entry(slot)
    shadow.setEntry(entry.with(isWrite ? X86Entry.accessed | X86Entry.dirty : X86Entry.accessed), slot)
    let inside = address.page.rawValue & (UInt64(1) << UInt64(9 * (shadow.pages[Int(slot >> 9)].role.level - 1)) - 1)
    let frame = GuestFrame(shadow.nodes[Int(slot)].value | inside)
    tables.map.markUsed(frame, tables.map.leaf(of: frame), isWrite: isWrite)
  }
}
