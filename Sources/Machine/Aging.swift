public import Addressing
internal import Columns
internal import PageContents
internal import PageTables
internal import Translation

/// Which pages were accessed, for two who ask: the reclaim clock and the page sharer.
///
/// There is one accessed bit, and a question clears it. So what one of the two finds is noted for the other, as Linux does with its idle
/// and young marks of a page (Documentation/admin-guide/mm/idle_page_tracking.rst). A huge mapping has one bit for 512 pages; it is noted
/// for each of them, so that a sharer that asks page by page hears it of all.
///
/// As long as no sharer asks, nothing is noted.
struct Aging: ~Copyable {
  /// Who asks.
  enum Observer {
    case reclaim
    case sharer
  }

  /// Pages that were accessed as the one or the other has not heard yet.
  let reclaim: BitColumn
  let sharer: BitColumn
  /// Whether there is a sharer that asks.
  var sharerAsks = false

  init(guestPages: Int) {
    reclaim = BitColumn(count: guestPages)
    sharer = BitColumn(count: guestPages)
  }
}

extension Host {
  /// Whether a page was accessed since the sharer last asked.
  public func testAndClearAccessed(_ page: PageOrdinal) -> Bool? {
    guard let (vm, frame) = owner(of: page), vm.isRunning else { return false }
    aging.sharerAsks = true
    let before = contents.changes
    defer { changesByMerging += contents.changes - before }
    return testAndClearAccessed(frame, of: vm, for: .sharer)
  }

  /// Tests and clears the accessed bit of a page for one who asks.
  func testAndClearAccessed(_ frame: GuestFrame, of vm: VirtualMachine, for observer: Aging.Observer) -> Bool {
    let isLarge = aging.sharerAsks && vm.map.leaf(of: frame).isLarge
    let isNew = isLarge ? testAndClearHuge(frame, of: vm) : vm.translator.testAndClearAccessed(frame)
    guard aging.sharerAsks else { return isNew }
    let page = vm.page(of: frame).index
    if isNew {
      let first = isLarge ? page & ~(GuestPhysicalMap.pagesPerLargeLeaf - 1) : page
      for other in first..<first + (isLarge ? GuestPhysicalMap.pagesPerLargeLeaf : 1) {
        aging.reclaim[other] = true
        aging.sharer[other] = true
      }
    }
    switch observer {
    case .reclaim:
      defer { aging.reclaim[page] = false }
      return aging.reclaim[page]
    case .sharer:
      defer { aging.sharer[page] = false }
      return aging.sharer[page]
    }
  }

  /// Tests and clears the accessed bit of a page in a huge mapping. With the first page the whole mapping is asked for: shadow entries have
  /// a bit for each 4 KiB, and who asks page by page should hear of a later one already here.
  private func testAndClearHuge(_ frame: GuestFrame, of vm: VirtualMachine) -> Bool {
    guard frame.index % GuestPhysicalMap.pagesPerLargeLeaf == 0 else { return vm.translator.testAndClearAccessed(frame) }
    let whole = frame.index..<frame.index + GuestPhysicalMap.pagesPerLargeLeaf
    var isNew = false
    for index in whole where vm.translator.testAndClearAccessed(GuestFrame(index)) { isNew = true }
    return isNew
  }
}
