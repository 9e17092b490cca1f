internal import Addressing
internal import Columns
internal import PageTables

/// Pages out of step: level-1 tables that the guest may write unseen until it has to invalidate.
///
/// The invariant: in every page above an unsync page the bit of the entry that leads towards it is set. Bits are cleared when a search
/// finds nothing below them (KVM, mmu_unsync_walk).
extension ShadowPages {
  /// Whether all shadow pages of a table may be let out of step: there are some, and all are of level 1.
  func canUnsync(_ frame: GuestFrame) -> Bool {
    guard covers(frame), tableHeads[frame.index] != 0 else { return false }
    var number = tableHeads[frame.index]
    while number != 0 {
      if pages[Int(number)].role.level > 1 { return false }
      number = pages[Int(number)].nextOfFrame
    }
    return true
  }

  /// Lets all shadow pages of a table out of step.
  func unsync(_ frame: GuestFrame) {
    var number = tableHeads[frame.index]
    while number != 0 {
      if !pages[Int(number)].isUnsync {
        statistics.unsyncs += 1
        pages[Int(number)].isUnsync = true
        markParents(number)
      }
      number = pages[Int(number)].nextOfFrame
    }
  }

  /// Takes a page for in step again: stores to its table are seen from now on.
  func setInStep(_ number: UInt32) {
    statistics.syncs += 1
    pages[Int(number)].isUnsync = false
    protect(pages[Int(number)].frame)
  }

  func hasUnsyncBelow(_ number: UInt32) -> Bool {
    let first = Int(number) * 8
    for word in first..<(first + 8) where unsyncBits[word] != 0 { return true }
    return false
  }

  private func markParents(_ number: UInt32) {
    var parent = pages[Int(number)].firstParent
    while parent != 0 {
      markUnsyncBelow(parent)
      parent = nodes[Int(parent)].next
    }
  }

  /// Marks an entry that leads towards an unsync page, and those above it.
  func markUnsyncBelow(_ slot: UInt32) {
    let number = slot >> 9
    let wasMarked = hasUnsyncBelow(number)
    unsyncBits[Int(slot >> 6)] |= 1 << UInt64(slot & 63)
    if !wasMarked { markParents(number) }
  }

  /// Calls `sync` with every unsync page below a page. It brings the page in step, or zaps it.
  func forEachUnsync(below number: UInt32, _ sync: (UInt32) -> Void) {
    for word in 0..<8 {
      var bits = unsyncBits[Int(number) * 8 + word]
      while bits != 0 {
        let slot = slot(number, word * 64 + bits.trailingZeroBitCount)
        bits &= bits &- 1
        if syncEntry(slot, sync) { unsyncBits[Int(slot >> 6)] &= ~(1 << UInt64(slot & 63)) }
      }
    }
  }

  /// - Returns: whether nothing out of step is left below.
  private func syncEntry(_ slot: UInt32, _ sync: (UInt32) -> Void) -> Bool {
    let entry = entry(slot)
    guard entry.isPresent, kind(entry, slot) == .link else { return true }
    let child = UInt32(truncatingIfNeeded: nodes[Int(slot)].value)
    if pages[Int(child)].role.level == 1 {
      if pages[Int(child)].isUnsync { sync(child) }
      return true
    }
    forEachUnsync(below: child, sync)
    return !hasUnsyncBelow(child)
  }
}
