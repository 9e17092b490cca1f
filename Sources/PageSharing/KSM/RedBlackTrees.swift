public import Columns

/// A node's place in a red-black tree, and enough of its content to decide most comparisons.
@frozen @usableFromInline struct TreeNode: BitwiseCopyable {
  /// The first four bytes of the content, big endian: contents whose prefixes differ stand in the order of the prefixes.
  @usableFromInline var prefix: UInt32
  @usableFromInline var left: UInt32
  @usableFromInline var right: UInt32
  /// The parent in the low 31 bits, 0 for none; the highest bit is set for a black node.
  @usableFromInline var parentAndColor: UInt32

  @usableFromInline static var black: UInt32 { 1 << 31 }
  @inlinable init(prefix: UInt32, parent: UInt32) {
    self.prefix = prefix
    left = 0
    right = 0
    parentAndColor = parent
  }
}

/// Where in a tree a node is to be inserted: below a parent, on its left or right; parent 0 is the root of an empty tree.
@frozen @usableFromInline struct TreeSlot {
  @usableFromInline var parent: UInt32 = 0
  @usableFromInline var isLeft = false
  @inlinable init() {}
}

/// Red-black trees over nodes numbered from 1, several trees in one set of nodes. Nobody's order is known here: who inserts says where.
///
/// They take the shape that the kernel's take (lib/rbtree.c): the same rotations and colours after the same insertions and removals, which
/// are those of the textbook (Cormen et al., chapter 13), with the successor in the place of a removed node that had two children. The
/// shape matters where a search has effects on what it meets: which stale nodes it prunes, which changed page it stumbles over.
@usableFromInline final class RedBlackTrees {
  @usableFromInline let nodes: Column<TreeNode>
  private let roots: Column<UInt32>

  /// Trees over at most `capacity` nodes.
  init(capacity: Int, treeCount: Int) {
    nodes = Column(count: capacity + 1)
    roots = Column(count: treeCount)
  }

  @usableFromInline func root(of tree: Int) -> UInt32 { roots[tree] }

  /// Empties every tree; the nodes may be used again.
  func removeAll() { roots.fill(0..<roots.count, with: 0) }

  @inline(__always) private func parent(_ node: UInt32) -> UInt32 { nodes[Int(node)].parentAndColor & ~TreeNode.black }
  @inline(__always) private func isBlack(_ node: UInt32) -> Bool { node == 0 || nodes[Int(node)].parentAndColor & TreeNode.black != 0 }
  @inline(__always) private func setParent(_ node: UInt32, _ parent: UInt32) {
    nodes[Int(node)].parentAndColor = nodes[Int(node)].parentAndColor & TreeNode.black | parent
  }
  @inline(__always) private func paint(_ node: UInt32, black: Bool) {
    let parent = nodes[Int(node)].parentAndColor & ~TreeNode.black
    nodes[Int(node)].parentAndColor = black ? parent | TreeNode.black : parent
  }

  /// Makes `new` the child of `parent` (the root, if 0) that `old` was.
  private func replaceChild(_ old: UInt32, by new: UInt32, of parent: UInt32, in tree: Int) {
    if parent == 0 {
      roots[tree] = new
    } else if nodes[Int(parent)].left == old {
      nodes[Int(parent)].left = new
    } else {
      nodes[Int(parent)].right = new
    }
  }

  private func rotate(_ node: UInt32, left: Bool, in tree: Int) {
    let above = parent(node)
    let child = left ? nodes[Int(node)].right : nodes[Int(node)].left
    let inner = left ? nodes[Int(child)].left : nodes[Int(child)].right
    if left {
      nodes[Int(node)].right = inner
      nodes[Int(child)].left = node
    } else {
      nodes[Int(node)].left = inner
      nodes[Int(child)].right = node
    }
    if inner != 0 { setParent(inner, node) }
    replaceChild(node, by: child, of: above, in: tree)
    setParent(child, above)
    setParent(node, child)
  }

