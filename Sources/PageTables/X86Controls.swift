public import Addressing

/// The control bits of a processor that decide how x86-64 tables are walked and what they let pass (Intel SDM 4.1, 4.6).
@frozen public struct X86Controls: Hashable, Sendable {
  /// Levels of tables: 4, or 5 with CR4.LA57.
  public var levels = 4
  /// CR0.WP: a supervisor's writes respect R/W.
  public var writeProtect = true
  /// EFER.NXE: bit 63 of an entry forbids fetches; without it the bit is reserved.
  public var noExecute = true
  /// CR4.SMEP: a supervisor fetches no instructions from user pages.
  public var smep = false
  /// CR4.SMAP: a supervisor touches no data in user pages, unless EFLAGS.AC is set.
  public var smap = false
  /// EFLAGS.AC, which lifts SMAP (as STAC does).
  public var alignmentCheck = false
  /// CR4.PKE: user pages have protection keys.
  public var protectionKeys = false
  /// PKRU: two bits for each of 16 keys: AD, access disabled, and WD, writes disabled.
  public var pkru: UInt32 = 0
  /// CR4.PGE: bit 8 of a leaf makes a translation global.
  public var globalPages = true
  /// CR4.PCIDE: bits 11:0 of CR3 tag translations.
  public var pcids = false
  /// MAXPHYADDR: address bits from here up to bit 51 are reserved.
  public var physicalAddressBits = 48

  /// A processor in four-level paging with WP, NXE and PGE set and the rest clear.
  public init() {}

  /// The bits that must be zero in every present entry: the address bits above MAXPHYADDR, and bit 63 without NXE.
  @inlinable public var reservedBits: UInt64 {
    X86Entry.frameMask & ~((1 << UInt64(truncatingIfNeeded: physicalAddressBits)) &- 1) | (noExecute ? 0 : X86Entry.noExecute)
  }

  /// What an access of a kind and mode needs of a page's rights (Intel SDM 4.6.1, 4.6.2); D is not among it.
  public func check(_ access: AccessKind, _ privilege: Privilege) -> AccessCheck {
    let isUser = privilege == .user
    var needed = AccessCheck.present | (isUser ? AccessCheck.user : 0)
    var forbidden: UInt64 = 0
    switch access {
    case .read: break
    case .write: if isUser || writeProtect { needed |= AccessCheck.writable }
    case .fetch: needed |= AccessCheck.executable
    }
    if !isUser, access == .fetch ? smep : smap && !alignmentCheck { forbidden = AccessCheck.user }
    return AccessCheck(needed: needed, forbidden: forbidden, refusedKeys: refusedKeys(access, isUser: isUser))
  }

  private func refusedKeys(_ access: AccessKind, isUser: Bool) -> UInt64 {
    guard protectionKeys, access != .fetch else { return 0 }
    let respectsWD = access == .write && (isUser || writeProtect)
    // One bit a key, at the even places; then the even places drawn together.
    var keys = UInt64((pkru | (respectsWD ? pkru >> 1 : 0)) & 0x5555_5555)
    keys = (keys | keys >> 1) & 0x3333_3333
    keys = (keys | keys >> 2) & 0x0f0f_0f0f
    keys = (keys | keys >> 4) & 0x00ff_00ff
    return (keys | keys >> 8) & 0xffff
  }

  /// The bits of an error code that tell what was tried: W, U, and F, which is reported only with NXE or SMEP.
  public func tried(_ access: AccessKind, _ privilege: Privilege) -> PageFaultErrorCode {
    let code = PageFaultErrorCode(access: access, isUser: privilege == .user)
    return noExecute || smep ? code : code.subtracting(.fetch)
  }

  /// The error code of an access that a completed walk's rights refuse, nil where they let it pass.
  public func refusal(of access: AccessKind, _ privilege: Privilege, rights: UInt64) -> PageFaultErrorCode? {
    let check = check(access, privilege)
    if check.passes(rights) { return nil }
    let code = tried(access, privilege).union(.present)
    return check.refusesKey(of: rights) ? code.union(.protectionKey) : code
  }
}
