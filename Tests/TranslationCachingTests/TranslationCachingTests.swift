import Addressing
import Columns
import Testing

@testable import TranslationCaching

/// The generator of the golden rows: three references in turn, an instruction fetch and two data loads.
struct GoldenTrace {
  let isRandom: Bool
  private var state: UInt64 = 88_172_645_463_325_252
  private var index: UInt64 = 0

  init(isRandom: Bool) { self.isRandom = isRandom }

  mutating func next() -> (page: GuestVirtualPage, access: AccessKind) {
    let i = index
    index += 1
    if i % 3 == 0 { return (GuestVirtualAddress(0x400000 + (i % 64) * 4).page, .fetch) }
    var offset = i &* 8 % (1 << 30)
    if isRandom {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      offset = state % (1 << 30)
    }
    return (GuestVirtualAddress(0x100_0000_0000 + (offset & ~7)).page, .read)
  }
}

/// A TLB level as a list a set, newest first.
struct NaiveLevel {
  let size: TLBGeometry.Level
  var sets: [[UInt64]]

  init(_ size: TLBGeometry.Level) {
    self.size = size
    sets = Array(repeating: [], count: size.sets)
  }

  mutating func hits(_ page: UInt64) -> Bool {
    let set = Int(page % UInt64(size.sets))
    guard let way = sets[set].firstIndex(of: page) else { return false }
    sets[set].insert(sets[set].remove(at: way), at: 0)
    return true
  }

  mutating func fill(_ page: UInt64) {
    let set = Int(page % UInt64(size.sets))
    sets[set].removeAll { $0 == page }
    sets[set].insert(page, at: 0)
    if sets[set].count > size.ways { sets[set].removeLast() }
  }
}

/// Two levels of them, and their counts.
struct NaiveTLB {
  var l1i, l1d, l2: NaiveLevel
  var counters = TLBCounters()

  init(_ geometry: TLBGeometry) {
    func level(_ number: Int, _ isFetch: Bool) -> NaiveLevel {
      guard let structure = geometry.structure(level: number, isFetch: isFetch, .size4K) else { preconditionFailure("two levels") }
      return NaiveLevel(structure.level)
    }
    l1i = level(1, true)
    l1d = level(1, false)
    l2 = level(2, false)
  }

  mutating func access(_ page: UInt64, _ access: AccessKind) {
    if access == .fetch ? l1i.hits(page) : l1d.hits(page) {
      if access == .fetch { counters.l1iHits += 1 } else { counters.l1dHits += 1 }
      return
    }
    if access == .fetch { counters.l1iMisses += 1 } else { counters.l1dMisses += 1 }
    if l2.hits(page) {
      counters.l2Hits += 1
    } else {
      counters.l2Misses += 1
      l2.fill(page)
    }
    if access == .fetch { l1i.fill(page) } else { l1d.fill(page) }
  }
}

private func anything(_ frame: UInt64) -> TLBEntry {
  TLBEntry(HostFrame(frame), writable: true, user: true, noExecute: false, dirty: true)
}

extension TLBHierarchy {
  /// An access as a translator makes it, every page being mapped to the frame of its own number.
  func touch(_ page: GuestVirtualPage, _ access: AccessKind, _ vpid: VPID = VPID(1)) {
    if lookup(vpid, page, access, need: TLBNeed(access, isUser: true)) == nil {
      insert(vpid, page, access, anything(page.rawValue & 0xffff))
    }
  }
}

@Suite struct GoldenRowTests {
  @Test("hits and misses of the golden traces over 20 million references are the published ones", arguments: [false, true])
  func goldenRows(isRandom: Bool) {
    let tlb = TLBHierarchy(TLBPreset.golden.geometry)
    var trace = GoldenTrace(isRandom: isRandom)
    for _ in 0..<20_000_000 {
      let (page, access) = trace.next()
      tlb.touch(page, access)
    }
    var expected = TLBCounters()
    (expected.l1iHits, expected.l1iMisses) = (6_666_666, 1)
    (expected.l1dHits, expected.l1dMisses) = isRandom ? (3143, 13_330_190) : (13_294_270, 39_063)
    (expected.l2Hits, expected.l2Misses) = isRandom ? (74_438, 13_255_753) : (0, 39_064)
    #expect(tlb.counters(of: VPID(1)) == expected)
  }

  @Test("any geometry counts as its naive twin does", arguments: ["l1i=4x1,l1d=8x8,l2=32x2", "l1i=1x1,l1d=2x1,l2=12x3", "skylake-like"])
  func twin(_ text: String) throws {
    let geometry = try TLBGeometry(parsing: text)
    let tlb = TLBHierarchy(geometry)
    var twin = NaiveTLB(geometry)
    var random = RandomSource(seed: 7).stream(text)
    for _ in 0..<20_000 {
      let page = GuestVirtualPage(random.below(random.oneIn(3) ? 4000 : 24))
      let access: AccessKind = random.oneIn(4) ? .fetch : random.oneIn(2) ? .write : .read
      tlb.touch(page, access)
      twin.access(page.rawValue, access)
    }
    #expect(tlb.counters(of: VPID(1)) == twin.counters)
  }
}

@Suite struct TLBHierarchyTests {
  private let one = VPID(1)
  private let two = VPID(2)
  private let page = GuestVirtualPage(0x1234 as UInt64)
  private let read = TLBNeed(.read, isUser: false)

