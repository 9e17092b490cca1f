public import Addressing
public import PageContents
public import PageTables

/// The oracle: what an address of a guest leads to, by the guest's tables composed with the guest-physical map, level by level and with
/// nothing cached, counted or marked. Nil where either has no page.
///
/// Writes pass where both allow them; bits A and D play no part.
public func composedWalk(
  _ address: GuestVirtualAddress, cr3: GuestPhysicalAddress, contents: FrameContents, map: GuestPhysicalMap
) -> HeldTranslation? {
  composedWalk(address, cr3: cr3, map: map) { entry in
    let leaf = map.leaf(of: entry.page)
    guard leaf.isPresent else { return nil }
    return contents.load(leaf.frame.address(atOffsetOf: entry))
  }
}

/// The same, with the guest's table entries read through `word`: a table that was swapped out still says what it says.
public func composedWalk(
  _ address: GuestVirtualAddress, cr3: GuestPhysicalAddress, map: GuestPhysicalMap, word: (GuestPhysicalAddress) -> UInt64?
) -> HeldTranslation? {
  guard X86Index.isCanonical(address, levels: GuestTables.levels) else { return nil }
  var walk = X86Walk(address, root: GuestTables.root(cr3), levels: GuestTables.levels)
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
