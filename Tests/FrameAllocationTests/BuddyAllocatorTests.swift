import FrameAllocation
import TestSupport
import Testing

@Suite("The buddy allocator")
struct BuddyAllocatorTests {
  @Test("Every short sequence of requests on every small host gives the blocks of a naive twin", arguments: 1...40)
  func exhaustive(frameCount: Int) {
    let depth = 4
    // Five requests: a block of order 0, 1 or 3, the oldest or the newest block back.
    for sequence in 0..<Int(625) {
      var pair = Pair(frameCount: frameCount)
      var rest = sequence
      for _ in 0..<depth {
        switch rest % 5 {
        case 0: pair.allocate(order: 0)
        case 1: pair.allocate(order: 1)
        case 2: pair.allocate(order: 3)
        case 3: pair.release(at: 0)
        default: pair.release(at: pair.held.count - 1)
        }
        rest /= 5
      }
      if let fault = pair.disagreement() { Issue.record("host of \(frameCount), sequence \(sequence): \(fault)") }
      while !pair.held.isEmpty { pair.release(at: 0) }
      if let fault = pair.disagreement() { Issue.record("host of \(frameCount), sequence \(sequence), all released: \(fault)") }
    }
  }

  @Test("Long random sequences on large hosts give the blocks of a naive twin", arguments: 0..<8 as Range<UInt64>)
  func fuzz(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let frameCount = Int.random(in: 1000...6000, using: &generator)
    var pair = Pair(frameCount: frameCount)
    let initial = (0...BuddyAllocator.maxOrder).map { pair.allocator.freeBlocks(order: $0) }
    for step in 0..<400 {
      // Filling and emptying by turns, small orders more often than large ones.
      if Int.random(in: 0..<10, using: &generator) < (step / 100 % 2 == 0 ? 7 : 3) {
        pair.allocate(order: min(Int.random(in: 0...10, using: &generator), Int.random(in: 0...10, using: &generator)))
      } else {
        pair.release(at: Int.random(in: 0..<max(1, pair.held.count), using: &generator))
      }
      if step % 50 == 49 { #expect(pair.disagreement() == nil) }
    }
    pair.held.shuffle(using: &generator)
    while !pair.held.isEmpty { pair.release(at: pair.held.count - 1) }
    #expect(pair.disagreement() == nil)
    #expect((0...BuddyAllocator.maxOrder).map { pair.allocator.freeBlocks(order: $0) } == initial)
    #expect(pair.allocator.freeFrames == frameCount)
  }

  @Test("The largest allocator is made at once, and gives its blocks in order")
  func largest() {
    let count = Int(UInt32.max) - 1
    for nodes in [1, 3] {
      let allocator = BuddyAllocator(frameCount: count, nodes: nodes)
      #expect(allocator.freeFrames == count)
      #expect(allocator.freeBlocks(order: 10) == count >> 10)
      #expect((0..<10).map { allocator.freeBlocks(order: $0) } == [0] + [Int](repeating: 1, count: 9))
      #expect((0..<nodes).map { allocator.freeFrames(ofNode: $0) }.reduce(0, +) == count)
      let first = ((count >> 10) / nodes) << 10
      for node in 0..<nodes {
        #expect(allocator.allocate(order: 10, node: node) == node * first)
        #expect(allocator.allocate(order: 10, node: node) == node * first + 1024)
        #expect(!allocator.isFree(node * first) && allocator.isFree(node * first + 2048))
      }
      for node in 0..<nodes { for block in [1024, 0] { allocator.release(node * first + block, order: 10) } }
      #expect(allocator.freeFrames == count)
      #expect(allocator.allocate(order: 10) == 0)
    }
  }

  @Test("A block may come back in aligned parts, and parts as a whole")
  func parts() {
    let allocator = BuddyAllocator(frameCount: 1024)
    #expect(allocator.allocate(order: 10) == 0)
    for part in stride(from: 0, to: 1024, by: 4) { allocator.release(part, order: 2) }
    #expect(allocator.freeBlocks(order: 10) == 1)
    let frames = (0..<1024).compactMap { _ in allocator.allocate() }
    #expect(Set(frames).count == 1024)
    #expect(allocator.allocate() == nil)
    allocator.release(0, order: 10)
    #expect(allocator.freeBlocks(order: 10) == 1)
  }

  @Test("A used frame's record survives whatever happens to other frames, and begins as zero", arguments: 0..<4 as Range<UInt64>)
  func records(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let allocator = BuddyAllocator(frameCount: 777)
    var records: [Int: UInt64] = [:]
    for _ in 0..<3000 {
      if Bool.random(using: &generator), let frame = allocator.allocate() {
        #expect(allocator[recordOf: frame] == 0)
        let record = generator.next()
        allocator[recordOf: frame] = record
        records[frame] = record
      } else if let frame = records.keys.sorted().randomElement(using: &generator) {
        records[frame] = nil
        allocator.release(frame)
      }
    }
    #expect(records.allSatisfy { allocator[recordOf: $0.key] == $0.value })
    #expect(allocator.freeFrames + records.count == 777)
  }

  @Test("A frame released twice, a misaligned block and an order that does not exist end the program")
  func misuse() async {
    await #expect(processExitsWith: .failure) {
      let allocator = BuddyAllocator(frameCount: 8)
      allocator.release(allocator.allocate() ?? 0)
      allocator.release(0)
    }
    await #expect(processExitsWith: .failure) {
      let allocator = BuddyAllocator(frameCount: 8)
      _ = allocator.allocate(order: 3)
      allocator.release(1, order: 1)
    }
    await #expect(processExitsWith: .failure) { _ = BuddyAllocator(frameCount: 8).allocate(order: 11) }
    await #expect(processExitsWith: .failure) {
      let allocator = BuddyAllocator(frameCount: 8)
      _ = allocator.allocate(order: 3)
      allocator.release(8)
    }
  }
}
