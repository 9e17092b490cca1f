public import Addressing

/// What the processor that walks a guest-physical map can do and was told to do.
///
/// EPT: IA32_VMX_EPT_VPID_CAP (Intel SDM A.10) and the VM-execution controls. AMD's nested paging knows none of the choices but the width
/// of addresses.
@frozen public struct NestedControls: Hashable, Sendable {
  /// Entries with X but not R are accepted (bit 0 of the capabilities).
  public var executeOnly = true
  /// Mode-based execute control: bit 2 of an entry lets supervisor-mode fetches pass, bit 10 user-mode ones. Which mode a fetch has is
  /// told by the guest's tables: the U/S of the linear address, not the privilege level.
  public var modeBasedExecute = false
  /// Leaves of 2 MiB are accepted (bit 16 of the capabilities).
  public var largePages = true
  /// Leaves of 1 GiB are accepted (bit 17 of the capabilities).
  public var gigabytePages = true
  /// MAXPHYADDR: address bits from here up to bit 51 are reserved.
  public var physicalAddressBits = 48

  /// A processor of 48 address bits that accepts execute-only pages and all sizes, without mode-based execute control.
  public init() {}

  /// The address bits that must be zero in every present entry.
  @inlinable public var reservedAddressBits: UInt64 {
    EPTEntry.frameMask & ~((1 << UInt64(truncatingIfNeeded: physicalAddressBits)) &- 1)
  }

  /// The bits of an EPT entry any of which makes it present: R, W, X, and with mode-based execute control bit 10 (Intel SDM 29.3.2).
  @inlinable public var presentBits: UInt64 { modeBasedExecute ? EPTEntry.permissions | EPTEntry.userExecute : EPTEntry.permissions }

  /// Whether a present entry of a level is a leaf: level 1 always, levels 2 and 3 where bit 7 is set and the processor accepts the size.
  @inlinable public func isLeaf(_ entry: EPTEntry, level: Int) -> Bool {
    level == 1 || (entry.isLarge && (level == 2 ? largePages : level == 3 && gigabytePages))
  }

  /// Whether a present EPT entry of a level is one that hardware refuses as a misconfiguration (Intel SDM 29.3.3.1): W without R; X without
  /// R where that is not supported; a reserved bit; a memory type of 2, 3 or 7 in a leaf.
  @inlinable public func isMisconfigured(_ entry: EPTEntry, level: Int) -> Bool {
    let raw = entry.rawValue
    if raw & (EPTEntry.read | EPTEntry.write) == EPTEntry.write { return true }
    if !executeOnly && raw & EPTEntry.read == 0 { return true }
    if raw & reservedAddressBits != 0 { return true }
    // Below a large leaf there is no bit 7 to be reserved: it is what makes the leaf. At level 1 it is ignored.
    guard isLeaf(entry, level: level) else { return raw & 0xf8 != 0 }
    if 0x8c >> entry.memoryType & 1 != 0 { return true }
    switch level {
    case 2: return raw & 0x001f_f000 != 0
    case 3: return raw & 0x3fff_f000 != 0
    default: return false
    }
  }
}

/// A guest-physical access as a walk needs it told: what it requires, what it marks, and how a refusal of it is reported.
///
/// Made once and used for many walks.
@frozen public struct NestedAccess: Hashable, Sendable, BitwiseCopyable {
  /// The bits that the AND of the entries must have.
  public let needed: UInt64
  /// What a refusal reports whatever the entries are: the exit qualification, or AMD's error code in EXITINFO1.
  public let code: UInt64
  /// The bits that are set in a leaf: none, A, or A and D.
  @usableFromInline let marks: UInt64

  /// Under extended page tables.
  ///
  /// - Parameters:
  ///   - setsAccessedDirty: bit 6 of the EPTP. With it every access to a guest's table is a read and a write (Intel SDM 29.3.3.2), without it
  ///     `kind` tells: a load is a read, and setting A or D there a read and a write.
  ///   - isUserFetch: of a fetch on a processor with mode-based execute control: the linear address is one of user mode.
  ///   - hasLinearAddress: bit 7 of the exit qualification; clear for the loads of MOV CR3 in PAE paging and suchlike.
  @inlinable @inline(__always) public static func ept(
    _ kind: AccessKind, for purpose: GuestPhysicalPurpose = .access, setsAccessedDirty: Bool, isUserFetch: Bool = false,
    hasLinearAddress: Bool = true
  ) -> NestedAccess {
    let isTable = purpose == .guestTable
    let isTableWrite = isTable && (setsAccessedDirty || kind == .write)
    let tried = isTableWrite ? EPTEntry.read | EPTEntry.write : 1 << UInt64(kind.rawValue)
    let needed = kind == .fetch && isUserFetch ? EPTEntry.userExecute : tried
    let isFinal = hasLinearAddress && !isTable
    let isWrite = isTableWrite || kind == .write
    let marks = isWrite ? EPTEntry.accessed | EPTEntry.dirty : EPTEntry.accessed
    return NestedAccess(
      needed: needed, code: tried | (hasLinearAddress ? 1 << 7 : 0) | (isFinal ? 1 << 8 : 0), marks: setsAccessedDirty ? marks : 0)
  }

  /// Under AMD's nested paging: always by user mode, and for a guest's table always a data write (AMD APM volume 2, 15.25.5 and 15.25.6).
  @inlinable @inline(__always) public static func npt(_ kind: AccessKind, for purpose: GuestPhysicalPurpose = .access) -> NestedAccess {
    let isTable = purpose == .guestTable
    let isWrite = isTable || kind == .write
    let isFetch = !isTable && kind == .fetch
    let needed = X86Entry.present | X86Entry.user | (isWrite ? X86Entry.writable : 0) | (isFetch ? X86Entry.noExecute : 0)
    let code = 1 << 2 | (isWrite ? 1 << 1 : 0) | (isFetch ? 1 << 4 : 0) | (isTable ? 1 << 33 : 1 << 32 as UInt64)
    return NestedAccess(needed: needed, code: code, marks: isWrite ? X86Entry.accessed | X86Entry.dirty : X86Entry.accessed)
  }

  /// What the refusal of a page reports that the entries lead to.
  /// - Parameter rights: of EPT, the AND of R, W, X and, with mode-based execute control, bit 10 over the levels.
  public func refusal(_ rights: UInt64, _ format: NestedFormat) -> UInt64 {
    // Bit 10 of an entry is bit 6 of the qualification. AMD's code says P.
    code | (format == .ept ? (rights & EPTEntry.permissions) << 3 | (rights & EPTEntry.userExecute) >> 4 : 1)
  }

  @usableFromInline init(needed: UInt64, code: UInt64, marks: UInt64) {
    self.needed = needed
    self.code = code
    self.marks = marks
  }
}
