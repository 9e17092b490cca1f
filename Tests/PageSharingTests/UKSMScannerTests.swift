import Addressing
import Columns
import PageSharing
import Testing

/// UKSM against its rules.
@Suite struct UKSMScannerTests {
  @Test("However pages change, no page reads anything but what was written to it, with weak hashes too", arguments: 0..<60)
  func truth(seed: UInt64) {
    let trial = ScannerTrial(.uksm, seed: seed, hash: [.real, .twoBits, .constant][Int(seed % 3)]) {
      $0.uksm.initialStrength = [1, 16, 64][Int(seed / 3 % 3)]
      $0.uksm.regionPages = Int(seed % 8)
      $0.uksm.governor = UKSMSettings.Governor.allCases[Int(seed % 4)]
    }
    #expect(trial.survive())
  }

  @Test(
    "On memory that stays still, equal pages come to one frame and zeros to the zero page, however weak both hashes are", arguments: 0..<60)
  func rest(seed: UInt64) {
    let trial = ScannerTrial(.uksm, seed: seed, hash: [.real, .twoBits, .constant][Int(seed % 3)]) {
      $0.uksm.initialStrength = [1, 16, 64][Int(seed / 3 % 3)]
      $0.uksm.regionPages = Int(seed % 8)
      $0.uksm.governor = .quiet
    }
    #expect(trial.survive(steps: 30))
    trial.rest(rounds: 4)
    // Pages on the zero page have no frame; zeros that were merged while they were pinned may share one.
    #expect(trial.memory.usedFrames == trial.framesByRule { _ in 0 })
    #expect(trial.isTruthful)
    #expect(trial.scanner.counters.pagesShared == trial.sharing.shared)
    #expect(trial.scanner.counters.pagesSharing == trial.sharing.sharing)
  }

  func scanner(of memory: WritableMemory, spaces: Int = 1, _ change: (inout UKSMSettings) -> Void = { _ in }) -> UKSMScanner<WritableMemory>
  {
    var settings = UKSMSettings()
    change(&settings)
    let count = memory.slots.count
    let scanner = UKSMScanner(settings: settings, memory: memory, seed: 1, capacity: count, frameCount: count)
    for space in 0..<spaces { _ = scanner.register(space * count / spaces..<(space + 1) * count / spaces, tenant: 0) }
    return scanner
  }

  /// Scans until so many more quarters of all pages were looked at.
  func scan(_ scanner: UKSMScanner<WritableMemory>, quarters: UInt64) {
    let end = scanner.counters.fullScans + quarters
    while scanner.counters.fullScans < end { _ = scanner.scanBatch(pages: .max, at: 0) }
  }

  @Test("A page is merged at its first visit")
  func noGate() {
    let memory = WritableMemory([5, 5, 0, 5])
    let scanner = scanner(of: memory)
    let result = scanner.scanBatch(pages: 4, at: 0)
    #expect(result.pagesScanned == 4 && result.pagesMerged == 2 && result.zeroPagesPlaced == 1)
    #expect(memory.usedFrames == 1)
  }

  @Test("Pages that differ in one word make the hash stronger, until it tells them apart or reads all")
  func strengthGrows() {
    // Contents 3 to 23 come in pairs that differ in the last bit: in a word that a sixteenth of all words hardly ever contains.
    let memory = WritableMemory((0..<210).map { 3 + $0 % 21 })
    let scanner = scanner(of: memory) { $0.initialStrength = 1 }
    let before = scanner.hashStrength
    for page in 0..<210 { memory.pinned.insert(page) }
    // In the tenth, both directions are tried.
    scan(scanner, quarters: 8)
    #expect(scanner.hashStrength > 8 * before)
    memory.pinned = []
    scan(scanner, quarters: 4)
    #expect(memory.usedFrames == 21)
    #expect((0..<210).allSatisfy { memory.content(of: $0) == 3 + $0 % 21 })
  }

  @Test("Where nothing collides, the hash gets weaker, which costs less for each page")
  func strengthShrinks() {
    let memory = WritableMemory((0..<200).map { 3 + $0 % 10 * 2 })
    for page in 0..<200 { memory.pinned.insert(page) }
    let scanner = scanner(of: memory)
    scan(scanner, quarters: 8)
    #expect(scanner.hashStrength < 64)
  }

