import Addressing
import Testing

@testable import TranslationCaching

private let anything = AccessCheck.present | AccessCheck.writable | AccessCheck.user | AccessCheck.dirty | AccessCheck.executable
private let read = AccessCheck(needed: AccessCheck.present)

private func entry(_ frame: UInt64, _ size: PageSize = .size4K, _ rights: UInt64 = anything) -> TLBEntry {
  TLBEntry(HostFrame(frame), size, rights: rights)
}

@Suite struct TLBEntryTests {
  @Test("an entry gives back its frame, its size, its rights and the size of the guest's page", arguments: PageSize.allCases)
  func fields(size: PageSize) {
    for whole in PageSize.allCases {
      let entry = TLBEntry(HostFrame(0x12_3456_7abc as UInt64), size, rights: .max, guestSize: whole)
      #expect(entry.frame.rawValue == 0x12_3456_7abc / size.pages * size.pages & (1 << 40 - 1))
      #expect(entry.size == size && entry.guestSize.shift == max(size.shift, whole.shift))
      #expect(entry.rights == TLBEntry.rightsMask)
    }
  }

  @Test("the frame of an address inside a large entry is as many frames on as the address is pages on")
  func frames() {
    let address = GuestVirtualAddress(0x7f12_3456_7890)
    #expect(entry(0x40000, .size4K).frame(of: address).rawValue == 0x40000)
    #expect(entry(0x40000, .size2M).frame(of: address).rawValue == 0x40000 + 0x7f12_3456_7890 % (1 << 21) / 4096)
    #expect(entry(0x40000, .size1G).frame(of: address).rawValue == 0x40000 + 0x7f12_3456_7890 % (1 << 30) / 4096)
  }
}

@Suite struct HierarchyTests {
  private let one = TLBTag(vpid: VPID(1))
  private let two = TLBTag(vpid: VPID(2))
  private let page = GuestVirtualAddress(0x1234_5000)

