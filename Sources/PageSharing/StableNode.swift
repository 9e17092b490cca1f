/// A page in the stable tree and how many items share it: Linux's `ksm_stable_node` in sixteen bytes.
struct StableNode: BitwiseCopyable {
  /// The host frame of the stable page; of a number that is free, the next free one.
  var frame: UInt32
  /// The index hash of its bytes, shortened.
  var hash: UInt32
  /// How many items name the node.
  var sharers: UInt32
  /// The chain that the node is a dup of, `noChain` where it stands alone, or `pruned`.
  var chain: UInt32

  static var noChain: UInt32 { 0 }
  /// The node is out of the tree, but items that have not been visited since still name it.
  static var pruned: UInt32 { .max }
}

/// The neighbours of a dup in its chain; 0 at the ends.
struct StableLink: BitwiseCopyable {
  var previous: UInt32
  var next: UInt32
}

/// The stable pages of one content whose sharers overflowed one page: Linux's `STABLE_NODE_CHAIN`. Dups with room stand at
/// the head, full ones at the tail, so the first one tells whether there is any room.
struct StableChain: BitwiseCopyable {
  var head: UInt32
  var tail: UInt32
  /// How many dups there are; of a number that is free, the next free one.
  var count: UInt32
}
