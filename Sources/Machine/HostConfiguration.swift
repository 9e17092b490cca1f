public import Addressing
public import TranslationCaching

/// What a host is built from.
public struct HostConfiguration: Sendable {
  /// Physical memory.
  public var memory: ByteSize
  /// The swap device; 0 for none.
  public var swap: ByteSize
  /// The TLB's geometry.
  public var tlb: TLBGeometry
  /// The most guest pages that there will be, each guest rounded up to `Host.pageSpan`.
  public var guestPageCapacity: Int
  /// Whether audits will be asked for; they need a record of what guests wrote.
  public var audited: Bool
  /// NUMA nodes, `nodeLimits`: the frames are divided among them evenly by number, to whole blocks of 4 MiB.
  public var numaNodes: Int
  /// From which frames are drawn that a page sharer wants at random.
  public var placementSeed: UInt64

  /// All fields.
  public init(
    memory: ByteSize, swap: ByteSize, tlb: TLBGeometry, guestPageCapacity: Int, audited: Bool, numaNodes: Int = 1, placementSeed: UInt64 = 1
  ) {
    self.memory = memory
    self.swap = swap
    self.tlb = tlb
    self.guestPageCapacity = guestPageCapacity
    self.audited = audited
    self.numaNodes = numaNodes
    self.placementSeed = placementSeed
  }

  /// The largest host, 8 TiB: with all guest pages, 2^31 frames are what a scanner's 32-bit links can tell apart.
  public static let largest = ByteSize(bytes: 1 << 43)
  /// The most guest pages of a host, 2 TiB: all of them may map the zero frame, whose record counts to 2^29 - 1.
  public static let mostGuestPages = (1 << 29) - 1
  /// How many NUMA nodes a host may have.
  public static let nodeLimits = 1...64
  /// The least frames of a host, and of each node of one.
  static let leastFrames = 1024
}