  @Test("an entry answers only for its own tag: VPID, PCID and EPT root")
  func tags() {
    let tlb = TLBHierarchy(TLBPreset.golden.geometry)
    let root = HostFrame(3 as UInt64)
    let all = [one, two, TLBTag(vpid: VPID(1), pcid: PCID(1)), TLBTag(vpid: VPID(1), ep4ta: root)]
    tlb.insert(tlb.space(one), page, isFetch: false, entry(5))
    for tag in all { #expect((tlb.lookup(tlb.space(tag), page, isFetch: false, read).level == 1) == (tag == one)) }
    #expect(tlb.space(one) == tlb.space(TLBTag(vpid: VPID(1))))
  }

  @Test("a global entry answers for every PCID of its VPID and EPT root, also those registered later, and for nobody else")
  func globals() {
    let tlb = TLBHierarchy(TLBPreset.golden.geometry)
    tlb.insert(tlb.space(one), page, isFetch: false, entry(5, .size4K, anything | TLBEntry.global))
    for (tag, answers) in [
      (TLBTag(vpid: VPID(1), pcid: PCID(9)), true), (two, false), (TLBTag(vpid: VPID(1), ep4ta: HostFrame(1 as UInt64)), false),
    ] {
      #expect((tlb.lookup(tlb.space(tag), page, isFetch: false, read).level != 0) == answers)
    }
    tlb.invalidate(.movToCR3(tlb.space(one)))
    #expect(tlb.lookup(tlb.space(one), page, isFetch: false, read).level == 1)
    tlb.invalidate(.invpcidAll(VPID(1)))
    #expect(tlb.lookup(tlb.space(one), page, isFetch: false, read).level == 0)
  }

  @Test("an entry hits only for accesses that pass their check: W with D, U, X, SMAP and protection keys", arguments: 0..<64)
  func rights(bits: Int) {
    let (w, u, x, d, key) = (bits & 1 != 0, bits & 2 != 0, bits & 4 != 0, bits & 8 != 0, UInt64(bits >> 4))
    let rights =
      (w ? AccessCheck.writable : 0) | (u ? AccessCheck.user : 0) | (x ? AccessCheck.executable : 0) | (d ? AccessCheck.dirty : 0)
      | key << AccessCheck.keyShift
    let checks = [
      (AccessCheck(needed: 1), true), (AccessCheck(needed: 1 | AccessCheck.writable | AccessCheck.dirty), w && d),
      (AccessCheck(needed: 1 | AccessCheck.user), u), (AccessCheck(needed: 1 | AccessCheck.executable), x),
      (AccessCheck(needed: 1, forbidden: AccessCheck.user), !u), (AccessCheck(needed: 1, refusedKeys: 1 << 2), !(u && key == 2)),
    ]
    let tlb = TLBHierarchy(TLBPreset.golden.geometry)
    tlb.insert(tlb.space(one), page, isFetch: false, entry(9, .size4K, rights))
    for (check, passes) in checks { #expect((tlb.lookup(tlb.space(one), page, isFetch: false, check).level == 1) == passes) }
  }

  @Test("a page of a size that no structure of a level holds is cached there in pieces, and INVLPG of any of its addresses drops them all")
  func pieces() throws {
    let tlb = TLBHierarchy(try TLBGeometry(parsing: "l1i=8x8,l1d-4k=8x8,l2-4k+2m=32x4"))
    let space = tlb.space(one)
    for step in 0..<4 as Range<UInt64> {
      tlb.insert(space, GuestVirtualAddress(0x4000_0000 + step << 21 + step << 12), isFetch: false, entry(0x80000, .size1G))
    }
    var sizes: [PageSize: Int] = [:]
    tlb.forEachLive(VPID(1)) { (live: LiveTLBEntry) in
      sizes[live.entry.size, default: 0] += 1
      #expect(live.entry.frame.rawValue == 0x80000 + live.page.rawValue - 0x40000)
      #expect(live.entry.guestSize == .size1G)
    }
    #expect(sizes == [.size4K: 4, .size2M: 4])
    tlb.invalidate(.invlpg(space, GuestVirtualAddress(0x7fff_f000)))
    tlb.forEachLive(VPID(1)) { (_: LiveTLBEntry) in Issue.record("a piece is left") }
  }

  @Test("more flushes than there are context numbers bring no old entry back")
  func contextsRunOut() {
    let tlb = TLBHierarchy(TLBPreset.golden.geometry)
    let space = tlb.space(one)
    tlb.insert(space, page, isFetch: false, entry(5))
    for number in 0..<(1 << 17 + 10) as Range<UInt64> {
      tlb.invalidate(.movToCR3(space))
      tlb.insert(space, GuestVirtualAddress((number & 7) << 12), isFetch: true, entry(6))
    }
    #expect(tlb.lookup(space, page, isFetch: false, read).level == 0)
    #expect(tlb.lookup(space, GuestVirtualAddress(1 << 12), isFetch: true, read).level == 1)
  }

  @Test("live entries give canonical page numbers back, in the upper half too")
  func canonical() {
    let tlb = TLBHierarchy(TLBPreset.golden.geometry)
    let high = GuestVirtualAddress(0xffff_8000_0000_1000)
    tlb.insert(tlb.space(one), high, isFetch: false, entry(5))
    tlb.forEachLive(VPID(1)) { (live: LiveTLBEntry) in #expect(live.page == high.page && live.tag == one) }
  }

  @Test("a released VPID's spaces hold nothing when they are given out again, and others keep theirs")
  func release() {
    let tlb = TLBHierarchy(TLBPreset.golden.geometry)
    let old = tlb.space(one)
    for tag in [one, two] { tlb.insert(tlb.space(tag), page, isFetch: false, entry(5, .size2M, anything | TLBEntry.global)) }
    tlb.release(VPID(1))
    let next = tlb.space(TLBTag(vpid: VPID(7)))
    #expect(next == old)
    for tag in [one, TLBTag(vpid: VPID(7))] { #expect(tlb.lookup(tlb.space(tag), page, isFetch: false, read).level == 0) }
    #expect(tlb.lookup(tlb.space(two), page, isFetch: false, read).level == 1)
  }

  @Test("a flush frees its ways: what is filled next displaces no entry of another guest", arguments: ReplacementPolicy.allCases)
  func flushedWaysGoFirst(policy: ReplacementPolicy) throws {
    let tlb = TLBHierarchy(try TLBGeometry(parsing: "l1=8x8,policy=\(policy.rawValue)"))
    for page in 0..<4 as Range<UInt64> { tlb.insert(tlb.space(two), GuestVirtualAddress(page << 12), isFetch: false, entry(page)) }
    for page in 0..<4 as Range<UInt64> { tlb.insert(tlb.space(one), GuestVirtualAddress(page << 12), isFetch: false, entry(page)) }
    tlb.invalidate(.movToCR3(tlb.space(one)))
    for page in 10..<14 as Range<UInt64> { tlb.insert(tlb.space(one), GuestVirtualAddress(page << 12), isFetch: false, entry(page)) }
    var live = 0
    for vpid in [VPID(1), VPID(2)] { tlb.forEachLive(vpid) { (_: LiveTLBEntry) in live += 1 } }
    #expect(live == 8)
  }

  @Test("random replacement fills every way before it gives one up, gives each up about as often, and is the same in every run")
  func randomPolicy() throws {
    func survivors() throws -> [UInt64] {
      let tlb = TLBHierarchy(try TLBGeometry(parsing: "l1=8x8,policy=random"))
      let space = tlb.space(one)
      var lost = [UInt64](repeating: 0, count: 8)
      for _ in 0..<800 {
        tlb.invalidate(.everything)
        for page in 0..<9 as Range<UInt64> { tlb.insert(space, GuestVirtualAddress(page << 12), isFetch: false, entry(page)) }
        for page in 0..<8 as Range<UInt64> where tlb.lookup(space, GuestVirtualAddress(page << 12), isFetch: false, read).level == 0 {
          lost[Int(page)] += 1
        }
      }
      return lost
    }
    let lost = try survivors()
    #expect(lost.reduce(0, +) == 800 && lost.allSatisfy { (60...140).contains($0) })
    #expect(try survivors() == lost)
  }
}
