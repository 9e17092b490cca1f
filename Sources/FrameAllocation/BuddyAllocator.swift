public import Columns

/// # FrameAllocation: which frames are free, and who has the others
///
/// Frames are handed out by the buddy system as Linux uses it: free memory is kept in blocks of 2^order frames, orders 0 to 10, each
/// aligned to its size. A request takes the smallest block that is large enough and splits it; a freed block is merged with its buddy, the
/// other half of the block that both came from, for as long as that is free and whole.
///
/// The invariants: no frame lies in two blocks; no two free buddies of one order stand unmerged; free plus allocated frames are
/// all frames. They hold because a block enters a free list only whole and merged, because its order is marked at its first frame and
/// nowhere else, and because every frame in use is marked as such: releasing a frame twice ends the program where it happens. So freeing
/// everything restores the blocks that the allocator began with.
///
/// A free frame needs two links, a used one needs a record of its use: as in Linux's `struct page`, one word serves both.
///
/// A host of several NUMA nodes divides its frames by number into as many runs of whole largest blocks, and has a set of lists for each. A
/// block and its buddy lie in one largest block, so no merge crosses from node to node.
///
/// A new allocator costs nothing, however many frames there are: what is stored of a largest block is how it differs from what it was in
/// the beginning, free and between its neighbours, so that untouched memory, all zeros, says just that.

/// A buddy allocator over frames 0 ..< frameCount, with a word of record for each frame in use.
public final class BuddyAllocator {
  /// The largest block: 2^10 frames, 4 MiB (Linux `MAX_PAGE_ORDER`).
  public static let maxOrder = 10

  /// How many frames there are, free or not.
  public let frameCount: Int
  /// How many NUMA nodes the frames are divided into.
  public let nodes: Int
  /// How many frames are free.
  public private(set) var freeFrames: Int

  /// How many frames a node has; the last one has those that are left over, too.
  private let framesPerNode: Int
  /// How many largest blocks there are.
  private let wholeBlocks: Int

  /// Of a free block's first frame: next and previous block's frame, each plus 1, 0 for none; `links` tells how they are stored. Of a used
  /// frame: its record.
  private let words: Column<UInt64>
  /// Of a free block's first frame: its order plus 1. Of its other frames: 0. Of a frame in use: `inUse`. `mark` tells how they are stored.
  private let marks: Column<UInt8>
  private static let inUse: UInt8 = 255
  /// Of each node, of each order: the first free block's frame plus 1, and how many blocks there are.
  private let lists: Column<UInt32>
  private let counts: Column<Int>
  private static let orders = maxOrder + 1

  /// An allocator with every frame free. At most 2^32 - 2 frames (16 TiB), and at least one largest block for each of several nodes.
  public init(frameCount: Int, nodes: Int = 1) {
    precondition(frameCount > 0 && frameCount < Int(UInt32.max), "a host has from 1 to 2^32 - 2 frames")
    precondition(nodes >= 1 && (nodes == 1 || frameCount >> Self.maxOrder >= nodes), "each node has a largest block at least")
    self.frameCount = frameCount
    self.nodes = nodes
    framesPerNode = nodes == 1 ? frameCount : ((frameCount >> Self.maxOrder) / nodes) << Self.maxOrder
    lists = Column(count: nodes * Self.orders)
    counts = Column(count: nodes * Self.orders)
    words = Column(count: frameCount)
    marks = Column(count: frameCount)
    freeFrames = frameCount
    // Each node's largest blocks lie in its list in ascending order without being touched, see `links`.
    wholeBlocks = frameCount >> Self.maxOrder
    for node in 0..<nodes {
      let first = firstFrame(of: node) >> Self.maxOrder
      counts[node * Self.orders + Self.maxOrder] = (node + 1 == nodes ? wholeBlocks : firstFrame(of: node + 1) >> Self.maxOrder) - first
      lists[node * Self.orders + Self.maxOrder] = first < wholeBlocks ? UInt32(first << Self.maxOrder + 1) : 0
    }
    // What is left over at the end: at most one block of each order.
    var end = frameCount
    while end > wholeBlocks << Self.maxOrder {
      let order = end.trailingZeroBitCount
      end -= 1 << order
      push(end, order, node(of: end) * Self.orders + order)
    }
  }

  // MARK: Allocation

