public import Addressing

/// The error code of an x86 page fault (Intel SDM 4.7, figure 4-12).
public struct PageFaultErrorCode: OptionSet, Hashable, Sendable {
  /// The code as it is pushed on the stack.
  public let rawValue: UInt32

  /// Takes a number for an error code.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// P: the translation was there and refused the access; clear where some entry was not present.
  public static let present = PageFaultErrorCode(rawValue: 1 << 0)
  /// W/R: the access was a write.
  public static let write = PageFaultErrorCode(rawValue: 1 << 1)
  /// U/S: the access was made in user mode.
  public static let user = PageFaultErrorCode(rawValue: 1 << 2)
  /// RSVD: an entry had a reserved bit set.
  public static let reserved = PageFaultErrorCode(rawValue: 1 << 3)
  /// I/D: the access was an instruction fetch.
  public static let fetch = PageFaultErrorCode(rawValue: 1 << 4)

  /// The bits that tell what was tried: W, U and F.
  public init(access: AccessKind, isUser: Bool) {
    var raw: UInt32 = isUser ? 4 : 0
    switch access {
    case .read: break
    case .write: raw |= 2
    case .fetch: raw |= 16
    }
    self.init(rawValue: raw)
  }
}

/// What a walk of x86 tables lets pass: the AND over its levels of R/W, U/S and the complement of XD.
@frozen public struct X86Rights: Hashable, Sendable, BitwiseCopyable {
  /// Bit 1 W, bit 2 U, bit 63 X: at the places of R/W, U/S and XD in an entry.
  public var rawValue: UInt64

  @inlinable init(rawValue: UInt64) { self.rawValue = rawValue }

  @usableFromInline static let mask = X86Entry.writable | X86Entry.user | X86Entry.noExecute

  /// Everything: what a walk has before its first level.
  public static let all = X86Rights(rawValue: mask)

  /// The rights of one entry.
  @inlinable public init(of entry: X86Entry) { rawValue = (entry.rawValue ^ X86Entry.noExecute) & X86Rights.mask }

  /// Rights told one by one.
  @inlinable public init(writable: Bool, user: Bool, executable: Bool) {
    rawValue = (writable ? X86Entry.writable : 0) | (user ? X86Entry.user : 0) | (executable ? X86Entry.noExecute : 0)
  }

  /// The rights that both have.
  @inlinable public func intersection(_ other: X86Rights) -> X86Rights { X86Rights(rawValue: rawValue & other.rawValue) }

  /// Whether every level allows writes.
  @inlinable public var isWritable: Bool { rawValue & X86Entry.writable != 0 }
  /// Whether every level allows user mode.
  @inlinable public var isUser: Bool { rawValue & X86Entry.user != 0 }
  /// Whether every level allows fetches.
  @inlinable public var isExecutable: Bool { rawValue & X86Entry.noExecute != 0 }

  /// The permission check of a completed walk (Intel SDM 4.6.1) with CR0.WP = 1, EFER.NXE = 1, no SMEP, SMAP or protection keys: the
  /// error code where the access is refused, nil where it may go ahead.
  @inlinable public func refusal(of access: AccessKind, isUser user: Bool) -> PageFaultErrorCode? {
    var needed: UInt64 = user ? X86Entry.user : 0
    switch access {
    case .read: break
    case .write: needed |= X86Entry.writable
    case .fetch: needed |= X86Entry.noExecute
    }
    guard rawValue & needed != needed else { return nil }
    return PageFaultErrorCode(access: access, isUser: user).union(.present)
  }
}
