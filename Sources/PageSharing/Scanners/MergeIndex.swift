public import Addressing
internal import Columns

/// What a sharer of pages knows: which frames it has made stable, who shares them, and which single pages wait for a partner.
///
/// Frames and waiting pages are found by a *key* of 32 bits, which each scanner computes in its own way: from a hash of all bytes, of some,
/// or from the number of the block that a page was read from. Keys propose; bytes decide. A frame has a *node*: a number that is never
/// another frame's as long as a page names it, so that a page that was merged into a frame is not taken for a sharer of whatever stands in
/// the frame later. As in the kernel, nobody tells the index that a shared page was written: it learns that when the page is visited.
@usableFromInline final class MergeIndex {
  /// Where a page stands.
  @frozen @usableFromInline enum State: UInt8, BitwiseCopyable {
    /// Nothing is known of it.
    case none
    /// It waits for a partner, under its key.
    case waiting
    /// It is one of the sharers of a node.
    case sharer
  }

  private let states: Column<UInt8>
  /// Of a waiting page its key, of a sharer its node.
  private let words: Column<UInt32>

  private let nodeOfFrame: Column<UInt32>
  private let frames: Column<UInt32>
  private let keys: Column<UInt32>
  private let sharers: Column<UInt32>
  /// What else tells the contents of nodes of one key apart: a longer hash, a block.
  private let tags: Column<UInt64>
  /// Inside which domain the frame may be shared; a node that is out of the index keeps `isPruned` here.
  private let domains: Column<UInt64>

  private let stable: ContentIndex
  private let waiting: ContentIndex
  private var firstFree: UInt32 = 0
  private var nodeCount: UInt32 = 0

  /// Stable frames with at least one sharer.
  private(set) var pagesShared: UInt64 = 0
  /// Their further sharers.
  private(set) var pagesSharing: UInt64 = 0
  /// Pages that wait for a partner.
  private(set) var pagesWaiting: UInt64 = 0

  /// These as counters; waiting pages are unshared ones.
  var counters: KSMCounters {
    var counters = KSMCounters()
    counters.pagesShared = pagesShared
    counters.pagesSharing = pagesSharing
    counters.pagesUnshared = pagesWaiting
    return counters
  }

  private static var isPruned: UInt64 { .max }

  /// An index for page ordinals below `capacity` and frames below `frameCount`.
  @usableFromInline init(capacity: Int, frameCount: Int) {
    precondition(capacity >= 0 && frameCount >= 0 && capacity + frameCount <= 3 << 30, "more pages than the scanner can number")
    states = Column(count: capacity)
    words = Column(count: capacity)
    nodeOfFrame = Column(count: frameCount, isSparse: true)
    // Every node is a frame's now, or was pruned and is still named by a page.
    let nodes = capacity + frameCount + 1
    frames = Column(count: nodes, isSparse: true)
    keys = Column(count: nodes, isSparse: true)
    sharers = Column(count: nodes, isSparse: true)
    tags = Column(count: nodes, isSparse: true)
    domains = Column(count: nodes, isSparse: true)
    stable = ContentIndex(capacity: frameCount)
    waiting = ContentIndex(capacity: capacity)
  }

  // MARK: Pages

  /// Where a page stands.
  @usableFromInline func state(of page: Int) -> State { State(rawValue: states[page]) ?? .none }

  /// The key that a waiting page waits under.
  @usableFromInline func key(of page: Int) -> UInt32 { words[page] }

  /// The node of which a page is a sharer; 0 if it is none.
  @usableFromInline func node(ofSharer page: Int) -> UInt32 { states[page] == State.sharer.rawValue ? words[page] : 0 }

  /// Lets a page of which nothing is known wait for a partner.
  @usableFromInline func wait(_ page: Int, key: UInt32) {
    waiting.insert(UInt32(truncatingIfNeeded: page), hash: key)
    states[page] = State.waiting.rawValue
    words[page] = key
    pagesWaiting += 1
  }

  /// Makes a page of which nothing is known a sharer of a node.
  @usableFromInline func attach(_ page: Int, to node: UInt32) {
    states[page] = State.sharer.rawValue
    words[page] = node
    if sharers[Int(node)] == 0 { pagesShared += 1 } else { pagesSharing += 1 }
    sharers[Int(node)] += 1
  }

  /// Forgets what is known of a page.
  /// - Returns: what it was.
  @usableFromInline @discardableResult func forget(_ page: Int) -> State {
    let state = state(of: page)
    switch state {
    case .none: return .none
    case .waiting:
      waiting.remove(UInt32(truncatingIfNeeded: page), hash: words[page])
      pagesWaiting -= 1
    case .sharer: leave(words[page])
    }
    states[page] = State.none.rawValue
    return state
  }

