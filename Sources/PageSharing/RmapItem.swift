/// What the scanner remembers of one page ordinal: Linux's `ksm_rmap_item` in twelve bytes.
///
/// All-zero bits mean that the scanner keeps no item, so a fresh column describes memory that was never scanned and costs nothing.
@frozen @usableFromInline struct RmapItem: BitwiseCopyable {
  /// Where an item stands.
  @frozen @usableFromInline enum State: UInt8, BitwiseCopyable {
    /// There is no item: the page was never visited, or was gone when the scanner came by.
    case none
    /// The item is in no tree.
    case idle
    /// The item is in the unstable tree, this scan's or (until it is visited again) the last one's.
    case unstable
    /// The item is one of the sharers of the stable node `node`.
    case stable
  }

  /// The checksum at the last visit; 0 at first, as in the kernel.
  @usableFromInline var checksum: UInt32
  /// The stable node, where the state is `stable`.
  @usableFromInline var node: UInt32
  /// How many scans have seen the page unmerged, up to 255.
  @usableFromInline var age: UInt8
  /// How many scans in a row may still skip the page.
  @usableFromInline var remainingSkips: UInt8
  @usableFromInline var state: State
  /// Whether the scanner mapped the page to the zero page. Outlives the item: the kernel keeps this mark in the page table entry.
  @usableFromInline var isZeroPlaced: Bool

  /// The item of a page that is visited for the first time.
  @inlinable static func fresh(zeroPlaced: Bool = false) -> RmapItem { RmapItem(state: .idle, isZeroPlaced: zeroPlaced) }

  /// No item.
  @inlinable static func gone(zeroPlaced: Bool) -> RmapItem { RmapItem(state: .none, isZeroPlaced: zeroPlaced) }

  @inlinable init(state: State, isZeroPlaced: Bool) {
    (checksum, node, age, remainingSkips) = (0, 0, 0, 0)
    self.state = state
    self.isZeroPlaced = isZeroPlaced
  }

  /// Decides, at a visit of an unmerged page under smart_scan, whether to skip it, and counts the visit (mm/ksm.c,
  /// `should_skip_rmap_item`). Visits 0, 1, 2, 3, 5, 8, 13, 22, 31 and every ninth later one are scanned.
  @inlinable mutating func skipsThisVisit() -> Bool {
    let visits = age
    if age < .max { age += 1 }
    if visits < 3 { return false }
    if remainingSkips == 0 {
      remainingSkips = RmapItem.skips(atAge: visits)
      return false
    }
    remainingSkips -= 1
    return true
  }

  /// How many scans a page of this age is skipped in a row (mm/ksm.c, `skip_age`).
  @inlinable static func skips(atAge age: UInt8) -> UInt8 {
    switch age {
    case ...3: 1
    case ...5: 2
    case ...8: 4
    default: 8
    }
  }
}
