import Addressing
import PageSharing
import Testing

/// What the remedies against smart_scan's starvation promise, and what they cost.
@Suite struct SmartScanRemedyTests {
  private func scanner(of memory: WritableMemory, _ remedy: SmartScanRemedy, spaces: [Range<Int>]) -> KSMScanner {
    var settings = KSMSettings()
    settings.smartScanRemedy = remedy
    let scanner = KSMScanner(settings: settings, capacity: memory.slots.count, frameCount: memory.slots.count)
    for space in spaces { scanner.register(space) }
    return scanner
  }

  /// In which scan after its first a duplicate merges that comes when the old page was seen in so many scans.
  private func delay(after scans: Int, content: Int, _ remedy: SmartScanRemedy) -> Int? {
    let memory = WritableMemory([content, content])
    memory.discard(1)
    let scanner = scanner(of: memory, remedy, spaces: [0..<2])
    for _ in 0..<scans { scanner.scanFull(in: memory) }
    memory.write(content, to: 1)
    for scan in 1...100 {
      scanner.scanFull(in: memory)
      if scanner.merges > 0 { return scan }
    }
    return nil
  }

  @Test(
    "With phases by checksum a late duplicate merges at the old page's next turn in its rhythm of eight, whenever it came",
    arguments: 40..<56)
  func checksumPhase(scans: Int) {
    for content in 3..<9 {
      // The old page is scanned when the number of the full scan, from 0, and its checksum make a multiple of eight.
      let phase = Int(Contents.shared.checksums[content] % 8)
      let next = (1...8).first { (scans + $0 + phase) % 8 == 0 } ?? 0
      #expect(delay(after: scans, content: content, .checksumPhase) == next + 1)
    }
  }

  @Test("With phases by checksum no duplicate waits longer than for its ninth visit, however young the old page is")
  func neverLate() {
    for scans in 1..<60 {
      for content in 3..<9 { #expect(delay(after: scans, content: content, .checksumPhase) ?? .max <= 9) }
    }
  }

  @Test(
    "With phases by checksum two aged regions that get the same new content merge, however far apart they were registered",
    arguments: 0...18)
  func agedRegions(apart: Int) {
    let memory = WritableMemory([3, 4])
    let scanner = scanner(of: memory, .checksumPhase, spaces: [0..<1])
    for _ in 0..<apart { scanner.scanFull(in: memory) }
    scanner.register(1..<2)
    for _ in 0..<60 { scanner.scanFull(in: memory) }
    memory.write(5, to: 0)
    memory.write(5, to: 1)
    // Each is scanned once in eight scans to find its new checksum, and once more in the eight after it.
    for _ in 0..<24 { scanner.scanFull(in: memory) }
    #expect(scanner.merges == 1)
  }

  @Test("With phases by checksum an old page is scanned in every eighth full scan, and pages of many contents evenly over all of them")
  func evenLoad() {
    let contents = Array(3..<24)
    let memory = WritableMemory(contents)
    let scanner = scanner(of: memory, .checksumPhase, spaces: [0..<contents.count])
    for _ in 0..<40 { scanner.scanFull(in: memory) }
    let scanned = (0..<16).map { _ in Int(scanner.scanFull(in: memory).pagesScanned) }
    #expect(Array(scanned.prefix(8)) == Array(scanned.suffix(8)))
    #expect(scanned.prefix(8).reduce(0, +) == contents.count)
    for scan in 40..<48 {
      #expect(scanned[scan - 40] == contents.count { (scan + Int(Contents.shared.checksums[$0] % 8)) % 8 == 0 })
    }
  }

  @Test("With skipped pages kept in the tree a late duplicate merges at its second visit, as without smart_scan", arguments: 40..<50)
  func keepSkipped(scans: Int) {
    #expect(delay(after: scans, content: 3, .keepSkipped) == 2)
  }

  @Test("With skipped pages kept the counters of skipping are the kernel's, and what is spared is the checksum alone")
  func keepSkippedCosts() {
    let contents = Array(3..<24)
    let (memory, other) = (WritableMemory(contents), WritableMemory(contents))
    let (kept, plain) = (scanner(of: memory, .keepSkipped, spaces: [0..<21]), scanner(of: other, .none, spaces: [0..<21]))
    for _ in 0..<50 {
      kept.scanFull(in: memory)
      plain.scanFull(in: other)
      #expect(kept.counters.pagesSkipped == plain.counters.pagesSkipped && kept.counters.pagesScanned == plain.counters.pagesScanned)
      #expect(kept.counters.pagesUnshared == 21 || kept.counters.fullScans == 1)
    }
    #expect(kept.work.bytesHashed == plain.work.bytesHashed && kept.work.searchSteps > 3 * plain.work.searchSteps)
    #expect(kept.work.visits == 50 * 21)
  }

  @Test("Without smart_scan a remedy changes nothing", arguments: SmartScanRemedy.allCases)
  func withoutSmartScan(remedy: SmartScanRemedy) {
    var settings = KSMSettings()
    (settings.smartScan, settings.smartScanRemedy) = (false, remedy)
    let memory = WritableMemory([3, 4, 3])
    let scanner = KSMScanner(settings: settings, capacity: 3, frameCount: 3)
    scanner.register(0..<3)
    for _ in 0..<30 { scanner.scanFull(in: memory) }
    #expect(scanner.counters.pagesScanned == 90 && scanner.counters.pagesSkipped == 0 && scanner.merges == 1)
  }
}