  @Test("In each wake-up every rung may look at what its share of the time allows", arguments: UKSMSettings.Governor.allCases)
  func shares(governor: UKSMSettings.Governor) {
    let memory = WritableMemory((0..<400).map { $0 % 21 + 3 })
    let scanner = scanner(of: memory, spaces: 4) { $0.governor = governor }
    // mm/uksm.c, uksm_cpu_preset and rung_real_ratio: ten-thousandths of a processor.
    let ratios: [UInt64] =
      switch governor {
      case .full: [20, 40, 2375, 9500]
      case .medium: [20, 30, 1250, 5000]
      case .low: [10, 20, 1000, 2000]
      case .quiet: [10, 20, 40, 75]
      }
    var before = scanner.looks
    for _ in 0..<30 {
      let quotas = scanner.quotas
      for rung in 0..<4 where quotas[rung] > 0 {
        // The share of the time between two wake-ups, of which the pause is all but the share.
        let time = 100_000_000 / (10_000 - ratios[rung]) * ratios[rung]
        #expect(quotas[rung] == max(1, time / scanner.pageNanoseconds))
      }
      #expect(scanner.pace == ScanPace(pages: max(1, quotas.reduce(0, +)), pauseNanoseconds: 100_000_000))
      _ = scanner.scanBatch(pages: .max, at: 0)
      if quotas[0] > 0 { #expect(scanner.looks[0] - before[0] <= quotas[0]) }
      before = scanner.looks
    }
  }

  @Test("A region of duplicates is sampled, climbs to full speed and is read in full; one of unique pages stays on the lowest rung")
  func richRegionsClimb() {
    // Regions so large that a round of the lowest rung can look at an eighth of them.
    let pages = 16384
    let memory = WritableMemory((0..<2 * pages).map { $0 < pages ? 5 : 3 })
    // The second region's pages are all pinned: none of them can be merged.
    for page in pages..<2 * pages { memory.pinned.insert(page) }
    let scanner = scanner(of: memory, spaces: 2)
    var wakeUps = 0
    while wakeUps < 1000 && memory.usedFrames > pages + 1 {
      _ = scanner.scanBatch(pages: .max, at: 0)
      wakeUps += 1
      #expect(scanner.rung(of: PageOrdinal(UInt32(pages))) == 0)
    }
    #expect(memory.usedFrames == pages + 1)
    // Most of the region was read on the highest rung, and most of the other one not at all.
    #expect(scanner.looks[3] > UInt64(pages) / 2)
    #expect(scanner.looks[0] < UInt64(pages) / 2)
  }

  @Test("A region whose merged pages are written again thrashes: it does not climb, while without the rule it does")
  func thrashing() {
    func highestRung(thrashPercent: UInt64) -> Int {
      let pages = 64
      let memory = WritableMemory(Array(repeating: 5, count: pages))
      let scanner = scanner(of: memory) {
        $0.governor = .quiet
        $0.thrashPercent = thrashPercent
      }
      var highest = 0
      for _ in 0..<40 {
        _ = scanner.scanBatch(pages: UInt64(pages / 2), at: 0)
        highest = max(highest, scanner.rung(of: PageOrdinal(0)) ?? 0)
        for page in 0..<pages { memory.write(5, to: page) }
      }
      return highest
    }
    #expect(highestRung(thrashPercent: 0) == 3)
    #expect(highestRung(thrashPercent: 50) < 3)
  }

  @Test("Over the first pages of five real guests, every content comes to one frame, and zeros to the zero page")
  func fiveGuests() throws {
    guard let guests = FiveGuests.shared else { return }
    let identities = guests.ranges.flatMap { guests.identities[$0].prefix(600) }
    let memory = ImageMemory(MarkedPages(identities))
    let scanner = UKSMScanner(settings: UKSMSettings(), memory: memory, seed: 1, capacity: memory.pageCount, frameCount: memory.pageCount)
    for guest in 0..<5 { _ = scanner.register(guest * 600..<(guest + 1) * 600, tenant: 0) }
    let contents = Set(identities.filter { $0 != 0 }).count
    let zeros = identities.count { $0 == 0 }
    for _ in 0..<3000 where scanner.counters.pagesSharing + scanner.counters.ksmZeroPages < UInt64(identities.count - contents) {
      _ = scanner.scanBatch(pages: .max, at: 0)
    }
    #expect(scanner.counters.ksmZeroPages == UInt64(zeros))
    #expect(scanner.counters.pagesSharing == UInt64(identities.count - zeros - contents))
  }
}
