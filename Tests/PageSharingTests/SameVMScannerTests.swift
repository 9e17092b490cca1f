import Addressing
import Columns
import PageSharing
import Testing

/// KSM inside domains against closed forms.
@Suite struct SameVMScannerTests {
  @Test("However pages change, no page reads anything but what was written to it, and no frame is shared across", arguments: 0..<60)
  func truth(seed: UInt64) {
    let trial = ScannerTrial(.sameVM, seed: seed, hash: seed % 2 == 0 ? .real : .constant) {
      $0.sameVM.domain = seed % 3 == 0 ? .tenant : .space
      $0.ksm.useZeroPages = seed % 4 == 1
      $0.ksm.smartScan = seed % 5 == 1
    }
    for _ in 0..<60 {
      for _ in 0..<trial.random.below(8) { trial.step() }
      trial.scan(pages: trial.random.below(40))
      #expect(trial.isTruthful)
      var domains: [HostFrame: Set<Int>] = [:]
      for page in 0..<ScannerTrial.pages {
        guard case .stable(let frame) = trial.memory.backing(of: PageOrdinal(UInt32(page))) else { continue }
        domains[frame, default: []].insert(self.domain(of: page, byTenant: seed % 3 == 0))
      }
      #expect(domains.values.allSatisfy { $0.count == 1 })
    }
  }

  func domain(of page: Int, byTenant: Bool) -> Int {
    let space = ScannerTrial.space(of: page)
    return byTenant ? Int(ScannerTrial.tenant(ofSpace: space)) : space
  }

  @Test("On memory that stays still, every content of a domain comes to one frame", arguments: 0..<60)
  func rest(seed: UInt64) {
    let byTenant = seed % 2 == 0
    let trial = ScannerTrial(.sameVM, seed: seed) { $0.sameVM.domain = byTenant ? .tenant : .space }
    #expect(trial.survive(steps: 30))
    trial.rest()
    #expect(trial.memory.usedFrames == trial.framesByRule { domain(of: $0, byTenant: byTenant) })
    #expect(trial.isTruthful)
    #expect(trial.scanner.counters.pagesShared == trial.sharing.shared)
    #expect(trial.scanner.counters.pagesSharing == trial.sharing.sharing)
  }

  @Test("Of one domain only, it is KSM, counter by counter and batch by batch")
  func oneDomain() {
    let contents = (0..<40).map { [3, 4, 5, 0, 7, 8][$0 * 7 % 6] }
    let memories = [WritableMemory(contents), WritableMemory(contents)]
    let settings = ScannerSettings()
    let confined = SameVMScanner(settings: settings, memory: memories[0], capacity: 40, frameCount: 40)
    let free = ScannerKind.ksm.makeScanner(settings, for: memories[1], capacity: 40, frameCount: 40)!
    _ = confined.register(0..<40, tenant: 0)
    _ = free.register(0..<40, tenant: 0)
    for batch in 0..<60 {
      for memory in memories { memory.write(3 + batch % 5, to: batch * 13 % 40) }
      #expect(confined.scanBatch(pages: 9, at: 0) == free.scanBatch(pages: 9, at: 0))
      #expect(confined.counters == free.counters)
      #expect(confined.work == free.work)
      #expect(memories[0].slots == memories[1].slots)
    }
  }

  @Test("Over five real guests: what each guest saves by itself, and nothing between them", arguments: [false, true])
  func fiveGuests(useZeroPages: Bool) throws {
    guard let guests = FiveGuests.shared else { return }
    let memory = ImageMemory(MarkedPages(guests.identities))
    var settings = ScannerSettings()
    (settings.ksm.useZeroPages, settings.ksm.maxPageSharing) = (useZeroPages, 1 << 24)
    let scanner = SameVMScanner(settings: settings, memory: memory, capacity: memory.pageCount, frameCount: memory.pageCount)
    for (tenant, pages) in guests.ranges.enumerated() { _ = scanner.register(pages, tenant: UInt32(tenant)) }
    for _ in 0..<2 { _ = scanner.scanBatch(pages: .max, at: 0) }
    var own: UInt64 = 0
    for pages in guests.ranges { own += UInt64(pages.count - Set(guests.identities[pages]).count) }
    let counters = scanner.counters
    let zeros = UInt64(guests.identities.count { $0 == 0 })
    let guestsWithZeros = UInt64(guests.ranges.count { guests.identities[$0].contains(0) })
    #expect(counters.ksmZeroPages == (useZeroPages ? zeros : 0))
    #expect(counters.pagesSharing == (useZeroPages ? own - (zeros - guestsWithZeros) : own))
    #expect(counters.rmapItems == UInt64(guests.identities.count))
  }
}
