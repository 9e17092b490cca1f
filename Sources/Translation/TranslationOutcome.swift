public import Addressing
public import PageTables

/// What became of an access.
@frozen public enum TranslationOutcome: Hashable, Sendable {
  /// The access may go ahead on this host address.
  case mapped(HostPhysicalAddress)
  /// The guest's own tables refuse it: its kernel must handle the fault.
  case guestFault(PageFaultErrorCode)
  /// The processor refuses the address itself, with a general-protection fault: it is not canonical, or the guest may not use it.
  case generalProtection
  /// The guest-physical map refuses it: the hypervisor must resolve this and the access be made again.
  case violation(GuestViolation)
}

/// An access to guest-physical memory that the map does not allow.
@frozen public struct GuestViolation: Hashable, Sendable {
  /// The guest-physical address.
  public var address: GuestPhysicalAddress
  /// What has to be allowed: for a guest table whose A or D bit is to be set, a write.
  public var access: AccessKind
  /// Whether it was an access to one of the guest's page tables on the way, not to the page that the guest wanted.
  public var isGuestTable: Bool
  /// The exit qualification (Intel SDM table 28-7), bits 8:7 and 5:0. Under native and shadow paging, which have no such exit, it
  /// is what the processor would report under EPT.
  public var qualification: UInt64

  /// A violation.
  public init(address: GuestPhysicalAddress, access: AccessKind, isGuestTable: Bool, qualification: UInt64) {
    self.address = address
    self.access = access
    self.isGuestTable = isGuestTable
    self.qualification = qualification
  }

  /// The guest frame that holds the address.
  public var frame: GuestFrame { address.page }

  /// Bit 7: a guest linear address is known; bit 8: the access was the final one, not to a guest table.
  static func qualification(_ low: UInt64, isGuestTable: Bool) -> UInt64 { low | 1 << 7 | (isGuestTable ? 0 : 1 << 8) }
}

/// A translation that is held for an address space.
public struct HeldEntry: Hashable, Sendable {
  /// The root table of the address space; under direct paging its machine address.
  public var root: GuestPhysicalAddress
  /// The guest's virtual page.
  public var page: GuestVirtualPage
  /// The host frame that it leads to, the first of a large page's.
  public var frame: HostFrame
  /// How many pages of 4 KiB it covers.
  public var pages: UInt64
  /// Whether writes pass.
  public var isWritable: Bool
  /// Whether the guest may have changed its tables since without having had to say so yet: then only the map can tell if it is right.
  public var isUnsync = false
}

/// A translation as audits see it.
public struct HeldTranslation: Hashable, Sendable {
  /// The guest frame, where the holder knows it: shadow entries do not name it.
  public var guestFrame: GuestFrame?
  /// The host frame of the 4 KiB page.
  public var hostFrame: HostFrame
  /// What would pass, as a rights word (`AccessCheck`).
  public var rights: UInt64

  /// A translation.
  public init(guestFrame: GuestFrame?, hostFrame: HostFrame, rights: UInt64) {
    self.guestFrame = guestFrame
    self.hostFrame = hostFrame
    self.rights = rights
  }

  /// Whether a write would pass.
  public var isWritable: Bool { rights & AccessCheck.writable != 0 }
  /// Whether user mode would pass.
  public var isUser: Bool { rights & AccessCheck.user != 0 }
  /// Whether a fetch would be refused.
  public var isNoExecute: Bool { rights & AccessCheck.executable == 0 }
}
