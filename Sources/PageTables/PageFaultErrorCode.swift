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

  /// PK: the page's protection key refused the access.
  public static let protectionKey = PageFaultErrorCode(rawValue: 1 << 5)

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
