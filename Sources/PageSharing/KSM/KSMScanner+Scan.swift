public import Addressing

/// Batches, full scans and visits. Generic and inlinable, so that a machine gets a scanner compiled for its own memory.
extension KSMScanner {
  /// Scans a number of pages, or fewer up to the end of the full scan.
  ///
  /// Merged pages use up the budget like others; skipped and absent ones do not. A batch that spends its budget on the last page leaves the
  /// end of the full scan to the next one, as the kernel does.
  /// - Parameter time: virtual time, in nanoseconds: by it chains are pruned. Never less than before.
  @inlinable public func scanBatch<Memory: ScannableMemory>(pages budget: UInt64, in memory: Memory, at time: UInt64 = 0) -> BatchResult {
    var result = BatchResult()
    now = max(now, time)
    batch: while result.pagesScanned < budget {
      switch nextStep(changes: memory.changes) {
      case .nothing: break batch
      case .fullScanEnded:
        result.completedFullScan = true
        break batch
      case .drop(let pages):
        for page in pages { dropItem(of: PageOrdinal(UInt32(truncatingIfNeeded: page)), in: memory) }
        removeDroppedSpace()
      case .pass(let pages):
        for page in pages { dropItem(of: PageOrdinal(UInt32(truncatingIfNeeded: page)), in: memory) }
        moveCursor(to: pages.upperBound)
      case .visit(let pages):
        var page = pages.lowerBound
        while page < pages.upperBound && result.pagesScanned < budget {
          visit(PageOrdinal(UInt32(truncatingIfNeeded: page)), in: memory, &result)
          page += 1
        }
        moveCursor(to: page)
      }
    }
    result.work.merges = result.pagesMerged + result.zeroPagesPlaced
    count(result)
    return result
  }

  /// Scans up to the end of the current full scan.
  @inlinable @discardableResult public func scanFull<Memory: ScannableMemory>(in memory: Memory, at time: UInt64 = 0) -> BatchResult {
    scanBatch(pages: .max, in: memory, at: time)
  }

  /// Scans until two full scans in a row have changed neither shared, nor sharing, nor zero pages.
  /// - Parameters:
  ///   - fullScans: after how many full scans to stop instead; nil for when they change nothing any more.
  ///   - afterFullScan: told the counters after each full scan; false ends the scans.
  /// - Returns: how many full scans that took, and whether the last two changed nothing, or there was nothing to scan.
  @inlinable @discardableResult public func runToConvergence<Memory: ScannableMemory>(
    in memory: Memory, fullScans: UInt64? = nil, afterFullScan: (KSMCounters) -> Bool = { _ in true }
  ) -> (fullScans: UInt64, isSettled: Bool) {
    var scans: UInt64 = 0
    var unchanged = 0
    var before = counters
    while fullScans.map({ scans < $0 }) ?? (unchanged < 2) {
      // Without pages no full scan ever ends.
      guard scanFull(in: memory).completedFullScan else { return (scans, true) }
      scans += 1
      let now = counters
      let isSame =
        now.pagesShared == before.pagesShared && now.pagesSharing == before.pagesSharing && now.ksmZeroPages == before.ksmZeroPages
      unchanged = isSame ? unchanged + 1 : 0
      before = now
      guard afterFullScan(now) else { break }
    }
    return (scans, unchanged >= 2)
  }

  @usableFromInline func count(_ result: BatchResult) {
    pagesScanned += result.pagesScanned
    pagesSkipped += result.pagesSkipped
    merges += result.pagesMerged
    work += result.work
  }

  // MARK: One page

  @inlinable func visit<Memory: ScannableMemory>(_ page: PageOrdinal, in memory: Memory, _ result: inout BatchResult) {
    var item = items[page.index]
    switch memory.backing(of: page) {
    case .absent:
      guard item.state != .none || item.isZeroPlaced else { return }
      noticeWrite(to: &item)
      discard(&item, of: page, in: memory)
    case .zeroFrame:
      guard item.state != .none else { return }
      discard(&item, of: page, in: memory)
    case .stable(let frame):
      result.pagesScanned += 1
      result.work.visits += 1
      // Only a scanner maps a page to a stable frame, and then it says so in the page's item: a page that maps its node's frame is its
      // sharer.
      if item.state == .stable && stable.frame(of: item.node) == frame && !stable.isPruned(item.node) { return }
      attach(&item, of: page, to: stable.node(of: frame), in: memory)
    case .private(let frame):
      noticeWrite(to: &item)
      if item.state == .none { begin(&item) }
      if settings.smartScan && skips(&item) {
        leaveTrees(&item, of: page, in: memory)
        result.pagesSkipped += 1
        guard settings.smartScanRemedy == .keepSkipped else { break }
        result.work.visits += 1
        search(page, frame, &item, in: memory, &result)
      } else {
        result.pagesScanned += 1
        result.work.visits += 1
        compareAndMerge(page, frame, &item, in: memory, &result)
      }
    }
    items[page.index] = item
  }

  /// Whether smart_scan skips a page at this visit, which is counted.
  @inlinable func skips(_ item: inout RmapItem) -> Bool {
    settings.smartScanRemedy == .checksumPhase ? item.skipsThisVisit(inScan: fullScans) : item.skipsThisVisit()
  }

  /// Steps 2 to 5 of a visit (mm/ksm.c, `cmp_and_merge_page`).
  @inlinable func compareAndMerge<Memory: ScannableMemory>(
    _ page: PageOrdinal, _ frame: HostFrame, _ item: inout RmapItem, in memory: Memory, _ result: inout BatchResult
  ) {
    leaveTrees(&item, of: page, in: memory)
    guard hasKeptChecksum(&item, frame, in: memory) else { return result.work.bytesHashed += 4096 }
    result.work.bytesHashed += 4096
    if settings.useZeroPages && item.checksum == KSMScanner.zeroPageChecksum && memory.placeZeroPage(at: page) {
      item.isZeroPlaced = true
      ksmZeroPages += 1
      result.zeroPagesPlaced += 1
      return
    }
    search(page, frame, &item, in: memory, &result)
  }

