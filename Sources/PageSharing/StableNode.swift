/// A page in the stable tree and how many items share it: Linux's `ksm_stable_node`.
struct StableNode: BitwiseCopyable {
  /// The node's life.
  enum State: UInt8, BitwiseCopyable {
    /// The number is free; `next` is the next free one.
    case unused
    /// The node is in the tree.
    case live
    /// The node was pruned, but items that have not been visited since still name it; `sharers` says how many.
    case pruned
  }

  /// The host frame of the stable page.
  var frame: UInt32
  /// The index hash of its bytes, shortened.
  var hash: UInt32
  /// How many items name the node.
  var sharers: UInt32
  /// The neighbours in the chain; 0 at its ends.
  var previous: UInt32
  var next: UInt32
  /// The chain that the node is a dup of; 0 where it stands alone.
  var chain: UInt32
  var state: State
}

/// The stable pages of one content whose sharers overflowed one page: Linux's `STABLE_NODE_CHAIN`. Dups with room stand at
/// the head, full ones at the tail, so the first one tells whether there is any room.
struct StableChain: BitwiseCopyable {
  var head: UInt32
  var tail: UInt32
  /// How many dups there are; where the chain is unused, the next unused one.
  var count: UInt32
}
