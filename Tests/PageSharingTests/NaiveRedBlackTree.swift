/// The red-black tree of the textbook (Cormen et al., chapter 13), with objects and a sentinel.
final class NaiveRedBlackTree<Value> {
  final class Node {
    var value: Value?
    var isRed = false
    unowned(unsafe) var parent: Node!
    var left: Node!
    var right: Node!
    init(_ value: Value?) { self.value = value }
  }

  let null = Node(nil)
  var root: Node

  init() {
    root = null
    unsafe null.parent = null
    null.left = null
    null.right = null
  }

  func parent(_ node: Node) -> Node { unsafe node.parent }

  /// All values, with the depth and colour of each: the tree's shape.
  func shape(_ node: Node? = nil, depth: Int = 0) -> [(value: Value, depth: Int, isRed: Bool)] {
    let node = node ?? root
    guard node !== null, let value = node.value else { return [] }
    return shape(node.left, depth: depth + 1) + [(value, depth, node.isRed)] + shape(node.right, depth: depth + 1)
  }

  private func rotateLeft(_ x: Node) {
    let y: Node = x.right
    x.right = y.left
    if y.left !== null { unsafe y.left.parent = x }
    link(y, inPlaceOf: x)
    y.left = x
    unsafe x.parent = y
  }

  private func rotateRight(_ x: Node) {
    let y: Node = x.left
    x.left = y.right
    if y.right !== null { unsafe y.right.parent = x }
    link(y, inPlaceOf: x)
    y.right = x
    unsafe x.parent = y
  }

  private func link(_ y: Node, inPlaceOf x: Node) {
    let above = parent(x)
    unsafe y.parent = above
    if above === null { root = y } else if above.left === x { above.left = y } else { above.right = y }
  }

  @discardableResult func insert(_ value: Value, below above: Node?, isLeft: Bool) -> Node {
    let fresh = Node(value)
    fresh.left = null
    fresh.right = null
    fresh.isRed = true
    unsafe fresh.parent = above ?? null
    if let above { if isLeft { above.left = fresh } else { above.right = fresh } } else { root = fresh }
    var z = fresh
    while parent(z).isRed {
      let above = parent(z)
      let grand = parent(above)
      let isLeft = above === grand.left
      let uncle: Node = isLeft ? grand.right : grand.left
      if uncle.isRed {
        (above.isRed, uncle.isRed, grand.isRed) = (false, false, true)
        z = grand
      } else {
        if z === (isLeft ? above.right : above.left) {
          z = above
          if isLeft { rotateLeft(z) } else { rotateRight(z) }
        }
        parent(z).isRed = false
        parent(parent(z)).isRed = true
        if isLeft { rotateRight(parent(parent(z))) } else { rotateLeft(parent(parent(z))) }
      }
    }
    root.isRed = false
    return fresh
  }

  private func transplant(_ u: Node, _ v: Node) {
    let above = parent(u)
    if above === null { root = v } else if u === above.left { above.left = v } else { above.right = v }
    unsafe v.parent = above
  }

  func remove(_ z: Node) {
    var y = z
    var wasRed = y.isRed
    let x: Node
    if z.left === null {
      x = z.right
      transplant(z, z.right)
    } else if z.right === null {
      x = z.left
      transplant(z, z.left)
    } else {
      y = z.right
      while y.left !== null { y = y.left }
      wasRed = y.isRed
      x = y.right
      if parent(y) === z {
        unsafe x.parent = y
      } else {
        transplant(y, y.right)
        y.right = z.right
        unsafe y.right.parent = y
      }
      transplant(z, y)
      y.left = z.left
      unsafe y.left.parent = y
      y.isRed = z.isRed
    }
    if !wasRed { repair(x) }
  }

  private func repair(_ start: Node) {
    var x = start
    while x !== root && !x.isRed {
      let above = parent(x)
      let isLeft = x === above.left
      var w: Node = isLeft ? above.right : above.left
      if w.isRed {
        w.isRed = false
        above.isRed = true
        if isLeft { rotateLeft(above) } else { rotateRight(above) }
        w = isLeft ? above.right : above.left
      }
      if !w.left.isRed && !w.right.isRed {
        w.isRed = true
        x = above
      } else {
        if !(isLeft ? w.right : w.left).isRed {
          (isLeft ? w.left : w.right).isRed = false
          w.isRed = true
          if isLeft { rotateRight(w) } else { rotateLeft(w) }
          w = isLeft ? above.right : above.left
        }
        w.isRed = above.isRed
        above.isRed = false
        (isLeft ? w.right : w.left).isRed = false
        if isLeft { rotateLeft(above) } else { rotateRight(above) }
        x = root
      }
    }
    x.isRed = false
  }
}
