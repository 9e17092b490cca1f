internal import Addressing
public import Columns

/// One way of a set: a tag and what it stands for. Tag 0 is an empty way: no context has number 0.
@frozen @usableFromInline struct Way: BitwiseCopyable {
  @usableFromInline var tag: UInt64
  @usableFromInline var word: UInt64

  @inlinable init(tag: UInt64, word: UInt64) {
    self.tag = tag
    self.word = word
  }

  @usableFromInline static let empty = Way(tag: 0, word: 0)
}

/// Where one structure's sets lie among the ways of a hierarchy.
@frozen @usableFromInline struct WayTable: BitwiseCopyable {
  /// The index of its first way.
  @usableFromInline let first: Int
  /// The number of sets, less one.
  @usableFromInline let setMask: UInt64
  /// Ways of a set; 0 where there is no such structure.
  @usableFromInline let ways: Int
  /// The index of its first set among the sets of a hierarchy.
  @usableFromInline let firstSet: Int

  @inlinable init(first: Int, setMask: UInt64, ways: Int, firstSet: Int) {
    self.first = first
    self.setMask = setMask
    self.ways = ways
    self.firstSet = firstSet
  }

  /// The index of the first way of a page's set; pages are numbered in the structure's own size.
  @inlinable @inline(__always) func base(_ page: UInt64) -> Int { first &+ Int(truncatingIfNeeded: page & setMask) &* ways }

  /// The number of a page's set.
  @inlinable func set(_ page: UInt64) -> Int { firstSet &+ Int(truncatingIfNeeded: page & setMask) }

  /// A structure laid after those that have used up `ways` and `sets`.
  init(_ level: TLBGeometry.Level, _ ways: inout Int, _ sets: inout Int) {
    self.init(first: ways, setMask: UInt64(level.sets - 1), ways: level.ways, firstSet: sets)
    ways += level.entries
    sets += level.sets
  }

  var entries: Int { ways * Int(setMask + 1) }

  static let none = WayTable(first: 0, setMask: 0, ways: 0, firstSet: 0)
}

/// Sets of ways, of several structures in one column, under one replacement policy.
///
/// Under true LRU a set's ways are in the order of their last use, the most recent first, and under FIFO in the order in which they came:
/// so the last way is the one to go, and neither a clock nor a search is needed. Tree PLRU and random replacement leave ways where they are.
@frozen @usableFromInline struct WaySets: ~Copyable {
  @usableFromInline let slots: Column<Way>
  /// The tree of each set, bit n for node n (1 the root): set where the older half is the upper one.
  @usableFromInline let trees: Column<UInt64>
  @usableFromInline let policy: ReplacementPolicy
  /// The stream of the random policy, one element.
  private let random: Column<RandomStream>

  init(slots: Int, sets: Int, policy: ReplacementPolicy) {
    self.slots = Column(count: slots)
    self.trees = Column(count: policy == .plru ? sets : 0)
    self.policy = policy
    random = Column(count: 1, repeating: RandomSource(seed: 0).stream("tlb/replacement"))
  }

  // MARK: Finding

  /// The index of a tag's way from `base` on; -1 if there is none.
  @inlinable @inline(__always) func find(_ tag: UInt64, _ base: Int, _ ways: Int) -> Int {
    var index = base
    let end = base &+ ways
    while index < end {
      if slots[index].tag == tag { return index }
      index &+= 1
    }
    return -1
  }

  /// Notes the use of a way that was found.
  @inlinable @inline(__always) func use(_ found: Int, _ table: WayTable, _ page: UInt64) {
    switch policy {
    case .lru: moveToFront(found, table.base(page))
    case .plru: turnTree(table, page, found &- table.base(page))
    case .fifo, .random: break
    }
  }

  @inlinable @inline(__always) func moveToFront(_ found: Int, _ base: Int) {
    let way = slots[found]
    var index = found
    while index > base {
      slots[index] = slots[index &- 1]
      index &-= 1
    }
    slots[base] = way
  }

