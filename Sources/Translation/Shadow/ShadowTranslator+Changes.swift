internal import Addressing
internal import Columns
internal import PageContents
internal import PageTables

/// What changes under the shadow: the map, the guest's tables, their pages.
extension ShadowPaging {
  /// Drops TLB entries that removed shadow entries may have left behind, and a root that is gone.
  func flushStale() {
    if Nesting.nests && shadow.hasNewlyProtected && state[ShadowState.nestedWrites] != 0 { shadow.hasStale = true }
    shadow.hasNewlyProtected = false
    guard shadow.hasStale else { return }
    shadow.hasStale = false
    state[ShadowState.nestedWrites] = 0
    mmu.flushAll()
    let isNested = Nesting.nests && state[ShadowState.start] & (ShadowStart.nested | ShadowStart.full) != 0
    if roots.root(0, in: shadow) == 0 && !isNested { state[ShadowState.start] = 0 }
  }

  /// Drops or write-protects every shadow entry of the frame, all aliases; where the page's content is gone, its shadow pages too. Large
  /// leaves around it go: they are made again if the map still has its own.
  func guestPhysicalMapChanged(_ frame: GuestFrame, old: EPTEntry) {
    let new = tables.map.leaf(of: frame)
    shadow.changeLargeLeaves(around: frame) { _ in .notPresent }
    if !new.isPresent || new.frame != old.frame {
      shadow.changeLeaves(of: frame) { _ in .notPresent }
      if Nesting.nests && mmu.root.page == frame { state[ShadowState.start] = 0 }
    } else {
      let lost = new.isWritable ? 0 : X86Entry.writable | X86Entry.dirty
      let gained = new.isExecutable ? 0 : X86Entry.noExecute
      shadow.changeLeaves(of: frame) { $0.rawValue & X86Entry.switching != 0 ? $0 : $0.without(lost).with(gained) }
    }
    if !new.isPresent, new.absence == .never || new.absence == .ballooned { forgetTable(frame) }
    if old.isPresent { mmu.mapChanged() }
    flushStale()
  }

  /// Whether the frame holds a shadowed table that is in step.
  func storeTraps(_ frame: GuestFrame) -> Bool { shadow.isTracked(frame) }

  /// An exit. The table goes out of step or nested from now on; else what shadowed the old entry is removed, and the next use fills in the
  /// new one.
  func guestTableStored(at address: GuestPhysicalAddress) {
    if Nesting.nests && nesting.noteStore(address.page) {
      mmu.exit(.pageTableWrite)
      nest(address.page)
    } else if letOutOfStep(address.page) {
      mmu.exit(.pageTableUnsync)
      // The store is part of the snapshot already.
      if unsyncPolicy == .xen { shadow.tableStored(address) }
    } else {
      mmu.exit(.pageTableWrite)
      shadow.tableStored(address)
    }
    flushStale()
  }

  /// Forgets the tables that the page held.
  func guestPageReplaced(_ frame: GuestFrame) {
    forgetTable(frame)
    flushStale()
  }

  private func forgetTable(_ frame: GuestFrame) {
    shadow.zapTable(frame)
    if Nesting.nests { nesting.forget(frame) }
  }

  /// Bit A of the map's leaf, which every walk that finds the shadow's clear sets with it.
  func testAndClearAccessed(_ frame: GuestFrame) -> Bool {
    let pages = tables.map.largeLeafSize(of: frame)?.pages ?? 1
    guard mmu.testAndClearAccessed(frame, in: tables.map) else { return false }
    let first = frame.rawValue & ~(pages - 1)
    for page in first..<(first + pages) {
      shadow.changeLeaves(of: GuestFrame(page)) { $0.rawValue & X86Entry.switching != 0 ? $0 : $0.without(X86Entry.accessed) }
    }
    shadow.changeLargeLeaves(around: frame) { $0.without(X86Entry.accessed) }
    flushStale()
    return true
  }
}
