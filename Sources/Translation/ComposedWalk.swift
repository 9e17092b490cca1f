public import Addressing
public import PageContents
public import PageTables

/// What the guest's tables and the map say of an address, each for itself and both together.
public struct ComposedTranslation: Hashable, Sendable {
  /// What the guest's tables let pass, as a rights word; nil where they map nothing.
  public var guestRights: UInt64?
  /// What both together say; nil where either has no page.
  public var translation: HeldTranslation?
  /// The guest frame that the guest's tables name, whether or not the map has a page for it.
  public var guestFrame: GuestFrame?
  /// Whether a table on the way could not be read: what it says is not known.
  public var isTableAbsent = false
}

/// The oracle: what an address of a guest leads to, by the guest's tables composed with the guest-physical map, level by level and with
/// nothing cached, counted or marked. Nil where either has no page.
///
/// Writes pass where both allow them; bits A and D play no part.
public func composedWalk(
  _ address: GuestVirtualAddress, cr3: GuestPhysicalAddress, contents: FrameContents, map: GuestPhysicalMap,
  controls: X86Controls = X86Controls()
) -> HeldTranslation? {
  composition(of: address, cr3: cr3, contents: contents, map: map, controls: controls).translation
}

/// The same, with what the guest's tables say for themselves.
public func composition(
  of address: GuestVirtualAddress, cr3: GuestPhysicalAddress, contents: FrameContents, map: GuestPhysicalMap, controls: X86Controls
) -> ComposedTranslation {
  composition(of: address, cr3: cr3, map: map, controls: controls) { entry in
    let leaf = map.leaf(of: entry.page)
    guard leaf.isPresent else { return nil }
    return contents.load(leaf.frame.address(atOffsetOf: entry))
  }
}

/// The same, with the guest's table entries read through `word`: a table that was swapped out still says what it says.
public func composition(
  of address: GuestVirtualAddress, cr3: GuestPhysicalAddress, map: GuestPhysicalMap, controls: X86Controls = X86Controls(),
  word: (GuestPhysicalAddress) -> UInt64?
) -> ComposedTranslation {
  guard X86Index.isCanonical(address, levels: controls.levels) else { return ComposedTranslation() }
  let root = GuestPhysicalAddress(cr3.rawValue & X86Entry.frameMask & ~X86Entry.reservedAddressBits)
  var walk = X86Walk(address, root: root, levels: controls.levels, reserved: controls.reservedBits)
  var step = X86Step.table
  while step == .table {
    guard let entry = word(walk.entryAddress) else { return ComposedTranslation(isTableAbsent: true) }
    step = walk.step(X86Entry(rawValue: entry))
  }
  guard step == .leaf else { return ComposedTranslation() }
  let rights = walk.leafRights
  let leaf = map.leaf(of: walk.target)
  guard leaf.isPresent else { return ComposedTranslation(guestRights: rights, guestFrame: walk.target) }
  return ComposedTranslation(
    guestRights: rights,
    translation: HeldTranslation(guestFrame: walk.target, hostFrame: leaf.frame, rights: rights & leaf.asRights),
    guestFrame: walk.target)
}

extension EPTEntry {
  /// A present leaf's W and X at their places in a rights word, with everything set on which a map has no say.
  @inline(__always) var asRights: UInt64 {
    ~(AccessCheck.writable | AccessCheck.executable) | rawValue & EPTEntry.write | (rawValue & EPTEntry.execute) << 61
  }
}
