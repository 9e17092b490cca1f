/// The number of a virtual machine on its host, from 0 in order of creation; never used twice in a run.
@frozen public struct VMID: Hashable, Comparable, Sendable, BitwiseCopyable {
  /// The number.
  public let rawValue: UInt32

  /// Takes a number for a virtual machine's.
  @inlinable public init(_ rawValue: UInt32) { self.rawValue = rawValue }

  /// The number as an index.
  @inlinable public var index: Int { Int(rawValue) }

  /// Orders by number.
  @inlinable public static func < (a: VMID, b: VMID) -> Bool { a.rawValue < b.rawValue }
}

/// A virtual-processor identifier, the tag of a guest's linear and combined mappings in a TLB (Intel SDM 29.1). 0 is the host's own.
@frozen public struct VPID: Hashable, Sendable, BitwiseCopyable {
  /// The number.
  public let rawValue: UInt16

  /// Takes a number for a VPID.
  @inlinable public init(_ rawValue: UInt16) { self.rawValue = rawValue }
}

/// A process-context identifier, the tag of a guest process's mappings: bits 11:0 of CR3 (Intel SDM 4.10.1). 0 without CR4.PCIDE.
@frozen public struct PCID: Hashable, Sendable, BitwiseCopyable {
  /// The number, below 2^12.
  public let rawValue: UInt16

  /// Takes the low 12 bits of a number for a PCID.
  @inlinable public init(_ rawValue: UInt16) { self.rawValue = rawValue & 0xfff }
}

/// The number of a page slot over all address spaces that a scanner has registered: the base of its space plus its index there.
///
/// One 32-bit number names any page of any guest (2^32 of them would be 16 TiB), so reverse maps and scanner state hold four
/// bytes where a pair of guest and frame number would take twelve.
@frozen public struct PageOrdinal: Hashable, Comparable, Sendable, BitwiseCopyable {
  /// The number.
  public let rawValue: UInt32

  /// Takes a number for a page ordinal.
  @inlinable public init(_ rawValue: UInt32) { self.rawValue = rawValue }

  /// The number as an index into a column.
  @inlinable public var index: Int { Int(rawValue) }

  /// Orders by number.
  @inlinable public static func < (a: PageOrdinal, b: PageOrdinal) -> Bool { a.rawValue < b.rawValue }
}
