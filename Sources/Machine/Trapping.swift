public import Addressing
internal import FrameAllocation
internal import PageContents
internal import PageTables
internal import Translation

/// Pages that trap: they have their frame, private or stable, and their place in its reverse map, but a leaf that no access passes.
///
/// Everything that is done to a page at a mechanism's word (sharing, ballooning, swapping, the end of its guest) goes the same doors as if
/// it were mapped. Only the guest's next access is different: it copies the page into a frame drawn at random, whoever else may share the
/// old one or not.
extension Host {
  /// Makes the next access to a page trap.
  public func trapAccesses(to page: PageOrdinal) -> Bool {
    guard let (vm, frame) = owner(of: page), vm.isRunning, vm.allowsRemapping else { return false }
    let leaf = vm.map.leaf(of: frame)
    guard leaf.hasFrame, frames[leaf.frame].use == .guestPage || frames[leaf.frame].use == .stable else { return false }
    if leaf.isTrapped { return true }
    if leaf.isLarge && !maySplitForSharing(vm) { return false }
    let before = contents.changes
    defer { changesByMerging += contents.changes - before }
    vm.setExistingLeaf(.trapped(leaf.frame), of: frame)
    vm.translator.guestPhysicalMapChanged(frame, old: leaf)
    vm.trappedPages += 1
    return true
  }

  /// Whether a page that was made to trap has not been accessed since.
  public func isTrapped(_ page: PageOrdinal) -> Bool {
    guard let (vm, frame) = owner(of: page), vm.isRunning else { return false }
    return vm.map.leaf(of: frame).isTrapped
  }

  /// Moves a page's private bytes to a frame drawn at random. Never reclaims for it: below the low watermark the page stays where it is.
  public func relocate(_ page: PageOrdinal) -> HostFrame? {
    guard freeFrames > watermarks.low, let (vm, frame, leaf) = privateLeaf(of: page) else { return nil }
    guard let fresh = frames.allocate(for: .unmapped(.guestPage), drawnFrom: &placement) else { return nil }
    let before = contents.changes
    defer { changesByMerging += contents.changes - before }
    contents.copy(leaf.frame, to: fresh)
    vm.replace(leaf, of: frame, by: leaf.isTrapped ? .trapped(fresh) : leaf.moved(to: fresh))
    frames.link(page, to: fresh)
    vm.privateFrames += 1
    return fresh
  }
}

extension VirtualMachine {
  /// An access to a page that traps: it gets a copy in a frame drawn at random, for itself alone.
  func springTrap(_ frame: GuestFrame, _ leaf: EPTEntry, _ kind: AccessKind) -> HostFrame? {
    // The allocation may reclaim; this page is in use.
    pinned.append(frame)
    let fresh = host.allocateGuestFrame(for: self, atRandom: true)
    pinned.removeLast()
    guard let fresh else { return nil }
    host.contents.copy(leaf.frame, to: fresh)
    replace(leaf, of: frame, by: .page(fresh, writable: true).used(kind))
    host.frames.link(page(of: frame), to: fresh)
    privateFrames += 1
    host.events.copiesOnAccess += 1
    return fresh
  }
}

extension EPTEntry {
  /// The same leaf with another frame.
  func moved(to frame: HostFrame) -> EPTEntry { without(EPTEntry.frameMask).with(frame.rawValue << 12) }
}
