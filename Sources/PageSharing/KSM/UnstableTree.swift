internal import Columns

/// The unstable tree: the unmerged pages of one scan, ordered by what they held when they were inserted.
///
/// Its pages are not write-protected, so the order may be wrong the moment a guest writes. Whoever searches compares with what a page holds
/// *now*, strays if that has changed, and finds less; nothing else can go wrong, because a match is merged only if the bytes are equal.
/// With the next scan the tree is empty again.
///
/// Nodes are numbered as they are inserted, so that a tree costs memory for the pages that stand in it and not for others.
@usableFromInline final class UnstableTree {
  @usableFromInline let trees: RedBlackTrees
  /// The page of each node; of a number that is free, the next free one, marked in the highest bit, which no page has.
  private let owners: Column<UInt32>
  /// The tree of each node, where there is more than one.
  private let treeOfNode: Column<UInt8>
  private let treeCount: Int
  private var fresh: UInt32 = 1
  private var firstFree: UInt32 = 0
  private static let free: UInt32 = 1 << 31

  init(capacity: Int, treeCount: Int) {
    trees = RedBlackTrees(capacity: capacity, treeCount: treeCount)
    owners = Column(count: capacity + 1)
    treeOfNode = Column(count: treeCount > 1 ? capacity + 1 : 0, isSparse: true)
    self.treeCount = treeCount
  }

  /// The page that a node stands for.
  @usableFromInline func page(of node: UInt32) -> UInt32 { owners[Int(node)] }

  /// Whether a page that was once inserted as this node is so in this scan.
  @usableFromInline func holds(_ page: UInt32, as node: UInt32) -> Bool { node < fresh && owners[Int(node)] == page }

  /// Inserts a page where a search for it ended.
  @usableFromInline func insert(_ page: UInt32, prefix: UInt32, at slot: TreeSlot, in tree: Int) -> UInt32 {
    var node = firstFree
    if node == 0 {
      node = fresh
      fresh += 1
    } else {
      firstFree = owners[Int(node)] & ~UnstableTree.free
    }
    owners[Int(node)] = page
    if treeCount > 1 { treeOfNode[Int(node)] = UInt8(truncatingIfNeeded: tree) }
    trees.insert(node, prefix: prefix, at: slot, in: tree)
    return node
  }

  /// Removes a node.
  @usableFromInline func remove(_ node: UInt32) {
    trees.remove(node, from: treeCount > 1 ? Int(treeOfNode[Int(node)]) : 0)
    owners[Int(node)] = firstFree | UnstableTree.free
    firstFree = node
  }

  /// Begins a scan: forgets all pages, without touching one.
  @usableFromInline func removeAll() {
    trees.removeAll()
    fresh = 1
    firstFree = 0
  }
}
