/// What a walk of x86 tables lets pass: the AND over its levels of R/W, U/S and the complement of XD.
@frozen public struct X86Rights: Hashable, Sendable, BitwiseCopyable {
  /// Bit 1 W, bit 2 U, bit 63 X: at the places of R/W, U/S and XD in an entry.
  public var rawValue: UInt64

  /// Takes the bits of a word at these places.
  @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue & X86Rights.mask }

  @inlinable static var mask: UInt64 { X86Entry.writable | X86Entry.user | X86Entry.noExecute }

  /// Everything: what a walk has before its first level.
  @inlinable public static var all: X86Rights { X86Rights(rawValue: mask) }

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
}
