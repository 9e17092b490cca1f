internal import Addressing
internal import Columns
internal import PageContents
internal import PageTables

/// Tables that run out of step with their shadow, and how they come back.
extension ShadowPaging {
  /// Lets the guest store to a table unseen, if the policy and the table's level allow it.
  func letOutOfStep(_ frame: GuestFrame) -> Bool {
    guard unsyncPolicy != .none, shadow.canUnsync(frame) else { return false }
    if unsyncPolicy == .xen {
      guard let place = tables.place(frame.address) else { return false }
      let wanted = snapshots.wanted(frame)
      if let other = snapshots.frame(wanted) { bringInStep(other) }
      snapshots.take(frame, from: place.page, tables.contents, at: wanted)
    }
    shadow.unsync(frame)
    return true
  }

  /// Brings every page in step that the current root reaches.
  func syncReachable() {
    if unsyncPolicy == .xen {
      for place in 0..<Snapshots.count { if let frame = snapshots.frame(place) { bringInStep(frame) } }
      return
    }
    let root = roots.root(0, in: shadow)
    if root != 0 { shadow.forEachUnsync(below: root, sync) }
  }

  /// INVLPG under a root: one entry is read again, or with Xen dropped.
  func syncPage(_ address: GuestVirtualAddress, under root: UInt32) {
    guard root != 0, X86Index.isCanonical(address, levels: shadow.pages[Int(root)].role.level) else { return }
    let slot = shadow.slot(of: address, under: root)
    let page = shadow.pages[Int(slot >> 9)]
    guard slot != 0, page.isUnsync else { return }
    guard unsyncPolicy == .kvm, let place = tables.place(page.frame.address) else { return shadow.zap(slot) }
    resync(slot, X86Entry(rawValue: tables.contents.loadWord(Int(slot & 511), of: place.page)), page.role)
  }

  /// Brings a page in step: every entry that no longer says what the guest's table does is changed or dropped.
  func sync(_ number: UInt32) {
    let page = shadow.pages[Int(number)]
    // A table that the host has taken away meanwhile cannot be read: its shadow goes.
    guard let place = tables.place(page.frame.address) else { return shadow.zapPage(number) }
    shadow.setInStep(number)
    guard let snapshot = snapshots.place(page.frame) else {
      for index in 0..<X86Index.entriesPerTable { sync(shadow.slot(number, index), page.role, index, of: place.page) }
      return
    }
    var next = 0
    while let index = snapshots.change(from: next, at: snapshot, of: place.page, tables.contents) {
      sync(shadow.slot(number, index), page.role, index, of: place.page)
      next = index + 1
    }
  }

  private func sync(_ slot: UInt32, _ role: ShadowRole, _ index: Int, of table: HostFrame) {
    resync(slot, X86Entry(rawValue: tables.contents.loadWord(index, of: table)), role)
  }

  private func resync(_ slot: UInt32, _ entry: X86Entry, _ role: ShadowRole) {
    let old = shadow.entry(slot)
    guard old.isPresent else { return }
    guard isUsable(entry, role), shadow.nodes[Int(slot)].value == entry.guestFrame.rawValue, let leaf = leaf(for: entry, role) else {
      return shadow.zap(slot)
    }
    let use = old.rawValue & (leaf.isWritable ? X86Entry.accessed | X86Entry.dirty : X86Entry.accessed)
    shadow.setLeaf(leaf.without(X86Entry.accessed | X86Entry.dirty).with(use), of: entry.guestFrame, slot)
  }

  /// Xen: brings all pages of a table in step and gives its snapshot's place away.
  func bringInStep(_ frame: GuestFrame) {
    guard let place = snapshots.place(frame) else { return }
    var number = shadow.tableHeads[frame.index]
    while number != 0 {
      let next = shadow.pages[Int(number)].nextOfFrame
      if shadow.pages[Int(number)].isUnsync { sync(number) }
      number = next
    }
    snapshots.drop(place)
  }

  /// An entry of a table was read to fill a leaf in. Where the table is out of step with a snapshot, that is what later changes are told
  /// from; other pages of the table, made from the older word, lose theirs.
  func noteRead(_ table: GuestFrame, _ index: Int, _ word: UInt64, but page: UInt32) {
    guard unsyncPolicy == .xen, let place = snapshots.place(table), snapshots[place, index] != word else { return }
    snapshots[place, index] = word
    var number = shadow.tableHeads[table.index]
    while number != 0 {
      if number != page { shadow.zap(shadow.slot(number, index)) }
      number = shadow.pages[Int(number)].nextOfFrame
    }
  }
}
