import FrameAllocation
import TestSupport
import Testing

@Suite("Watermarks and fragmentation")
struct FreeMemoryTests {
  @Test(
    "The marks of a zone are those that Linux computes",
    arguments: [(1, 1024, 1286, 1548), (4, 2048, 3096, 4144), (16, 4096, 8290, 12484), (64, 8192, 24969, 41746)])
  func watermarks(gibibytes: Int, min: Int, low: Int, high: Int) {
    let marks = Watermarks(managedPages: gibibytes << 18)
    #expect([marks.min, marks.low, marks.high] == [min, low, high])
  }

  @Test("The lowest mark stays between 128 KiB and 256 MiB, and the marks never fall as the zone grows")
  func watermarkLimits() {
    #expect(Watermarks(managedPages: 1).min == 32)
    #expect(Watermarks(managedPages: 0).min == 32)
    #expect(Watermarks(managedPages: 1 << 32).min == 65536)
    var last = Watermarks(managedPages: 0)
    for pages in stride(from: 1, to: 1 << 30, by: 9_999_991) {
      let marks = Watermarks(managedPages: pages)
      #expect(marks.min < marks.low && marks.low < marks.high)
      #expect(marks.min >= last.min && marks.low >= last.low && marks.high >= last.high)
      last = marks
    }
  }

  /// A host of which, once full, only these blocks are released: (block, order).
  private func host(frameCount: Int, freeing blocks: [(Int, Int)]) -> BuddyAllocator {
    let allocator = BuddyAllocator(frameCount: frameCount)
    while allocator.allocate() != nil {}
    for (block, order) in blocks { allocator.release(block, order: order) }
    return allocator
  }

  @Test("Memory in single frames fails a request of order 9 for being in pieces")
  func singleFrames() {
    let host = host(frameCount: 2048, freeing: (0..<1024).map { ($0 * 2, 0) })
    #expect(host.freeBlocks(order: 0) == 1024)
    #expect(host.unusableIndex(order: 9) == 1000)
    #expect(host.fragmentationIndex(order: 9) == 998)
  }

  @Test("Three blocks of half the size fail a request of order 9 more for want of memory")
  func halves() {
    let host = host(frameCount: 2048, freeing: [(0, 8), (512, 8), (1024, 8)])
    #expect(host.freeBlocks(order: 8) == 3)
    #expect(host.unusableIndex(order: 9) == 1000)
    #expect(host.fragmentationIndex(order: 9) == 167)
  }

  @Test("One block of order 9 beside as much memory in pieces: half is unusable, and the request would succeed")
  func half() {
    let host = host(frameCount: 2048, freeing: [(0, 9)] + (0..<512).map { (1024 + $0 * 2, 0) })
    #expect((host.freeBlocks(order: 9), host.freeBlocks(order: 0)) == (1, 512))
    #expect(host.unusableIndex(order: 9) == 500)
    #expect(host.fragmentationIndex(order: 9) == -1000)
  }

  @Test("A full host has no usable memory and no fragmentation; an empty one has nothing unusable")
  func extremes() {
    let full = host(frameCount: 100, freeing: [])
    #expect((full.unusableIndex(order: 3), full.fragmentationIndex(order: 3)) == (1000, 0))
    let empty = BuddyAllocator(frameCount: 4096)
    for order in 0...BuddyAllocator.maxOrder {
      #expect((empty.unusableIndex(order: order), empty.fragmentationIndex(order: order)) == (0, -1000))
    }
  }

  @Test("Both indices are the formulas of mm/vmstat.c over the block counts", arguments: 0..<8 as Range<UInt64>)
  func formulas(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let density = Int.random(in: 1...20, using: &generator)
    let blocks = (0..<3000).filter { _ in Int.random(in: 0..<20, using: &generator) < density }.map { ($0, 0) }
    let allocator = host(frameCount: 3000, freeing: blocks)
    let counts = (0...10).map { allocator.freeBlocks(order: $0) }
    let free = blocks.count
    for order in 0...10 {
      let suitable = (order...10).map { counts[$0] << ($0 - order) }.reduce(0, +)
      #expect(allocator.unusableIndex(order: order) == (free - (suitable << order)) * 1000 / free)
      let total = counts.reduce(0, +)
      let expected = suitable > 0 ? -1000 : 1000 - (1000 + free * 1000 / (1 << order)) / total
      #expect(allocator.fragmentationIndex(order: order) == expected)
    }
  }
}
