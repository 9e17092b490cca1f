public import Addressing

/// An entry of an x86-64 page table (Intel SDM 4.5, tables 4-15 to 4-20).
///
/// In a guest's own tables the frame is a guest frame, in shadow tables a host frame: the accessor that is used says which.
@frozen public struct X86Entry: Hashable, Sendable, BitwiseCopyable {
  /// The word as it lies in memory.
  public var rawValue: UInt64

  /// Takes a word for an entry.
  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// Bit 0, P: the entry is valid.
  @inlinable public static var present: UInt64 { 1 << 0 }
  /// Bit 1, R/W: writes are allowed.
  @inlinable public static var writable: UInt64 { 1 << 1 }
  /// Bit 2, U/S: user-mode accesses are allowed.
  @inlinable public static var user: UInt64 { 1 << 2 }
  /// Bit 5, A: the entry was used.
  @inlinable public static var accessed: UInt64 { 1 << 5 }
  /// Bit 6, D: the page was written; leaves only.
  @inlinable public static var dirty: UInt64 { 1 << 6 }
  /// Bit 7, PS: the entry maps a 2 MiB or 1 GiB page; levels 2 and 3 only.
  @inlinable public static var pageSize: UInt64 { 1 << 7 }
  /// Bit 8, G: the translation is global; leaves only.
  @inlinable public static var global: UInt64 { 1 << 8 }
  /// Bits 62:59, the protection key; leaves only.
  @inlinable public static var keyMask: UInt64 { 15 << 59 }
  /// Bit 63, XD: instruction fetches are not allowed.
  @inlinable public static var noExecute: UInt64 { 1 << 63 }
  /// Bits 51:12, the frame.
  @inlinable public static var frameMask: UInt64 { 0x000f_ffff_ffff_f000 }

  /// MAXPHYADDR of the modelled host: address bits from here up to bit 51 are reserved in the tables that the hypervisor writes.
  @inlinable public static var physicalAddressBits: UInt64 { 48 }
  /// Those reserved bits: 51:48.
  @inlinable public static var reservedAddressBits: UInt64 { frameMask & ~((1 << physicalAddressBits) - 1) }

  /// The entry that maps nothing.
  @inlinable public static var notPresent: X86Entry { X86Entry(rawValue: 0) }

  /// An entry that points to a table of the next level down; its permissions are as wide as they can be unless told otherwise.
  @inlinable public static func table<Space>(_ frame: PageNumber<Space>, writable: Bool = true, user: Bool = true) -> X86Entry {
    page(frame, writable: writable, user: user, noExecute: false)
  }

  /// A level-1 leaf.
  @inlinable public static func page<Space>(_ frame: PageNumber<Space>, writable: Bool, user: Bool, noExecute: Bool) -> X86Entry {
    var raw = frame.rawValue << 12 & frameMask | present
    if writable { raw |= X86Entry.writable }
    if user { raw |= X86Entry.user }
    if noExecute { raw |= X86Entry.noExecute }
    return X86Entry(rawValue: raw)
  }

  /// A leaf at level 2 (2 MiB) or 3 (1 GiB); `frame` is the first of the page.
  @inlinable public static func largePage<Space>(_ frame: PageNumber<Space>, writable: Bool, user: Bool, noExecute: Bool) -> X86Entry {
    X86Entry(rawValue: page(frame, writable: writable, user: user, noExecute: noExecute).rawValue | pageSize)
  }

  /// Whether P is set; nothing else means anything where it is not.
  @inlinable public var isPresent: Bool { rawValue & X86Entry.present != 0 }
  /// Whether R/W is set.
  @inlinable public var isWritable: Bool { rawValue & X86Entry.writable != 0 }
  /// Whether U/S is set.
  @inlinable public var isUser: Bool { rawValue & X86Entry.user != 0 }
  /// Whether A is set.
  @inlinable public var isAccessed: Bool { rawValue & X86Entry.accessed != 0 }
  /// Whether D is set.
  @inlinable public var isDirty: Bool { rawValue & X86Entry.dirty != 0 }
  /// Whether PS is set.
  @inlinable public var isLarge: Bool { rawValue & X86Entry.pageSize != 0 }
  /// Whether G is set.
  @inlinable public var isGlobal: Bool { rawValue & X86Entry.global != 0 }
  /// Whether XD is set.
  @inlinable public var isNoExecute: Bool { rawValue & X86Entry.noExecute != 0 }

  /// Bits 51:12 as a guest frame, in a guest's own tables.
  @inlinable public var guestFrame: GuestFrame { GuestFrame((rawValue & X86Entry.frameMask) >> 12) }
  /// Bits 51:12 as a host frame, in shadow tables.
  @inlinable public var hostFrame: HostFrame { HostFrame((rawValue & X86Entry.frameMask) >> 12) }

  /// The entry with bits set.
  @inlinable public func with(_ bits: UInt64) -> X86Entry { X86Entry(rawValue: rawValue | bits) }
  /// The entry with bits cleared.
  @inlinable public func without(_ bits: UInt64) -> X86Entry { X86Entry(rawValue: rawValue & ~bits) }

  /// Whether the entry is a leaf at a level: level 1 always, levels 2 and 3 where PS is set.
  @inlinable public func isLeaf(level: Int) -> Bool { level == 1 || (isLarge && level <= 3) }

  /// The bits that must be zero in a present entry of a level: those of every entry, PS at levels 4 and 5, and the address bits of a
  /// large page below its size (20:13 and 29:13; bit 12 is PAT).
  @inlinable public func reservedBits(level: Int, everywhere: UInt64 = X86Entry.reservedAddressBits) -> UInt64 {
    guard isLarge && level > 1 else { return everywhere }
    switch level {
    case 2: return everywhere | 0x001f_e000
    case 3: return everywhere | 0x3fff_e000
    default: return everywhere | X86Entry.pageSize
    }
  }
}
