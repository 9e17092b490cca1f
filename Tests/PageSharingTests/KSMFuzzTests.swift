import Addressing
import Columns
import PageSharing
import Testing

/// The scanner against its naive twin, each on a memory of its own to which the same things happen.
@Suite struct KSMFuzzTests {
  static let pages = 48

  /// One run: both scanners, both memories, and what the guests wrote last.
  struct Run {
    let memory = WritableMemory(pages: KSMFuzzTests.pages)
    let scanner: KSMScanner
    let twin: NaiveKSM
    var written: [Int?] = Array(repeating: nil, count: KSMFuzzTests.pages)
    var spaces: [Int: (id: SpaceID, pages: Range<Int>)] = [:]
    var random: RandomStream
    let tellsOfZeroPages: Bool
    let contents: UInt64
    init(seed: UInt64, hash: WritableMemory.Hash) {
      random = RandomSource(seed: seed).stream("ksm")
      var settings = KSMSettings()
      settings.maxPageSharing = [2, 3, 5, 256][random.index(below: 4)]
      settings.useZeroPages = random.oneIn(2)
      settings.smartScan = random.oneIn(2)
      settings.pruneNanoseconds = [0, 1000, 2_000_000_000][random.index(below: 3)]
      tellsOfZeroPages = random.oneIn(2)
      contents = 2 + random.below(10)
      scanner = KSMScanner(settings: settings, capacity: KSMFuzzTests.pages, frameCount: KSMFuzzTests.pages)
      twin = NaiveKSM(settings: settings, memory: WritableMemory(pages: KSMFuzzTests.pages))
      memory.hash = hash
      // Some contents whose checksum is another's: only bytes tell them apart. And one whose checksum is an item's first.
      for memory in [memory, twin.memory] {
        memory.checksums[3] = memory.checksums[0]
        memory.checksums[4] = memory.checksums[5]
        memory.checksums[6] = 0
        memory.canUnshare = tellsOfZeroPages
      }
    }

    /// Something that happens to a page, in both memories.
    mutating func change(_ page: Int, to content: Int?) {
      if memory.slots[page] == .zero && tellsOfZeroPages {
        scanner.zeroPageLeft(PageOrdinal(UInt32(page)))
        twin.zeroPlaced.remove(page)
      }
      written[page] = content
      for memory in [memory, twin.memory] {
        if let content { memory.write(content, to: page) } else { memory.discard(page) }
      }
    }

    mutating func step() {
      let page = random.index(below: KSMFuzzTests.pages)
      switch random.below(16) {
      case 0...8: change(page, to: Int(random.below(contents)))
      case 9: for page in page..<min(page + 9, KSMFuzzTests.pages) { change(page, to: Int(random.below(2))) }
      case 10: change(page, to: nil)
      case 11 where written[page] == nil:
        memory.readFault(page)
        twin.memory.readFault(page)
        written[page] = 0
      case 12 where written[page] == nil:
        let other = random.index(below: KSMFuzzTests.pages)
        memory.share(page, with: other)
        twin.memory.share(page, with: other)
        written[page] = memory.content(of: page)
      case 13:
        for memory in [memory, twin.memory] where memory.pinned.remove(page) == nil { memory.pinned.insert(page) }
      case 14: toggleSpace()
      default: break
      }
    }

    /// Ends one of four spaces and its memory, or begins it.
    mutating func toggleSpace() {
      let number = random.index(below: 4)
      let pages = number * KSMFuzzTests.pages / 4..<(number + 1) * KSMFuzzTests.pages / 4
      if let space = spaces.removeValue(forKey: number) {
        scanner.unregister(space.id)
        twin.unregister(Int(space.id.rawValue))
        if random.oneIn(2) { for page in pages { change(page, to: nil) } }
      } else if !twin.spaces.contains(where: { $0.pages.overlaps(pages) }) {
        let id = scanner.register(pages)
        twin.register(Int(id.rawValue), pages)
        spaces[number] = (id, pages)
      }
    }

    func scan(pages: UInt64) -> Bool {
      twin.now += 300
      let ended = scanner.scanBatch(pages: pages, in: memory, at: twin.now).completedFullScan
      let twinEnded = twin.scanBatch(pages: pages)
      #expect(ended == twinEnded)
      return ended
    }

    func check() -> Bool {
      let (counters, expected) = (scanner.counters, twin.counters)
      return counters == expected && scanner.merges == twin.merges && memory.slots == twin.memory.slots
        && (0..<KSMFuzzTests.pages).allSatisfy { memory.content(of: $0) == written[$0] }
    }
  }

  @Test("Batch by batch, the scanner counts, merges and skips exactly what its naive twin does", arguments: 0..<200)
  func agreesWithTwin(seed: UInt64) {
    var run = Run(seed: seed, hash: .real)
    for _ in 0..<4 { run.toggleSpace() }
    for _ in 0..<120 {
      for _ in 0..<run.random.below(8) { run.step() }
      _ = run.scan(pages: run.random.below(40))
      guard run.check() else {
        Issue.record("seed \(seed): \(run.scanner.counters) is not the twin's \(run.twin.counters)")
        return
      }
    }
  }

  @Test("However weak the hash of the index is, every full scan ends as with a perfect one", arguments: 0..<80)
  func survivesWeakHashes(seed: UInt64) {
    var run = Run(seed: 1000 + seed, hash: seed % 2 == 0 ? .constant : .twoBits)
    for _ in 0..<4 { run.toggleSpace() }
    for _ in 0..<40 {
      for _ in 0..<run.random.below(20) { run.step() }
      guard run.scan(pages: .max) || run.twin.spaces.isEmpty, run.check() else {
        Issue.record("seed \(seed): \(run.scanner.counters) is not the twin's \(run.twin.counters)")
        return
      }
    }
  }
}