  // MARK: Filling

  /// Puts a tag into its set, in place of its old word or of the way that the policy gives up.
  @inlinable func insert(_ tag: UInt64, _ word: UInt64, _ table: WayTable, _ page: UInt64) {
    if policy == .lru { insertFirst(tag, word, table.base(page), table.ways) } else { insertElsewhere(tag, word, table, page) }
  }

  /// Puts a tag first in its set, in place of its old word or else of the last way.
  @inlinable @inline(__always) func insertFirst(_ tag: UInt64, _ word: UInt64, _ base: Int, _ ways: Int) {
    var carried = Way(tag: tag, word: word)
    var index = base
    let end = base &+ ways
    while index < end {
      let next = slots[index]
      slots[index] = carried
      if next.tag == tag { return }
      carried = next
      index &+= 1
    }
  }

  @usableFromInline @inline(never) func insertElsewhere(_ tag: UInt64, _ word: UInt64, _ table: WayTable, _ page: UInt64) {
    let base = table.base(page)
    let old = find(tag, base, table.ways)
    if old >= 0 {
      slots[old].word = word
      if policy == .plru { turnTree(table, page, old - base) }
      return
    }
    if policy == .fifo { return insertFirst(tag, word, base, table.ways) }
    var way = find(0, base, table.ways) - base
    if way < 0 { way = policy == .plru ? treeVictim(table, page) : random[0].index(below: table.ways) }
    slots[base + way] = Way(tag: tag, word: word)
    if policy == .plru { turnTree(table, page, way) }
  }

  // MARK: The tree of pseudo-LRU

  /// Turns every node on the way to a way so that it points to the other half.
  @usableFromInline func turnTree(_ table: WayTable, _ page: UInt64, _ way: Int) {
    let set = table.set(page)
    var tree = trees[set]
    // A leaf is numbered ways + way; the half of its parent that it is in is its lowest bit.
    var node = table.ways &+ way
    while node > 1 {
      let bit: UInt64 = 1 << UInt64(node >> 1)
      tree = node & 1 == 0 ? tree | bit : tree & ~bit
      node >>= 1
    }
    trees[set] = tree
  }

  private func treeVictim(_ table: WayTable, _ page: UInt64) -> Int {
    let tree = trees[table.set(page)]
    var node = 1
    while node < table.ways { node = node << 1 | Int(tree >> UInt64(node) & 1) }
    return node - table.ways
  }

  // MARK: Forgetting

  /// Forgets a tag.
  func remove(_ tag: UInt64, _ table: WayTable, _ page: UInt64) {
    let base = table.base(page)
    let found = find(tag, base, table.ways)
    if found >= 0 { remove(at: found, base, table.ways) }
  }

  /// Empties a way. Where ways are ordered, those after it move up.
  func remove(at found: Int, _ base: Int, _ ways: Int) {
    if policy == .plru || policy == .random { return slots[found] = .empty }
    for index in found..<(base + ways - 1) { slots[index] = slots[index + 1] }
    slots[base + ways - 1] = .empty
  }

  /// Forgets the tags in a structure for which `isGone` is true.
  func removeAll(_ table: WayTable, where isGone: (_ tag: UInt64, _ word: UInt64) -> Bool) {
    for set in 0...Int(table.setMask) where table.ways > 0 {
      let base = table.first + set * table.ways
      for index in (base..<(base + table.ways)).reversed() where slots[index].tag != 0 && isGone(slots[index].tag, slots[index].word) {
        remove(at: index, base, table.ways)
      }
    }
  }

  /// Forgets everything.
  func clear() {
    slots.fill(0..<slots.count, with: .empty)
    trees.fill(0..<trees.count, with: 0)
  }

  /// Calls `body` with every tag and word of a structure.
  func forEach(_ table: WayTable, _ body: (_ tag: UInt64, _ word: UInt64) -> Void) {
    for index in table.first..<(table.first + table.entries) where slots[index].tag != 0 { body(slots[index].tag, slots[index].word) }
  }
}
