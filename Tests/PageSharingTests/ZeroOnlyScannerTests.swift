import Addressing
import Columns
import PageSharing
import Testing

/// The scanner of zero pages against its closed form and a twin.
@Suite struct ZeroOnlyScannerTests {
  @Test("However pages change, no page reads anything but what was written to it", arguments: 0..<30)
  func truth(seed: UInt64) {
    let trial = ScannerTrial(.zeroOnly, seed: seed) { $0.zeroOnly.isGated = seed % 3 != 0 }
    trial.memory.checksums[3] = trial.memory.checksums[0]
    #expect(trial.survive())
  }

  @Test("On memory that stays still, all pages of zeros and no others are merged", arguments: 0..<30)
  func rest(seed: UInt64) {
    let trial = ScannerTrial(.zeroOnly, seed: seed)
    #expect(trial.survive(steps: 20))
    // The first may be the rest of a round that was under way.
    trial.rest(rounds: 3)
    #expect(trial.memory.usedFrames == trial.written.count { $0 != nil && $0 != 0 })
    #expect(trial.sharing.shared == 0)
    #expect(trial.isTruthful)
  }

  @Test("Page by page, the scanner does what a list of last checksums says", arguments: 0..<30)
  func twin(seed: UInt64) {
    let pages = 24
    let memory = WritableMemory(pages: pages)
    let scanner = ZeroOnlyScanner(settings: ZeroOnlySettings(), memory: memory, capacity: pages)
    _ = scanner.register(0..<pages, tenant: 0)
    var random = RandomSource(seed: seed).stream("zeros")
    var lastZero = Set<Int>()
    var placed = Set<Int>()
    for _ in 0..<40 {
      for _ in 0..<random.below(10) {
        let page = random.index(below: pages)
        if placed.remove(page) != nil { scanner.zeroPageLeft(PageOrdinal(UInt32(page))) }
        if random.oneIn(5) { memory.discard(page) } else { memory.write(Int(random.below(3)), to: page) }
      }
      let before = memory.slots
      _ = scanner.scanBatch(pages: .max, at: 0)
      for page in 0..<pages {
        guard case .frame = before[page] else {
          lastZero.remove(page)
          continue
        }
        let isZero = memory.content(of: page) == 0
        if isZero && lastZero.contains(page) { placed.insert(page) }
        if isZero { lastZero.insert(page) } else { lastZero.remove(page) }
        #expect((memory.slots[page] == .zero) == placed.contains(page))
      }
      #expect(scanner.counters.ksmZeroPages == UInt64(placed.count))
    }
  }

  @Test("Over five real guests: all zero pages but none other, as the breakdown counts them")
  func fiveGuests() throws {
    guard let guests = FiveGuests.shared else { return }
    let memory = ImageMemory(MarkedPages(guests.identities))
    let scanner = ZeroOnlyScanner(settings: ZeroOnlySettings(), memory: memory, capacity: memory.pageCount)
    for (tenant, pages) in guests.ranges.enumerated() { _ = scanner.register(pages, tenant: UInt32(tenant)) }
    for _ in 0..<2 { _ = scanner.scanBatch(pages: .max, at: 0) }
    #expect(scanner.counters.ksmZeroPages == UInt64(guests.identities.count { $0 == 0 }))
    #expect(scanner.counters.pagesScanned == 2 * UInt64(guests.identities.count))
  }
}
