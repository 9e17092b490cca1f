import Addressing
import FrameAllocation
import TestSupport
import Testing

@Suite("NUMA nodes of an allocator")
struct NodeTests {
  private static let largest = 1 << BuddyAllocator.maxOrder

  /// Where each node begins and the last one ends: as many whole largest blocks for each as there are, and the rest for the last.
  private func bounds(_ frameCount: Int, _ nodes: Int) -> [Int] {
    let share = frameCount / Self.largest / nodes * Self.largest
    return (0..<nodes).map { $0 * share } + [frameCount]
  }

  @Test("Frames are divided by number, evenly but for what is left over", arguments: [1, 2, 3, 5, 64])
  func division(nodes: Int) {
    for frameCount in [64 * 1024, 64 * 1024 + 777, 100 * 1024 + 1] {
      let allocator = BuddyAllocator(frameCount: frameCount, nodes: nodes)
      let bounds = bounds(frameCount, nodes)
      for node in 0..<nodes {
        #expect(allocator.node(of: bounds[node]) == node && allocator.node(of: bounds[node + 1] - 1) == node)
        #expect(allocator.freeFrames(ofNode: node) == bounds[node + 1] - bounds[node])
      }
    }
  }

  @Test(
    "A request is served like a host of its own by the first node that can, from the one asked for on", arguments: 0..<6 as Range<UInt64>)
  func twins(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let nodes = [2, 3, 4][Int(seed % 3)]
    let frameCount = nodes * Self.largest + Int.random(in: 0..<1024, using: &generator)
    let allocator = BuddyAllocator(frameCount: frameCount, nodes: nodes)
    let bounds = bounds(frameCount, nodes)
    var twins = (0..<nodes).map { NaiveHost(frameCount: bounds[$0 + 1] - bounds[$0]) }
    var held: [(block: Int, order: Int)] = []
    for step in 0..<300 {
      if held.isEmpty || Int.random(in: 0..<10, using: &generator) < (step / 75 % 2 == 0 ? 8 : 3) {
        let order = Int.random(in: 0...10, using: &generator)
        let home = Int.random(in: 0..<nodes, using: &generator)
        let candidates = (0..<nodes).map { (home + $0) % nodes }
        let expected = candidates.first { node in twins[node].blocks()[order...].contains { $0 > 0 } }
        let block = allocator.allocate(order: order, node: home)
        #expect(block.map { allocator.node(of: $0) } == expected)
        guard let block, let expected else { continue }
        #expect(twins[expected].isFree(block - bounds[expected], order: order))
        twins[expected].set(block - bounds[expected], order: order, free: false)
        held.append((block, order))
      } else {
        let (block, order) = held.remove(at: Int.random(in: 0..<held.count, using: &generator))
        let node = allocator.node(of: block)
        allocator.release(block, order: order)
        twins[node].set(block - bounds[node], order: order, free: true)
      }
      guard step % 25 == 24 else { continue }
      let blocks = twins.map { $0.blocks() }
      for order in 0...BuddyAllocator.maxOrder { #expect(allocator.freeBlocks(order: order) == blocks.reduce(0) { $0 + $1[order] }) }
      for node in 0..<nodes { #expect(allocator.freeFrames(ofNode: node) == twins[node].free.count { $0 }) }
    }
    for (block, order) in held { allocator.release(block, order: order) }
    #expect(allocator.freeFrames == frameCount && allocator.freeBlocks(order: BuddyAllocator.maxOrder) == frameCount >> 10)
  }

  @Test("A block for several frames gives each its record")
  func blocks() throws {
    let table = FrameTable(frameCount: 2048, pageCapacity: 600, nodes: 2)
    let block = try #require(table.allocateBlock(order: 9, for: .unmapped(.guestPage), node: 1))
    #expect(block == HostFrame(1024))
    for index in 1024..<1536 {
      #expect(table[HostFrame(index)] == .unmapped(.guestPage))
      table.link(PageOrdinal(UInt32(index - 1024)), to: HostFrame(index))
    }
    #expect(table.allocateBlock(order: 10, for: .unmapped(.guestPage), node: 1) == HostFrame(0))
    #expect(table.allocateBlock(order: 10, for: .unmapped(.guestPage), node: 1) == nil)
    #expect(table.allocate(for: .unmapped(.guestPage), node: 0) == HostFrame(1536))
  }

  @Test("Nodes without a largest block, and a node that does not exist, end the program")
  func misuse() async {
    await #expect(processExitsWith: .failure) { _ = BuddyAllocator(frameCount: 2047, nodes: 2) }
    await #expect(processExitsWith: .failure) { _ = BuddyAllocator(frameCount: 2048, nodes: 2).allocate(node: 2) }
    await #expect(processExitsWith: .failure) { _ = BuddyAllocator(frameCount: 2048, nodes: 0) }
  }
}
