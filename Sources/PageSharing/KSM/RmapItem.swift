/// What the scanner remembers of one page ordinal: Linux's `ksm_rmap_item`. `RmapItems` keeps it in five to nine bytes.
@frozen @usableFromInline struct RmapItem: BitwiseCopyable {
  /// Where an item stands.
  @frozen @usableFromInline enum State: UInt8, BitwiseCopyable {
    /// There is no item: the page was never visited, or was gone when the scanner came by.
    case none
    /// The item is in no tree.
    case idle
    /// The item is in the unstable tree as `node`, in this scan's or (until it is visited again) in the last one's.
    case unstable
    /// The item is one of the sharers of the stable node `node`.
    case stable
  }

  /// The checksum at the last visit; 0 at first, as in the kernel.
  @usableFromInline var checksum: UInt32
  /// The node in the stable or unstable tree, where the state says that the item is in one.
  @usableFromInline var node: UInt32
  /// Which visit of an unmerged page comes next, under smart_scan: from 0 to 22, and then 22 to 30 again and again.
  @usableFromInline var visit: UInt8
  @usableFromInline var state: State
  /// Whether the scanner mapped the page to the zero page. Outlives the item: the kernel keeps this mark in the page table entry.
  @usableFromInline var isZeroPlaced: Bool

  /// Whether the item has a node.
  @inlinable var isInTree: Bool { state == .stable || state == .unstable }

  /// The item of a page that is visited for the first time.
  @inlinable static func fresh(zeroPlaced: Bool = false) -> RmapItem { RmapItem(state: .idle, isZeroPlaced: zeroPlaced) }

  /// No item.
  @inlinable static func gone(zeroPlaced: Bool) -> RmapItem { RmapItem(state: .none, isZeroPlaced: zeroPlaced) }

  @inlinable init(state: State, isZeroPlaced: Bool) {
    (checksum, node, visit) = (0, 0, 0)
    self.state = state
    self.isZeroPlaced = isZeroPlaced
  }

  /// Decides, at a visit of an unmerged page under smart_scan, whether to skip it, and counts the visit.
  ///
  /// The kernel keeps an age and the skips that are left (mm/ksm.c, `should_skip_rmap_item`): below age 3 it skips nothing; a visit that
  /// scans allows as many skips as `skip_age` says, 1 up to age 3, 2 up to age 5, 4 up to age 8, then 8. So visits 0, 1, 2, 3, 5, 8, 13,
  /// 22, 31 and every ninth later one are scanned, and one number says where in this rhythm a page stands.
  @inlinable mutating func skipsThisVisit() -> Bool {
    let now = visit
    visit = now < 30 ? now + 1 : 22
    return RmapItem.scannedVisits >> UInt32(now) & 1 == 0
  }

  /// The visits that are scanned, a bit each.
  @inlinable static var scannedVisits: UInt32 { 1 << 0 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 5 | 1 << 8 | 1 << 13 | 1 << 22 }
}
