internal import Addressing
internal import FrameAllocation
internal import PageTables
internal import Translation

/// Huge mappings: 2 MiB of a guest's memory in one aligned block of host frames, behind one leaf of its map.
///
/// A write into 2 MiB that were never touched is given all of it at once, as Linux does with `transparent_hugepage=always`: 511 pages that
/// the guest may never want come with it, full of zeros, and a page sharer sees them. Each frame keeps a record of its own, so to a sharer
/// a page in a huge mapping is a private page like others. Whatever changes a single page (sharing it, ballooning it, swapping it) splits
/// the mapping first, and then goes the way of any small page.
///
/// The invariant: the 512 pages of a huge mapping are private, writable and in frames of one order-9 block, in order. It holds because
/// `setExistingLeaf`, through which every door passes, splits before it changes one of them; a split moves nothing, and it is as well a
/// change of the map after which translations are invalidated.
///
/// Simpler than Linux in this: nothing puts small pages together again (khugepaged); reads of untouched memory map the small zero page, and
/// what was read or ballooned before the first write stays in small pages; a huge page that was split is swapped page by page.
extension VirtualMachine {
  /// Backs the 1 GiB or the 2 MiB around a page that is being written, if all of them are untouched guest memory and the host has a huge
  /// page.
  /// - Returns: the page's own frame.
  func populateHuge(around frame: GuestFrame) -> HostFrame? {
    if hugePages == .gigabyte, let fresh = populateHuge(around: frame, .size1G) { return fresh }
    return populateHuge(around: frame, .size2M)
  }

  private func populateHuge(around frame: GuestFrame, _ size: PageSize) -> HostFrame? {
    let pages = Int(size.pages)
    let first = GuestFrame(frame.index & ~(pages - 1))
    guard first.index + pages <= pageCount, map.hasNoLeaves(around: frame, size: size) else { return nil }
    guard let block = host.allocateHugePage(size, for: self) else {
      host.events.hugeFallbacks += 1
      return nil
    }
    guard map.setLargeLeaf(.page(block, writable: true).with(EPTEntry.accessed | EPTEntry.dirty), of: first, size: size) else {
      host.giveBackHugePage(block, size)
      host.events.hugeFallbacks += 1
      return nil
    }
    for index in 0..<pages { host.frames.link(page(of: GuestFrame(first.index + index)), to: HostFrame(block.index + index)) }
    privateFrames += pages
    host.events.populated += UInt64(pages)
    host.events.hugeFaults += 1
    for index in 0..<pages where !tellBacked(GuestFrame(first.index + index)) { return nil }
    return HostFrame(block.index + frame.index - first.index)
  }

  /// Splits the huge mapping around a page, which must be in one: first the map, then the translations.
  func splitHuge(around frame: GuestFrame) {
    let old = map.leaf(of: frame)
    let isSplit = map.splitLargeLeaf(around: frame)
    precondition(isSplit, "a leaf that cannot be set is part of a large one")
    translator.guestPhysicalMapChanged(frame, old: old)
    hugeSplits += 1
    host.events.hugeSplits += 1
  }
}

extension Host {
  /// A block for a huge page, scrubbed; nil rather than reclaim, as Linux without `defrag`: its free memory must stay above the low
  /// watermark (mm/page_alloc.c, `__zone_watermark_ok`).
  fileprivate func allocateHugePage(_ size: PageSize, for vm: VirtualMachine) -> HostFrame? {
    guard freeFrames - Int(size.pages) + 1 > watermarks.low else { return nil }
    return frames.allocateBlock(order: Host.order(size), for: .unmapped(.guestPage), node: vm.numaNode)
  }

  /// Gives a block back that no page was mapped to.
  fileprivate func giveBackHugePage(_ block: HostFrame, _ size: PageSize) {
    frames.allocator.release(block.index, order: Host.order(size))
  }

  /// The order of a huge page's block of frames.
  private static func order(_ size: PageSize) -> Int { Int(size.shift - PageSize.size4K.shift) }

  /// Whether a page sharer may split a guest's huge mappings now.
  func maySplitForSharing(_ vm: VirtualMachine) -> Bool { vm.splitsHugeOnMerge || freeFrames < watermarks.low }

  /// How many pages from here to the end of a huge mapping the reclaim clock passes because the mapping was accessed since the hand last
  /// came by; 0 if it was not, or there is none.
  func accessedPages(from frame: GuestFrame, of vm: VirtualMachine) -> Int {
    guard vm.hugePages != .never, let size = vm.map.largeLeafSize(of: frame) else { return 0 }
    let first = frame.index & ~(Int(size.pages) - 1)
    let end = first + Int(size.pages)
    var wasAccessed = false
    for index in first..<end where testAndClearAccessed(GuestFrame(index), of: vm, for: .reclaim) { wasAccessed = true }
    return wasAccessed ? end - frame.index : 0
  }

  /// Takes a whole huge mapping away from a guest that ends, without splitting it; one of 1 GiB, 2 MiB after 2 MiB.
  func unbackHuge(_ first: GuestFrame, of vm: VirtualMachine) {
    if vm.map.largeLeafSize(of: first) == .size1G { vm.splitHuge(around: first) }
    let leaves = (0..<GuestPhysicalMap.pagesPerLargeLeaf).map { vm.map.leaf(of: GuestFrame(first.index + $0)) }
    let isRemoved = vm.map.removeLargeLeaf(around: first)
    precondition(isRemoved, "a large leaf maps the page")
    for (index, leaf) in leaves.enumerated() {
      let frame = GuestFrame(first.index + index)
      vm.translator.guestPhysicalMapChanged(frame, old: leaf)
      _ = frames.unlink(vm.page(of: frame), from: leaf.frame)
      giveBack(leaf.frame)
      witness?.forget(vm.page(of: frame))
    }
    vm.privateFrames -= leaves.count
  }
}
