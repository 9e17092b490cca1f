internal import Addressing
internal import PageTables
internal import TranslationCaching

extension GuestPhysicalMap {
  /// Tests and clears A in a leaf, in a large one for all its pages at once. Where it was set, the guest's TLB entries go too: an access
  /// that hits there would not set it again.
  func testAndClearAccessed(_ frame: GuestFrame, _ tlb: TLBHierarchy, _ vpid: VPID) -> Bool {
    let leaf = self.leaf(of: frame)
    guard leaf.isPresent && leaf.isAccessed else { return false }
    tlb.flush(vpid)
    clearAccessed(frame, leaf)
    return true
  }
}
