internal import Addressing
internal import Columns

/// One way of a set: a tag and what it stands for. Tag 0 is an empty way: no context has number 0.
@frozen @usableFromInline struct Way: BitwiseCopyable {
  @usableFromInline var tag: UInt64
  @usableFromInline var word: UInt64

  @inlinable @inline(__always) init(tag: UInt64, word: UInt64) {
    self.tag = tag
    self.word = word
  }

  static let empty = Way(tag: 0, word: 0)
}

/// One structure: sets of ways in the memory of a `WayMemory`.
///
/// The invariant: from `base` on there are `(setMask + 1) * ways` ways, for as long as the memory's owner lives; `base` plus the number of a
/// page's set times `ways`, and `ways` from there on, cannot leave them.
@safe @frozen @usableFromInline struct WayTable: BitwiseCopyable {
  @usableFromInline let base: UnsafeMutablePointer<Way>
  /// The number of sets, less one.
  @usableFromInline let setMask: UInt64
  /// Ways of a set; 0 where there is no such structure.
  @usableFromInline let ways: Int
  /// The number of its first set among all sets of the memory.
  let firstSet: Int

  init(base: UnsafeMutablePointer<Way>, setMask: UInt64, ways: Int, firstSet: Int) {
    unsafe self.base = base
    self.setMask = setMask
    self.ways = ways
    self.firstSet = firstSet
  }

  /// The set of a page; pages are numbered in the size that the structure looks up.
  @inlinable @inline(__always) func set(_ page: UInt64) -> WaySet {
    // SAFETY: a number of at most setMask times ways is inside the structure.
    unsafe WaySet(first: base + Int(truncatingIfNeeded: page & setMask) &* ways, ways: ways)
  }

  /// The number of a page's set among all sets of the memory.
  func number(_ page: UInt64) -> Int { firstSet + Int(page & setMask) }

  /// Calls `body` with each set.
  func forEachSet(_ body: (WaySet) -> Void) {
    if ways > 0 { for index in 0...setMask { body(set(index)) } }
  }

  /// Calls `body` with every tag and word.
  func forEach(_ body: (_ tag: UInt64, _ word: UInt64) -> Void) {
    forEachSet { set in
      for way in 0..<ways where set[way].tag != 0 { body(set[way].tag, set[way].word) }
    }
  }
}

/// One set. Every index given to it is below `ways`.
@safe @frozen @usableFromInline struct WaySet: BitwiseCopyable {
  @usableFromInline let first: UnsafeMutablePointer<Way>
  @usableFromInline let ways: Int

  @inlinable @inline(__always) init(first: UnsafeMutablePointer<Way>, ways: Int) {
    unsafe self.first = first
    self.ways = ways
  }

  @inlinable @inline(__always) subscript(way: Int) -> Way {
    // SAFETY: the callers in this module and its inlinable code keep way below ways.
    get { unsafe first[way] }
    nonmutating set { unsafe first[way] = newValue }
  }

  /// The way of a tag; -1 if there is none.
  func find(_ tag: UInt64) -> Int { position(of: tag, from: 0) }

  // The number of ways is a parameter of its own below, so that a caller who knows it has the loops unrolled.

  /// The word of a tag, looked for from a way on, if it passes a check: the way comes first then. 0 if there is none that does.
  @inline(__always) func use(_ tag: UInt64, _ check: AccessCheck, from start: Int = 0, ways: Int) -> UInt64 {
    var way = start
    while way < ways {
      let found = self[way]
      if found.tag == tag {
        guard check.passes(found.word) else { return 0 }
        insertFirst(tag, found.word, ways: ways)
        return found.word
      }
      way &+= 1
    }
    return 0
  }

  // For loops, in which a call would cost more than the work. Numbers of ways that processors often have are known: their loops are unrolled.

  /// Whether any way from one on has a tag.
  @inlinable @inline(__always) func has(_ tag: UInt64, from start: Int) -> Bool {
    if ways == 4 { return has(tag, from: start, ways: 4) }
    if ways == 6 { return has(tag, from: start, ways: 6) }
    return has(tag, from: start, ways: ways)
  }

  @inlinable @inline(__always) func has(_ tag: UInt64, from start: Int, ways: Int) -> Bool {
    var way = start
    while way < ways {
      if self[way].tag == tag { return true }
      way &+= 1
    }
    return false
  }

  /// The way of a tag, looked for from a way on; -1 if there is none.
  @inline(__always) func position(of tag: UInt64, from start: Int) -> Int {
    var way = start
    while way < ways {
      if self[way].tag == tag { return way }
      way &+= 1
    }
    return -1
  }

  /// Puts what a way holds first; those before it move back.
  @inline(__always) func bringFirst(_ found: Way, from place: Int) {
    var way = place
    while way > 0 {
      self[way] = self[way &- 1]
      way &-= 1
    }
    self[0] = found
  }

  /// Puts what no way holds first; all move back, and the last goes.
  @inlinable @inline(__always) func push(_ new: Way) {
    if ways == 4 {
      push(new, ways: 4)
    } else if ways == 6 {
      push(new, ways: 6)
    } else if ways > 0 {
      // A TLB may have no second level.
      push(new, ways: ways)
    }
  }

  @inlinable @inline(__always) func push(_ new: Way, ways: Int) {
    // SAFETY: the set has `ways` ways, at least one; the last is overwritten.
    unsafe (first + 1).update(from: first, count: ways &- 1)
    self[0] = new
  }

  /// `use` where the number of ways is not known, as a function of its own: inside a larger one it would cost registers.
  @inline(never) func use(_ tag: UInt64, _ check: AccessCheck) -> UInt64 { use(tag, check, ways: ways) }

