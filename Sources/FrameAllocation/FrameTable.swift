public import Addressing
public import Columns

/// The host's frames with what is known of each, and which guest pages map it.
///
/// The pages that map a frame form a doubly linked list through two columns indexed by page ordinal, begun in the frame's record. The
/// invariant: a page is in the list of a frame exactly if the guest-physical map sends it there. The zero frame is the exception: it
/// is never reclaimed or moved, so nobody asks who maps it and its pages are only counted, as in Linux.
///
/// A page that has its frame to itself is a list of one, which the record alone tells: the columns are written for shared frames only, and
/// cost memory only where pages are shared.
public final class FrameTable {
  /// Which frames are free.
  public let allocator: BuddyAllocator
  private let next: Column<UInt32>
  private let previous: Column<UInt32>

  /// A host of `frameCount` frames, divided among `nodes`, for guests of at most `pageCapacity` pages in all, which must stay below 2^32.
  public init(frameCount: Int, pageCapacity: Int, nodes: Int = 1) {
    precondition(pageCapacity <= Int(UInt32.max), "a host's guests have at most 2^32 - 1 pages")
    allocator = BuddyAllocator(frameCount: frameCount, nodes: nodes)
    next = Column(count: pageCapacity, isSparse: true)
    previous = Column(count: pageCapacity, isSparse: true)
  }

  /// How many guest pages there can be.
  public var pageCapacity: Int { next.count }

  /// The record of a frame in use.
  public subscript(frame: HostFrame) -> FrameRecord {
    get { FrameRecord(word: allocator[recordOf: frame.index]) }
    set { allocator[recordOf: frame.index] = newValue.word }
  }

  /// Allocates a frame for a use, on a node or where that has none on the next ones; nil if none is free.
  public func allocate(for record: FrameRecord, node: Int = 0) -> HostFrame? {
    guard let index = allocator.allocate(node: node) else { return nil }
    allocator[recordOf: index] = record.word
    return HostFrame(index)
  }

  /// Allocates an aligned block of 2^order frames, each for the same use; nil if there is none.
  public func allocateBlock(order: Int, for record: FrameRecord, node: Int = 0) -> HostFrame? {
    let isRun = order > BuddyAllocator.maxOrder
    guard let first = isRun ? allocator.allocateRun(order: order, node: node) : allocator.allocate(order: order, node: node) else {
      return nil
    }
    for index in first..<first + (1 << order) { allocator[recordOf: index] = record.word }
    return HostFrame(first)
  }

  /// Allocates a frame for a use, drawn at random from the free ones; nil if there is none.
  public func allocate(for record: FrameRecord, drawnFrom random: inout RandomStream) -> HostFrame? {
    guard let index = allocator.allocate(drawnFrom: &random) else { return nil }
    allocator[recordOf: index] = record.word
    return HostFrame(index)
  }

  /// Counts a reference that is no page's.
  public func hold(_ frame: HostFrame) {
    precondition(self[frame].references < FrameRecord.referenceLimit, "more pages map one frame than can be counted")
    self[frame].references += 1
  }

  /// Ends a reference that is no page's.
  /// - Returns: how many references are left.
  public func dropHold(_ frame: HostFrame) -> UInt32 {
    precondition(self[frame].references > 0, "a frame that is held is counted")
    self[frame].references -= 1
    return self[frame].references
  }

  /// Gives a frame back that no page maps.
  public func release(_ frame: HostFrame) {
    precondition(self[frame].references == 0, "a frame that pages map cannot be released")
    allocator.release(frame.index)
  }

  /// Notes that a page, which maps no frame yet, maps this one.
  public func link(_ page: PageOrdinal, to frame: HostFrame) {
    var record = self[frame]
    precondition(record.references < FrameRecord.referenceLimit, "more pages map one frame than can be counted")
    record.references += 1
    if record.use != .zero {
      store(record.firstPage.map { $0.rawValue + 1 } ?? 0, in: next, at: page.index)
      store(0, in: previous, at: page.index)
      if let first = record.firstPage { previous[first.index] = page.rawValue + 1 }
      record.firstPage = page
    }
    self[frame] = record
  }

  /// Stores a link, and leaves memory untouched that holds it already.
  private func store(_ link: UInt32, in links: borrowing Column<UInt32>, at index: Int) {
    if links[index] != link { links[index] = link }
  }

  /// Notes that a page maps a frame no more.
  /// - Returns: how many pages still map it.
  public func unlink(_ page: PageOrdinal, from frame: HostFrame) -> UInt32 {
    var record = self[frame]
    precondition(record.references > 0, "a page that maps a frame is counted there")
    record.references -= 1
    if record.use != .zero {
      let (after, before) = (next[page.index], previous[page.index])
      precondition(
        before == 0 ? record.firstPage == page : next[Int(before) - 1] == page.rawValue + 1,
        "a page is unlinked from the frame that it maps")
      if before == 0 {
        record.firstPage = after == 0 ? nil : PageOrdinal(after - 1)
      } else {
        next[Int(before) - 1] = after
      }
      if after != 0 { store(before, in: previous, at: Int(after) - 1) }
    }
    self[frame] = record
    return record.references
  }

  /// Calls `body` with every page that maps a frame, the last linked first; the zero frame has no list. Of the frame's pages `body` may
  /// unlink the one that it is called with and no other.
  public func forEachPage(of frame: HostFrame, _ body: (PageOrdinal) -> Void) {
    var page = self[frame].firstPage
    while let current = page {
      let after = next[current.index]
      page = after == 0 ? nil : PageOrdinal(after - 1)
      body(current)
    }
  }
}
