public import Addressing

/// An entry of an extended page table (Intel SDM 29.3.2), which turns guest-physical into host-physical addresses.
///
/// Hardware ignores all other bits of an entry with R = W = X = 0, with mode-based execute control where bit 10 is 0 as well. There the
/// hypervisor notes why the page is absent: the kind in bits 11, 9 and 8 and, for a swapped page, the slot in bits 51:12.
@frozen public struct EPTEntry: Hashable, Sendable, BitwiseCopyable {
  /// The word as it lies in memory.
  public var rawValue: UInt64

  /// Takes a word for an entry.
  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// Bit 0, R.
  @inlinable public static var read: UInt64 { 1 << 0 }
  /// Bit 1, W.
  @inlinable public static var write: UInt64 { 1 << 1 }
  /// Bit 2, X.
  @inlinable public static var execute: UInt64 { 1 << 2 }
  /// R, W and X.
  @inlinable public static var permissions: UInt64 { 7 }
  /// Memory type write-back (6) in bits 5:3 of a leaf.
  @inlinable public static var writeBack: UInt64 { 6 << 3 }
  /// Bit 7: the entry maps a 2 MiB or 1 GiB page; levels 2 and 3 only.
  @inlinable public static var large: UInt64 { 1 << 7 }
  /// Bit 8, A.
  @inlinable public static var accessed: UInt64 { 1 << 8 }
  /// Bit 9, D; leaves only.
  @inlinable public static var dirty: UInt64 { 1 << 9 }
  /// Bit 10: with mode-based execute control, fetches from user-mode linear addresses are allowed; else ignored.
  @inlinable public static var userExecute: UInt64 { 1 << 10 }
  /// Bit 6: the memory type in bits 5:3 stands against the guest's PAT; leaves only.
  @inlinable public static var ignorePAT: UInt64 { 1 << 6 }
  /// Bit 63: a violation at this entry is never a virtualization exception.
  @inlinable public static var suppressVE: UInt64 { 1 << 63 }
  /// Bits 51:12, the frame.
  @inlinable public static var frameMask: UInt64 { 0x000f_ffff_ffff_f000 }
  /// Bit 52, which hardware ignores: the leaf maps the host's zero frame, read-only, because nobody has written the page yet.
  @inlinable public static var zeroPlaced: UInt64 { 1 << 52 }

  // MARK: Absent entries

  /// Never mapped; also what an empty table holds.
  @inlinable public static var absent: EPTEntry { EPTEntry(rawValue: 0) }

  /// Swapped out to a slot below 2^40.
  @inlinable public static func swapped(slot: UInt64) -> EPTEntry { EPTEntry(rawValue: slot << 12 & frameMask | 1 << 8) }

  /// Given up by the guest's balloon.
  @inlinable public static var ballooned: EPTEntry { EPTEntry(rawValue: 2 << 8) }

  /// Made to trap: the page still has its frame, but no access may pass.
  @inlinable public static func trapped(_ frame: HostFrame) -> EPTEntry { EPTEntry(rawValue: frame.rawValue << 12 & frameMask | 3 << 8) }

  /// Stored by a keeper of the hypervisor's, of a number below 2^40.
  @inlinable public static func entrusted(keeper: UInt64) -> EPTEntry { EPTEntry(rawValue: keeper << 12 & frameMask | 8 << 8) }

  /// Why an absent page is absent.
  public enum Absence: Hashable, Sendable {
    /// Nobody has touched it.
    case never
    /// Its content is in a swap slot.
    case swapped(slot: UInt64)
    /// The guest's balloon holds it; its content is gone.
    case ballooned
    /// It has a frame, but the next access shall trap.
    case trapped(HostFrame)
    /// Its content is with a keeper.
    case entrusted(keeper: UInt64)
  }

  /// Why the page is absent; meaningful only where `isPresent` is false.
  @inlinable public var absence: Absence {
    switch rawValue >> 8 & 15 {
    case 1: .swapped(slot: (rawValue & EPTEntry.frameMask) >> 12)
    case 2: .ballooned
    case 3: .trapped(frame)
    case 8: .entrusted(keeper: (rawValue & EPTEntry.frameMask) >> 12)
    default: .never
    }
  }

