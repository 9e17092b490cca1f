public import Addressing

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
}

extension ScannableMemory {
  /// Leaves the page as it is.
  @inlinable public func unshare(_ page: PageOrdinal) {}
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
