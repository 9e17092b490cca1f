public import Addressing
public import Columns

/// The stable tree: which stable pages there are, ordered by content, and how many items share each.
///
/// Nobody tells the tree when a stable page dies. A node is *current* while its frame's newest node is itself and the memory still holds
/// the frame for stable; the scanner asks whenever it meets a node, and prunes what is not. The counters then drop for all its sharers at
/// once, as in `remove_node_from_stable_tree`; the items themselves notice at their next visit, so a pruned node keeps its number until
/// then. The memory counts the stable frames that it lost, and each had one node: while that count equals the nodes pruned, every node is
/// current, and nobody need ask.
///
/// A content whose sharers overflow one page has a *chain* in the tree, and its pages are *dups* in the chain, the newest at the head. The
/// kernel walks chains from end to end now and then; with hundreds of thousands of dups of the page of zeros that is most of its work. Here
/// the dups with room are linked besides, and each knows when it was put at the head: so who would be found is known without a walk
/// wherever no dup is stale.
@usableFromInline final class StableTree {
  @usableFromInline let trees: RedBlackTrees
  @usableFromInline let nodes: Column<StableNode>
  /// Touched for nodes in chains only, which are few.
  private let links: Column<StableLink>
  private let chains: Column<StableChain>
  /// The newest node of each stable frame.
  private let nodeOfFrame: ContentIndex
  private let maxPageSharing: UInt32
  private var freshNode: UInt32 = 1
  private var firstFreeNode: UInt32 = 0
  private var freshChain: UInt32 = 1
  private var firstFreeChain: UInt32 = 0
  private var placements: UInt64 = 0

  /// The kernel's `pages_shared`.
  private(set) var pagesShared: UInt64 = 0
  /// The kernel's `pages_sharing`.
  private(set) var pagesSharing: UInt64 = 0
  /// The kernel's `stable_node_chains`.
  private(set) var chainCount: UInt64 = 0
  /// The kernel's `stable_node_dups`.
  private(set) var dupCount: UInt64 = 0
  /// How many nodes were pruned because their pages were gone.
  @usableFromInline var prunedNodes: UInt64 = 0

  init(itemCapacity: Int, frameCount: Int, treeCount: Int, maxPageSharing: UInt32) {
    let capacity = Self.nodeCapacity(items: itemCapacity, frames: frameCount)
    nodes = Column(count: capacity + 1)
    links = Column(count: capacity + 1, isSparse: true)
    chains = Column(count: capacity / 2 + 2, isSparse: true)
    nodeOfFrame = ContentIndex(capacity: frameCount + 1)
    trees = RedBlackTrees(capacity: capacity, treeCount: treeCount)
    self.maxPageSharing = maxPageSharing
  }

  /// A node without items has a frame of its own, one with items has an item of its own, and a chain has a dup: so many there can be, and
  /// as many again in chains.
  private static func nodeCapacity(items: Int, frames: Int) -> Int { min(Int(Int32.max) - 1, (items + frames) / 2 * 3 + 8) }

  // MARK: Looking

  /// The node's frame.
  @usableFromInline func frame(of node: UInt32) -> HostFrame { HostFrame(UInt64(nodes[Int(node)].frame)) }

  /// The newest node of a frame, 0 where there is none.
  @usableFromInline func node(of frame: HostFrame) -> UInt32 {
    var probe = nodeOfFrame.probe(StableTree.key(of: frame))
    while let node = nodeOfFrame.next(&probe) { if nodes[Int(node)].frame == UInt32(truncatingIfNeeded: frame.rawValue) { return node } }
    return 0
  }

  /// Frame numbers, spread over 32 bits.
  private static func key(of frame: HostFrame) -> UInt32 { UInt32(truncatingIfNeeded: (frame.rawValue &* 0x9e37_79b9_7f4a_7c15) >> 32) }

  /// Whether the node was pruned while items named it.
  @usableFromInline func isPruned(_ node: UInt32) -> Bool { nodes[Int(node)].chain == StableNode.pruned }

  /// Whether a node in the tree is a chain.
  @usableFromInline func isChain(_ node: UInt32) -> Bool { nodes[Int(node)].sharers == StableNode.isChain }

  /// Whether so many more items may share the node's page. A page without sharers takes none: it stays only as long as somebody who is not
  /// scanned maps it (mm/ksm.c, `__is_page_sharing_candidate`).
  @usableFromInline func hasRoom(_ node: UInt32, for more: UInt32 = 1) -> Bool {
    let sharers = nodes[Int(node)].sharers
    return sharers > 0 && UInt64(sharers) + UInt64(more) <= UInt64(maxPageSharing)
  }

  /// Whether fewer than two numbers of nodes are left: a page whose content begins a chain takes two.
  @usableFromInline var isFull: Bool {
    let fresh = nodes.count - Int(freshNode)
    return fresh < 2 && (firstFreeNode == 0 || (fresh == 0 && nodes[Int(firstFreeNode)].frame == 0))
  }

  /// The numbers that were ever given to nodes.
  @usableFromInline var numbers: Range<UInt32> { 1..<freshNode }