  /// Inserts a node that is in no tree.
  @usableFromInline func insert(_ node: UInt32, prefix: UInt32, at slot: TreeSlot, in tree: Int) {
    nodes[Int(node)] = TreeNode(prefix: prefix, parent: slot.parent)
    if slot.parent == 0 {
      roots[tree] = node
    } else if slot.isLeft {
      nodes[Int(slot.parent)].left = node
    } else {
      nodes[Int(slot.parent)].right = node
    }
    var node = node
    while true {
      let above = parent(node)
      if above == 0 { return paint(node, black: true) }
      if isBlack(above) { return }
      // A red parent is not the root.
      let grand = parent(above)
      let isLeft = nodes[Int(grand)].left == above
      let uncle = isLeft ? nodes[Int(grand)].right : nodes[Int(grand)].left
      if !isBlack(uncle) {
        paint(above, black: true)
        paint(uncle, black: true)
        paint(grand, black: false)
        node = grand
        continue
      }
      var upper = above
      if node == (isLeft ? nodes[Int(above)].right : nodes[Int(above)].left) {
        rotate(above, left: isLeft, in: tree)
        upper = node
      }
      paint(upper, black: true)
      paint(grand, black: false)
      return rotate(grand, left: !isLeft, in: tree)
    }
  }

  /// Puts a node that is in no tree exactly where another is, which leaves.
  @usableFromInline func replace(_ old: UInt32, by new: UInt32, in tree: Int) {
    let record = nodes[Int(old)]
    nodes[Int(new)] = record
    replaceChild(old, by: new, of: record.parentAndColor & ~TreeNode.black, in: tree)
    if record.left != 0 { setParent(record.left, new) }
    if record.right != 0 { setParent(record.right, new) }
  }

  /// Removes a node.
  @usableFromInline func remove(_ node: UInt32, from tree: Int) {
    let record = nodes[Int(node)]
    let above = record.parentAndColor & ~TreeNode.black
    if record.left != 0 && record.right != 0 { return removeInner(node, record, from: tree) }
    let child = record.left | record.right
    replaceChild(node, by: child, of: above, in: tree)
    if child != 0 {
      // An only child is red and its parent black: the child takes over both place and colour.
      nodes[Int(child)].parentAndColor = record.parentAndColor
    } else if record.parentAndColor & TreeNode.black != 0 {
      rebalance(after: 0, below: above, in: tree)
    }
  }

  /// Removes a node with two children: its successor takes its place and colour.
  private func removeInner(_ node: UInt32, _ record: TreeNode, from tree: Int) {
    var successor = record.right
    while nodes[Int(successor)].left != 0 { successor = nodes[Int(successor)].left }
    let wasBlack = isBlack(successor)
    let child = nodes[Int(successor)].right
    var below = successor
    if successor != record.right {
      below = parent(successor)
      nodes[Int(below)].left = child
      if child != 0 { setParent(child, below) }
      nodes[Int(successor)].right = record.right
      setParent(record.right, successor)
    }
    nodes[Int(successor)].left = record.left
    setParent(record.left, successor)
    nodes[Int(successor)].parentAndColor = record.parentAndColor
    replaceChild(node, by: successor, of: record.parentAndColor & ~TreeNode.black, in: tree)
    guard wasBlack else { return }
    if !isBlack(child) { return paint(child, black: true) }
    rebalance(after: child, below: below, in: tree)
  }

  /// Restores the black height below `above`, on whose side `start` (possibly 0) one black node is missing.
  private func rebalance(after start: UInt32, below above: UInt32, in tree: Int) {
    var (node, above) = (start, above)
    while above != 0 && isBlack(node) {
      let isLeft = nodes[Int(above)].left == node
      var sibling = isLeft ? nodes[Int(above)].right : nodes[Int(above)].left
      if !isBlack(sibling) {
        paint(sibling, black: true)
        paint(above, black: false)
        rotate(above, left: isLeft, in: tree)
        sibling = isLeft ? nodes[Int(above)].right : nodes[Int(above)].left
      }
      let outer = isLeft ? nodes[Int(sibling)].right : nodes[Int(sibling)].left
      let inner = isLeft ? nodes[Int(sibling)].left : nodes[Int(sibling)].right
      if isBlack(outer) && isBlack(inner) {
        paint(sibling, black: false)
        node = above
        above = parent(node)
        continue
      }
      var upper = sibling
      if isBlack(outer) {
        paint(inner, black: true)
        paint(sibling, black: false)
        rotate(sibling, left: !isLeft, in: tree)
        upper = inner
      }
      paint(upper, black: isBlack(above))
      paint(above, black: true)
      let far = isLeft ? nodes[Int(upper)].right : nodes[Int(upper)].left
      paint(far, black: true)
      return rotate(above, left: isLeft, in: tree)
    }
    if node != 0 { paint(node, black: true) }
  }
}
