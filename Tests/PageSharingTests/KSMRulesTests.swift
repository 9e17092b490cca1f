import Addressing
import PageContents
import PageSharing
import Testing

/// The rules of KSM one by one, as docs, kernel source and a running kernel state them.
@Suite struct KSMRulesTests {
  @Test(
    "The checksum of a page of equal bytes is what the kernel keeps",
    arguments: [(UInt8(0x00), UInt32(0x32d8_bbdb)), (0xcf, 0xced8_678f), (0x2a, 0x9005_251d), (0x11, 0xacdb_4f93)])
  func checksumVectors(byte: UInt8, checksum: UInt32) {
    let page = [UInt8](repeating: byte, count: 4096)
    let computed = unsafe page.withUnsafeBytes { unsafe PageHash.ksmChecksum($0) }
    #expect(computed == checksum)
  }

  @Test(
    "n equal pages share as many frames as max_page_sharing demands",
    arguments: [
      (256, 1, 255, 0, 0, 0), (257, 1, 255, 1, 0, 0), (258, 2, 256, 0, 1, 2), (514, 3, 511, 0, 1, 3), (10000, 40, 9960, 0, 1, 40),
    ])
  func liveKernelTable(n: Int, shared: UInt64, sharing: UInt64, unshared: UInt64, chains: UInt64, dups: UInt64) {
    let memory = WritableMemory(Array(repeating: 7, count: n))
    let scanner = KSMScanner(of: memory)
    #expect(scanner.runToConvergence(in: memory).fullScans == 4)
    let counters = scanner.counters
    #expect(counters.pagesShared == shared)
    #expect(counters.pagesSharing == sharing)
    #expect(counters.pagesUnshared == unshared)
    #expect(counters.stableNodeChains == chains)
    #expect(counters.stableNodeDups == dups)
    #expect(memory.usedFrames == Int(shared + unshared))
    #expect(counters.generalProfit == Int64(sharing) * 4096 - Int64(n) * 64)
  }

  @Test("For every n and m: n/m frames of m, and the rest on one more unless it is a single page", arguments: 2...9)
  func closedForm(m: Int) {
    for n in 1...40 {
      let memory = WritableMemory(Array(repeating: 7, count: n))
      let scanner = KSMScanner(of: memory) { $0.maxPageSharing = UInt32(m) }
      scanner.runToConvergence(in: memory)
      let shared = n % m < 2 ? n / m : n / m + 1
      #expect(scanner.counters.pagesShared == UInt64(shared))
      #expect(scanner.counters.pagesSharing == UInt64(n % m == 1 ? n / m * (m - 1) : n - shared))
      #expect(scanner.counters.pagesUnshared == (n % m == 1 ? 1 : 0))
    }
  }

  @Test("Nothing merges at the first visit, and pages that differ in one bit never do")
  func volatileGateAndExactness() {
    let memory = WritableMemory([0, 1, 2, 3, 4, 5, 6, 3])
    let scanner = KSMScanner(of: memory)
    scanner.scanFull(in: memory)
    #expect(scanner.counters.pagesShared == 0)
    #expect(scanner.counters.pagesVolatile == 8)
    scanner.runToConvergence(in: memory)
    #expect(scanner.counters.pagesShared == 1)
    #expect(scanner.counters.pagesSharing == 1)
    #expect(scanner.counters.pagesUnshared == 6)
    #expect(scanner.merges == 1)
    #expect((0..<8).map { memory.content(of: $0) } == [0, 1, 2, 3, 4, 5, 6, 3])
  }

  @Test("A page that changes before every visit is never merged")
  func changingPages() {
    let memory = WritableMemory([3, 3, 3])
    let scanner = KSMScanner(of: memory)
    for scan in 0..<10 {
      for page in 0..<3 { memory.write(3 + scan % 2, to: page) }
      scanner.scanFull(in: memory)
    }
    #expect(scanner.merges == 0)
    #expect(scanner.counters.pagesVolatile == 3)
  }

