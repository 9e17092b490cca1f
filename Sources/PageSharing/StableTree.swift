public import Addressing
internal import Columns

/// The stable tree: which stable pages there are, by content, and how many items share each.
///
/// The kernel keeps a red-black tree ordered by `memcmp`. Here an index of hashes proposes nodes and the scanner compares bytes, which finds
/// the same matches in one step.
///
/// Nobody tells the tree when a stable page dies. A node is *current* while its frame's newest node is itself and the memory still holds
/// the frame for stable; the scanner asks at every use and prunes what is not. The counters then drop for all its sharers at once,
/// as in `remove_node_from_stable_tree`; the items themselves notice at their next visit, so a pruned node keeps its number until then.
///
/// Node 0 does not exist. There are at most as many nodes as items and frames together: a node without items has a frame of its own.
@usableFromInline final class StableTree {
  private let nodes: Column<StableNode>
  /// Touched for nodes in chains only, which are few.
  private let links: Column<StableLink>
  private let chains: Column<StableChain>
  private let nodeOfFrame: Column<UInt32>
  private let index: ContentIndex
  private let maxPageSharing: UInt32
  private var freshNode: UInt32 = 1
  private var firstFreeNode: UInt32 = 0
  private var freshChain: UInt32 = 1
  private var firstFreeChain: UInt32 = 0

  /// The kernel's `pages_shared`.
  private(set) var pagesShared: UInt64 = 0
  /// The kernel's `pages_sharing`.
  private(set) var pagesSharing: UInt64 = 0
  /// The kernel's `stable_node_chains`.
  private(set) var chainCount: UInt64 = 0
  /// The kernel's `stable_node_dups`.
  private(set) var dupCount: UInt64 = 0

  init(itemCapacity: Int, frameCount: Int, maxPageSharing: UInt32) {
    nodes = Column(count: itemCapacity + frameCount + 1)
    links = Column(count: itemCapacity + frameCount + 1, isSparse: true)
    chains = Column(count: itemCapacity + frameCount + 1, isSparse: true)
    nodeOfFrame = Column(count: frameCount, isSparse: true)
    index = ContentIndex(capacity: itemCapacity + frameCount)
    self.maxPageSharing = maxPageSharing
  }

  // MARK: Looking

  /// Begins a search for a content.
  @usableFromInline func probe(_ hash: UInt32) -> ContentIndex.Probe { index.probe(hash) }

  /// The next node to compare with: a content's only node, or the first of its chain.
  @usableFromInline func next(_ probe: inout ContentIndex.Probe) -> UInt32? { index.next(&probe) }

  /// The node's frame.
  @usableFromInline func frame(of node: UInt32) -> HostFrame { HostFrame(UInt64(nodes[Int(node)].frame)) }

  /// The newest node of a frame, 0 where there is none.
  @usableFromInline func node(of frame: HostFrame) -> UInt32 { nodeOfFrame[frame.index] }

  /// Whether the node was pruned while items named it.
  @usableFromInline func isPruned(_ node: UInt32) -> Bool { nodes[Int(node)].chain == StableNode.pruned }

  /// Whether another item may share the node's page.
  @usableFromInline func hasRoom(_ node: UInt32) -> Bool { nodes[Int(node)].sharers < maxPageSharing }

  // MARK: Sharers

  /// Counts one more sharer of a node, beyond the maximum where the caller says so by not asking for room.
  @usableFromInline func append(to node: UInt32) {
    nodes[Int(node)].sharers += 1
    let sharers = nodes[Int(node)].sharers
    if sharers == 1 { pagesShared += 1 } else { pagesSharing += 1 }
    if sharers == maxPageSharing { moveToTail(node) }
  }

  /// Counts one sharer less of a node in the tree. The node stays, even without sharers, while its page lives.
  @usableFromInline func removeSharer(of node: UInt32) {
    nodes[Int(node)].sharers -= 1
    let sharers = nodes[Int(node)].sharers
    if sharers == 0 { pagesShared -= 1 } else { pagesSharing -= 1 }
    if sharers == maxPageSharing - 1 { moveToHead(node) }
  }

  /// Lets an item go that named a pruned node; the last one frees its number.
  @usableFromInline func releasePruned(_ node: UInt32) {
    nodes[Int(node)].sharers -= 1
    if nodes[Int(node)].sharers == 0 { free(node) }
  }

  // MARK: Nodes