  // MARK: Present entries

  /// A level-1 leaf of ordinary memory; readable always.
  @inlinable public static func page(_ frame: HostFrame, writable: Bool, executable: Bool = true) -> EPTEntry {
    let rights = read | (writable ? write : 0) | (executable ? execute : 0)
    return EPTEntry(rawValue: frame.rawValue << 12 & frameMask | writeBack | rights)
  }

  /// A read-only level-1 leaf of the host's zero frame.
  @inlinable public static func zeroPlaced(_ frame: HostFrame) -> EPTEntry {
    EPTEntry(rawValue: page(frame, writable: false).rawValue | zeroPlaced)
  }

  /// An entry that points to a table of the next level down, with every permission.
  @inlinable public static func table(_ frame: HostFrame) -> EPTEntry { EPTEntry(rawValue: frame.rawValue << 12 & frameMask | permissions) }

  /// Whether any of R, W and X is set.
  @inlinable public var isPresent: Bool { rawValue & EPTEntry.permissions != 0 }
  /// Whether R is set.
  @inlinable public var isReadable: Bool { rawValue & EPTEntry.read != 0 }
  /// Whether W is set.
  @inlinable public var isWritable: Bool { rawValue & EPTEntry.write != 0 }
  /// Whether X is set.
  @inlinable public var isExecutable: Bool { rawValue & EPTEntry.execute != 0 }
  /// Bits 5:3 of a leaf: 0 uncacheable, 1 write-combining, 4 write-through, 5 write-protected, 6 write-back.
  @inlinable public var memoryType: UInt64 { rawValue >> 3 & 7 }
  /// Whether bit 7 is set.
  @inlinable public var isLarge: Bool { rawValue & EPTEntry.large != 0 }
  /// Whether A is set.
  @inlinable public var isAccessed: Bool { rawValue & EPTEntry.accessed != 0 }
  /// Whether D is set.
  @inlinable public var isDirty: Bool { rawValue & EPTEntry.dirty != 0 }
  /// Whether the leaf is a read-only mapping of the host's zero frame.
  @inlinable public var isZeroPlaced: Bool { isPresent && rawValue & EPTEntry.zeroPlaced != 0 }
  /// Whether the page has a frame that no access may reach before it has trapped.
  @inlinable public var isTrapped: Bool { !isPresent && rawValue >> 8 & 15 == 3 }
  /// Whether a frame stands behind the entry: it is present or trapped.
  @inlinable public var hasFrame: Bool { isPresent || isTrapped }
  /// Bits 51:12 of an entry that has a frame.
  @inlinable public var frame: HostFrame { HostFrame((rawValue & EPTEntry.frameMask) >> 12) }

  /// Of a large leaf: the same leaf for one page in it. Its bits 20:12, at 1 GiB 29:12, are zero, and become the page's place.
  @inlinable public func ofPage(_ page: GuestFrame, in size: PageSize = .size2M) -> EPTEntry {
    with((page.rawValue & (size.pages - 1)) << 12)
  }

  /// The entry with bits set.
  @inlinable public func with(_ bits: UInt64) -> EPTEntry { EPTEntry(rawValue: rawValue | bits) }
  /// The entry with bits cleared.
  @inlinable public func without(_ bits: UInt64) -> EPTEntry { EPTEntry(rawValue: rawValue & ~bits) }

  /// Whether the entry lets an access pass.
  @inlinable public func allows(_ access: AccessKind) -> Bool { rawValue & (1 << UInt64(access.rawValue)) != 0 }

  /// Whether a present entry of a level is one that hardware refuses as a misconfiguration (Intel SDM 29.3.3.1): W without R, reserved
  /// bits set, or a memory type of 2, 3 or 7 in a leaf. Of a processor with other capabilities than these, `NestedControls` tells.
  @inlinable public func isMisconfigured(level: Int) -> Bool { NestedControls().isMisconfigured(self, level: level) }
}
