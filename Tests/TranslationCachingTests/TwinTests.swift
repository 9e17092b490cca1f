import Addressing
import Columns
import Testing

@testable import TranslationCaching

/// Accesses, fills and invalidations drawn from a stream, and the hierarchy and its naive twin that both undergo them.
struct TwinFuzz {
  let tlb: TLBHierarchy
  var naive: NaiveTLB
  var random: RandomStream
  let tags: [TLBTag]
  let spaces: [TLBSpace]
  var tagOf: [TLBSpace: TLBTag] = [:]
  let pages: UInt64
  /// Whether accesses go by lanes, as those of a batch do.
  var goesByLanes = false
  /// Whether all entries are of 4 KiB, whole and not global.
  var isPlain = false

  init(_ text: String, seed: UInt64, pages: UInt64) throws {
    let geometry = try TLBGeometry(parsing: text)
    tlb = TLBHierarchy(geometry)
    naive = NaiveTLB(geometry)
    random = RandomSource(seed: seed).stream(text)
    self.pages = pages
    var tags: [TLBTag] = []
    for vpid in 0..<3 as Range<UInt16> {
      for pcid in 0..<2 as Range<UInt16> {
        for root in [nil, HostFrame(7 as UInt64), HostFrame(9 as UInt64)] {
          tags.append(TLBTag(vpid: VPID(vpid), pcid: PCID(pcid), ep4ta: root))
        }
      }
    }
    self.tags = tags
    let made = tlb
    spaces = tags.map { made.space($0) }
    for (space, tag) in zip(spaces, tags) { tagOf[space] = tag }
  }

  mutating func address() -> GuestVirtualAddress {
    let region: UInt64 = random.oneIn(3) ? 0xffff_8000_4000_0000 : random.oneIn(3) ? 0x40_2000_0000 : 0x40_0000_0000
    let middle: UInt64 = random.oneIn(3) ? 1 << 21 : 0
    return GuestVirtualAddress(region + middle + random.below(pages) << 12 + random.below(512) * 8)
  }

  mutating func entry() -> TLBEntry {
    if isPlain {
      return TLBEntry(HostFrame(random.below(1 << 30)), rights: random.next() & (AccessCheck.writable | AccessCheck.executable))
    }
    let size: PageSize = random.oneIn(4) ? .size2M : random.oneIn(10) ? .size1G : .size4K
    let whole: PageSize? = random.oneIn(8) ? .size1G : random.oneIn(6) ? .size2M : nil
    let rights =
      random.next() | (random.oneIn(4) ? 0 : AccessCheck.user | AccessCheck.writable | AccessCheck.dirty | AccessCheck.executable)
    let kept = random.oneIn(5) ? rights | TLBEntry.global : rights & ~TLBEntry.global
    return TLBEntry(HostFrame(random.below(1 << 30)), size, rights: kept & ~(15 << AccessCheck.keyShift), guestSize: whole)
  }

  /// An access: both must find the same; where nothing is found both are filled with the same.
  mutating func access() {
    let index = random.index(below: spaces.count)
    let (address, isFetch) = (address(), random.oneIn(3))
    let check = AccessCheck(needed: AccessCheck.present | (isFetch ? AccessCheck.executable : random.oneIn(3) ? AccessCheck.writable : 0))
    let (level, word) = naive.lookup(tags[index], address, isFetch: isFetch, check)
    if goesByLanes {
      accessByLane(spaces[index], tags[index], address, isFetch: isFetch, check, level)
      return
    }
    let hit = tlb.lookup(spaces[index], address, isFetch: isFetch, check)
    #expect(hit.level == level)
    #expect(hit.level == 0 || hit.entry.rawValue == word)
    if level == 0 {
      let entry = entry()
      tlb.insert(spaces[index], address, isFetch: isFetch, entry)
      naive.insert(tags[index], address, isFetch: isFetch, entry)
    }
  }

  /// The same by a lane where it has an answer: what it calls absent is so, and is filled as such if the entry is plain.
  private mutating func accessByLane(
    _ space: TLBSpace, _ tag: TLBTag, _ address: GuestVirtualAddress, isFetch: Bool, _ check: AccessCheck, _ level: Int
  ) {
    let lane = tlb.lane(space)
    let place = lane.place(of: address, isFetch: isFetch)
    var isAbsent = false
    if lane.isPlain {
      let front = place.lookInFront(check)
      isAbsent = front == .elsewhere && place.isAbsentBehind
      #expect((front == .hit ? 1 : front == .refused || isAbsent ? 0 : place.lookBehind(check)) == level)
    } else {
      #expect(tlb.lookup(space, address, isFetch: isFetch, check).level == level)
    }
    guard level == 0 else { return }
    let entry = entry()
    naive.insert(tag, address, isFetch: isFetch, entry)
    if isAbsent && entry.isPlain { place.insertAbsent(entry) } else { tlb.insert(space, address, isFetch: isFetch, entry) }
  }

  mutating func operation() -> TLBInvalidation {
    let index = random.index(below: spaces.count)
    let (space, tag, address) = (spaces[index], tags[index], address())
    switch random.below(17) {
    case 0: return .invlpg(space, address)
    case 1: return .pageFault(space, address)
    case 2: return .movToCR3(space)
    case 3: return .invpcidAddress(tag.vpid, tag.pcid, address)
    case 4: return .invpcidContext(tag.vpid, tag.pcid)
    case 5: return .invpcidAll(tag.vpid)
    case 6: return .invpcidAllButGlobals(tag.vpid)
    case 7: return .invvpidAddress(tag.vpid, address)
    case 8: return .invvpidContext(tag.vpid)
    case 9: return .invvpidAll
    case 10: return .invvpidContextButGlobals(tag.vpid)
    case 11: return .inveptContext(tag.ep4ta ?? HostFrame(7 as UInt64))
    case 12: return .inveptAll
    case 13: return .vmTransition(tag.vpid)
    case 14: return .eptViolation(space, physical(), linear: nil)
    case 15: return .eptViolation(space, physical(), linear: address)
    default: return .everything
    }
  }

