import FrameAllocation

/// What a buddy allocator must amount to, kept as a set of free frames and worked out anew at every question.
struct NaiveHost {
  var free: [Bool]

  init(frameCount: Int) { free = [Bool](repeating: true, count: frameCount) }

  /// How many maximal blocks of each order the free frames make: an aligned run that is free, of which the twice as large one is not.
  func blocks() -> [Int] {
    var counts = [Int](repeating: 0, count: BuddyAllocator.maxOrder + 1)
    var frame = 0
    while frame < free.count {
      guard free[frame] else {
        frame += 1
        continue
      }
      var order = 0
      while order < BuddyAllocator.maxOrder, isFree(frame, order: order + 1) { order += 1 }
      counts[order] += 1
      frame += 1 << order
    }
    return counts
  }

  /// Whether a frame begins an aligned block of an order inside the host, all of it free.
  func isFree(_ frame: Int, order: Int) -> Bool {
    frame % (1 << order) == 0 && frame + (1 << order) <= free.count && !free[frame..<frame + (1 << order)].contains(false)
  }

  /// The order of the maximal free block in which a frame lies.
  func order(of frame: Int) -> Int {
    (0...BuddyAllocator.maxOrder).last { isFree((frame >> $0) << $0, order: $0) } ?? -1
  }

  mutating func set(_ block: Int, order: Int, free value: Bool) {
    for frame in block..<block + (1 << order) { free[frame] = value }
  }
}

/// An allocator and its twin, taken through the same requests. Every answer is compared; `disagreement` compares the whole state.
struct Pair {
  let allocator: BuddyAllocator
  var twin: NaiveHost
  var held: [(block: Int, order: Int)] = []
  var fault: String?

  init(frameCount: Int) {
    allocator = BuddyAllocator(frameCount: frameCount)
    twin = NaiveHost(frameCount: frameCount)
  }

  mutating func allocate(order: Int) {
    let smallest = (order...BuddyAllocator.maxOrder).first { twin.blocks()[$0] > 0 }
    let block = allocator.allocate(order: order)
    guard let block, let smallest else {
      if block != nil || smallest != nil {
        fault = "order \(order): \(String(describing: block)) where \(String(describing: smallest)) fits"
      }
      return
    }
    if !twin.isFree(block, order: order) { fault = "block \(block) of order \(order) is not free" }
    if twin.order(of: block) != smallest { fault = "block \(block) splits more than order \(smallest)" }
    twin.set(block, order: order, free: false)
    held.append((block, order))
  }

  mutating func release(at index: Int) {
    guard held.indices.contains(index) else { return }
    let (block, order) = held.remove(at: index)
    allocator.release(block, order: order)
    twin.set(block, order: order, free: true)
  }

  func disagreement() -> String? {
    if let fault { return fault }
    let counts = (0...BuddyAllocator.maxOrder).map { allocator.freeBlocks(order: $0) }
    if counts != twin.blocks() { return "blocks \(counts) instead of \(twin.blocks())" }
    if allocator.freeFrames != twin.free.count(where: { $0 }) { return "\(allocator.freeFrames) free frames" }
    for frame in twin.free.indices where allocator.isFree(frame) != twin.free[frame] { return "isFree(\(frame))" }
    return nil
  }
}
