public import Addressing

/// What a cached translation belongs to (Intel SDM 29.4.1): linear mappings to a VPID and a PCID, combined ones to an EPT root too,
/// guest-physical ones to the EPT root alone.
public struct TLBTag: Hashable, Sendable {
  /// The virtual processor; 0 is the host's own.
  public let vpid: VPID
  /// The guest's process context; 0 without CR4.PCIDE.
  public let pcid: PCID
  /// The EPT root (EP4TA); nil without EPT.
  public let ep4ta: HostFrame?

  /// A tag of its parts.
  public init(vpid: VPID, pcid: PCID = PCID(0), ep4ta: HostFrame? = nil) {
    self.vpid = vpid
    self.pcid = pcid
    self.ep4ta = ep4ta
  }
}

/// A tag that a `TLBHierarchy` has registered: cold to get, hot to use, and of no use to another hierarchy.
@frozen public struct TLBSpace: Hashable, Sendable, BitwiseCopyable {
  /// The number of its record.
  public let index: Int

  @inlinable init(index: Int) { self.index = index }
}