  /// Adds a node for a new stable page: alone, or as a dup of the content whose first node is `head` (0: none) and which has no room.
  @usableFromInline func insert(frame: HostFrame, hash: UInt32, besides head: UInt32) -> UInt32 {
    let stale = nodeOfFrame[frame.index]
    // A node of the frame's former life is pruned when it is met. Without items nobody would meet it: then it goes now.
    if stale != 0 && nodes[Int(stale)].sharers == 0 { prune(stale) }
    let node = takeNode()
    nodes[Int(node)] = StableNode(frame: UInt32(truncatingIfNeeded: frame.rawValue), hash: hash, sharers: 0, chain: StableNode.noChain)
    nodeOfFrame[frame.index] = node
    if head == 0 {
      index.insert(node, hash: hash)
    } else {
      let chain = nodes[Int(head)].chain == StableNode.noChain ? makeChain(of: head) : nodes[Int(head)].chain
      dupCount += 1
      link(node, before: chains[Int(chain)].head, in: chain)
    }
    return node
  }

  /// Takes a node whose page is gone out of the tree.
  @usableFromInline func prune(_ node: UInt32) {
    let record = nodes[Int(node)]
    if record.sharers > 0 {
      pagesShared -= 1
      pagesSharing -= UInt64(record.sharers) - 1
    }
    if record.chain == StableNode.noChain {
      index.remove(node, hash: record.hash)
    } else {
      unlink(node)
      dupCount -= 1
      if chains[Int(record.chain)].count == 0 {
        // The kernel keeps an empty chain until a search walks over it. With no page left there is nothing to compare a search with.
        index.remove(node, hash: record.hash)
        freeChain(record.chain)
      }
    }
    if nodeOfFrame[Int(record.frame)] == node { nodeOfFrame[Int(record.frame)] = 0 }
    nodes[Int(node)].chain = StableNode.pruned
    if record.sharers == 0 { free(node) }
  }

  /// Dissolves the chain of a content that was found, where one dup is left of it.
  @usableFromInline func collapseChain(of node: UInt32) {
    let chain = nodes[Int(node)].chain
    guard chain != StableNode.noChain && chains[Int(chain)].count == 1 else { return }
    nodes[Int(node)].chain = StableNode.noChain
    dupCount -= 1
    freeChain(chain)
  }

  private func takeNode() -> UInt32 {
    let node = firstFreeNode
    guard node != 0 else {
      freshNode += 1
      return freshNode - 1
    }
    firstFreeNode = nodes[Int(node)].frame
    return node
  }

  private func free(_ node: UInt32) {
    nodes[Int(node)].frame = firstFreeNode
    firstFreeNode = node
  }

  // MARK: Chains

  private func makeChain(of node: UInt32) -> UInt32 {
    var chain = firstFreeChain
    if chain == 0 {
      chain = freshChain
      freshChain += 1
    } else {
      firstFreeChain = chains[Int(chain)].count
    }
    chains[Int(chain)] = StableChain(head: node, tail: node, count: 1)
    nodes[Int(node)].chain = chain
    links[Int(node)] = StableLink(previous: 0, next: 0)
    chainCount += 1
    dupCount += 1
    return chain
  }

  private func freeChain(_ chain: UInt32) {
    chains[Int(chain)] = StableChain(head: 0, tail: 0, count: firstFreeChain)
    firstFreeChain = chain
    chainCount -= 1
  }

  private func moveToHead(_ node: UInt32) {
    let chain = nodes[Int(node)].chain
    guard chain != StableNode.noChain && chains[Int(chain)].head != node else { return }
    unlink(node)
    link(node, before: chains[Int(chain)].head, in: chain)
  }

  private func moveToTail(_ node: UInt32) {
    let chain = nodes[Int(node)].chain
    guard chain != StableNode.noChain && chains[Int(chain)].tail != node else { return }
    unlink(node)
    link(node, before: 0, in: chain)
  }

  /// Links a node into a chain that is not empty: before another node, or at the tail (0). The index names the chain's head.
  private func link(_ node: UInt32, before following: UInt32, in chain: UInt32) {
    let preceding = following == 0 ? chains[Int(chain)].tail : links[Int(following)].previous
    links[Int(node)] = StableLink(previous: preceding, next: following)
    nodes[Int(node)].chain = chain
    if preceding == 0 {
      index.replace(chains[Int(chain)].head, with: node, hash: nodes[Int(node)].hash)
      chains[Int(chain)].head = node
    } else {
      links[Int(preceding)].next = node
    }
    if following == 0 { chains[Int(chain)].tail = node } else { links[Int(following)].previous = node }
    chains[Int(chain)].count += 1
  }

  /// Unlinks a node from its chain. The index goes on naming it where it was the only one.
  private func unlink(_ node: UInt32) {
    let (preceding, following, chain) = (links[Int(node)].previous, links[Int(node)].next, nodes[Int(node)].chain)
    if preceding == 0 { chains[Int(chain)].head = following } else { links[Int(preceding)].next = following }
    if following == 0 { chains[Int(chain)].tail = preceding } else { links[Int(following)].previous = preceding }
    if preceding == 0 && following != 0 { index.replace(node, with: following, hash: nodes[Int(node)].hash) }
    chains[Int(chain)].count -= 1
  }
}
