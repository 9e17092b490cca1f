import Columns
import Testing

@testable import PageSharing

@Suite struct RedBlackTreesTests {
  /// A tree of numbers and its textbook twin.
  final class Pair {
    let trees = RedBlackTrees(capacity: 300, treeCount: 2)
    let twin = NaiveRedBlackTree<UInt32>()
    var twins: [UInt32: NaiveRedBlackTree<UInt32>.Node] = [:]
    let tree = 1

    func insert(_ number: UInt32) {
      var slot = TreeSlot()
      var node = trees.root(of: tree)
      while node != 0 {
        slot.parent = node
        slot.isLeft = number < node
        node = slot.isLeft ? trees.nodes[Int(node)].left : trees.nodes[Int(node)].right
      }
      trees.insert(number, prefix: number, at: slot, in: tree)
      twins[number] = twin.insert(number, below: twins[slot.parent], isLeft: slot.isLeft)
    }

    func remove(_ number: UInt32) {
      trees.remove(number, from: tree)
      if let node = twins.removeValue(forKey: number) { twin.remove(node) }
    }

    func shape(_ node: UInt32, _ depth: Int = 0) -> [[UInt32]] {
      guard node != 0 else { return [] }
      let links = trees.nodes[Int(node)]
      let isRed: UInt32 = links.parentAndColor & TreeNode.black == 0 ? 1 : 0
      return shape(links.left, depth + 1) + [[node, UInt32(depth), isRed]] + shape(links.right, depth + 1)
    }

    var isSame: Bool { shape(trees.root(of: tree)) == twin.shape().map { [$0.value, UInt32($0.depth), $0.isRed ? 1 : 0] } }
  }

  @Test("Every order of inserting and removing up to five nodes gives the textbook's shape")
  func smallTrees() {
    func orders(_ rest: [UInt32]) -> [[UInt32]] {
      rest.isEmpty ? [[]] : rest.flatMap { first in orders(rest.filter { $0 != first }).map { [first] + $0 } }
    }
    for count in 1...5 as ClosedRange<UInt32> {
      for insertions in orders(Array(1...count)) {
        for removals in orders(Array(1...count)) {
          let pair = Pair()
          for number in insertions { pair.insert(number) }
          var isSame = pair.isSame
          for number in removals {
            pair.remove(number)
            isSame = isSame && pair.isSame
          }
          #expect(isSame, "\(insertions), then \(removals)")
        }
      }
    }
  }

  @Test("Long random histories give the textbook's shape", arguments: 0..<20 as Range<UInt64>)
  func randomTrees(seed: UInt64) {
    var random = RandomSource(seed: seed).stream("trees")
    let pair = Pair()
    var held: Set<UInt32> = []
    for _ in 0..<800 {
      let number = UInt32(1 + random.index(below: 300))
      if held.remove(number) != nil {
        pair.remove(number)
      } else if held.count < 40 + random.index(below: 260) {
        held.insert(number)
        pair.insert(number)
      }
    }
    #expect(pair.isSame)
    #expect(pair.twins.count == held.count)
  }
}