  /// A free block of 2^order frames, the lowest order that has one split as far as needed; nil if there is none. It lies on the node that
  /// is asked for, or where that has none on the next one that has, the first node after the last.
  public func allocate(order: Int = 0, node home: Int = 0) -> Int? {
    precondition((0...Self.maxOrder).contains(order), "block order out of range")
    precondition((0..<nodes).contains(home), "no such node")
    var node = home
    repeat {
      if let block = allocate(order, of: node) { return block }
      node = node + 1 == nodes ? 0 : node + 1
    } while node != home
    return nil
  }

  private func allocate(_ order: Int, of node: Int) -> Int? {
    let first = node * Self.orders
    guard let found = (order...Self.maxOrder).first(where: { lists[first + $0] != 0 }) else { return nil }
    let block = Int(lists[first + found]) - 1
    unlink(block, first + found)
    var size = found
    while size > order {
      size -= 1
      push(block + (1 << size), size, first + size)
    }
    freeFrames -= 1 << order
    setInUse(block, order)
    return block
  }

  /// A free, aligned run of 2^order frames, larger than the largest block: largest blocks that are free side by side, the lowest such run
  /// on the node that is asked for or else on any (Linux `alloc_contig_pages`, for pages of 1 GiB); nil if there is none.
  public func allocateRun(order: Int, node home: Int = 0) -> Int? {
    precondition(order > Self.maxOrder && order < 32, "run order out of range")
    let size = 1 << order
    let starts = stride(from: 0, through: frameCount - size, by: size)
    func isFree(_ start: Int) -> Bool {
      stride(from: start, to: start + size, by: 1 << Self.maxOrder).allSatisfy { mark($0) == UInt8(Self.maxOrder + 1) }
    }
    guard let start = starts.first(where: { node(of: $0) == home && isFree($0) }) ?? starts.first(where: isFree) else { return nil }
    for block in stride(from: start, to: start + size, by: 1 << Self.maxOrder) {
      unlink(block, node(of: block) * Self.orders + Self.maxOrder)
      setInUse(block, Self.maxOrder)
    }
    freeFrames -= size
    return start
  }

  /// A free frame drawn at random: each equally likely, as long as about one in a hundred is free. After 1024 draws of frames in use it is
  /// the next free one from a drawn frame on, which favours frames that stand behind many used ones.
  public func allocate(drawnFrom random: inout RandomStream) -> Int? {
    guard freeFrames > 0 else { return nil }
    var frame = random.index(below: frameCount)
    var draws = 1
    while !isFree(frame) && draws < 1024 {
      frame = random.index(below: frameCount)
      draws += 1
    }
    while !isFree(frame) { frame = frame + 1 == frameCount ? 0 : frame + 1 }
    take(frame)
    return frame
  }

  /// Takes a free frame out of the block that it lies in; the rest stays free, in the largest blocks that there are.
  private func take(_ frame: Int) {
    var order = 0
    while mark(frame & ~((1 << order) - 1)) != UInt8(order + 1) { order += 1 }
    var block = frame & ~((1 << order) - 1)
    let first = node(of: block) * Self.orders
    unlink(block, first + order)
    while order > 0 {
      order -= 1
      let upper = block + (1 << order)
      push(frame < upper ? upper : block, order, first + order)
      if frame >= upper { block = upper }
    }
    freeFrames -= 1
    setInUse(frame, 0)
  }

  /// Gives a block back that `allocate` handed out, or an aligned part of one, or an aligned whole of several.
  public func release(_ block: Int, order: Int = 0) {
    if order > Self.maxOrder {
      // A run: block by block.
      for part in stride(from: block, to: block + (1 << order), by: 1 << Self.maxOrder) { release(part, order: Self.maxOrder) }
      return
    }
    precondition(order >= 0, "block order out of range")
    precondition(
      block >= 0 && block & ((1 << order) - 1) == 0 && block + (1 << order) <= frameCount,
      "a released block must be aligned and inside the host")
    for frame in block..<block + (1 << order) { precondition(mark(frame) == Self.inUse, "a free frame cannot be released again") }
    marks.fill(block..<block + (1 << order), with: 0)
    setMark(block, 0)
    freeFrames += 1 << order
    var (block, order) = (block, order)
    let first = node(of: block) * Self.orders
    while order < Self.maxOrder {
      let buddy = block ^ (1 << order)
      guard buddy + (1 << order) <= frameCount, mark(buddy) == UInt8(order + 1) else { break }
      unlink(buddy, first + order)
      block = min(block, buddy)
      order += 1
    }
    push(block, order, first + order)
  }

