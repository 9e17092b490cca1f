import Addressing
import PageSharing
import Testing

/// VMware ESX's page sharing against the rules of the paper.
@Suite struct ESXScannerTests {
  @Test("However pages change, no page reads anything but what was written to it, with weak hashes too", arguments: 0..<60)
  func truth(seed: UInt64) {
    let trial = ScannerTrial(.esx, seed: seed, hash: [.real, .twoBits, .constant][Int(seed % 3)]) {
      $0.esx.order = seed % 2 == 0 ? .random : .linear
      $0.esx.isSalted = seed % 5 < 2
    }
    #expect(trial.survive())
  }

  @Test("On memory that stays still, every content of a tenant (or, unsalted, of the host) comes to one frame", arguments: 0..<60)
  func rest(seed: UInt64) {
    let isSalted = seed % 2 == 0
    let trial = ScannerTrial(.esx, seed: seed) { $0.esx.isSalted = isSalted }
    #expect(trial.survive(steps: 30))
    trial.rest()
    let frames = trial.framesByRule { isSalted ? Int(ScannerTrial.tenant(ofSpace: ScannerTrial.space(of: $0))) : 0 }
    #expect(trial.memory.usedFrames == frames)
    #expect(trial.isTruthful)
    #expect(trial.scanner.counters.pagesShared == trial.sharing.shared)
    #expect(trial.scanner.counters.pagesSharing == trial.sharing.sharing)
  }

  @Test("Salted, no frame is ever mapped by two tenants, not even when all hashes are equal", arguments: 0..<30)
  func tenantsApart(seed: UInt64) {
    let trial = ScannerTrial(.esx, seed: seed, hash: seed % 2 == 0 ? .real : .constant)
    for _ in 0..<30 {
      for _ in 0..<5 { trial.step() }
      trial.scan(pages: 30)
      var owner: [HostFrame: UInt32] = [:]
      for page in 0..<ScannerTrial.pages {
        guard case .stable(let frame) = trial.memory.backing(of: PageOrdinal(UInt32(page))) else { continue }
        let tenant = ScannerTrial.tenant(ofSpace: ScannerTrial.space(of: page))
        #expect(owner[frame, default: tenant] == tenant)
        owner[frame] = tenant
      }
    }
  }

  func scanner(of memory: WritableMemory, spaces: Int = 1, _ change: (inout ESXSettings) -> Void = { _ in }) -> ESXScanner<WritableMemory> {
    var settings = ESXSettings()
    (settings.isSalted, settings.order) = (false, .linear)
    change(&settings)
    let count = memory.slots.count
    let scanner = ESXScanner(settings: settings, memory: memory, seed: 1, capacity: count, frameCount: count)
    for space in 0..<spaces { _ = scanner.register(space * count / spaces..<(space + 1) * count / spaces, tenant: UInt32(space)) }
    return scanner
  }

  @Test("Equal pages are merged in the round that first sees them; unique ones stay writable hints")
  func firstRound() {
    let memory = WritableMemory([3, 4, 3, 5, 3])
    let scanner = scanner(of: memory)
    let result = scanner.scanBatch(pages: .max, at: 0)
    #expect(result.pagesMerged == 2 && result.pagesScanned == 5)
    #expect(scanner.counters.pagesShared == 1 && scanner.counters.pagesSharing == 2 && scanner.counters.pagesUnshared == 2)
    for page in [1, 3] { #expect(memory.backing(of: PageOrdinal(UInt32(page))) != .stable(HostFrame(UInt64(page)))) }
    // Five pages were hashed, and the hint that matched once more.
    #expect(result.work.bytesHashed == 6 * 4096)
  }

  @Test("A hint whose page has changed is stale: nothing is merged with it, and it goes")
  func staleHint() {
    let memory = WritableMemory([3, 4])
    let scanner = scanner(of: memory)
    _ = scanner.scanBatch(pages: .max, at: 0)
    memory.write(5, to: 0)
    memory.write(3, to: 1)
    _ = scanner.scanBatch(pages: 2, at: 1)
    #expect(memory.usedFrames == 2)
    #expect(scanner.counters.pagesUnshared == 2)
    #expect(scanner.work.failedMerges == 0)
  }

  @Test("Where hashes collide, the page that comes second is left alone")
  func falseMatch() {
    let memory = WritableMemory([3, 4, 4, 3])
    memory.hash = .constant
    let scanner = scanner(of: memory)
    _ = scanner.scanBatch(pages: .max, at: 0)
    #expect(scanner.falseMatches == 2)
    #expect(scanner.counters.pagesShared == 1 && scanner.counters.pagesSharing == 1)
    #expect(memory.usedFrames == 3)
  }

  @Test("N equal guests (the paper's best case) come down to one guest's distinct pages; each further guest is free", arguments: 1...10)
  func equalGuests(guests: Int) {
    // Twenty pages a guest, a quarter of them zeros: 16 contents.
    let guest = Array(3..<18) + [0, 0, 0, 0, 0]
    let memory = WritableMemory((0..<guests).flatMap { _ in guest })
    let scanner = scanner(of: memory, spaces: guests) { $0.order = .random }
    while !scanner.scanBatch(pages: 7, at: 0).completedFullScan {}
    #expect(memory.usedFrames == 16)
    let saved = guests * guest.count - 16
    #expect(scanner.counters.pagesSharing == UInt64(saved))
    // The share of memory reclaimed rises towards all of it as the paper's curve does: 1 - distinct / (guests * pages).
    #expect(saved * 100 / (guests * guest.count) == 100 - (16 * 100 + guests * 20 - 1) / (guests * 20))
  }

  @Test("The pace covers a guest in the scan time and keeps below the limit")
  func pace() {
    let memory = WritableMemory(pages: 7200)
    let scanner = scanner(of: memory) { ($0.scanTimeNanoseconds, $0.maxPagesPerSecond) = (3_600_000_000_000, 1000) }
    #expect(scanner.pace == ScanPace(pages: 3, pauseNanoseconds: 1_000_000_000))
    let fast = self.scanner(of: memory) { ($0.scanTimeNanoseconds, $0.maxPagesPerSecond) = (1_000_000_000, 1000) }
    #expect(fast.pace?.pages == 1000)
    #expect(self.scanner(of: memory) { $0.scanTimeNanoseconds = 0 }.pace == nil)
  }
}