  @Test("Copies are made at the write, counters follow at the next visit")
  func countersLagBehindWrites() {
    let memory = WritableMemory([5, 5, 5, 5])
    let scanner = KSMScanner(of: memory)
    scanner.runToConvergence(in: memory)
    memory.write(6, to: 1)
    #expect(memory.usedFrames == 2)
    #expect(scanner.counters.pagesSharing == 3)
    scanner.scanFull(in: memory)
    #expect((scanner.counters.pagesShared, scanner.counters.pagesSharing) == (1, 2))
    for page in [0, 2, 3] { memory.discard(page) }
    #expect((scanner.counters.pagesShared, scanner.counters.pagesSharing) == (1, 2))
    // The frame is gone: the first page that is visited takes the stable node and all its sharers along.
    #expect(scanner.scanBatch(pages: 1, in: memory).pagesScanned == 1)
    #expect((scanner.counters.pagesShared, scanner.counters.pagesSharing) == (0, 0))
    scanner.scanFull(in: memory)
    #expect(scanner.counters.rmapItems == 1)
  }

  @Test("512 zero pages, half of them written, then the rest: 512, 256, 0 zero pages", arguments: [false, true])
  func zeroPages(tells: Bool) {
    let memory = WritableMemory(Array(repeating: 0, count: 512))
    let scanner = KSMScanner(of: memory) { $0.useZeroPages = true }
    scanner.runToConvergence(in: memory)
    #expect(scanner.counters.ksmZeroPages == 512)
    #expect(scanner.counters.pagesShared == 0)
    #expect(memory.usedFrames == 0)
    #expect(scanner.counters.rmapItems == 0)
    for half in 0..<2 {
      for page in half * 256..<(half + 1) * 256 {
        memory.write(5, to: page)
        if tells { scanner.zeroPageLeft(PageOrdinal(UInt32(page))) }
      }
      if !tells { scanner.scanFull(in: memory) }
      #expect(scanner.counters.ksmZeroPages == 256 - 256 * UInt64(half))
    }
  }

  @Test("A page with the zero page's checksum but other bytes is not taken for zeros")
  func zeroChecksumIsNoProof() {
    let memory = WritableMemory([0, 3, 3])
    memory.checksums[3] = memory.checksums[0]
    let scanner = KSMScanner(of: memory) { $0.useZeroPages = true }
    scanner.runToConvergence(in: memory)
    #expect(scanner.counters.ksmZeroPages == 1)
    #expect((scanner.counters.pagesShared, scanner.counters.pagesSharing) == (1, 1))
    #expect(memory.content(of: 1) == 3)
  }

  @Test("Without the knob zero pages are ordinary pages")
  func zeroPagesWithoutKnob() {
    let memory = WritableMemory(Array(repeating: 0, count: 10))
    let scanner = KSMScanner(of: memory)
    scanner.runToConvergence(in: memory)
    #expect((scanner.counters.pagesShared, scanner.counters.pagesSharing, scanner.counters.ksmZeroPages) == (1, 9, 0))
  }

  @Test("Merged pages use up the budget; absent ones and the zero page do not")
  func budget() {
    let memory = WritableMemory([5, 5, 5, 5, 5, 5])
    memory.discard(2)
    memory.discard(3)
    memory.readFault(3)
    let scanner = KSMScanner(of: memory)
    scanner.runToConvergence(in: memory)
    #expect(scanner.counters.pagesSharing == 3)
    var batch = scanner.scanBatch(pages: 3, in: memory)
    #expect((batch.pagesScanned, batch.completedFullScan) == (3, false))
    batch = scanner.scanBatch(pages: 1, in: memory)
    #expect((batch.pagesScanned, batch.completedFullScan) == (1, false))
    batch = scanner.scanBatch(pages: 100, in: memory)
    #expect((batch.pagesScanned, batch.completedFullScan) == (0, true))
    #expect(scanner.counters.rmapItems == 4)
  }

  @Test("A pinned page is neither merged nor lost, and its twin stays a private page", arguments: [true, false])
  func pinnedPages(canUnshare: Bool) {
    let memory = WritableMemory([5, 5])
    memory.canUnshare = canUnshare
    memory.pinned = [0]
    let scanner = KSMScanner(of: memory)
    for _ in 0..<4 { scanner.scanFull(in: memory) }
    #expect(memory.usedFrames == 2)
    #expect(scanner.merges == 0)
    // Where the copy back fails for want of memory, the page goes on as a stable one that nobody shares yet.
    #expect(scanner.counters.pagesShared == (canUnshare ? 0 : 1))
    #expect(scanner.counters.pagesSharing == 0)
    memory.pinned = []
    scanner.scanFull(in: memory)
    scanner.scanFull(in: memory)
    #expect((scanner.counters.pagesShared, scanner.counters.pagesSharing) == (1, 1))
    #expect(memory.usedFrames == 1)
  }