  /// Whether a number is that of a stable page in the tree.
  @usableFromInline func isPage(_ node: UInt32) -> Bool {
    let record = nodes[Int(node)]
    return record.tree != StableTree.free && record.sharers != StableNode.isChain && record.chain != StableNode.pruned
  }

  /// The tree of a number that is no node's.
  @usableFromInline static var free: UInt32 { .max }

  // MARK: Sharers

  /// Counts one more sharer of a node, beyond the maximum where the caller says so by not asking for room.
  @usableFromInline func append(to node: UInt32) {
    nodes[Int(node)].sharers += 1
    let record = nodes[Int(node)]
    if record.sharers == 1 { pagesShared += 1 } else { pagesSharing += 1 }
    guard record.chain != StableNode.alone else { return }
    if record.sharers == 1 { joinRoomy(node, of: record.chain) }
    if record.sharers == maxPageSharing { leaveRoomy(node, of: record.chain) }
  }

  /// Counts one sharer less of a node in the tree. The node stays, even without sharers, until somebody finds its page gone.
  @usableFromInline func removeSharer(of node: UInt32) {
    nodes[Int(node)].sharers -= 1
    let record = nodes[Int(node)]
    if record.sharers == 0 { pagesShared -= 1 } else { pagesSharing -= 1 }
    guard record.chain != StableNode.alone else { return }
    if record.sharers == maxPageSharing - 1 { joinRoomy(node, of: record.chain) }
    if record.sharers == 0 { leaveRoomy(node, of: record.chain) }
  }

  /// Lets an item go that named a pruned node; the last one frees its number.
  @usableFromInline func releasePruned(_ node: UInt32) {
    nodes[Int(node)].sharers -= 1
    if nodes[Int(node)].sharers == 0 { free(node) }
  }

  // MARK: Nodes

  /// Adds the node of a new stable page, in the tree itself.
  @usableFromInline func insert(frame: HostFrame, prefix: UInt32, at slot: TreeSlot, in tree: Int) -> UInt32 {
    let node = makeNode(frame: frame, tree: tree)
    trees.insert(node, prefix: prefix, at: slot, in: tree)
    return node
  }

  /// Adds the node of a new stable page as a dup of the content that a node of the tree, a chain or not, stands for.
  @usableFromInline func insert(frame: HostFrame, besides element: UInt32, in tree: Int, at now: UInt64) -> UInt32 {
    let chain = isChain(element) ? element : makeChain(of: element, in: tree, at: now)
    let node = makeNode(frame: frame, tree: tree)
    addDup(node, to: chain)
    return node
  }

  private func makeNode(frame: HostFrame, tree: Int) -> UInt32 {
    let node = takeNode()
    let stale = self.node(of: frame)
    if stale != 0 { nodeOfFrame.remove(stale, hash: StableTree.key(of: frame)) }
    nodes[Int(node)] = StableNode(
      frame: UInt32(truncatingIfNeeded: frame.rawValue), sharers: 0, chain: StableNode.alone, tree: UInt32(truncatingIfNeeded: tree))
    nodeOfFrame.insert(node, hash: StableTree.key(of: frame))
    return node
  }

  /// Takes a node whose page is gone out of the tree (mm/ksm.c, `remove_node_from_stable_tree`). An emptied chain stays until somebody
  /// walks over it.
  @usableFromInline func prune(_ node: UInt32) {
    let record = nodes[Int(node)]
    if record.sharers > 0 {
      pagesShared -= 1
      pagesSharing -= UInt64(record.sharers) - 1
    }
    if record.chain == StableNode.alone { trees.remove(node, from: Int(record.tree)) } else { removeDup(node, from: record.chain) }
    let frame = self.frame(of: node)
    if self.node(of: frame) == node { nodeOfFrame.remove(node, hash: StableTree.key(of: frame)) }
    nodes[Int(node)].chain = StableNode.pruned
    prunedNodes += 1
    if record.sharers == 0 { free(node) }
  }

  private func takeNode() -> UInt32 {
    let node = firstFreeNode
    guard node != 0 else {
      precondition(Int(freshNode) < nodes.count, "more stable pages than items and frames")
      freshNode += 1
      return freshNode - 1
    }
    firstFreeNode = nodes[Int(node)].frame
    return node
  }

  private func free(_ node: UInt32) {
    nodes[Int(node)].frame = firstFreeNode
    nodes[Int(node)].tree = StableTree.free
    firstFreeNode = node
  }

  // MARK: Chains

  private func chain(_ node: UInt32) -> Int { Int(nodes[Int(node)].frame) }

  /// Whether a chain is due to be walked from end to end; if so, it counts as walked.
  @usableFromInline func isPruneDue(_ chain: UInt32, at now: UInt64, every interval: UInt64) -> Bool {
    let number = self.chain(chain)
    let due = chains[number].prunedAt.addingReportingOverflow(interval)
    guard !due.overflow && now >= due.partialValue else { return false }
    chains[number].prunedAt = now
    return true
  }

