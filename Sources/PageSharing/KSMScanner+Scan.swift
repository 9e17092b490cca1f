public import Addressing

/// Batches, full scans and visits. Generic and inlinable, so that a machine gets a scanner compiled for its own memory.
extension KSMScanner {
  /// Scans a number of pages, or fewer up to the end of the full scan.
  ///
  /// Merged pages use up the budget like others; skipped and absent ones do not. A batch that spends its budget on the last page leaves the end of
  /// the full scan to the next one, as the kernel does.
  @inlinable public func scanBatch<Memory: ScannableMemory>(pages budget: UInt64, in memory: Memory) -> BatchResult {
    var result = BatchResult()
    batch: while result.pagesScanned < budget {
      switch nextStep() {
      case .nothing: break batch
      case .fullScanEnded:
        result.completedFullScan = true
        break batch
      case .drop(let pages):
        for page in pages { dropItem(of: PageOrdinal(UInt32(truncatingIfNeeded: page)), in: memory) }
        removeDroppedSpace()
      case .visit(let pages):
        var page = pages.lowerBound
        while page < pages.upperBound && result.pagesScanned < budget {
          visit(PageOrdinal(UInt32(truncatingIfNeeded: page)), in: memory, &result)
          page += 1
        }
        moveCursor(to: page)
      }
    }
    count(result)
    return result
  }

  /// Scans up to the end of the current full scan.
  @inlinable @discardableResult public func scanFull<Memory: ScannableMemory>(in memory: Memory) -> BatchResult {
    scanBatch(pages: .max, in: memory)
  }

  /// Scans until two full scans in a row have changed neither shared, nor sharing, nor zero pages.
  /// - Returns: how many full scans that took.
  @inlinable @discardableResult public func runToConvergence<Memory: ScannableMemory>(in memory: Memory) -> UInt64 {
    var scans: UInt64 = 0
    var unchanged = 0
    var before = counters
    while unchanged < 2 && scanFull(in: memory).completedFullScan {
      scans += 1
      let now = counters
      let isSame =
        now.pagesShared == before.pagesShared && now.pagesSharing == before.pagesSharing && now.ksmZeroPages == before.ksmZeroPages
      unchanged = isSame ? unchanged + 1 : 0
      before = now
    }
    return scans
  }

  @usableFromInline func count(_ result: BatchResult) {
    pagesScanned += result.pagesScanned
    pagesSkipped += result.pagesSkipped
    merges += result.pagesMerged
  }

  // MARK: One page

  @inlinable func visit<Memory: ScannableMemory>(_ page: PageOrdinal, in memory: Memory, _ result: inout BatchResult) {
    var item = items[page.index]
    switch memory.backing(of: page) {
    case .absent:
      guard item.state != .none || item.isZeroPlaced else { return }
      noticeWrite(to: &item)
      discard(&item, in: memory)
    case .zeroFrame:
      guard item.state != .none else { return }
      discard(&item, in: memory)
    case .stable(let frame):
      result.pagesScanned += 1
      let node = stable.node(of: frame)
      if item.state == .stable && item.node == node { return }
      attach(&item, to: node, in: memory)
    case .private(let frame):
      noticeWrite(to: &item)
      if item.state == .none { begin(&item) }
      if settings.smartScan && item.skipsThisVisit() {
        leaveTrees(&item, in: memory)
        result.pagesSkipped += 1
      } else {
        result.pagesScanned += 1
        compareAndMerge(page, frame, &item, in: memory, &result)
      }
    }
    items[page.index] = item
  }

  /// Steps 2 to 5 of a visit (mm/ksm.c, `cmp_and_merge_page`).
  @inlinable func compareAndMerge<Memory: ScannableMemory>(
    _ page: PageOrdinal, _ frame: HostFrame, _ item: inout RmapItem, in memory: Memory, _ result: inout BatchResult
  ) {
    leaveTrees(&item, in: memory)
    let checksum = memory.ksmChecksum(of: frame)
    guard item.checksum == checksum else {
      item.checksum = checksum
      return
    }
    if settings.useZeroPages && checksum == KSMScanner.zeroPageChecksum && memory.placeZeroPage(at: page) {
      item.isZeroPlaced = true
      ksmZeroPages += 1
      result.zeroPagesPlaced += 1
      return
    }
    let hash = ContentIndex.shortened(memory.indexHash(of: frame))
    let match = stableMatch(for: frame, hash: hash, in: memory)
    if match != 0 && stable.hasRoom(match) {
      guard memory.merge(page, into: stable.frame(of: match)) else { return }
      result.pagesMerged += 1
      append(&item, to: match)
      return
    }
    guard let candidate = unstableMatch(for: frame, hash: hash, in: memory) else {
      insertUnstable(page, &item, hash: hash)
      return
    }
    mergeTwo(page, &item, candidate, hash: hash, besides: match, in: memory, &result)
  }

