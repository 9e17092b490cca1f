internal import Addressing
internal import PageContents
internal import PageTables

/// The second dimension of a walk: how the processor gets from a guest-physical address, of a guest's table entry or of the page itself, to the
/// host's memory.
protocol HostDimension {
  static var mode: PagingMode { get }
  /// The map that the answers come from.
  var map: GuestPhysicalMap { get }
  /// Whether a load of a guest's table counts as a write of it.
  var writesGuestTables: Bool { get }
  /// Whether the dimension's D bits decide if a write has to walk: only where there are any.
  var keepsDirty: Bool { get }

  /// Goes from guest-physical to host-physical memory.
  /// - Parameter references: gains the loads that this takes.
  func walk(
    _ address: GuestPhysicalAddress, _ access: AccessKind, for purpose: GuestPhysicalPurpose, references: inout UInt64
  ) -> GuestPhysicalWalk

  /// Whether what the map refuses is an exit.
  var exits: Bool { get }
}

/// No second dimension: the map is looked up by the laboratory, at no cost, as if the guest ran on the bare machine.
struct FreeDimension: HostDimension {
  static var mode: PagingMode { .native }
  let map: GuestPhysicalMap
  var writesGuestTables: Bool { false }
  var keepsDirty: Bool { true }
  var exits: Bool { false }

  @inline(__always)
  func walk(
    _ address: GuestPhysicalAddress, _ access: AccessKind, for purpose: GuestPhysicalPurpose, references: inout UInt64
  ) -> GuestPhysicalWalk {
    let leaf = map.leaf(of: address.page)
    guard leaf.allows(access) else {
      return .violation(1 << UInt64(access.rawValue) | (leaf.isPresent ? (leaf.rawValue & EPTEntry.permissions) << 3 : 0))
    }
    if purpose == .access { map.markUsed(address.page, leaf, isWrite: access == .write) }
    return .mapped(leaf)
  }
}

/// The extended page tables, walked by the processor (Intel SDM 29.3).
///
/// With A/D bits (`keepsAccessedDirty`) a load of a guest's table counts as a write of it: it needs W in the map and sets D, even
/// where no bit of the guest's changes. Without them W is needed only where A or D in the guest's table has to be set.
struct ExtendedDimension: HostDimension {
  static var mode: PagingMode { .nested }
  let map: GuestPhysicalMap
  /// Bit 6 of the EPTP. Without A/D bits `testAndClearAccessed` has nothing to go by and answers false.
  let keepsAccessedDirty: Bool
  var writesGuestTables: Bool { keepsAccessedDirty }
  var keepsDirty: Bool { keepsAccessedDirty }
  var exits: Bool { true }

  @inline(__always)
  func walk(
    _ address: GuestPhysicalAddress, _ access: AccessKind, for purpose: GuestPhysicalPurpose, references: inout UInt64
  ) -> GuestPhysicalWalk {
    map.walk(address, access, for: purpose, setsAccessedDirty: keepsAccessedDirty, references: &references)
  }
}
