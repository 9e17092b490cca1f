public import Addressing
public import PageContents
public import PageTables

/// The oracle of direct paging: what tables that hold machine frames say of an address, with nothing cached, counted or marked. Nil where
/// they have no page.
/// - Parameters:
///   - root: the machine address of the root table.
///   - owner: the guest frame of a machine frame, for the answer.
public func directWalk(
  _ address: GuestVirtualAddress, root: HostPhysicalAddress, contents: FrameContents, controls: X86Controls = X86Controls(),
  owner: (HostFrame) -> GuestFrame? = { _ in nil }
) -> HeldTranslation? {
  guard X86Index.isCanonical(address, levels: controls.levels) else { return nil }
  var walk = X86Walk(address, root: root, levels: controls.levels, reserved: controls.reservedBits)
  var step = X86Step.table
  while step == .table {
    guard walk.table.page.index < contents.frameCount else { return nil }
    step = walk.step(X86Entry(rawValue: contents.load(walk.entryAddress)))
  }
  guard step == .leaf else { return nil }
  return HeldTranslation(guestFrame: owner(walk.target), hostFrame: walk.target, rights: walk.leafRights)
}