  /// The node of the stable tree that holds the frame's bytes, with room if there is any; 0 if there is none.
  @inlinable func stableMatch<Memory: ScannableMemory>(for frame: HostFrame, hash: UInt32, in memory: Memory) -> UInt32 {
    var probe = stable.probe(hash)
    while let node = stable.next(&probe) {
      guard isCurrent(node, in: memory) else {
        stable.prune(node)
        probe = stable.probe(hash)
        continue
      }
      if memory.areEqual(frame, stable.frame(of: node)) {
        stable.collapseChain(of: node)
        return node
      }
    }
    return 0
  }

  /// The page of the unstable tree that holds the frame's bytes now.
  @inlinable func unstableMatch<Memory: ScannableMemory>(for frame: HostFrame, hash: UInt32, in memory: Memory) -> PageOrdinal? {
    var probe = unstable.probe(hash)
    while let entry = unstable.next(&probe) {
      let candidate = PageOrdinal(entry)
      // An item enters the unstable tree at most once in a scan, so its state tells whether it is still there; the items of a space that has
      // ended leave without a search for their entries.
      guard items.state(of: candidate.index) == .unstable, case .private(let other) = memory.backing(of: candidate) else { continue }
      if memory.areEqual(frame, other) { return candidate }
    }
    return nil
  }

  /// Makes the scanned page a stable one and maps the page of the unstable tree to it (mm/ksm.c, `try_to_merge_two_pages`).
  @inlinable func mergeTwo<Memory: ScannableMemory>(
    _ page: PageOrdinal, _ item: inout RmapItem, _ candidate: PageOrdinal, hash: UInt32, besides head: UInt32, in memory: Memory,
    _ result: inout BatchResult
  ) {
    guard let frame = memory.makeStable(page) else { return }
    let isMerged = memory.merge(candidate, into: frame)
    if !isMerged {
      memory.unshare(page)
      // Where there is no memory for a copy the page stays a stable one, and a stable page needs its node.
      guard memory.backing(of: page) == .stable(frame) else { return }
    }
    let node = stable.insert(frame: frame, hash: hash, besides: head)
    if isMerged {
      result.pagesMerged += 1
      unstable.remove(candidate.rawValue, hash: hash)
      var other = items[candidate.index]
      leaveUnstable(&other)
      append(&other, to: node)
      items[candidate.index] = other
    }
    append(&item, to: node)
  }

  // MARK: Items

  /// Takes an item out of the tree that it is in (mm/ksm.c, `remove_rmap_item_from_tree`).
  @inlinable func leaveTrees<Memory: ScannableMemory>(_ item: inout RmapItem, in memory: Memory) {
    switch item.state {
    case .none, .idle: return
    case .unstable: leaveUnstable(&item)
    case .stable:
      if !stable.isPruned(item.node) && isCurrent(item.node, in: memory) {
        stable.removeSharer(of: item.node)
      } else {
        if !stable.isPruned(item.node) { stable.prune(item.node) }
        stable.releasePruned(item.node)
      }
      item.state = .idle
    }
  }

  /// Whether a node's frame is still the stable page that the node was made for.
  @inlinable func isCurrent<Memory: ScannableMemory>(_ node: UInt32, in memory: Memory) -> Bool {
    let frame = stable.frame(of: node)
    return stable.node(of: frame) == node && memory.isStable(frame)
  }

  /// Ends the item of a page that is gone.
  @inlinable func discard<Memory: ScannableMemory>(_ item: inout RmapItem, in memory: Memory) {
    guard item.state != .none else { return }
    leaveTrees(&item, in: memory)
    item = .gone(zeroPlaced: item.isZeroPlaced)
    rmapItems -= 1
  }

  @inlinable func dropItem<Memory: ScannableMemory>(of page: PageOrdinal, in memory: Memory) {
    var item = items[page.index]
    guard item.state != .none else { return }
    discard(&item, in: memory)
    items[page.index] = item
  }

  /// Gives a page that maps a stable frame to that frame's node, beyond the maximum if need be: after a fork, the kernel does so too.
  @inlinable func attach<Memory: ScannableMemory>(_ item: inout RmapItem, to node: UInt32, in memory: Memory) {
    noticeWrite(to: &item)
    if item.state == .none { begin(&item) }
    leaveTrees(&item, in: memory)
    // Node 0: a stable frame that another scanner made is left alone.
    if node != 0 { append(&item, to: node) }
  }

  @usableFromInline func append(_ item: inout RmapItem, to node: UInt32) {
    stable.append(to: node)
    item.state = .stable
    item.node = node
  }

  @usableFromInline func insertUnstable(_ page: PageOrdinal, _ item: inout RmapItem, hash: UInt32) {
    unstable.insert(page.rawValue, hash: hash)
    item.state = .unstable
    pagesUnshared += 1
  }

  @usableFromInline func leaveUnstable(_ item: inout RmapItem) {
    item.state = .idle
    pagesUnshared -= 1
  }

  @usableFromInline func begin(_ item: inout RmapItem) {
    item = .fresh()
    rmapItems += 1
  }

  /// Notices that a page that was mapped to the zero page no longer is.
  @inlinable func noticeWrite(to item: inout RmapItem) {
    guard item.isZeroPlaced else { return }
    item.isZeroPlaced = false
    ksmZeroPages -= 1
  }
}
