/// What a balloon device has done and refused, in pages unless a name says otherwise.
public struct BalloonCounters: Hashable, Sendable {
  /// Taken into the balloon, and a host frame came free.
  public var freedFrames: UInt64 = 0
  /// Taken into the balloon, but the frame was shared and is still used by others.
  public var wasShared: UInt64 = 0
  /// Taken into the balloon, but the page had no frame: never touched, or swapped out.
  public var wasNotBacked: UInt64 = 0
  /// Given back to the guest.
  public var deflated: UInt64 = 0
  /// Refused: the number lies outside the guest's memory.
  public var outOfRange: UInt64 = 0
  /// Refused: the number stood in the buffer already, or the page is in the balloon already.
  public var duplicates: UInt64 = 0
  /// Refused: a page to deflate that is not in the balloon.
  public var notBallooned: UInt64 = 0
  /// Refused by the hypervisor, which has no such page.
  public var refused: UInt64 = 0
  /// Page numbers past the limit of a buffer, not read at all.
  public var excess: UInt64 = 0
  /// Buffers served.
  public var buffers: UInt64 = 0
  /// Segments of buffers that were acknowledged without being read: writable by the device, or not a whole number of page numbers.
  public var ignoredSegments: UInt64 = 0
  /// Ranges of consecutive pages that were discarded: system calls on a real host.
  public var discardedRanges: UInt64 = 0
  /// Queues that the guest broke.
  public var queueFaults: UInt64 = 0

  /// All zero.
  public init() {}

  /// Pages taken into the balloon.
  public var inflated: UInt64 { freedFrames + wasShared + wasNotBacked }

  /// Page numbers that were read and refused.
  public var rejected: UInt64 { outOfRange + duplicates + notBallooned + refused }
}
