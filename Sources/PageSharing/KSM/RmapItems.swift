internal import Columns

/// The items of all page ordinals, a column a fact: five bytes of a page, and four more where it stands in a tree.
///
/// All-zero bits mean that the scanner keeps no item, so fresh columns describe memory that was never scanned and cost nothing.
@usableFromInline final class RmapItems {
  /// How many page ordinals there are.
  let count: Int
  private let checksums: Column<UInt32>
  /// Touched for pages in trees only.
  private let nodes: Column<UInt32>
  /// State in bits 1:0, the zero mark in bit 2, the next visit in bits 7:3.
  private let marks: Column<UInt8>

  init(count: Int) {
    self.count = count
    checksums = Column(count: count)
    nodes = Column(count: count, isSparse: true)
    marks = Column(count: count)
  }

  /// Where the item of a page stands.
  @usableFromInline func state(of page: Int) -> RmapItem.State { Self.state(marks[page]) }

  private static func state(_ mark: UInt8) -> RmapItem.State { RmapItem.State(rawValue: mark & 3) ?? .none }

  /// The item of a page; its node is kept for the states that have one.
  @usableFromInline subscript(page: Int) -> RmapItem {
    get {
      let mark = marks[page]
      var item = RmapItem(state: Self.state(mark), isZeroPlaced: mark & 4 != 0)
      item.visit = mark >> 3
      item.checksum = checksums[page]
      if item.isInTree { item.node = nodes[page] }
      return item
    }
    set(item) {
      marks[page] = item.state.rawValue | (item.isZeroPlaced ? 4 : 0) | item.visit << 3
      checksums[page] = item.checksum
      if item.isInTree { nodes[page] = item.node }
    }
  }
}
