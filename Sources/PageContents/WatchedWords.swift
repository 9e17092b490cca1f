public import CAtomic

/// The 512 words of a frame that is watched: see `FrameContents.watch`. They are the frame's until `FrameContents.walkChanges` grows, and
/// somebody's afterwards; they must not be used longer than the contents live.
@safe @frozen public struct WatchedWords: BitwiseCopyable {
  @usableFromInline let first: UnsafePointer<UInt64>

  // SAFETY: slots of bytes never move while the contents live.
  init(_ first: UnsafePointer<UInt64>) { unsafe self.first = first }

  /// The little-endian word at an index, of which the nine lowest bits count.
  @inlinable @inline(__always) public subscript(index: UInt64) -> UInt64 {
    // SAFETY: a slot has 512 words.
    unsafe UInt64(littleEndian: first[Int(truncatingIfNeeded: index & 511)])
  }

  /// Begins to load a word.
  @inlinable @inline(__always) public func prefetch(_ index: UInt64) {
    // SAFETY: as above.
    unsafe memlab_prefetch(first + Int(truncatingIfNeeded: index & 511))
  }
}