  mutating func physical() -> GuestPhysicalAddress {
    GuestPhysicalAddress(random.below(3) << 30 + random.below(3) << 21 + random.below(4) << 12 + random.below(512) * 8)
  }

  mutating func invalidate() {
    let operation = operation()
    tlb.invalidate(operation)
    naive.invalidate(operation, tagOf)
  }

  func lines(_ vpid: VPID) -> [String] {
    var lines: [String] = []
    tlb.forEachLive(vpid) { (live: LiveTLBEntry) in
      let pcid = live.entry.isGlobal ? 0 : live.tag.pcid.rawValue
      lines.append("\(live.page.rawValue) \(live.entry.rawValue) \(pcid) \(live.tag.ep4ta?.rawValue ?? 0)")
    }
    return lines.sorted()
  }

  func compare() { for vpid in 0..<3 as Range<UInt16> { #expect(lines(VPID(vpid)) == naive.lines(VPID(vpid))) } }
}

@Suite struct TwinTests {
  @Test(
    "hits, levels, entries and what every invalidation leaves are those of ways with time stamps and of predicates over tags",
    arguments: [
      "l1i=4x4,l1d=8x2,l2=32x4", "l1i=4x1,l1d=4x4", "l1=8x8,l1-2m=4x2,l1-1g=2x2,l2=24x6",
      "l1i=8x4,l1d=8x4,l1d-2m=4x4,l2-4k+2m=32x4,l2-1g=4x2",
      "l1i-4k=8x4,l1d-4k+2m=8x4,l2i=16x4,l2d-4k=32x8", "l1i=4x4,l1d=8x2,l2=32x4,policy=plru", "l1i=8x8,l1d=16x4,l2=16x16,policy=plru",
      "l1i=4x4,l1d=8x2,l2=24x3,policy=fifo",
    ])
  func twin(_ text: String) throws {
    for seed in 0..<3 as Range<UInt64> {
      var fuzz = try TwinFuzz(text, seed: seed, pages: seed % 2 == 0 ? 4 : 24)
      for step in 0..<600 {
        if fuzz.random.oneIn(40) { fuzz.invalidate() } else { fuzz.access() }
        if step % 25 == 0 { fuzz.compare() }
      }
      fuzz.compare()
    }
  }

  @Test(
    "a lane finds and fills what ways with time stamps would, and leaves what it cannot know to the look-up of everything",
    arguments: [
      "l1i=4x2,l1d=8x4,l2=24x6", "l1i=8x4,l1d=16x4,l2=32x4", "l1i=6x6,l1d=8x8,l2=96x12", "l1=4x4,l2=5x5",
      "l1i=4x4,l1d=8x2,l2=24x3,policy=fifo",
      "l1i=4x1,l1d=4x4", "l1i=8x2,l1d=16x4", "l1i=8x2,l1d=16x4,l2d=32x1",
    ])
  func lanes(_ text: String) throws {
    for seed in 0..<4 as Range<UInt64> {
      var fuzz = try TwinFuzz(text, seed: seed, pages: seed % 2 == 0 ? 4 : 24)
      fuzz.goesByLanes = true
      fuzz.isPlain = seed < 3
      for step in 0..<800 {
        if fuzz.random.oneIn(60) { fuzz.invalidate() } else { fuzz.access() }
        if step % 50 == 0 { fuzz.compare() }
      }
      fuzz.compare()
    }
  }

  @Test("one invalidation after another, of every kind, leaves what it must and nothing else", arguments: 0..<6 as Range<UInt64>)
  func invalidations(seed: UInt64) throws {
    // Room for everything: nothing goes but by invalidation.
    var fuzz = try TwinFuzz("l1=1024x1024,l2=1024x1024", seed: seed, pages: 3)
    for _ in 0..<40 {
      for _ in 0..<25 { fuzz.access() }
      fuzz.invalidate()
      fuzz.compare()
    }
  }

  @Test(
    "a guest with one context and small pages, on the fast path, counts as its twin does", arguments: ["l1i=4x2,l1d=8x4,l2=32x8", "golden"])
  func fastPath(_ text: String) throws {
    let geometry = try TLBGeometry(parsing: text)
    let tlb = TLBHierarchy(geometry)
    var naive = NaiveTLB(geometry)
    var random = RandomSource(seed: 3).stream(text)
    let tag = TLBTag(vpid: VPID(1))
    let space = tlb.space(tag)
    for _ in 0..<8000 {
      let address = GuestVirtualAddress(random.below(random.oneIn(3) ? 4000 : 20) << 12)
      let check = AccessCheck(needed: AccessCheck.present | (random.oneIn(4) ? AccessCheck.dirty : 0))
      let isFetch = random.oneIn(4)
      let hit = tlb.lookup(space, address, isFetch: isFetch, check)
      #expect(hit.level == naive.lookup(tag, address, isFetch: isFetch, check).level)
      if hit.level == 0 {
        let entry = TLBEntry(HostFrame(address.rawValue >> 12), rights: check.needed)
        tlb.insert(space, address, isFetch: isFetch, entry)
        naive.insert(tag, address, isFetch: isFetch, entry)
      }
      if random.oneIn(500) {
        tlb.invalidate(.movToCR3(space))
        naive.invalidate(.movToCR3(space), [space: tag])
      }
    }
  }
}
