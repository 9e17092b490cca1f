public import Addressing

/// What a TLB knows of a page: the host frame and what may be done to it, packed in a word.
@frozen public struct TLBEntry: Hashable, Sendable, BitwiseCopyable {
  /// The frame in bits 51:12, the rights below.
  @usableFromInline let rawValue: UInt64

  @usableFromInline static let present: UInt64 = 1 << 0
  @usableFromInline static let writable: UInt64 = 1 << 1
  @usableFromInline static let user: UInt64 = 1 << 2
  @usableFromInline static let executable: UInt64 = 1 << 3
  @usableFromInline static let dirty: UInt64 = 1 << 6

  @inlinable init(rawValue: UInt64) { self.rawValue = rawValue }

  /// A translation to a host frame.
  /// - Parameters:
  ///   - writable: whether every table on the way, guest's and host's, allows writes.
  ///   - user: whether user mode may use it.
  ///   - noExecute: whether fetches are refused.
  ///   - dirty: whether every D bit that a write has to set is already set: a write to a clean entry walks again to set them.
  @inlinable public init(_ frame: HostFrame, writable: Bool, user: Bool, noExecute: Bool, dirty: Bool) {
    rawValue =
      frame.rawValue << 12 | TLBEntry.present | (writable ? TLBEntry.writable : 0) | (user ? TLBEntry.user : 0)
      | (noExecute ? 0 : TLBEntry.executable) | (dirty ? TLBEntry.dirty : 0)
  }

  /// The host frame.
  @inlinable public var frame: HostFrame { HostFrame(rawValue >> 12) }
  /// Whether writes are allowed.
  @inlinable public var isWritable: Bool { rawValue & TLBEntry.writable != 0 }
  /// Whether user mode may use it.
  @inlinable public var isUser: Bool { rawValue & TLBEntry.user != 0 }
  /// Whether fetches are refused.
  @inlinable public var isNoExecute: Bool { rawValue & TLBEntry.executable == 0 }
  /// Whether a write needs to set no D bit.
  @inlinable public var isDirty: Bool { rawValue & TLBEntry.dirty != 0 }
}

/// The rights an access needs of a TLB entry.
@frozen public struct TLBNeed: Hashable, Sendable, BitwiseCopyable {
  @usableFromInline let rawValue: UInt64

  /// The needs of an access of a kind, in user mode or not.
  @inlinable public init(_ access: AccessKind, isUser: Bool) {
    var bits = TLBEntry.present
    if isUser { bits |= TLBEntry.user }
    switch access {
    case .read: break
    case .write: bits |= TLBEntry.writable | TLBEntry.dirty
    case .fetch: bits |= TLBEntry.executable
    }
    rawValue = bits
  }
}

/// Where a look-up hit.
@frozen public enum TLBLevel: UInt8, Sendable {
  /// In the first level, instructions or data.
  case l1
  /// In the second level.
  case l2
}

/// A look-up's success.
@frozen public struct TLBHit: Sendable, BitwiseCopyable {
  /// The translation.
  public let entry: TLBEntry
  /// The level that had it.
  public let level: TLBLevel

  @inlinable init(entry: TLBEntry, level: TLBLevel) {
    self.entry = entry
    self.level = level
  }
}