  /// Puts a tag first, in place of its old word or else of the last way; those between move back.
  @inline(__always) func insertFirst(_ tag: UInt64, _ word: UInt64, ways: Int) {
    var carried = Way(tag: tag, word: word)
    var way = 0
    while way < ways {
      let next = self[way]
      self[way] = carried
      if next.tag == tag { return }
      carried = next
      way &+= 1
    }
  }

  /// Empties a way; those after it move up.
  func removeMovingUp(_ found: Int) {
    for way in found..<(ways - 1) { self[way] = self[way + 1] }
    self[ways - 1] = .empty
  }
}

/// The memory of several structures under one replacement policy.
///
/// Under true LRU a set's ways are in the order of their last use, the most recent first, and under FIFO in the order in which they came:
/// so the last way is the one to go, and neither a clock nor a search is needed. Tree PLRU and random replacement leave ways where they are.
struct WayMemory: ~Copyable {
  private let slots: Column<Way>
  /// The tree of each set, bit n for node n (1 the root): set where the upper half is the one to give up.
  private let trees: Column<UInt64>
  private let policy: ReplacementPolicy
  /// The stream of the random policy, one element.
  private let random: Column<RandomStream>

  /// Memory for structures, and where each lies in it.
  init(_ levels: [TLBGeometry.Level], policy: ReplacementPolicy, laid: (Int, WayTable) -> Void) {
    slots = Column(count: max(1, levels.reduce(0) { $0 + $1.entries }))
    trees = Column(count: policy == .plru ? levels.reduce(0) { $0 + $1.sets } : 0)
    self.policy = policy
    random = Column(count: 1, repeating: RandomSource(seed: 0).stream("tlb/replacement"))
    var (way, set) = (0, 0)
    for (index, level) in levels.enumerated() {
      laid(index, table(way, level.sets, level.ways, set))
      way += level.entries
      set += level.sets
    }
  }

  /// A structure without ways.
  var none: WayTable { table(0, 1, 0, 0) }

  private func table(_ way: Int, _ sets: Int, _ ways: Int, _ set: Int) -> WayTable {
    precondition(way + sets * ways <= slots.count, "a structure must lie in its memory")
    return unsafe slots.withBuffer { buffer in
      // SAFETY: the range was just checked. A column's memory does not move; whoever holds the structure holds this memory too.
      guard let base = buffer.baseAddress else { preconditionFailure("a column of at least one way has memory") }
      return unsafe WayTable(base: base + way, setMask: UInt64(sets - 1), ways: ways, firstSet: set)
    }
  }

  /// The word of a tag that passes a check, its use noted; 0 if there is none.
  func use(_ tag: UInt64, _ table: WayTable, _ page: UInt64, _ check: AccessCheck) -> UInt64 {
    let set = table.set(page)
    if policy == .lru { return set.use(tag, check) }
    let found = set.find(tag)
    guard found >= 0, check.passes(set[found].word) else { return 0 }
    if policy == .plru { turnTree(table, page, found) }
    return set[found].word
  }

  /// Puts a tag into its set, in place of its old word or of the way that the policy gives up.
  func insert(_ tag: UInt64, _ word: UInt64, _ table: WayTable, _ page: UInt64) {
    let set = table.set(page)
    if policy == .lru { return set.insertFirst(tag, word, ways: table.ways) }
    let old = set.find(tag)
    if old >= 0 {
      set[old] = Way(tag: tag, word: word)
      if policy == .plru { turnTree(table, page, old) }
      return
    }
    if policy == .fifo { return set.insertFirst(tag, word, ways: table.ways) }
    var way = set.find(0)
    if way < 0 { way = policy == .plru ? treeVictim(table, page) : random[0].index(below: table.ways) }
    set[way] = Way(tag: tag, word: word)
    if policy == .plru { turnTree(table, page, way) }
  }

  // MARK: The tree of pseudo-LRU

  /// Turns every node on the way to a way so that it points to the other half.
  private func turnTree(_ table: WayTable, _ page: UInt64, _ way: Int) {
    let set = table.number(page)
    var tree = trees[set]
    // A leaf is numbered ways + way; the half of its parent that it is in is its lowest bit.
    var node = table.ways + way
    while node > 1 {
      let bit: UInt64 = 1 << UInt64(node >> 1)
      tree = node & 1 == 0 ? tree | bit : tree & ~bit
      node >>= 1
    }
    trees[set] = tree
  }

  private func treeVictim(_ table: WayTable, _ page: UInt64) -> Int {
    let tree = trees[table.number(page)]
    var node = 1
    while node < table.ways { node = node << 1 | Int(tree >> UInt64(node) & 1) }
    return node - table.ways
  }

  // MARK: Forgetting

  /// Forgets a tag.
  func remove(_ tag: UInt64, _ table: WayTable, _ page: UInt64) {
    let set = table.set(page)
    let found = set.find(tag)
    if found >= 0 { empty(found, set) }
  }

  /// Forgets the tags of a structure for which `isGone` is true.
  func removeAll(_ table: WayTable, where isGone: (_ tag: UInt64, _ word: UInt64) -> Bool) {
    table.forEachSet { set in
      for way in (0..<table.ways).reversed() where set[way].tag != 0 && isGone(set[way].tag, set[way].word) { empty(way, set) }
    }
  }

  private func empty(_ way: Int, _ set: WaySet) {
    if policy == .plru || policy == .random { set[way] = .empty } else { set.removeMovingUp(way) }
  }

  /// Forgets everything.
  func clear() {
    slots.fill(0..<slots.count, with: .empty)
    trees.fill(0..<trees.count, with: 0)
  }
}
