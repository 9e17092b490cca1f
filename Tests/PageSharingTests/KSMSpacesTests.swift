import Addressing
import PageSharing
import Testing

/// In which order address spaces are visited, and what happens when they end.
@Suite struct KSMSpacesTests {
  /// A scanner over a memory of 12 different pages, of which no space is registered yet.
  func scanner(of memory: WritableMemory) -> KSMScanner {
    var settings = KSMSettings()
    settings.smartScan = false
    return KSMScanner(settings: settings, capacity: memory.slots.count, frameCount: memory.slots.count)
  }

  @Test("Without a space there is nothing to scan and no full scan to count")
  func noSpaces() {
    let memory = WritableMemory([3])
    let scanner = scanner(of: memory)
    #expect(!scanner.scanFull(in: memory).completedFullScan)
    #expect(scanner.runToConvergence(in: memory).fullScans == 0)
    #expect(scanner.counters == KSMCounters())
  }

  @Test("A space that is registered during a full scan is first seen in the next one")
  func registeredBehindTheCursor() {
    let memory = WritableMemory(Array(3..<15))
    let scanner = scanner(of: memory)
    scanner.register(0..<4)
    scanner.register(4..<8)
    #expect(scanner.scanBatch(pages: 6, in: memory).pagesScanned == 6)
    scanner.register(8..<12)
    #expect(scanner.scanFull(in: memory).pagesScanned == 2)
    #expect(scanner.counters.rmapItems == 8)
    // Behind the cursor means before the space that was being scanned: the third space is now the second.
    #expect(scanner.scanBatch(pages: 8, in: memory).pagesScanned == 8)
    #expect(scanner.counters.rmapItems == 12)
    #expect(scanner.scanFull(in: memory).pagesScanned == 4)
  }

  @Test("A space that ends is next in line, and its items go when the scanner gets there")
  func exit() {
    let memory = WritableMemory([3, 4, 3, 4, 3, 4])
    let scanner = scanner(of: memory)
    scanner.register(0..<2)
    scanner.register(2..<4)
    let last = scanner.register(4..<6)
    scanner.runToConvergence(in: memory)
    #expect((scanner.counters.pagesShared, scanner.counters.pagesSharing) == (2, 4))
    _ = scanner.scanBatch(pages: 1, in: memory)
    scanner.unregister(last)
    memory.discard(4)
    memory.discard(5)
    #expect(scanner.counters.rmapItems == 6)
    _ = scanner.scanBatch(pages: 2, in: memory)
    #expect(scanner.counters.rmapItems == 4)
    #expect((scanner.counters.pagesShared, scanner.counters.pagesSharing) == (2, 2))
    scanner.unregister(last)
    scanner.runToConvergence(in: memory)
    #expect((scanner.counters.pagesShared, scanner.counters.pagesSharing) == (2, 2))
  }

  @Test("A space that ends before it was ever scanned leaves at once")
  func exitBeforeFirstScan() {
    let memory = WritableMemory([3, 3])
    let scanner = scanner(of: memory)
    scanner.unregister(scanner.register(0..<2))
    #expect(!scanner.scanFull(in: memory).completedFullScan)
    scanner.register(0..<2)
    scanner.runToConvergence(in: memory)
    #expect(scanner.counters.pagesSharing == 1)
  }

  @Test("Zero pages of a space that ends are discounted at once")
  func exitWithZeroPages() {
    let memory = WritableMemory([0, 0, 0, 5])
    var settings = KSMSettings()
    settings.useZeroPages = true
    let scanner = KSMScanner(settings: settings, capacity: 4, frameCount: 4)
    let space = scanner.register(0..<2)
    scanner.register(2..<4)
    scanner.runToConvergence(in: memory)
    #expect(scanner.counters.ksmZeroPages == 3)
    scanner.unregister(space)
    #expect(scanner.counters.ksmZeroPages == 1)
  }
}
