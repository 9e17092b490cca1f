import Columns
import FrameAllocation
import Testing

extension Pair {
  /// Takes a frame drawn at random, which must be a free one; none is there only where none is free.
  mutating func draw(_ random: inout RandomStream) {
    guard let frame = allocator.allocate(drawnFrom: &random) else {
      if twin.free.contains(true) { fault = "no frame where some are free" }
      return
    }
    if !twin.free[frame] { fault = "frame \(frame) was drawn, but is in use" }
    twin.set(frame, order: 0, free: false)
    held.append((frame, 0))
  }
}

@Suite("Frames drawn at random")
struct RandomPlacementTests {
  @Test("Whatever frames are drawn and blocks allocated, the free blocks are those of a naive twin", arguments: [1, 2, 3, 37, 64, 300])
  func agreesWithTwin(frameCount: Int) {
    for seed in 0..<4 as Range<UInt64> {
      var random = RandomSource(seed: seed).stream("draws")
      var pair = Pair(frameCount: frameCount)
      for step in 0..<min(2 * frameCount, 300) {
        switch random.below(4) {
        case 0 where !pair.held.isEmpty: pair.release(at: random.index(below: pair.held.count))
        case 1: pair.allocate(order: Int(random.below(3)))
        default: pair.draw(&random)
        }
        if step % 32 == 0, let fault = pair.disagreement() { Issue.record("host of \(frameCount), seed \(seed): \(fault)") }
      }
      while !pair.held.isEmpty { pair.release(at: 0) }
      if let fault = pair.disagreement() { Issue.record("host of \(frameCount), seed \(seed), all released: \(fault)") }
    }
  }

  @Test("The last free frame of a host is found wherever it is, and then there is none")
  func lastFrame() {
    for last in [0, 1, 700, 1023] {
      let allocator = BuddyAllocator(frameCount: 1024)
      var random = RandomSource(seed: 1).stream("draws")
      for _ in 0..<1024 { _ = allocator.allocate() }
      allocator.release(last)
      #expect(allocator.allocate(drawnFrom: &random) == last && allocator.allocate(drawnFrom: &random) == nil)
    }
  }
}