  /// How many free blocks of an order there are; orders go from 0 to `maxOrder`.
  public func freeBlocks(order: Int) -> Int { (0..<nodes).reduce(0) { $0 + counts[$1 * Self.orders + order] } }

  /// The node that a frame lies on.
  public func node(of frame: Int) -> Int { nodes == 1 ? 0 : min(frame / framesPerNode, nodes - 1) }

  /// How many frames of a node are free.
  public func freeFrames(ofNode node: Int) -> Int {
    (0...Self.maxOrder).reduce(0) { $0 + counts[node * Self.orders + $1] << $1 }
  }

  /// Whether a frame is free.
  public func isFree(_ frame: Int) -> Bool { mark(frame) != Self.inUse }

  /// The record of a frame in use, zero when the frame is allocated. A free frame has none: there the word may be the allocator's own,
  /// to be neither believed nor set.
  public subscript(recordOf frame: Int) -> UInt64 {
    get { words[frame] }
    set { words[frame] = newValue }
  }

  // MARK: Free lists

  private func push(_ block: Int, _ order: Int, _ list: Int) {
    let first = UInt64(lists[list])
    setLinks(block, order, next: first, previous: 0)
    if first != 0 { setLinks(Int(first) - 1, order, next: links(Int(first) - 1, order).next, previous: UInt64(block + 1)) }
    lists[list] = UInt32(block + 1)
    setMark(block, UInt8(order + 1))
    counts[list] += 1
  }

  private func unlink(_ block: Int, _ list: Int) {
    let order = list % Self.orders
    let (next, previous) = links(block, order)
    if previous == 0 {
      lists[list] = UInt32(next)
    } else {
      setLinks(Int(previous) - 1, order, next: next, previous: links(Int(previous) - 1, order).previous)
    }
    if next != 0 { setLinks(Int(next) - 1, order, next: links(Int(next) - 1, order).next, previous: previous) }
    setMark(block, 0)
    counts[list] -= 1
  }

  // MARK: What untouched memory says

  /// The neighbours of a free block in its list. Those of a largest block are stored as the bits in which they differ from its first ones.
  private func links(_ block: Int, _ order: Int) -> (next: UInt64, previous: UInt64) {
    let word = words[block] ^ (order == Self.maxOrder ? firstLinks(block) : 0)
    return (word & 0xffff_ffff, word >> 32)
  }

  private func setLinks(_ block: Int, _ order: Int, next: UInt64, previous: UInt64) {
    words[block] = (next | previous << 32) ^ (order == Self.maxOrder ? firstLinks(block) : 0)
  }

  /// The neighbours of a largest block in the beginning: those beside it on its node.
  private func firstLinks(_ block: Int) -> UInt64 {
    let (size, node) = (1 << Self.maxOrder, node(of: block))
    let isLast = block >> Self.maxOrder + 1 == wholeBlocks || self.node(of: block + size) != node
    return (isLast ? 0 : UInt64(block + size + 1)) | (block == firstFrame(of: node) ? 0 : UInt64(block - size + 1) << 32)
  }

  private func firstFrame(of node: Int) -> Int { node * framesPerNode }

  /// The mark of a frame, stored as the bits in which it differs from the first one: a largest block's first frame began as that of a free
  /// block.
  private func mark(_ frame: Int) -> UInt8 { marks[frame] ^ firstMark(frame) }

  private func setMark(_ frame: Int, _ mark: UInt8) { marks[frame] = mark ^ firstMark(frame) }

  private func firstMark(_ frame: Int) -> UInt8 {
    frame & ((1 << Self.maxOrder) - 1) == 0 && frame >> Self.maxOrder < wholeBlocks ? UInt8(Self.maxOrder + 1) : 0
  }

  /// Marks the frames of a block that was free as in use, with a record of zero.
  private func setInUse(_ block: Int, _ order: Int) {
    marks.fill(block..<block + (1 << order), with: Self.inUse)
    words.fill(block..<block + (1 << order), with: 0)
    setMark(block, Self.inUse)
  }
}