  @Test("an entry answers only for its own VPID")
  func vpidTags() {
    let tlb = TLBHierarchy(TLBPreset.golden.geometry)
    tlb.insert(one, page, .read, anything(5))
    #expect(tlb.lookup(two, page, .read, need: read) == nil)
    #expect(tlb.lookup(one, page, .read, need: read)?.entry.frame == HostFrame(5 as UInt64))
  }

  @Test("a flush of a VPID forgets all its pages and no other VPID's, every time")
  func flush() {
    let tlb = TLBHierarchy(TLBPreset.golden.geometry)
    for round in 0..<100 as Range<UInt64> {
      for vpid in [one, two] { for page in 0..<8 as Range<UInt64> { tlb.insert(vpid, GuestVirtualPage(page), .read, anything(round)) } }
      tlb.flush(one)
      for page in 0..<8 as Range<UInt64> {
        #expect(tlb.lookup(one, GuestVirtualPage(page), .read, need: read) == nil)
        #expect(tlb.lookup(two, GuestVirtualPage(page), .read, need: read)?.entry.frame == HostFrame(round))
      }
    }
    var live = 0
    tlb.forEachLive(one) { (_: LiveTLBEntry) in live += 1 }
    #expect(live == 0)
    tlb.forEachLive(two) { (_: LiveTLBEntry) in live += 1 }
    #expect(live == 16)
  }

  @Test("more flushes than there are context numbers bring no old entry back")
  func contextsRunOut() {
    let tlb = TLBHierarchy(TLBPreset.golden.geometry)
    tlb.insert(one, page, .read, anything(5))
    for _ in 0..<(1 << 19) {
      tlb.flush(one)
      tlb.invalidate(one, GuestVirtualPage(1 as UInt64))
    }
    #expect(tlb.lookup(one, page, .read, need: read) == nil)
  }

  @Test("invalidating a page forgets it in every level and leaves its neighbours")
  func invalidate() {
    let tlb = TLBHierarchy(TLBPreset.golden.geometry)
    let neighbour = GuestVirtualPage(page.rawValue + 1)
    for access in [AccessKind.read, .fetch] {
      tlb.insert(one, page, access, anything(5))
      tlb.insert(one, neighbour, access, anything(6))
    }
    tlb.invalidate(one, page)
    for access in [AccessKind.read, .fetch] {
      #expect(tlb.lookup(one, page, access, need: read) == nil)
      #expect(tlb.lookup(one, neighbour, access, need: read) != nil)
    }
  }

  @Test("flushAll forgets everybody's pages")
  func flushAll() {
    let tlb = TLBHierarchy(TLBPreset.golden.geometry)
    for vpid in [one, two] { tlb.insert(vpid, page, .read, anything(5)) }
    tlb.flushAll()
    for vpid in [one, two] { #expect(tlb.lookup(vpid, page, .read, need: read) == nil) }
  }

  @Test("an entry hits only for accesses that it has the rights for")
  func rights() {
    for bits in 0..<16 {
      let tlb = TLBHierarchy(TLBPreset.golden.geometry)
      let (w, u, nx, d) = (bits & 1 != 0, bits & 2 != 0, bits & 4 != 0, bits & 8 != 0)
      for first in [AccessKind.read, .fetch] {
        tlb.insert(one, page, first, TLBEntry(HostFrame(9 as UInt64), writable: w, user: u, noExecute: nx, dirty: d))
      }
      for access in AccessKind.allCases {
        for isUser in [false, true] {
          let allowed = (!isUser || u) && (access != .write || (w && d)) && (access != .fetch || !nx)
          #expect((tlb.lookup(one, page, access, need: TLBNeed(access, isUser: isUser)) != nil) == allowed)
        }
      }
    }
  }

  @Test("live entries give canonical page numbers back, in the upper half too")
  func canonical() {
    let tlb = TLBHierarchy(TLBPreset.golden.geometry)
    let high = GuestVirtualAddress(0xffff_8000_0000_1000).page
    tlb.insert(one, high, .read, anything(5))
    tlb.forEachLive(one) { page, _ in #expect(page == high) }
  }
}

@Suite struct TLBGeometryTests {
  @Test("a geometry is read back from its description, and a preset from its name")
  func parsing() throws {
    for preset in TLBPreset.all {
      #expect(try TLBGeometry(parsing: preset.geometry.description) == preset.geometry)
      #expect(try TLBGeometry(parsing: preset.name) == preset.geometry)
    }
    #expect(TLBPreset.golden.geometry.description == "l1i=32x32,l1d=64x4,l2=1536x6")
  }

  @Test(
    "text that makes no TLB is refused, not trapped on",
    arguments: [
      "", "golde", "l1i=32x32", "l2=32x32,l1d=64x4", "l1i=32x32,l1d=64x4,l2=1536x5", "l1i=32x32,l1d=64x4,l2=1536x8",
      "l1i=32x32,l1d=64x4,l2=0x0", "l1i=32x32,l1d=64x0,l2=1536x6", "l1i=32x32,l1d=64x4,l2=-4x-4", "l1i=32x32,l1i=32x32,l1d=64x4,l2=1536x6",
      "l1i=32x32,l1d=64x4,l3=1536x6", "l1i=32x32,l1d=64x4,l2=99999999999999999999x6", "l1i=32x32,l1d=64x4,l2=1536x6,", "l2=2097152x1",
      "l1i=32x32,l1d=64x4,l2=2097152x1", "l1i=32,l1d=64x4,l2=1536x6", "l1i=1x2,l1d=64x4,l2=1536x6",
    ])
  func refused(_ text: String) { #expect(throws: TLBGeometryError.self) { try TLBGeometry(parsing: text) } }
}
