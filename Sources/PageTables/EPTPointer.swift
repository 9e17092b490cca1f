public import Addressing

/// The EPTP, the VM-execution control field that names a guest-physical map (Intel SDM table 25-9).
@frozen public struct EPTPointer: Hashable, Sendable, BitwiseCopyable {
  /// The field.
  public let rawValue: UInt64

  /// Takes a number for an EPTP, valid or not.
  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// The EPTP of a map in write-back memory.
  /// - Parameter levels: 4 or 5.
  @inlinable public init(root: HostFrame, levels: Int = 4, keepsAccessedDirty: Bool = true) {
    rawValue = root.address.rawValue & EPTEntry.frameMask | 6 | UInt64(levels - 1) << 3 | (keepsAccessedDirty ? 1 << 6 : 0)
  }

  /// Bits 2:0, the memory type of the tables: 0 uncacheable, 6 write-back.
  @inlinable public var memoryType: UInt64 { rawValue & 7 }
  /// Bits 5:3 plus one: the levels of a walk.
  @inlinable public var levels: Int { Int(truncatingIfNeeded: rawValue >> 3 & 7) + 1 }
  /// Bit 6: A and D are kept.
  @inlinable public var keepsAccessedDirty: Bool { rawValue & 1 << 6 != 0 }
  /// Bits 51:12: the root table.
  @inlinable public var root: HostFrame { HostFrame((rawValue & EPTEntry.frameMask) >> 12) }
  /// Bits 51:12 again, as the tag of the translations made under this EPTP, its EP4TA or EP5TA (Intel SDM 29.4.1).
  @inlinable public var tag: UInt64 { rawValue & EPTEntry.frameMask }

  /// Why a VM entry with this EPTP fails (Intel SDM 27.2.1.1).
  public enum Problem: UInt8, Hashable, Sendable {
    /// Bits 2:0 are neither 0 nor 6.
    case memoryType
    /// Bits 5:3 are neither 3 nor, on a processor that has five levels, 4.
    case levels
    /// Bit 6 is set on a processor without A and D bits.
    case accessedDirty
    /// One of bits 11:7, or one from MAXPHYADDR up, is set.
    case reservedBits
  }

  /// The first reason for which a processor refuses the EPTP; nil where it is valid.
  public func problem(
    physicalAddressBits: Int = 48, hasFiveLevels: Bool = true, hasAccessedDirty: Bool = true
  ) -> Problem? {
    if memoryType != 0 && memoryType != 6 { return .memoryType }
    if levels != 4 && !(levels == 5 && hasFiveLevels) { return .levels }
    if keepsAccessedDirty && !hasAccessedDirty { return .accessedDirty }
    let width = UInt64(truncatingIfNeeded: max(12, min(physicalAddressBits, 52)))
    return rawValue & 0xf80 != 0 || rawValue >> width != 0 ? .reservedBits : nil
  }
}
