public import Addressing

/// Where the nodes meet the memory: how a page finds its like, and joins it. Generic and inlinable, for scanners compiled for one memory.
extension CandidateNodes {
  /// The hash that nodes are found by.
  @inlinable static func hash<Memory: ScannableMemory>(of frame: HostFrame, in memory: Memory, _ done: inout ScanWork) -> UInt32 {
    done.bytesHashed += PageSize.size4K.bytes
    return ContentIndex.shortened(memory.indexHash(of: frame))
  }

  /// The node that holds the frame's bytes now. Nodes that are found not to be current leave the index.
  /// - Parameter isKept: whether a page that has its node's frame to itself still has the bytes that it had when the node was made.
  @inlinable func match<Memory: ScannableMemory>(
    _ frame: HostFrame, _ hash: UInt32, in memory: Memory, _ done: inout ScanWork, isKept: (PageOrdinal) -> Bool
  ) -> UInt32? {
    var probe = probe(hash)
    while let node = next(&probe) {
      done.searchSteps += 1
      guard isCurrent(node, in: memory, isKept: isKept) else {
        leaveIndex(node)
        probe = self.probe(hash)
        continue
      }
      done.bytesCompared += PageSize.size4K.bytes
      if memory.areEqual(frame, HostFrame(self.frame(of: node))) { return node }
    }
    return nil
  }

  /// Whether a node's frame still is the one that the node was made for: its owner's, or a stable one.
  @inlinable func isCurrent<Memory: ScannableMemory>(_ node: UInt32, in memory: Memory, isKept: (PageOrdinal) -> Bool) -> Bool {
    let frame = HostFrame(frame(of: node))
    guard let owner = owner(of: node) else { return memory.isStable(frame) }
    return memory.backing(of: owner) == .private(frame) && isKept(owner)
  }

  /// Maps a page, which stands nowhere, to the frame of a node, which becomes a stable one.
  /// - Returns: whether the memory did so, and the page has joined the node.
  @inlinable func merge<Memory: ScannableMemory>(
    _ page: PageOrdinal, into node: UInt32, in memory: Memory, _ done: inout ScanWork
  ) -> Bool {
    if let owner = owner(of: node) {
      guard memory.makeStable(owner) != nil else { return false }
      clearOwner(of: node)
    }
    guard memory.merge(page, into: HostFrame(frame(of: node))) else {
      done.failedMerges += 1
      return false
    }
    done.merges += 1
    join(page.index, to: node)
    return true
  }

  /// The counters of a scanner that has these nodes and so many items.
  func counters(items: UInt64) -> KSMCounters {
    var counters = KSMCounters()
    counters.rmapItems = items
    counters.pagesShared = shared
    counters.pagesSharing = sharing
    counters.pagesUnshared = single
    let placed = shared + sharing + single
    counters.pagesVolatile = items > placed ? items - placed : 0
    return counters
  }
}
