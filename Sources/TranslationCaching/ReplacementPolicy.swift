/// Which way of a full set makes room.
public enum ReplacementPolicy: String, CaseIterable, Hashable, Sendable {
  /// The least recently used one, exactly.
  case lru
  /// The one that a binary tree of bits points to, each turned away from the last use below it (tree pseudo-LRU). Ways are a power of two,
  /// at most 64.
  case plru
  /// The one filled first.
  case fifo
  /// Any, each as likely as the next, from a stream of random numbers of its own.
  case random
}
