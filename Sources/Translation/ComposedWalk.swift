public import Addressing
public import PageContents
public import PageTables

/// The oracle: what an address of a guest leads to, by the guest's tables composed with the guest-physical map, level by level and with
/// nothing cached, counted or marked. Nil where either has no page.
///
/// Writes pass where both allow them; bits A and D play no part.
public func composedWalk(
  _ address: GuestVirtualAddress, cr3: GuestPhysicalAddress, contents: FrameContents, map: GuestPhysicalMap,
  controls: X86Controls = X86Controls()
) -> HeldTranslation? {
  composedWalk(address, cr3: cr3, map: map, controls: controls) { entry in
    let leaf = map.leaf(of: entry.page)
    guard leaf.isPresent else { return nil }
    return contents.load(leaf.frame.address(atOffsetOf: entry))
  }
}

/// The same, with the guest's table entries read through `word`: a table that was swapped out still says what it says.
public func composedWalk(
  _ address: GuestVirtualAddress, cr3: GuestPhysicalAddress, map: GuestPhysicalMap, controls: X86Controls = X86Controls(),
  word: (GuestPhysicalAddress) -> UInt64?
) -> HeldTranslation? {
  guard X86Index.isCanonical(address, levels: controls.levels) else { return nil }
  let root = GuestPhysicalAddress(cr3.rawValue & X86Entry.frameMask & ~X86Entry.reservedAddressBits)
  var walk = X86Walk(address, root: root, levels: controls.levels, reserved: controls.reservedBits)
  var step = X86Step.table
  while step == .table {
    guard let entry = word(walk.entryAddress) else { return nil }
    step = walk.step(X86Entry(rawValue: entry))
  }
  guard step == .leaf else { return nil }
  let leaf = map.leaf(of: walk.target)
  guard leaf.isPresent else { return nil }
  return HeldTranslation(
    guestFrame: walk.target, hostFrame: leaf.frame, isWritable: walk.rights.isWritable && leaf.isWritable, isUser: walk.rights.isUser,
    isNoExecute: !(walk.rights.isExecutable && leaf.isExecutable))
}
