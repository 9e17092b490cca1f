import Addressing
import Testing

@testable import TranslationCaching

@Suite struct GoldenRowTests {
  private func run(_ geometry: TLBGeometry, isRandom: Bool, _ references: Int, _ each: (GuestVirtualAddress, Bool, Int) -> Void)
    -> TLBCounters
  {
    let tlb = TLBHierarchy(geometry)
    let space = tlb.space(TLBTag(vpid: VPID(1)))
    let check = AccessCheck(needed: AccessCheck.present | AccessCheck.user)
    var counters = TLBCounters()
    var trace = GoldenTrace(isRandom: isRandom)
    for _ in 0..<references {
      let (address, isFetch) = trace.next()
      let hit = tlb.lookup(space, address, isFetch: isFetch, check)
      counters.count(level: hit.level, isFetch: isFetch)
      if hit.level == 0 { tlb.insert(space, address, isFetch: isFetch, TLBEntry(HostFrame(1 as UInt64), rights: AccessCheck.user)) }
      each(address, isFetch, hit.level)
    }
    return counters
  }

  #if DEBUG
    @Test("the first references of the golden traces hit where ways with time stamps do", arguments: [false, true])
    func goldenBeginning(isRandom: Bool) throws {
      let geometry = TLBPreset.golden.geometry
      var naive = NaiveTLB(geometry)
      let tag = TLBTag(vpid: VPID(1))
      let check = AccessCheck(needed: AccessCheck.present)
      var different = 0
      _ = run(geometry, isRandom: isRandom, 40_000) { address, isFetch, level in
        let expected = naive.lookup(tag, address, isFetch: isFetch, check).level
        if level != expected { different += 1 }
        if expected == 0 { naive.insert(tag, address, isFetch: isFetch, TLBEntry(HostFrame(1 as UInt64), rights: 0)) }
      }
      #expect(different == 0)
    }
  #else
    @Test("hits and misses of the golden traces over 20 million references are the published ones", arguments: [false, true])
    func goldenRows(isRandom: Bool) {
      var expected = TLBCounters()
      (expected.l1iHits, expected.l1iMisses) = (6_666_666, 1)
      (expected.l1dHits, expected.l1dMisses) = isRandom ? (3143, 13_330_190) : (13_294_270, 39_063)
      (expected.l2Hits, expected.l2Misses) = isRandom ? (74_438, 13_255_753) : (0, 39_064)
      #expect(run(TLBPreset.golden.geometry, isRandom: isRandom, 20_000_000) { _, _, _ in } == expected)
    }
  #endif
}
