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
  guard X86Index.isCanonical(address, levels: GuestTables.levels) else { return nil }
  var walk = X86Walk(address, root: GuestTables.root(cr3), levels: GuestTables.levels)
  var step = X86Step.table
  while step == .table {
    let entryAddress = walk.entryAddress
    let leaf = map.leaf(of: entryAddress.page)
    guard leaf.isPresent else { return nil }
    let place = HostPhysicalAddress(leaf.frame.address.rawValue | entryAddress.offset(in: .size4K))
    step = walk.step(X86Entry(rawValue: contents.load(place)))
  }
  guard step == .leaf else { return nil }
  let leaf = map.leaf(of: walk.target)
  guard leaf.isPresent else { return nil }
  return HeldTranslation(
    guestFrame: walk.target, hostFrame: leaf.frame, isWritable: walk.rights.isWritable && leaf.isWritable, isUser: walk.rights.isUser,
    isNoExecute: !(walk.rights.isExecutable && leaf.isExecutable))
}
