public import Addressing

/// What a TLB knows of a page: the host frame, what may be done to it, and its size, packed in a word.
///
/// The rights stand where `AccessCheck` has them: P 0, W 1, U 2, D 6, key 62:59, X allowed 63; G is bit 8; the frame of the first 4 KiB
/// is in bits 51:12. Bits 10:9 tell the size (0 4K, 1 2M, 2 1G), bits 4:3 in the same code the size of the guest's page that it is a
/// piece of: the same where it is whole.
@frozen public struct TLBEntry: Hashable, Sendable, BitwiseCopyable {
  /// The word; 0 is no entry.
  public let rawValue: UInt64

  /// Bit 8: the entry answers for every PCID of its VPID.
  @inlinable public static var global: UInt64 { 1 << 8 }
  /// The bits of a word that rights may use.
  @inlinable public static var rightsMask: UInt64 {
    AccessCheck.present | AccessCheck.writable | AccessCheck.user | AccessCheck.dirty | global | 15 << AccessCheck.keyShift
      | AccessCheck.executable
  }
  @inlinable static var frameMask: UInt64 { (1 << 52 - 1) & ~4095 }
  @inlinable static var sizeShift: UInt64 { 9 }
  @inlinable static var wholeShift: UInt64 { 3 }

  @inlinable init(rawValue: UInt64) { self.rawValue = rawValue }

  /// A present translation.
  /// - Parameters:
  ///   - frame: a frame of the page; the low bits that a larger page leaves to the address are dropped.
  ///   - size: how much it translates.
  ///   - rights: the bits of `rightsMask` that count; P is always set.
  ///   - guestSize: the size of the page that the guest mapped, at least `size`: what INVLPG of any of its addresses must drop. Nil where it
  ///     is `size`.
  @inlinable public init(_ frame: HostFrame, _ size: PageSize = .size4K, rights: UInt64, guestSize: PageSize? = nil) {
    let aligned = frame.rawValue & ~(size.pages &- 1)
    let code = TLBEntry.code(size)
    let whole = max(code, guestSize.map(TLBEntry.code) ?? code)
    rawValue =
      aligned << 12 & TLBEntry.frameMask | rights & TLBEntry.rightsMask | AccessCheck.present | code << TLBEntry.sizeShift
      | whole << TLBEntry.wholeShift
  }

  @inlinable static func code(_ size: PageSize) -> UInt64 {
    switch size {
    case .size4K: 0
    case .size2M: 1
    case .size1G: 2
    }
  }

  @inlinable static func size(_ code: UInt64) -> PageSize { code == 0 ? .size4K : code == 1 ? .size2M : .size1G }

  /// How much it translates.
  @inlinable public var size: PageSize { TLBEntry.size(sizeCode) }
  /// The size of the guest's page that it is a piece of, or its own.
  @inlinable public var guestSize: PageSize { TLBEntry.size(rawValue >> TLBEntry.wholeShift & 3) }
  /// No entry.
  @inlinable public static var none: TLBEntry { TLBEntry(rawValue: 0) }
  /// Whether it is an entry, whole, of 4 KiB and not global.
  @inlinable public var isPlain: Bool {
    rawValue & (3 << TLBEntry.sizeShift | 3 << TLBEntry.wholeShift | TLBEntry.global | AccessCheck.present) == AccessCheck.present
  }
  @inlinable var sizeCode: UInt64 { rawValue >> TLBEntry.sizeShift & 3 }
  /// Whether it is a piece of a larger page of the guest.
  @inlinable var isPiece: Bool { (rawValue >> TLBEntry.wholeShift ^ rawValue >> TLBEntry.sizeShift) & 3 != 0 }

  /// The frame of its first 4 KiB.
  @inlinable public var frame: HostFrame { HostFrame((rawValue & TLBEntry.frameMask) >> 12) }
  /// The frame of the 4 KiB that hold an address of the page.
  @inlinable public func frame<Space>(of address: Address<Space>) -> HostFrame {
    let first = (rawValue & TLBEntry.frameMask) >> 12
    // The branch costs nothing where all pages are of one size.
    if sizeCode == 0 { return HostFrame(first) }
    return HostFrame(first | address.rawValue >> 12 & (1 &<< (9 &* sizeCode) &- 1))
  }
  /// The rights, in the bits of `rightsMask`.
  @inlinable public var rights: UInt64 { rawValue & TLBEntry.rightsMask }
  /// Whether writes are allowed.
  @inlinable public var isWritable: Bool { rawValue & AccessCheck.writable != 0 }
  /// Whether it is a user page.
  @inlinable public var isUser: Bool { rawValue & AccessCheck.user != 0 }
  /// Whether fetches are refused.
  @inlinable public var isNoExecute: Bool { rawValue & AccessCheck.executable == 0 }
  /// Whether a write needs to set no D bit.
  @inlinable public var isDirty: Bool { rawValue & AccessCheck.dirty != 0 }
  /// Whether it answers for every PCID of its VPID.
  @inlinable public var isGlobal: Bool { rawValue & TLBEntry.global != 0 }

  /// The part of it, of a smaller size, that holds an address.
  @inlinable func piece(_ code: UInt64, of address: GuestVirtualAddress) -> TLBEntry {
    let inside = (1 << (9 &* sizeCode) &- 1 as UInt64) & ~(1 << (9 &* code) &- 1)
    let kept = rawValue & ~(3 << TLBEntry.sizeShift)
    return TLBEntry(rawValue: kept | code << TLBEntry.sizeShift | (address.rawValue >> 12 & inside) << 12)
  }
}

/// What a look-up found.
@frozen public struct TLBHit: Sendable, BitwiseCopyable {
  /// The translation, of use where `level` is not 0.
  public let entry: TLBEntry
  /// The level that had it: 0 for none, 1 or 2.
  public let level: Int

  /// Nothing was found.
  @inlinable public static var miss: TLBHit { TLBHit(entry: TLBEntry(rawValue: 0), level: 0) }

  @inlinable init(entry: TLBEntry, level: Int) {
    self.entry = entry
    self.level = level
  }
}
