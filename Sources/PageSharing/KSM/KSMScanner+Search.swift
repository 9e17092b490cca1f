public import Addressing
public import Columns

/// The walks through the trees, with all that they do to what they meet.
extension KSMScanner {
  /// How a walk through the unstable tree ended.
  @frozen @usableFromInline enum UnstableOutcome {
    /// At a node whose page holds the same bytes.
    case match(UInt32)
    /// At a place for the page.
    case place(TreeSlot)
    /// At a page that is gone or may not be merged any more, or at the very frame that was searched for: the page is not inserted.
    case lost
  }

  // MARK: Stale nodes

  /// Whether any node may have lost its page: the memory lost more stable frames than nodes were pruned.
  @inlinable func mayBeStale<Memory: ScannableMemory>(in memory: Memory) -> Bool { memory.stableFramesLost != stable.prunedNodes }

  /// Whether a node's frame is no longer the stable page that the node was made for.
  @inlinable func isStale<Memory: ScannableMemory>(_ node: UInt32, in memory: Memory) -> Bool {
    guard mayBeStale(in: memory) else { return false }
    let frame = stable.frame(of: node)
    return stable.node(of: frame) != node || !memory.isStable(frame)
  }

  // MARK: The stable tree

  /// The node of the stable tree that holds the frame's bytes and has room; 0 if there is none (mm/ksm.c, `stable_tree_search`).
  @inlinable func searchStable<Memory: ScannableMemory>(
    for frame: HostFrame, _ prefix: UInt32, in tree: Int, _ memory: Memory, _ work: inout ScanWork
  ) -> UInt32 {
    var element = stable.trees.root(of: tree)
    while element != 0 {
      work.searchSteps += 1
      guard let page = look(at: &element, isSearch: true, in: memory) else {
        element = stable.trees.root(of: tree)
        continue
      }
      let links = stable.trees.nodes[Int(element)]
      let order = order(frame, prefix, stable.frame(of: page), links.prefix, in: memory)
      if order == 0 {
        work.bytesCompared += 4096
        return stable.hasRoom(page) ? page : 0
      }
      element = order < 0 ? links.left : links.right
    }
    return 0
  }

  /// Adds the node of a new stable page (mm/ksm.c, `stable_tree_insert`).
  @inlinable func insertStable<Memory: ScannableMemory>(
    _ frame: HostFrame, _ prefix: UInt32, in tree: Int, _ memory: Memory, _ work: inout ScanWork
  ) -> UInt32 {
    if stable.isFull { for node in stable.numbers where stable.isPage(node) && isStale(node, in: memory) { stable.prune(node) } }
    var slot = TreeSlot()
    var element = stable.trees.root(of: tree)
    while element != 0 {
      work.searchSteps += 1
      guard let page = look(at: &element, isSearch: false, in: memory) else {
        slot = TreeSlot()
        element = stable.trees.root(of: tree)
        continue
      }
      let links = stable.trees.nodes[Int(element)]
      let order = order(frame, prefix, stable.frame(of: page), links.prefix, in: memory)
      if order == 0 { return stable.insert(frame: frame, besides: element, in: tree, at: now) }
      slot.parent = element
      slot.isLeft = order < 0
      element = order < 0 ? links.left : links.right
    }
    return stable.insert(frame: frame, prefix: prefix, at: slot, in: tree)
  }

  /// Looks at what stands at a place of the stable tree: a stable page, or a chain, which is pruned, dissolved or reordered on the way.
  /// - Returns: the page to compare with; nil if something stale was removed, so that the walk has to begin again.
  @inlinable func look<Memory: ScannableMemory>(at element: inout UInt32, isSearch: Bool, in memory: Memory) -> UInt32? {
    guard stable.isChain(element) else {
      guard isStale(element, in: memory) else { return element }
      stable.prune(element)
      return nil
    }
    let whole = isSearch && stable.isPruneDue(element, at: now, every: settings.pruneNanoseconds)
    let found = mayBeStale(in: memory) ? walk(element, wholeChain: whole, in: memory) : stable.best(of: element, wholeChain: whole)
    guard found != 0 else {
      stable.removeChain(element)
      return nil
    }
    element = stable.settle(element, found: found)
    return found
  }

  /// Walks along a chain, pruning what is stale: to its end, or to the first dup with room (mm/ksm.c, `stable_node_dup`, as of 6.11).
  /// - Returns: the best dup; 0 if none is left.
  @inlinable func walk<Memory: ScannableMemory>(_ chain: UInt32, wholeChain: Bool, in memory: Memory) -> UInt32 {
    var found: UInt32 = 0
    var dup = stable.head(of: chain)
    while dup != 0 {
      let next = stable.next(dup)
      if isStale(dup, in: memory) {
        stable.prune(dup)
      } else if found == 0
        || (stable.hasRoom(dup) && (!stable.hasRoom(found) || stable.nodes[Int(dup)].sharers > stable.nodes[Int(found)].sharers))
      {
        found = dup
        if !wholeChain && stable.hasRoom(dup) { break }
      }
      dup = next
    }
    return found
  }

  // MARK: The unstable tree

  /// Searches the unstable tree by what its pages hold now (mm/ksm.c, `unstable_tree_search_insert`).
  @inlinable func searchUnstable<Memory: ScannableMemory>(
    for frame: HostFrame, _ prefix: UInt32, in tree: Int, _ memory: Memory, _ work: inout ScanWork
  ) -> UnstableOutcome {
    // As long as nobody wrote, every page of the tree is what it was when it was inserted.
    let isQuiet = memory.changes == changesAtScanStart && !hasUnmerged
    var slot = TreeSlot()
    var node = unstable.trees.root(of: tree)
    while node != 0 {
      work.searchSteps += 1
      let links = unstable.trees.nodes[Int(node)]
      var order = prefix < links.prefix ? -1 : 1
      if !isQuiet || prefix == links.prefix {
        let page = PageOrdinal(unstable.page(of: node))
        if hasUnmerged && !isMergeable(page) { return .lost }
        let other: HostFrame
        switch memory.backing(of: page) {
        case .private(let held), .stable(let held): other = held
        case .absent, .zeroFrame: return .lost
        }
        // The scanned page was forked: its frame stands in the tree already.
        if other == frame { return .lost }
        order = self.order(frame, prefix, other, UInt32(truncatingIfNeeded: memory.prefix(of: other) >> 32), in: memory)
        if order == 0 {
          work.bytesCompared += 4096
          return treeCount > 1 && self.tree(of: other, in: memory) != tree ? .lost : .match(node)
        }
      }
      slot.parent = node
      slot.isLeft = order < 0
      node = order < 0 ? links.left : links.right
    }
    return .place(slot)
  }

  /// -1, 0 or 1 as a frame's bytes stand before, equal or behind another's, whose prefixes are known.
  @inlinable func order<Memory: ScannableMemory>(
    _ frame: HostFrame, _ prefix: UInt32, _ other: HostFrame, _ otherPrefix: UInt32, in memory: Memory
  ) -> Int {
    prefix == otherPrefix ? memory.order(frame, other) : prefix < otherPrefix ? -1 : 1
  }
}
