public import Addressing
public import Columns

/// What a scanner asks of the memory that it scans.
///
/// A page ordinal names a page slot of some address space (a guest-physical page of a guest; a page of an image). At any moment it is
/// absent, or backed by one frame. The scanner keeps its own record of every ordinal and asks the memory for the rest. A run's host
/// and an image being scanned both conform: the scanner cannot tell them apart.
public protocol ScannableMemory: AnyObject {
  /// What backs a page now.
  func backing(of page: PageOrdinal) -> PageBacking

  /// The checksum that Linux KSM would keep of the frame's bytes: the low 32 bits of XXH64.
  func ksmChecksum(of frame: HostFrame) -> UInt32
  /// XXH3-64 of the frame's bytes: what an index of contents is keyed by.
  func indexHash(of frame: HostFrame) -> UInt64
  /// Whether two frames hold the same bytes, compared to the last one.
  func areEqual(_ a: HostFrame, _ b: HostFrame) -> Bool
  /// Whether the frame holds 4096 zero bytes.
  func isZero(_ frame: HostFrame) -> Bool

  /// Whether the frame is a page that `makeStable` made, still in use since.
  func isStable(_ frame: HostFrame) -> Bool

  /// Write-protects the page's private frame and makes it a stable one that other pages can be merged into.
  /// - Returns: the frame, or nil if the page cannot be shared now (pinned, or no longer backed by a private frame).
  func makeStable(_ page: PageOrdinal) -> HostFrame?
  /// Maps the page, whose private frame holds the same bytes, to a stable frame and gives its own frame back.
  /// - Returns: false if the page cannot be shared now, or if its bytes differ: then nothing has changed.
  func merge(_ page: PageOrdinal, into stable: HostFrame) -> Bool
  /// Maps the page, whose private frame holds zero bytes, to the zero frame and gives its own frame back.
  /// - Returns: false if the page cannot be shared now, or if its bytes are not all zero: then nothing has changed.
  func placeZeroPage(at page: PageOrdinal) -> Bool

  /// Gives a page that maps a stable frame a private frame of the same bytes, as a write would: the way back from `makeStable` where the
  /// page that was to be merged into the frame turns out to be one that cannot be shared. It may fail for want of memory; the page
  /// then stays a stable one, mapped once. So it does by default, which serves a memory in which no merge of equal pages fails.
  func unshare(_ page: PageOrdinal)

  // MARK: What only some scanners ask, and only some memories know

  /// -1, 0 or 1 as the bytes of `a` stand before, equal or behind those of `b` in `memcmp` order.
  func order(_ a: HostFrame, _ b: HostFrame) -> Int
  /// The frame's first eight bytes as a big-endian number: numbers that differ stand in `memcmp` order.
  func prefix(of frame: HostFrame) -> UInt64
  /// Shows the frame's 4096 bytes to `body`, which must not ask the memory for anything else; the buffer is valid during the call only.
  func withBytes<Result>(of frame: HostFrame, _ body: (UnsafeRawBufferPointer) -> Result) -> Result
  /// The NUMA node that the frame lies on, from 0.
  func numaNode(of frame: HostFrame) -> Int

  /// Counts up whenever a page's bytes or backing change otherwise than at the scanner's word: equal counts, equal memory.
  var changes: UInt64 { get }
  /// Counts up whenever a stable frame comes free.
  var stableFramesLost: UInt64 { get }
  /// Whether the frame's bytes have not changed since `noteChecksummed` was last called for it.
  func isUnchangedSinceChecksum(_ frame: HostFrame) -> Bool
  /// The scanner has just computed the frame's checksum.
  func noteChecksummed(_ frame: HostFrame)

  /// Whether the page was accessed, reads included, since this was last asked; nil where the memory cannot tell.
  func testAndClearAccessed(_ page: PageOrdinal) -> Bool?

  /// Makes the next access to the page, reads included, trap: it then gets a fresh frame of the same bytes, drawn at random from the free
  /// ones. Allowed of private and of stable pages; until then the page's backing stays what it is, and `makeStable`, `merge` and `relocate`
  /// keep the trap.
  /// - Returns: whether the page traps now; false if the memory cannot do so.
  func trapAccesses(to page: PageOrdinal) -> Bool
  /// Whether a page that was made to trap has not been accessed since.
  func isTrapped(_ page: PageOrdinal) -> Bool
  /// Moves a page's private bytes to a frame drawn at random from the free ones.
  /// - Returns: that frame; nil if the memory cannot do so now, and then nothing has changed.
  func relocate(_ page: PageOrdinal) -> HostFrame?

  /// Takes a page that `keeper` has stored elsewhere: its private frame comes free, and the next access to it, reads included, asks the
  /// keeper for its bytes.
  /// - Returns: false if the memory cannot do so, the page cannot be taken now, or the keeper's bytes are not the page's: then nothing has
  ///   changed.
  func entrust(_ page: PageOrdinal, to keeper: any PageKeeper) -> Bool
  /// Keeps a stable frame from coming free, with its bytes, though no page map it any more, until `release`. Holds are counted.
  /// - Returns: false if the memory cannot do so.
  func hold(_ stable: HostFrame) -> Bool
  /// Ends one hold of a frame.
  func release(_ stable: HostFrame)
}

/// Who stores pages that were taken from a memory: as patches, compressed, or however else.
///
/// A memory asks for a page's bytes as often as it likes, by `read`, and says `forget` once when it needs them no more. A keeper may call
/// `release` of the memory in `forget`, and nothing else.
public protocol PageKeeper: AnyObject {
  /// Writes a page's bytes into a column of 4096, to the last one as they were when it was taken. The keeper may look at frames of the
  /// memory meanwhile.
  func read(_ page: PageOrdinal, into target: borrowing Column<UInt8>)
  /// Forgets a page: it was given back or discarded, or its guest ended.
  func forget(_ page: PageOrdinal)
}

extension ScannableMemory {
  /// Leaves the page as it is.
  @inlinable public func unshare(_ page: PageOrdinal) {}
  /// One node.
  @inlinable public func numaNode(of frame: HostFrame) -> Int { 0 }
  /// Nothing is known to be unchanged.
  @inlinable public func isUnchangedSinceChecksum(_ frame: HostFrame) -> Bool { false }
  /// Ignored.
  @inlinable public func noteChecksummed(_ frame: HostFrame) {}
  /// It cannot tell.
  @inlinable public func testAndClearAccessed(_ page: PageOrdinal) -> Bool? { nil }
  /// Not here.
  @inlinable public func trapAccesses(to page: PageOrdinal) -> Bool { false }
  /// Not here.
  @inlinable public func isTrapped(_ page: PageOrdinal) -> Bool { false }
  /// Not here.
  @inlinable public func relocate(_ page: PageOrdinal) -> HostFrame? { nil }
  /// Not here.
  @inlinable public func entrust(_ page: PageOrdinal, to keeper: any PageKeeper) -> Bool { false }
  /// Not here.
  @inlinable public func hold(_ stable: HostFrame) -> Bool { false }
  /// Nothing is held.
  @inlinable public func release(_ stable: HostFrame) {}
}

/// What backs a page, as a scanner distinguishes it.
public enum PageBacking: Equatable, Sendable {
  /// Nothing that a scanner may look at: never touched, ballooned, swapped out, or file-backed.
  case absent
  /// The host's zero frame.
  case zeroFrame
  /// A frame that this page alone maps.
  case `private`(HostFrame)
  /// A stable frame.
  case stable(HostFrame)
}
