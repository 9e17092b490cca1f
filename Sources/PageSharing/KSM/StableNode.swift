/// A node of the stable tree: a stable page and how many items share it, or a chain of such pages of one content. Linux's
/// `ksm_stable_node`.
@frozen @usableFromInline struct StableNode: BitwiseCopyable {
  /// The host frame of the stable page; of a chain, its number in the table of chains; of a number that is free, the next free one.
  @usableFromInline var frame: UInt32
  /// How many items name the node; `isChain` in a chain.
  @usableFromInline var sharers: UInt32
  /// The chain that the page is a dup of, `alone` where it stands in the tree itself, or `pruned`.
  @usableFromInline var chain: UInt32
  /// Which tree it belongs to.
  @usableFromInline var tree: UInt32

  @inlinable init(frame: UInt32, sharers: UInt32, chain: UInt32, tree: UInt32) {
    self.frame = frame
    self.sharers = sharers
    self.chain = chain
    self.tree = tree
  }

  @usableFromInline static var isChain: UInt32 { .max }
  @usableFromInline static var alone: UInt32 { 0 }
  /// The node is out of the tree, but items that have not been visited since still name it.
  @usableFromInline static var pruned: UInt32 { .max }
}

/// A dup's place in its chain.
struct StableLink: BitwiseCopyable {
  /// The neighbours in the chain; 0 at the ends.
  var previous: UInt32 = 0
  var next: UInt32 = 0
  /// The neighbours among the chain's dups with room, which stand in no order; 0 at the ends.
  var previousRoomy: UInt32 = 0
  var nextRoomy: UInt32 = 0
  /// When it was put at the chain's head: of two dups the one with the greater number stands nearer to the head.
  var placed: UInt64 = 0
}

/// The stable pages of one content whose sharers overflowed one page: Linux's `STABLE_NODE_CHAIN`.
struct StableChain: BitwiseCopyable {
  /// The dup that was put at the head last, and of the dups with room any one; 0 where there is none.
  var head: UInt32 = 0
  var roomy: UInt32 = 0
  /// How many dups there are; of a number that is free, the next free one.
  var count: UInt32 = 0
  /// When the chain was last walked from end to end, in nanoseconds of virtual time.
  var prunedAt: UInt64 = 0
}
