public import Addressing

/// Where the index meets the memory: what a visit finds, and how pages are merged. Generic and inlinable, for scanners compiled for one
/// memory.
extension MergeIndex {
  /// What a visit found.
  @usableFromInline enum Finding {
    /// Nothing that a scanner looks at.
    case nothing
    /// A page that is shared already.
    case shared
    /// A page with a frame of its own. It is not a sharer any more if it was one.
    case single(HostFrame, wasSharer: Bool)
  }

  /// Brings what is known of a page up to date with what backs it now.
  @inlinable func settle<Memory: ScannableMemory>(_ page: PageOrdinal, in memory: Memory) -> Finding {
    switch memory.backing(of: page) {
    case .absent, .zeroFrame:
      forget(page.index)
      return .nothing
    case .stable(let frame):
      let node = node(of: frame)
      if node == 0 || self.node(ofSharer: page.index) != node {
        forget(page.index)
        if node != 0 { attach(page.index, to: node) }
      }
      return .shared
    case .private(let frame):
      let wasSharer = state(of: page.index) == .sharer
      if wasSharer { forget(page.index) }
      return .single(frame, wasSharer: wasSharer)
    }
  }

  /// The next node of a key whose frame is still the stable one that it was; takes others out.
  @inlinable func nextCurrent<Memory: ScannableMemory>(
    _ probe: inout ContentIndex.Probe, key: UInt32, in memory: Memory, _ work: inout ScanWork
  ) -> UInt32? {
    while let node = next(&probe) {
      work.searchSteps += 1
      if memory.isStable(frame(of: node)) { return node }
      prune(node)
      probe = self.probe(key)
    }
    return nil
  }

  /// Whether two frames hold the same bytes. Counts the bytes of equal pages; that different ones were looked at is in the step that led
  /// there.
  @inlinable func areEqual<Memory: ScannableMemory>(_ a: HostFrame, _ b: HostFrame, in memory: Memory, _ work: inout ScanWork) -> Bool {
    guard memory.areEqual(a, b) else { return false }
    work.bytesCompared += PageSize.size4K.bytes
    return true
  }

  /// Maps a single page to a node's frame, if they hold the same bytes.
  @inlinable func join<Memory: ScannableMemory>(_ page: PageOrdinal, _ node: UInt32, in memory: Memory, _ work: inout ScanWork) -> Bool {
    work.bytesCompared += PageSize.size4K.bytes
    guard memory.merge(page, into: frame(of: node)) else {
      work.failedMerges += 1
      return false
    }
    forget(page.index)
    attach(page.index, to: node)
    work.merges += 1
    return true
  }

  /// Makes a single page's frame stable and maps a waiting page of the same bytes to it.
  /// - Returns: whether the two share a frame now.
  @inlinable func meet<Memory: ScannableMemory>(
    _ page: PageOrdinal, _ other: PageOrdinal, key: UInt32, tag: UInt64 = 0, domain: UInt32 = 0, in memory: Memory, _ work: inout ScanWork
  ) -> Bool {
    guard let frame = memory.makeStable(page) else {
      work.failedMerges += 1
      return false
    }
    work.bytesCompared += PageSize.size4K.bytes
    let isMerged = memory.merge(other, into: frame)
    if !isMerged {
      work.failedMerges += 1
      memory.unshare(page)
      // Where there is no memory for a copy the page stays a stable one, and a stable page needs its node.
      guard memory.backing(of: page) == .stable(frame) else { return false }
    }
    let node = insert(frame, key: key, tag: tag, domain: domain)
    forget(page.index)
    attach(page.index, to: node)
    guard isMerged else { return false }
    forget(other.index)
    attach(other.index, to: node)
    work.merges += 1
    return true
  }
}
