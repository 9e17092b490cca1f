import Addressing
import PageSharing
import Testing

/// The schedule of smart_scan, measured on a running kernel, and what it starves.
@Suite struct KSMSmartScanTests {
  func scanner(of memory: WritableMemory, spaces: [Range<Int>] = []) -> KSMScanner {
    let scanner = KSMScanner(settings: KSMSettings(), capacity: memory.slots.count, frameCount: memory.slots.count)
    for space in spaces { scanner.register(space) }
    return scanner
  }

  @Test("Pages that stay unique are scanned in full scans 1, 2, 3, 4, 6, 9, 14, 23, 32 and then every ninth")
  func schedule() {
    let memory = WritableMemory(Array(3..<13))
    let scanner = scanner(of: memory, spaces: [0..<10])
    var scans: [Int] = []
    for scan in 1...60 {
      let result = scanner.scanFull(in: memory)
      #expect(result.pagesScanned + result.pagesSkipped == 10)
      if result.pagesScanned == 10 { scans.append(scan) }
    }
    #expect(scans == [1, 2, 3, 4, 6, 9, 14, 23, 32, 41, 50, 59])
    #expect(scanner.counters.pagesSkipped == 480)
  }

  @Test("The rhythm of nine scans goes on after the age has reached its end, 255")
  func ageSaturates() {
    let memory = WritableMemory([3])
    let scanner = scanner(of: memory, spaces: [0..<1])
    for _ in 0..<592 { scanner.scanFull(in: memory) }
    var scanned: [Int] = []
    for scan in 593...611 where scanner.scanFull(in: memory).pagesScanned == 1 { scanned.append(scan) }
    #expect(scanned == [599, 608])
  }

  @Test(
    "A late duplicate, first seen r scans before the old page's turn, merges after so many scans, or starves",
    arguments: [(0, nil), (1, 2), (2, 3), (3, 4), (4, 14), (5, 6), (6, nil), (7, nil), (8, 9)] as [(Int, Int?)])
  func phaseStarvation(r: Int, scans: Int?) {
    let memory = WritableMemory([3, 3])
    memory.discard(1)
    let scanner = scanner(of: memory, spaces: [0..<2])
    // The old page's turns are full scans 32, 41, 50, ...
    for _ in 1..<50 - r { scanner.scanFull(in: memory) }
    memory.write(3, to: 1)
    var merged: Int?
    for scan in 1...100 {
      scanner.scanFull(in: memory)
      if scanner.merges > 0 && merged == nil { merged = scan }
    }
    #expect(merged == scans)
  }

  @Test("With smart_scan off a late duplicate merges at its second visit", arguments: 0..<9)
  func noStarvationWithoutSmartScan(r: Int) {
    let memory = WritableMemory([3, 3])
    memory.discard(1)
    let scanner = KSMScanner(of: memory)
    for _ in 1..<50 - r { scanner.scanFull(in: memory) }
    memory.write(3, to: 1)
    scanner.scanFull(in: memory)
    #expect(scanner.merges == 0)
    scanner.scanFull(in: memory)
    #expect(scanner.merges == 1)
  }

  @Test(
    "Two aged regions that get the same new content merge only if they were registered a multiple of nine scans apart", arguments: 0...18)
  func agedRegions(apart: Int) {
    let memory = WritableMemory([3, 4])
    let scanner = scanner(of: memory, spaces: [0..<1])
    for _ in 0..<apart { scanner.scanFull(in: memory) }
    scanner.register(1..<2)
    for _ in 0..<60 { scanner.scanFull(in: memory) }
    memory.write(5, to: 0)
    memory.write(5, to: 1)
    for _ in 0..<60 { scanner.scanFull(in: memory) }
    #expect((scanner.merges == 1) == (apart % 9 == 0))
  }

  @Test("Once a stable page exists, a copy in an aged region merges at its next two scanned visits")
  func stablePagesEndStarvation() {
    let memory = WritableMemory([3, 3, 4])
    let scanner = scanner(of: memory, spaces: [0..<3])
    for _ in 1..<34 { scanner.scanFull(in: memory) }
    memory.write(3, to: 2)
    for _ in 34..<50 { scanner.scanFull(in: memory) }
    #expect(scanner.merges == 1)
    scanner.scanFull(in: memory)
    #expect(scanner.merges == 2)
  }
}