  /// No page of these spaces waits any longer; no other did.
  @usableFromInline func forgetAllWaiting(in list: SpaceList) {
    for space in list.spaces {
      for page in space.pages where states[page] == State.waiting.rawValue { states[page] = State.none.rawValue }
    }
    waiting.removeAll()
    pagesWaiting = 0
  }

  /// Begins a search among the waiting pages.
  @usableFromInline func probeWaiting(_ key: UInt32) -> ContentIndex.Probe { waiting.probe(key) }
  /// The next waiting page of the key.
  @usableFromInline func nextWaiting(_ probe: inout ContentIndex.Probe) -> PageOrdinal? { waiting.next(&probe).map { PageOrdinal($0) } }

  // MARK: Nodes

  /// Begins a search among the nodes.
  @usableFromInline func probe(_ key: UInt32) -> ContentIndex.Probe { stable.probe(key) }
  /// The next node of the key.
  @usableFromInline func next(_ probe: inout ContentIndex.Probe) -> UInt32? { stable.next(&probe) }

  /// The node of a frame; 0 if it has none.
  @usableFromInline func node(of frame: HostFrame) -> UInt32 { nodeOfFrame[frame.index] }
  /// The frame of a node.
  @usableFromInline func frame(of node: UInt32) -> HostFrame { HostFrame(UInt64(frames[Int(node)])) }
  /// The tag that the node was made with.
  @usableFromInline func tag(of node: UInt32) -> UInt64 { tags[Int(node)] }
  /// The domain that the node was made in.
  @usableFromInline func domain(of node: UInt32) -> UInt32 { UInt32(truncatingIfNeeded: domains[Int(node)]) }

  /// Gives a frame that has just become stable a node.
  @usableFromInline func insert(_ frame: HostFrame, key: UInt32, tag: UInt64 = 0, domain: UInt32 = 0) -> UInt32 {
    if nodeOfFrame[frame.index] != 0 { prune(nodeOfFrame[frame.index]) }
    let node = firstFree != 0 ? firstFree : nodeCount + 1
    if firstFree != 0 { firstFree = frames[Int(node)] } else { nodeCount += 1 }
    frames[Int(node)] = UInt32(truncatingIfNeeded: frame.rawValue)
    (keys[Int(node)], tags[Int(node)], domains[Int(node)], sharers[Int(node)]) = (key, tag, UInt64(domain), 0)
    nodeOfFrame[frame.index] = node
    stable.insert(node, hash: key)
    return node
  }

  /// Takes a node out of the index: its frame is no longer the stable one that it was.
  @usableFromInline func prune(_ node: UInt32) {
    stable.remove(node, hash: keys[Int(node)])
    nodeOfFrame[Int(frames[Int(node)])] = 0
    domains[Int(node)] = Self.isPruned
    guard sharers[Int(node)] > 0 else { return free(node) }
    pagesShared -= 1
    pagesSharing -= UInt64(sharers[Int(node)] - 1)
  }

  /// Files a node, which is in the index, under another key.
  @usableFromInline func move(_ node: UInt32, to key: UInt32) {
    stable.remove(node, hash: keys[Int(node)])
    refile(node, key: key)
  }

  /// Files a node under another key, after `removeAllNodes`.
  @usableFromInline func refile(_ node: UInt32, key: UInt32) {
    keys[Int(node)] = key
    stable.insert(node, hash: key)
  }

  /// Empties the index of nodes, each of which must be filed again or be lost.
  @usableFromInline func removeAllNodes() { stable.removeAll() }

  /// The nodes that a pass over all of them has to look at: numbers from 1 to this one.
  @usableFromInline var lastNode: UInt32 { nodeCount }

  /// Whether a number is that of a node in the index.
  @usableFromInline func isFiled(_ node: UInt32) -> Bool {
    domains[Int(node)] != Self.isPruned && nodeOfFrame[Int(frames[Int(node)])] == node
  }

  private func leave(_ node: UInt32) {
    sharers[Int(node)] -= 1
    if domains[Int(node)] == Self.isPruned {
      if sharers[Int(node)] == 0 { free(node) }
    } else if sharers[Int(node)] == 0 {
      pagesShared -= 1
    } else {
      pagesSharing -= 1
    }
  }

  /// Puts a node's number on the list of free ones, which goes through `frames`.
  private func free(_ node: UInt32) {
    frames[Int(node)] = firstFree
    firstFree = node
  }
}
