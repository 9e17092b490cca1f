import Addressing
import Columns
import Testing

@testable import TranslationCaching

@Suite struct SweepTests {
  private func pages(_ count: Int, seed: UInt64) -> [UInt64] {
    var random = RandomSource(seed: seed).stream("sweep")
    let zipf = ZipfSampler(count: 300)
    return (0..<count).map { _ in random.oneIn(8) ? random.below(1 << 16) : UInt64(zipf.rank(from: &random)) * 7 }
  }

  /// Hits of a hierarchy of one such structure.
  private func simulated(_ level: TLBGeometry.Level, _ pages: [UInt64]) throws -> UInt64 {
    let tlb = TLBHierarchy(try TLBGeometry([TLBGeometry.Structure(.l1, .all, level)]))
    let space = tlb.space(TLBTag(vpid: VPID(1)))
    var hits: UInt64 = 0
    for page in pages {
      let address = GuestVirtualAddress(page << 12)
      if tlb.lookup(space, address, isFetch: false, AccessCheck(needed: AccessCheck.present)).level == 1 {
        hits += 1
      } else {
        tlb.insert(space, address, isFetch: false, TLBEntry(HostFrame(page), rights: 0))
      }
    }
    return hits
  }

  @Test("one pass gives the hits that a simulation of each structure gives", arguments: 0..<3 as Range<UInt64>)
  func sweep(seed: UInt64) throws {
    let pages = pages(8000, seed: seed)
    let sizes = try [(1, 1), (8, 8), (16, 4), (64, 4), (64, 64), (96, 6), (128, 8), (48, 3), (16, 1)].map {
      try TLBGeometry.Level(entries: $0.0, ways: $0.1)
    }
    var sweep = TLBSweep(sizes)
    for part in [pages[..<3000], pages[3000...]] {
      let column = Column<UInt64>(count: part.count)
      for (place, page) in part.enumerated() { column[place] = page }
      sweep.add(column, count: part.count)
    }
    for result in sweep.results {
      #expect(result.hits == (try simulated(result.size, pages)))
      #expect(result.hits + result.misses == 8000)
    }
  }

  @Test("hits grow with the ways, and a loop over n pages hits in n ways and never in n - 1")
  func loop() {
    var stacks = StackDistances(sets: 1, limit: 16)
    for _ in 0..<5 { for page in 0..<9 as Range<UInt64> { stacks.access(page) } }
    #expect((0...16).map { stacks.hits(ways: $0) } == Array(repeating: 0, count: 9) + Array(repeating: 36, count: 8))
  }
}