  /// Steps 4 and 5: searches both trees for a page that is in none, merges it or inserts it.
  @inlinable func search<Memory: ScannableMemory>(
    _ page: PageOrdinal, _ frame: HostFrame, _ item: inout RmapItem, in memory: Memory, _ result: inout BatchResult
  ) {
    let tree = tree(of: frame, in: memory)
    let prefix = UInt32(truncatingIfNeeded: memory.prefix(of: frame) >> 32)
    let match = searchStable(for: frame, prefix, in: tree, memory, &result.work)
    if match != 0 {
      guard memory.merge(page, into: stable.frame(of: match)) else { return result.work.failedMerges += 1 }
      result.pagesMerged += 1
      append(&item, to: match)
      return
    }
    switch searchUnstable(for: frame, prefix, in: tree, memory, &result.work) {
    case .match(let node): mergeTwo(page, &item, node, prefix, in: tree, memory, &result)
    case .place(let slot):
      item.node = unstable.insert(page.rawValue, prefix: prefix, at: slot, in: tree)
      item.state = .unstable
      pagesUnshared += 1
    case .lost: break
    }
  }

  /// Whether the page has the checksum that it had at the last visit; it is kept for the next.
  @inlinable func hasKeptChecksum<Memory: ScannableMemory>(_ item: inout RmapItem, _ frame: HostFrame, in memory: Memory) -> Bool {
    // A checksum of 0 may be none: it is computed.
    if item.checksum != 0 && memory.isUnchangedSinceChecksum(frame) { return true }
    let checksum = memory.ksmChecksum(of: frame)
    memory.noteChecksummed(frame)
    if item.checksum == checksum { return true }
    item.checksum = checksum
    return false
  }

  @inlinable func tree<Memory: ScannableMemory>(of frame: HostFrame, in memory: Memory) -> Int {
    treeCount == 1 ? 0 : min(memory.numaNode(of: frame), treeCount - 1)
  }

  /// Makes the scanned page a stable one and maps the page of the unstable tree to it (mm/ksm.c, `try_to_merge_two_pages`).
  @inlinable func mergeTwo<Memory: ScannableMemory>(
    _ page: PageOrdinal, _ item: inout RmapItem, _ match: UInt32, _ prefix: UInt32, in tree: Int, _ memory: Memory,
    _ result: inout BatchResult
  ) {
    let candidate = PageOrdinal(unstable.page(of: match))
    guard let frame = memory.makeStable(page) else { return result.work.failedMerges += 1 }
    let isMerged = memory.merge(candidate, into: frame)
    if !isMerged {
      result.work.failedMerges += 1
      let lost = memory.stableFramesLost
      memory.unshare(page)
      stable.prunedNodes += memory.stableFramesLost - lost
      // Where there is no memory for a copy the page stays a stable one, and a stable page needs its node.
      guard memory.backing(of: page) == .stable(frame) else { return }
    } else {
      result.pagesMerged += 1
      var other = items[candidate.index]
      leaveTrees(&other, of: candidate, in: memory)
      items[candidate.index] = other
    }
    let node = insertStable(frame, prefix, in: tree, memory, &result.work)
    if isMerged {
      var other = items[candidate.index]
      append(&other, to: node)
      items[candidate.index] = other
    }
    append(&item, to: node)
  }

  // MARK: Items

  /// Takes an item out of the tree that it is in (mm/ksm.c, `remove_rmap_item_from_tree`).
  @inlinable func leaveTrees<Memory: ScannableMemory>(_ item: inout RmapItem, of page: PageOrdinal, in memory: Memory) {
    switch item.state {
    case .none, .idle: return
    case .unstable:
      if unstable.holds(page.rawValue, as: item.node) { unstable.remove(item.node) }
      pagesUnshared -= 1
    case .stable:
      if stable.isPruned(item.node) {
        stable.releasePruned(item.node)
      } else if isStale(item.node, in: memory) {
        stable.prune(item.node)
        stable.releasePruned(item.node)
      } else {
        stable.removeSharer(of: item.node)
      }
    }
    item.state = .idle
  }

  /// Ends the item of a page that is gone.
  @inlinable func discard<Memory: ScannableMemory>(_ item: inout RmapItem, of page: PageOrdinal, in memory: Memory) {
    guard item.state != .none else { return }
    leaveTrees(&item, of: page, in: memory)
    item = .gone(zeroPlaced: item.isZeroPlaced)
    rmapItems -= 1
  }

  @inlinable func dropItem<Memory: ScannableMemory>(of page: PageOrdinal, in memory: Memory) {
    var item = items[page.index]
    guard item.state != .none else { return }
    discard(&item, of: page, in: memory)
    items[page.index] = item
  }

  /// Gives a page that maps a stable frame to that frame's node, beyond the maximum if need be: after a fork, the kernel does so too.
  @inlinable func attach<Memory: ScannableMemory>(_ item: inout RmapItem, of page: PageOrdinal, to node: UInt32, in memory: Memory) {
    noticeWrite(to: &item)
    if item.state == .none { begin(&item) }
    leaveTrees(&item, of: page, in: memory)
    // Node 0: a stable frame that another scanner made is left alone.
    if node != 0 { append(&item, to: node) }
  }

  @usableFromInline func append(_ item: inout RmapItem, to node: UInt32) {
    stable.append(to: node)
    item.state = .stable
    item.node = node
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
