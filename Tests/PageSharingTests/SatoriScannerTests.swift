import Addressing
import Columns
import PageSharing
import Testing

/// Satori's sharing against the truth of blocks.
@Suite struct SatoriScannerTests {
  @Test("However pages change, no page reads anything but what was written to it, and nothing is ever hashed", arguments: 0..<60)
  func truth(seed: UInt64) {
    let trial = ScannerTrial(.satori, seed: seed)
    trial.readsBlocks = true
    #expect(trial.survive())
    #expect(trial.scanner.work.bytesHashed == 0)
    // Every page is gone by once more; then the counters are those of the frames.
    trial.rest(rounds: 2)
    #expect(trial.scanner.counters.pagesShared == trial.sharing.shared)
    #expect(trial.scanner.counters.pagesSharing == trial.sharing.sharing)
  }

  @Test("At any moment, exactly the pages that were read from one block and not written since share a frame", arguments: 0..<60)
  func blockTruth(seed: UInt64) {
    var random = RandomSource(seed: seed).stream("satori")
    let pages = 32
    let memory = WritableMemory(pages: pages)
    let scanner = SatoriScanner(memory: memory, capacity: pages, frameCount: pages)
    _ = scanner.register(0..<pages / 2, tenant: 0)
    _ = scanner.register(pages / 2..<pages, tenant: 1)
    var block: [UInt64?] = Array(repeating: nil, count: pages)
    var present = Set<Int>()
    for time in 0..<400 as Range<UInt64> {
      let page = random.index(below: pages)
      switch random.below(4) {
      case 0:
        // Contents 20 and above are in no block; those of blocks 0 and 10, 1 and 11, ... are equal.
        memory.write(20 + Int(random.below(4)), to: page)
        (block[page], _) = (nil, present.insert(page))
      case 1:
        memory.discard(page)
        (block[page], _) = (nil, present.remove(page))
      default:
        let number = random.below(20)
        memory.write(Int(number % 10), to: page)
        scanner.pageRead(PageOrdinal(UInt32(page)), from: number, at: time)
        (block[page], _) = (number, present.insert(page))
      }
      if random.oneIn(5) { _ = scanner.scanBatch(pages: random.below(20), at: time) }
      let readAgain = Set(block.compactMap { $0 })
      #expect(memory.usedFrames == readAgain.count + present.count { block[$0] == nil })
    }
  }

  @Test("Pages of the same content from different blocks, or written by guests, are never found")
  func onlyBlocks() {
    let memory = WritableMemory([5, 5, 5, 5])
    let scanner = SatoriScanner(memory: memory, capacity: 4, frameCount: 4)
    _ = scanner.register(0..<4, tenant: 0)
    for page in 0..<3 as Range<UInt32> { scanner.pageRead(PageOrdinal(page), from: UInt64(page), at: 0) }
    for _ in 0..<4 { _ = scanner.scanBatch(pages: .max, at: 1) }
    #expect(memory.usedFrames == 4)
    #expect(scanner.counters.pagesUnshared == 3)
    #expect(scanner.work.merges == 0)
  }

  @Test("Reads of pages that belong to no space are ignored")
  func strangers() {
    let memory = WritableMemory([5, 5, 5])
    let scanner = SatoriScanner(memory: memory, capacity: 3, frameCount: 3)
    let space = scanner.register(0..<2, tenant: 0)
    scanner.pageRead(PageOrdinal(0), from: 1, at: 0)
    scanner.pageRead(PageOrdinal(2), from: 1, at: 0)
    #expect(memory.usedFrames == 3)
    scanner.unregister(space)
    scanner.pageRead(PageOrdinal(1), from: 1, at: 0)
    #expect(memory.usedFrames == 3)
  }
}
