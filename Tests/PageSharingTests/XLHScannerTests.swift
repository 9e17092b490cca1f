import Addressing
import Columns
import PageSharing
import Testing

/// XLH against its rules, and against KSM on what is short-lived.
@Suite struct XLHScannerTests {
  @Test("However pages change, no page reads anything but what was written to it, with weak hashes too", arguments: 0..<60)
  func truth(seed: UInt64) {
    let trial = ScannerTrial(.xlh, seed: seed, hash: [.real, .twoBits, .constant][Int(seed % 3)]) {
      $0.xlh.hintCapacity = 1 + Int(seed % 7)
      $0.xlh.hintOrder = seed % 2 == 0 ? .newestFirst : .oldestFirst
      $0.xlh.hintLifeNanoseconds = seed % 4 == 0 ? 30_000_000 : 0
    }
    trial.readsBlocks = true
    #expect(trial.survive())
  }

  @Test("On memory that stays still, equal pages come to one frame, whatever the hints and the hash were", arguments: 0..<60)
  func rest(seed: UInt64) {
    let trial = ScannerTrial(.xlh, seed: seed, hash: seed % 2 == 0 ? .real : .constant) { $0.xlh.hintRuns = Int(seed % 3) }
    trial.readsBlocks = true
    #expect(trial.survive(steps: 30))
    trial.rest()
    #expect(trial.memory.usedFrames == trial.framesByRule { _ in 0 })
    #expect(trial.isTruthful)
    #expect(trial.scanner.counters.pagesShared == trial.sharing.shared)
    #expect(trial.scanner.counters.pagesSharing == trial.sharing.sharing)
  }

  /// Two guests that read the same blocks into a window of their caches, over and over, beside memory that is all unique. No block stays
  /// for two full scans.
  /// - Returns: how many pages were merged, and how many frames the most saved at any moment.
  func shortLived(_ kind: ScannerKind) -> (merges: UInt64, saved: Int) {
    let (guest, window) = (60, 12)
    let memory = WritableMemory((0..<2 * guest).map { _ in 0 })
    for page in 0..<2 * guest { memory.write(page % guest < window ? 3 : 0, to: page) }
    // The rest of each guest is pinned, which costs both scanners the same visits and lets nothing merge.
    memory.pinned = Set((0..<2 * guest).filter { $0 % guest >= window })
    var settings = ScannerSettings()
    settings.ksm.smartScan = false
    let scanner = kind.makeScanner(settings, for: memory, capacity: 2 * guest, frameCount: 2 * guest)!
    _ = scanner.register(0..<guest, tenant: 0)
    _ = scanner.register(guest..<2 * guest, tenant: 1)
    var saved = 0
    for time in 0..<60 as Range<UInt64> {
      // Every window page gets another block each twelve batches of ten pages: a full scan takes twelve.
      let page = Int(time % 12)
      for first in [page, guest + page] {
        memory.write(3 + Int(time % 17), to: first)
        scanner.pageRead(PageOrdinal(UInt32(first)), from: time, at: time)
      }
      _ = scanner.scanBatch(pages: 10, at: time)
      saved = max(saved, 2 * guest - memory.usedFrames)
    }
    return (scanner.work.merges, saved)
  }

  @Test("Sharing that is gone before two full scans have passed is found by hints, and not by KSM")
  func findsShortLivedSharing() {
    let (ksm, xlh) = (shortLived(.ksm), shortLived(.xlh))
    #expect(ksm.saved == 0)
    #expect(xlh.merges > 20)
    #expect(xlh.saved >= 4)
  }

  @Test("A hinted page is merged at its first visit, one that the scan finds at its second")
  func gate() {
    let memory = WritableMemory([3, 3, 4, 4])
    var settings = XLHSettings()
    settings.scanRuns = 0
    let scanner = XLHScanner(settings: settings, memory: memory, capacity: 4, frameCount: 4)
    _ = scanner.register(0..<4, tenant: 0)
    for page in 0..<2 as Range<UInt32> { scanner.pageRead(PageOrdinal(page), from: 0, at: 0) }
    _ = scanner.scanBatch(pages: 2, at: 0)
    #expect((memory.usedFrames, scanner.mergesByHint) == (3, 1))
    _ = scanner.scanBatch(pages: .max, at: 0)
    #expect(memory.usedFrames == 3)
    _ = scanner.scanBatch(pages: .max, at: 0)
    #expect(memory.usedFrames == 2)
  }

  @Test("The stack gives the newest hint first and forgets the oldest; the queue gives the oldest that is left")
  func bounds() {
    for (order, merged) in [(XLHSettings.HintOrder.newestFirst, [2, 3]), (.oldestFirst, [1, 2])] {
      let memory = WritableMemory([3, 3, 3, 3])
      var settings = XLHSettings()
      (settings.hintCapacity, settings.hintOrder, settings.scanRuns) = (3, order, 0)
      let scanner = XLHScanner(settings: settings, memory: memory, capacity: 4, frameCount: 4)
      _ = scanner.register(0..<4, tenant: 0)
      for page in 0..<4 as Range<UInt32> { scanner.pageRead(PageOrdinal(page), from: 0, at: 0) }
      _ = scanner.scanBatch(pages: 2, at: 0)
      let stable = (0..<4).filter { if case .stable = memory.backing(of: PageOrdinal(UInt32($0))) { true } else { false } }
      #expect(stable == merged)
    }
  }

  @Test("A hint that is older than its life is not followed")
  func age() {
    let memory = WritableMemory([3, 3])
    var settings = XLHSettings()
    (settings.hintLifeNanoseconds, settings.scanRuns) = (10, 0)
    let scanner = XLHScanner(settings: settings, memory: memory, capacity: 2, frameCount: 2)
    _ = scanner.register(0..<2, tenant: 0)
    scanner.pageRead(PageOrdinal(0), from: 0, at: 0)
    scanner.pageRead(PageOrdinal(1), from: 0, at: 5)
    let result = scanner.scanBatch(pages: 1, at: 11)
    #expect(result.pagesScanned == 1 && scanner.counters.pagesUnshared == 1)
  }
}
