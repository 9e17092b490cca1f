internal import Addressing
internal import PageTables

extension MMU {
  /// Tests and clears A in a leaf of the map, in a large one for all its pages at once. Where it was set, the guest's translations go too:
  /// an access that hits in the TLB would not set it again.
  func testAndClearAccessed(_ frame: GuestFrame, in map: GuestPhysicalMap) -> Bool {
    let leaf = map.leaf(of: frame)
    guard leaf.isPresent && leaf.isAccessed else { return false }
    mapChanged()
    map.clearAccessed(frame, leaf)
    return true
  }
}
