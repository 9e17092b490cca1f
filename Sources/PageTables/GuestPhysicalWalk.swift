public import Addressing
internal import PageContents

/// What a hardware walk of a guest-physical map came to.
@frozen public enum GuestPhysicalWalk: Sendable {
  /// The leaf that maps the address, as it is after A and D were set. Of a large leaf: with the frame of the address's own 4 KiB.
  case mapped(EPTEntry)
  /// Refused: bits 5:0 of the exit qualification (Intel SDM table 28-7): the access, and the AND of R, W, X over the levels walked.
  case violation(UInt64)
  /// An entry of this level is one that hardware does not accept.
  case misconfiguration(level: Int)
}

/// What a guest-physical access is for.
@frozen public enum GuestPhysicalPurpose: UInt8, Sendable {
  /// The translated access itself.
  case access
  /// A load of an entry of the guest's own tables. With A/D enabled it counts as a write (Intel SDM 29.3.3.2).
  case guestTable
}

extension GuestPhysicalMap {
  /// Walks the map as a processor does: one load a level, permissions ANDed, A set on every entry and D on the leaf of a write once
  /// the walk has passed.
  ///
  /// - Parameters:
  ///   - setsAccessedDirty: bit 6 of the EPTP: whether A and D are kept, and so whether a load of a guest table needs W.
  ///   - references: gains the number of loads made, 4 for a walk to a 4 KiB leaf, 3 to one of 2 MiB, 2 to one of 1 GiB.
  public func walk(
    _ address: GuestPhysicalAddress, _ access: AccessKind, for purpose: GuestPhysicalPurpose, setsAccessedDirty: Bool,
    references: inout UInt64
  ) -> GuestPhysicalWalk {
    let isTableWrite = purpose == .guestTable && setsAccessedDirty
    let needed: UInt64 = isTableWrite ? EPTEntry.read | EPTEntry.write : 1 << UInt64(access.rawValue)
    guard address.rawValue >> 48 == 0 else { return .violation(needed) }
    var table = root.address
    var rights = EPTEntry.permissions
    var accessed = EPTEntry.accessed
    var level = Self.levels
    while true {
      let place = X86Index.entryAddress(in: table, of: address, level: level)
      let entry = EPTEntry(rawValue: contents.load(place))
      references &+= 1
      guard entry.isPresent else { return .violation(needed) }
      if entry.isMisconfigured(level: level) { return .misconfiguration(level: level) }
      rights &= entry.rawValue
      guard level == 1 || (entry.isLarge && level <= 3) else {
        accessed &= entry.rawValue
        table = entry.frame.address
        level &-= 1
        continue
      }
      guard rights & needed == needed else { return .violation(needed | rights << 3) }
      // The frame bits of a large leaf that lie inside its page are zero.
      let inside = address.rawValue & ((1 << X86Index.shift(level)) &- 1) & EPTEntry.frameMask
      guard setsAccessedDirty else { return .mapped(entry.with(inside)) }
      if accessed == 0 { markTablesAccessed(address, downTo: level) }
      let used = entry.with(isTableWrite || access == .write ? EPTEntry.accessed | EPTEntry.dirty : EPTEntry.accessed)
      if used != entry { contents.store(used.rawValue, place) }
      return .mapped(used.with(inside))
    }
  }

  /// Sets A in the entries above a leaf. Each needs it only once, so the walk itself does not remember where they are.
  private func markTablesAccessed(_ address: GuestPhysicalAddress, downTo leafLevel: Int) {
    var table = root.address
    for level in stride(from: Self.levels, to: leafLevel, by: -1) {
      let place = X86Index.entryAddress(in: table, of: address, level: level)
      let entry = EPTEntry(rawValue: contents.load(place))
      if !entry.isAccessed { contents.store(entry.with(EPTEntry.accessed).rawValue, place) }
      table = entry.frame.address
    }
  }
}