  /// The dup at a chain's head, 0 where it is empty.
  @usableFromInline func head(of chain: UInt32) -> UInt32 { chains[self.chain(chain)].head }
  /// The dup behind a dup, 0 behind the last.
  @usableFromInline func next(_ dup: UInt32) -> UInt32 { links[Int(dup)].next }
  /// Whether a chain holds one dup.
  @usableFromInline func isSingular(_ chain: UInt32) -> Bool { chains[self.chain(chain)].count == 1 }

  /// The dup that a walk over a chain without stale dups would find (mm/ksm.c, `stable_node_dup`, as of 6.11): with room, the fullest of
  /// all if the whole chain is walked, otherwise the first; if none has room, the first.
  @usableFromInline func best(of chain: UInt32, wholeChain: Bool) -> UInt32 {
    let record = chains[self.chain(chain)]
    var (found, sharers, placed): (UInt32, UInt32, UInt64) = (0, 0, 0)
    var dup = record.roomy
    while dup != 0 {
      let link = links[Int(dup)]
      let full = wholeChain ? nodes[Int(dup)].sharers : 0
      if found == 0 || full > sharers || (full == sharers && link.placed > placed) { (found, sharers, placed) = (dup, full, link.placed) }
      dup = link.nextRoomy
    }
    return found != 0 ? found : record.head
  }

  /// Puts the dup that was found at the head, if it can take a sharer besides the next one; a chain of one dup is dissolved, and the dup
  /// takes its place.
  /// - Returns: what stands in the tree now.
  @usableFromInline func settle(_ chain: UInt32, found dup: UInt32) -> UInt32 {
    if isSingular(chain) {
      removeDup(dup, from: chain)
      nodes[Int(dup)].chain = StableNode.alone
      trees.replace(chain, by: dup, in: Int(nodes[Int(chain)].tree))
      freeChain(chain)
      return dup
    }
    if head(of: chain) != dup && hasRoom(dup, for: 2) {
      unlink(dup, from: chain)
      linkAtHead(dup, of: chain)
    }
    return chain
  }

  /// Takes an empty chain out of the tree.
  @usableFromInline func removeChain(_ chain: UInt32) {
    trees.remove(chain, from: Int(nodes[Int(chain)].tree))
    freeChain(chain)
  }

  /// Puts a chain in the place of a node, which becomes its first dup.
  private func makeChain(of node: UInt32, in tree: Int, at now: UInt64) -> UInt32 {
    var number = firstFreeChain
    if number == 0 {
      number = freshChain
      freshChain += 1
    } else {
      firstFreeChain = chains[Int(number)].count
    }
    chains[Int(number)] = StableChain(prunedAt: now)
    let chain = takeNode()
    nodes[Int(chain)] = StableNode(
      frame: number, sharers: StableNode.isChain, chain: StableNode.alone, tree: UInt32(truncatingIfNeeded: tree))
    trees.replace(node, by: chain, in: tree)
    chainCount += 1
    addDup(node, to: chain)
    return chain
  }

  private func freeChain(_ chain: UInt32) {
    let number = self.chain(chain)
    chains[number] = StableChain(count: firstFreeChain)
    firstFreeChain = UInt32(number)
    chainCount -= 1
    free(chain)
  }

  private func addDup(_ dup: UInt32, to chain: UInt32) {
    nodes[Int(dup)].chain = chain
    linkAtHead(dup, of: chain)
    chains[self.chain(chain)].count += 1
    dupCount += 1
    if hasRoom(dup) { joinRoomy(dup, of: chain) }
  }

  private func removeDup(_ dup: UInt32, from chain: UInt32) {
    if hasRoom(dup) { leaveRoomy(dup, of: chain) }
    unlink(dup, from: chain)
    chains[self.chain(chain)].count -= 1
    dupCount -= 1
  }

  private func linkAtHead(_ dup: UInt32, of chain: UInt32) {
    let number = self.chain(chain)
    let following = chains[number].head
    placements += 1
    links[Int(dup)].previous = 0
    links[Int(dup)].next = following
    links[Int(dup)].placed = placements
    if following != 0 { links[Int(following)].previous = dup }
    chains[number].head = dup
  }

  private func unlink(_ dup: UInt32, from chain: UInt32) {
    let link = links[Int(dup)]
    if link.previous == 0 { chains[self.chain(chain)].head = link.next } else { links[Int(link.previous)].next = link.next }
    if link.next != 0 { links[Int(link.next)].previous = link.previous }
  }

  private func joinRoomy(_ dup: UInt32, of chain: UInt32) {
    let number = self.chain(chain)
    let following = chains[number].roomy
    links[Int(dup)].previousRoomy = 0
    links[Int(dup)].nextRoomy = following
    if following != 0 { links[Int(following)].previousRoomy = dup }
    chains[number].roomy = dup
  }

  private func leaveRoomy(_ dup: UInt32, of chain: UInt32) {
    let link = links[Int(dup)]
    if link.previousRoomy == 0 {
      chains[self.chain(chain)].roomy = link.nextRoomy
    } else {
      links[Int(link.previousRoomy)].nextRoomy = link.nextRoomy
    }
    if link.nextRoomy != 0 { links[Int(link.nextRoomy)].previousRoomy = link.previousRoomy }
  }
}
