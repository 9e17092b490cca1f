/// Whether a translation's rights let an access pass, as two masks and a map of keys: the same check for a TLB entry and for a walk.
///
/// Rights are words with the bits of an x86-64 entry in their places, but for bit 63, which is set where fetches are *allowed*, so that the
/// rights of several levels are the AND of their words.
@frozen public struct AccessCheck: Hashable, Sendable, BitwiseCopyable {
  /// Bit 0 of a rights word: there is a translation.
  @inlinable public static var present: UInt64 { 1 << 0 }
  /// Bit 1: writes are allowed.
  @inlinable public static var writable: UInt64 { 1 << 1 }
  /// Bit 2: it is a user page.
  @inlinable public static var user: UInt64 { 1 << 2 }
  /// Bit 6: every D bit that a write has to set is set.
  @inlinable public static var dirty: UInt64 { 1 << 6 }
  /// The lowest of bits 62:59, the protection key of the page.
  @inlinable public static var keyShift: UInt64 { 59 }
  /// Bit 63: fetches are allowed.
  @inlinable public static var executable: UInt64 { 1 << 63 }

  /// Bits that must be set.
  public let needed: UInt64
  /// Bits that must be clear: U, for a supervisor's access that SMEP or SMAP refuses on user pages.
  public let forbidden: UInt64
  /// The protection keys, one bit each, with which a user page refuses the access.
  public let refusedKeys: UInt64

  /// A check of its parts.
  @inlinable public init(needed: UInt64, forbidden: UInt64 = 0, refusedKeys: UInt64 = 0) {
    self.needed = needed
    self.forbidden = forbidden
    self.refusedKeys = refusedKeys
  }

  /// Whether rights pass.
  @inlinable @inline(__always) public func passes(_ rights: UInt64) -> Bool {
    guard rights & (needed | forbidden) == needed else { return false }
    return refusedKeys == 0 || !refusesKey(of: rights)
  }

  /// Whether the protection key refuses the access; only user pages have one.
  @inlinable @inline(__always) public func refusesKey(of rights: UInt64) -> Bool {
    rights & AccessCheck.user != 0 && refusedKeys >> (rights >> AccessCheck.keyShift & 15) & 1 != 0
  }

  /// The check with further bits that must be set.
  @inlinable public func needing(_ bits: UInt64) -> AccessCheck {
    AccessCheck(needed: needed | bits, forbidden: forbidden, refusedKeys: refusedKeys)
  }
}
