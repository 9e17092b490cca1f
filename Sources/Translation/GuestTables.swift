internal import Addressing
internal import PageContents
internal import PageTables

/// One guest's own page tables, read and marked by software through the guest-physical map.
///
/// Shadow paging fills its tables with it; where the processor walks, it sets A and D with it.
struct GuestTables {
  let contents: FrameContents
  let map: GuestPhysicalMap

  /// The host address of an entry of a guest table, or nil where the map has no page there.
  @inline(__always) func place(_ entry: GuestPhysicalAddress) -> HostPhysicalAddress? {
    let leaf = map.leaf(of: entry.page)
    guard leaf.isReadable else { return nil }
    return leaf.frame.address(atOffsetOf: entry)
  }

  /// The word at a guest-physical address, or nil where the map has no page there.
  func word(_ address: GuestPhysicalAddress) -> UInt64? { place(address).map { contents.load($0) } }

  /// What the tables and the map say of an address, by software and without a trace.
  func composition(of address: GuestVirtualAddress, root: GuestPhysicalAddress, _ controls: X86Controls) -> ComposedTranslation {
    Translation.composition(of: address, cr3: root, contents: contents, map: map, controls: controls)
  }

  /// The violation of a load of a guest table that the map has no page for.
  static func missing(_ entry: GuestPhysicalAddress) -> GuestViolation {
    GuestViolation(
      address: entry, access: .read, isGuestTable: true, qualification: GuestViolation.qualification(1, isGuestTable: true))
  }

  /// Sets A in every entry that leads to `address`, and D in the leaf after a write, once a walk has passed (Intel SDM 4.8).
  /// - Returns: the violation where a table to be marked lies in a page that the map does not let anyone write; entries above it are
  ///   marked.
  func markUsed(
    _ address: GuestVirtualAddress, root: GuestPhysicalAddress, _ controls: X86Controls, isWrite: Bool
  ) -> GuestViolation? {
    var walk = X86Walk(address, root: root, levels: controls.levels, reserved: controls.reservedBits)
    while true {
      let entryAddress = walk.entryAddress
      let leaf = map.leaf(of: entryAddress.page)
      guard leaf.isReadable else { return Self.missing(entryAddress) }
      let place = leaf.frame.address(atOffsetOf: entryAddress)
      let entry = X86Entry(rawValue: contents.load(place))
      let step = walk.step(entry)
      guard step == .table || step == .leaf else { return nil }
      let used = entry.with(step == .leaf && isWrite ? X86Entry.accessed | X86Entry.dirty : X86Entry.accessed)
      if used != entry {
        guard leaf.isWritable else {
          let low = 2 | (leaf.rawValue & EPTEntry.permissions) << 3
          return GuestViolation(
            address: entryAddress, access: .write, isGuestTable: true, qualification: GuestViolation.qualification(low, isGuestTable: true))
        }
        contents.store(used.rawValue, place)
        map.markUsed(entryAddress.page, leaf, isWrite: true)
      }
      if step == .leaf { return nil }
    }
  }

  /// The check of the final access against a leaf of the map.
  static func refusal(_ leaf: EPTEntry, _ address: GuestPhysicalAddress, _ access: AccessKind) -> GuestViolation? {
    if leaf.allows(access) { return nil }
    let low = 1 << UInt64(access.rawValue) | (leaf.rawValue & EPTEntry.permissions) << 3
    return GuestViolation(
      address: address, access: access, isGuestTable: false, qualification: GuestViolation.qualification(low, isGuestTable: false))
  }
}
