internal import Addressing
internal import Columns
internal import PageTables

/// Leaves and the reverse map: from a guest frame to every entry that maps it, under whatever root, address or alias.
extension ShadowPages {
  /// Puts a leaf for a guest frame into a slot, in place of what is there; a large one by the first frame of its page.
  func setLeaf(_ leaf: X86Entry, of frame: GuestFrame, _ slot: UInt32) {
    let old = entry(slot)
    if old.isPresent {
      let isSame = kind(old, slot) == kind(leaf, slot) && nodes[Int(slot)].value == frame.rawValue && old.hostFrame == leaf.hostFrame
      if isSame {
        // A TLB may keep what it has where the guest's tables allow that too: a page shown as the kernel's for a while is still the user's.
        if old.isWritable && !leaf.isWritable { hasStale = true }
        if leaf.isNoExecute && !old.isNoExecute && old.isUser == leaf.isUser { hasStale = true }
        if old.isUser && !leaf.isUser && !leaf.isWritable { hasStale = true }
        if (old.rawValue ^ leaf.rawValue) & X86Entry.keyMask != 0 { hasStale = true }
        return setEntry(leaf, slot)
      }
      zap(slot)
    }
    switch kind(leaf, slot) {
    case .largeLeaf: list(slot, frame, in: largeHeads, at: frame.index >> 9)
    case .hugeLeaf: list(slot, frame, in: hugeHeads, at: frame.index >> 18)
    case .leaf, .nested, .link: list(slot, frame, in: leafHeads, at: frame.index)
    }
    setEntry(leaf, slot)
  }

  private func list(_ slot: UInt32, _ frame: GuestFrame, in heads: borrowing Column<UInt32>, at index: Int) {
    let next = heads[index]
    nodes[Int(slot)] = ShadowNode(value: frame.rawValue, next: next)
    if next != 0 { nodes[Int(next)].previous = slot }
    heads[index] = slot
  }

  /// Changes every leaf of 4 KiB of a guest frame, all aliases; one that becomes not present is dropped.
  func changeLeaves(of frame: GuestFrame, _ change: (X86Entry) -> X86Entry) {
    if covers(frame) { changeLeaves(from: leafHeads[frame.index], change) }
  }

  /// The same for the large leaves that map a guest frame.
  func changeLargeLeaves(around frame: GuestFrame, _ change: (X86Entry) -> X86Entry) {
    guard covers(frame) else { return }
    changeLeaves(from: largeHeads[frame.index >> 9], change)
    changeLeaves(from: hugeHeads[frame.index >> 18], change)
  }

  private func changeLeaves(from head: UInt32, _ change: (X86Entry) -> X86Entry) {
    var slot = head
    while slot != 0 {
      let next = nodes[Int(slot)].next
      let old = entry(slot)
      let new = change(old)
      if new != old {
        hasStale = true
        if new.isPresent { setEntry(new, slot) } else { zap(slot) }
      }
      slot = next
    }
  }

  /// Takes W from every leaf of a frame that holds a table. A switch to the frame as a table is no way to write it.
  func protect(_ frame: GuestFrame) {
    let lost = X86Entry.writable | X86Entry.dirty
    hasNewlyProtected = true
    changeLeaves(of: frame) { $0.rawValue & X86Entry.switching != 0 ? $0 : $0.without(lost) }
    changeLargeLeaves(around: frame) { $0.without(lost) }
  }

  /// Whether stores to a guest frame must be seen: it holds a table with a shadow page that is in step.
  func isTracked(_ frame: GuestFrame) -> Bool {
    guard covers(frame) else { return false }
    var number = tableHeads[frame.index]
    while number != 0 {
      if !pages[Int(number)].isUnsync { return true }
      number = pages[Int(number)].nextOfFrame
    }
    return false
  }

  /// Whether a writable large leaf may not map the page of a size that begins at a frame, because a frame in it is tracked.
  func hasTracked(from first: GuestFrame, _ size: PageSize) -> Bool {
    let end = min(first.index + Int(size.pages), tableHeads.count)
    for region in stride(from: first.index, to: end, by: X86Index.entriesPerTable) where tablesInRegion[region >> 9] != 0 {
      let last = min(region + X86Index.entriesPerTable, end)
      if (region..<last).contains(where: { tableHeads[$0] != 0 && isTracked(GuestFrame($0)) }) { return true }
    }
    return false
  }

  /// The slot of the entry that ends the walk of an address from a root; 0 where it ends at an entry not present.
  func slot(of address: GuestVirtualAddress, under root: UInt32) -> UInt32 {
    var number = root
    while true {
      let slot = slot(number, X86Index.index(of: address, level: pages[Int(number)].role.level))
      let entry = entry(slot)
      guard entry.isPresent else { return 0 }
      guard kind(entry, slot) == .link else { return slot }
      number = UInt32(truncatingIfNeeded: nodes[Int(slot)].value)
    }
  }

  /// What a store to an entry of a shadowed table does to its shadow pages: the entry goes, under every role; a table of an upper level
  /// that was stored to three times without being used in between goes whole (KVM, detect_write_flooding), and so does any where the store
  /// is not one of an aligned word.
  func tableStored(_ address: GuestPhysicalAddress) {
    let index = Int(address.offset(in: .size4K) >> 3)
    var number = covers(address.page) ? tableHeads[address.page.index] : 0
    while number != 0 {
      let next = pages[Int(number)].nextOfFrame
      if pages[Int(number)].role.level > 1 { pages[Int(number)].writes += 1 }
      if pages[Int(number)].writes >= 3 {
        statistics.floods += 1
        zapPage(number)
      } else if address.rawValue & 7 != 0 {
        zapPage(number)
      } else {
        zap(slot(number, index))
      }
      number = next
    }
  }
}
