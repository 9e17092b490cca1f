internal import Addressing
internal import PageContents
internal import PageTables

/// Frames that come, move and go.
extension DirectTranslator {
  /// A guest frame has got a host frame: P2M and M2P name it from now on.
  func guestPageBacked(_ frame: GuestFrame) -> Bool {
    let leaf = map.leaf(of: frame)
    guard leaf.hasFrame, frame.rawValue < guestPages else { return true }
    return machine.set(frame, to: leaf.frame)
  }

  /// Only a frame that nothing refers to may leave the guest.
  func allowsRelease(_ frame: GuestFrame) -> Bool { frame.rawValue >= guestPages || types.references(to: frame) == 0 }

  /// A frame has moved, or left.
  ///
  /// One that leaves though the guest refers to it (when the guest ends) takes all the guest's tables with it: no root is left to walk
  /// from.
  func guestPhysicalMapChanged(_ frame: GuestFrame, old: EPTEntry) {
    guard frame.rawValue < guestPages, let before = machine.machineFrame(of: frame) else { return }
    let leaf = map.leaf(of: frame)
    guard !leaf.hasFrame || leaf.frame != before else { return }
    if leaf.hasFrame, machine.set(frame, to: leaf.frame) {
      let others: UInt32 = (types.isPinned(frame) ? 1 : 0) + (root == frame ? 1 : 0)
      redirect(from: before, to: leaf.frame, entries: types.references(to: frame) - others)
      if root == frame { mmu.loadCR3(GuestPhysicalAddress(leaf.frame.address.rawValue)) }
    } else {
      if types.references(to: frame) > 0 { endTables() }
      machine.clear(frame)
      types.forget(frame)
    }
    flush()
  }

  /// Rewrites every entry that names a frame. Which ones is not recorded anywhere: the tables are searched until as many are found as the
  /// frame has references.
  private func redirect(from old: HostFrame, to new: HostFrame, entries: UInt32) {
    var left = entries
    var index: UInt64 = 0
    while left > 0, index < guestPages {
      let table = GuestFrame(index)
      if types.type(of: table).level != nil, let place = machine.machineFrame(of: table) {
        left -= redirect(in: table, at: place, from: old, to: new)
      }
      index += 1
    }
  }

  private func redirect(in table: GuestFrame, at place: HostFrame, from old: HostFrame, to new: HostFrame) -> UInt32 {
    var found: UInt32 = 0
    for index in 0..<X86Index.entriesPerTable {
      let entry = X86Entry(rawValue: contents.loadWord(index, of: place))
      guard entry.isPresent, entry.hostFrame == old else { continue }
      let moved = entry.without(X86Entry.frameMask).with(new.address.rawValue)
      write(moved, over: entry, at: HostPhysicalAddress(place.address.rawValue + UInt64(index) * 8), in: table)
      found += 1
    }
    return found
  }
}