  @Test("A stable page that comes to be mapped once more, as after a fork, counts at the next scan, beyond the maximum too")
  func forks() {
    let memory = WritableMemory([5, 5, 6])
    memory.discard(2)
    let scanner = KSMScanner(of: memory) { $0.maxPageSharing = 2 }
    scanner.runToConvergence(in: memory)
    memory.share(2, with: 0)
    #expect(scanner.counters.pagesSharing == 1)
    scanner.scanFull(in: memory)
    #expect((scanner.counters.pagesShared, scanner.counters.pagesSharing) == (1, 2))
  }

  @Test("With merge_across_nodes off, pages are merged with those of their own NUMA node only", arguments: 1...4, [true, false])
  func numaTrees(nodes: Int, acrossNodes: Bool) {
    // Three contents, each held by every third page: the frames of each lie on all nodes.
    let contents = (0..<48).map { 3 + $0 % 3 }
    let memory = WritableMemory(contents)
    memory.numaNodes = nodes
    var settings = KSMSettings()
    (settings.smartScan, settings.mergeAcrossNodes) = (false, acrossNodes)
    let scanner = KSMScanner(settings: settings, capacity: 48, frameCount: 48, numaNodes: nodes)
    scanner.register(0..<48)
    scanner.runToConvergence(in: memory)
    // A group is a content, or where nodes are apart a content on a node.
    let groups = Set((0..<48).map { [contents[$0], acrossNodes ? 0 : $0 % nodes] })
    #expect(scanner.counters.pagesShared == UInt64(groups.count))
    #expect(scanner.counters.pagesSharing == 48 - UInt64(groups.count))
    guard !acrossNodes else { return }
    for page in 0..<48 {
      guard case .frame(let frame) = memory.slots[page] else { continue }
      #expect(frame % nodes == page % nodes, "page \(page) is mapped to a frame of another node")
    }
  }

  @Test("A chain of which one dup is left dissolves when somebody's search meets it, whatever is searched for")
  func chainsCollapse() {
    let memory = WritableMemory([5, 5, 5, 5, 6])
    memory.discard(4)
    let scanner = KSMScanner(of: memory) { $0.maxPageSharing = 2 }
    scanner.runToConvergence(in: memory)
    #expect((scanner.counters.stableNodeChains, scanner.counters.stableNodeDups) == (1, 2))
    memory.discard(0)
    memory.discard(1)
    scanner.scanFull(in: memory)
    // Both sharers of a dup are gone, but nobody has searched.
    #expect((scanner.counters.stableNodeChains, scanner.counters.stableNodeDups) == (1, 1))
    memory.write(6, to: 4)
    scanner.scanFull(in: memory)
    #expect((scanner.counters.stableNodeChains, scanner.counters.stableNodeDups) == (1, 1))
    scanner.scanFull(in: memory)
    #expect((scanner.counters.stableNodeChains, scanner.counters.stableNodeDups) == (0, 0))
  }

  @Test("A chain whose dups are all gone stays in the count until somebody's search meets it")
  func emptyChainsStay() {
    let memory = WritableMemory([5, 5, 5, 5, 6])
    memory.discard(4)
    let scanner = KSMScanner(of: memory) { $0.maxPageSharing = 2 }
    scanner.runToConvergence(in: memory)
    for page in 0..<4 { memory.discard(page) }
    scanner.scanFull(in: memory)
    #expect((scanner.counters.stableNodeChains, scanner.counters.stableNodeDups) == (1, 0))
    memory.write(6, to: 4)
    scanner.scanFull(in: memory)
    scanner.scanFull(in: memory)
    #expect((scanner.counters.stableNodeChains, scanner.counters.pagesUnshared) == (0, 1))
  }

  @Test("Stable pages may come and go for ever within the scanner's fixed memory")
  func nothingLeaks() {
    let memory = WritableMemory([5, 5, 5, 5, 5, 5, 5, 5])
    let scanner = KSMScanner(of: memory) { $0.maxPageSharing = 2 }
    for round in 0..<300 {
      for page in 0..<8 { memory.write(3 + (round + page / 4) % 9, to: page) }
      scanner.runToConvergence(in: memory)
      #expect(scanner.counters.stableNodeDups == 4)
    }
    #expect(memory.usedFrames == 4)
  }
}
