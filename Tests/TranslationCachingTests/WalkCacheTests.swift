import Addressing
import Columns
import Testing

@testable import TranslationCaching

/// Walk caches as lists in the order of use, newest first.
struct NaiveWalkCaches {
  let geometry: WalkCacheGeometry
  /// Its `walks` are all that is cached; the predicates of invalidation are its own.
  var tlb: NaiveTLB

  init(_ geometry: TLBGeometry) {
    self.geometry = geometry.walkCaches
    tlb = NaiveTLB(geometry)
  }

  private func size(_ walk: NaiveWalk) -> TLBGeometry.Level? {
    let level = Int(walk.shift - 12) / 9 + 1
    switch walk.kind {
    case .walk: return geometry.guest(level: level)
    case .host: return geometry.host(level: level)
    case .nested: return geometry.ntlb
    }
  }

  /// Whether two entries compete for the same set.
  private func competes(_ a: NaiveWalk, _ b: NaiveWalk, _ size: TLBGeometry.Level) -> Bool {
    a.kind == b.kind && (a.kind == .nested || a.shift == b.shift) && a.prefix % UInt64(size.sets) == b.prefix % UInt64(size.sets)
  }

  private func isSame(_ a: NaiveWalk, _ b: NaiveWalk) -> Bool {
    a.kind == b.kind && a.vpid == b.vpid && a.pcid == b.pcid && a.ep4ta == b.ep4ta && a.shift == b.shift && a.prefix == b.prefix
  }

  mutating func insert(_ walk: NaiveWalk) {
    guard let size = size(walk) else { return }
    if let old = tlb.walks.firstIndex(where: { isSame($0, walk) }) { tlb.walks.remove(at: old) }
    tlb.walks.insert(walk, at: 0)
    if tlb.walks.count(where: { competes($0, walk, size) }) > size.ways, let last = tlb.walks.lastIndex(where: { competes($0, walk, size) })
    {
      tlb.walks.remove(at: last)
    }
  }

  mutating func find(_ wanted: NaiveWalk) -> UInt64? {
    guard let index = tlb.walks.firstIndex(where: { isSame($0, wanted) }) else { return nil }
    let found = tlb.walks.remove(at: index)
    tlb.walks.insert(found, at: 0)
    return found.word
  }
}

@Suite struct WalkCacheTests {
  private let geometry = "l1=8x8,pml5e=2,pml4e=2,pdpte=4x2,pde=8x4,epml5e=2,epml4e=2,epdpte=4,epde=8x2,ntlb=8x4"

  private func guest(_ tag: TLBTag, _ address: UInt64, level: Int, word: UInt64 = 0) -> NaiveWalk {
    let shift = UInt64(12 + 9 * level)
    return NaiveWalk(kind: .walk, vpid: tag.vpid, pcid: tag.pcid, ep4ta: tag.ep4ta, shift: shift, prefix: address >> shift, word: word)
  }
  private func host(_ tag: TLBTag, _ address: UInt64, level: Int, word: UInt64 = 0) -> NaiveWalk {
    let shift = UInt64(12 + 9 * level)
    return NaiveWalk(kind: .host, ep4ta: tag.ep4ta, shift: shift, prefix: address >> shift, word: word)
  }
  private func nested(_ tag: TLBTag, _ address: UInt64, _ size: PageSize, word: UInt64 = 0) -> NaiveWalk {
    NaiveWalk(kind: .nested, ep4ta: tag.ep4ta, shift: size.shift, prefix: address >> size.shift, word: word)
  }

  private func live(_ tlb: TLBHierarchy) -> [String] {
    var lines: Set<String> = []
    for vpid in 0..<3 as Range<UInt16> {
      tlb.forEachWalkCacheEntry(VPID(vpid)) { entry in
        switch entry {
        case .walk(let tag, let address, let start):
          lines.insert("\(tag) \(start.level) \(address.rawValue & (1 << 57 - 1)) \(start.table.rawValue | start.rights)")
        case .hostWalk(let root, let address, let start):
          lines.insert("host \(root) \(start.level) \(address.rawValue) \(start.table.rawValue | start.rights)")
        case .nested(let root, let frame, let entry):
          lines.insert("nested \(root) \(entry.size) \(frame.rawValue << 12) \(entry.rawValue)")
        }
      }
    }
    return lines.sorted()
  }

  private func live(_ naive: NaiveWalkCaches) -> [String] {
    naive.tlb.walks.map { walk in
      let level = Int(walk.shift - 12) / 9
      let address = (walk.prefix << walk.shift) & (1 << 57 - 1)
      switch (walk.kind, walk.vpid, walk.pcid, walk.ep4ta) {
      case (.walk, let vpid?, let pcid?, let root): return "\(TLBTag(vpid: vpid, pcid: pcid, ep4ta: root)) \(level) \(address) \(walk.word)"
      case (.host, _, _, let root?): return "host \(root) \(level) \(address) \(walk.word)"
      case (_, _, _, let root):
        return "nested \(root ?? HostFrame(0 as UInt64)) \(TLBEntry(rawValue: walk.word).size) \(address) \(walk.word)"
      }
    }.sorted()
  }

  @Test("walk caches answer, replace and forget as lists in the order of use do", arguments: 0..<6 as Range<UInt64>)
  func twin(seed: UInt64) throws {
    var fuzz = try TwinFuzz(geometry, seed: seed, pages: 3)
    var naive = NaiveWalkCaches(fuzz.tlb.geometry)
    for step in 0..<700 {
      let index = fuzz.random.index(below: fuzz.spaces.count)
      let (space, tag) = (fuzz.spaces[index], fuzz.tags[index])
      let (address, physical) = (fuzz.address(), fuzz.physical())
      let level = 1 + fuzz.random.index(below: 4)
      let (table, rights) = (fuzz.random.below(1 << 20) << 12, fuzz.random.below(8) | fuzz.random.below(2) << 63)
      switch fuzz.random.below(step < 30 ? 3 : 8) {
      case 0:
        fuzz.tlb.insertWalk(space, address, level: level, table: HostPhysicalAddress(table), rights: rights)
        naive.insert(guest(tag, address.rawValue, level: level, word: table | rights))
      case 1:
        fuzz.tlb.insertHostWalk(space, physical, level: level, table: HostPhysicalAddress(table), rights: rights)
        if tag.ep4ta != nil { naive.insert(host(tag, physical.rawValue, level: level, word: table | rights)) }
      case 2:
        let entry = fuzz.entry()
        fuzz.tlb.insertNested(space, physical, entry)
        if tag.ep4ta != nil { naive.insert(nested(tag, physical.rawValue, entry.size, word: entry.rawValue)) }
      case 3, 4:
        let found = fuzz.tlb.lookupWalk(space, address)
        let expected = (1...4).lazy.compactMap { level in naive.find(guest(tag, address.rawValue, level: level)).map { (level, $0) } }.first
        #expect(found.level == expected?.0 ?? 0 && found.table.rawValue | found.rights == expected?.1 ?? 0)
      case 5:
        let found = fuzz.tlb.lookupHostWalk(space, physical)
        let expected = (1...4).lazy.compactMap { level in naive.find(host(tag, physical.rawValue, level: level)).map { (level, $0) } }.first
        #expect(found.level == expected?.0 ?? 0 && found.table.rawValue | found.rights == expected?.1 ?? 0)
      case 6:
        let found = fuzz.tlb.lookupNested(space, physical, AccessCheck(needed: AccessCheck.present))
        let expected = PageSize.allCases.lazy.compactMap { naive.find(nested(tag, physical.rawValue, $0)) }.first
        #expect(found.entry.rawValue == expected ?? 0 && (found.level == 1) == (expected != nil))
      default:
        guard fuzz.random.oneIn(3) else { continue }
        let operation = fuzz.operation()
        fuzz.tlb.invalidate(operation)
        naive.tlb.invalidate(operation, fuzz.tagOf)
      }
      if step % 10 == 0 { #expect(live(fuzz.tlb) == live(naive)) }
    }
  }

  @Test("without walk caches nothing is kept, and every walk starts at the root")
  func absent() {
    let tlb = TLBHierarchy(TLBPreset.golden.geometry)
    let space = tlb.space(TLBTag(vpid: VPID(1), ep4ta: HostFrame(1 as UInt64)))
    tlb.insertWalk(space, GuestVirtualAddress(0), level: 1, table: HostPhysicalAddress(4096), rights: 7)
    tlb.insertHostWalk(space, GuestPhysicalAddress(0), level: 1, table: HostPhysicalAddress(4096), rights: 7)
    tlb.insertNested(space, GuestPhysicalAddress(0), TLBEntry(HostFrame(1 as UInt64), rights: 0))
    #expect(tlb.lookupWalk(space, GuestVirtualAddress(0)) == .root)
    #expect(tlb.lookupHostWalk(space, GuestPhysicalAddress(0)) == .root)
    #expect(tlb.lookupNested(space, GuestPhysicalAddress(0), AccessCheck(needed: 0)).level == 0)
    #expect(live(tlb).isEmpty)
  }

  @Test("two guests on one EPT root share its guest-physical entries, also one that comes later; when the last is released they go")
  func sharedRoot() throws {
    let tlb = TLBHierarchy(try TLBGeometry(parsing: geometry))
    let root = HostFrame(5 as UInt64)
    let (one, two) = (TLBTag(vpid: VPID(1), ep4ta: root), TLBTag(vpid: VPID(2), ep4ta: root))
    let first = tlb.space(one)
    tlb.insertHostWalk(first, GuestPhysicalAddress(0x1234_5000), level: 1, table: HostPhysicalAddress(0x7000), rights: 7)
    tlb.insertNested(first, GuestPhysicalAddress(0x1234_5000), TLBEntry(HostFrame(9 as UInt64), rights: 7))
    let second = tlb.space(two)
    #expect(tlb.lookupHostWalk(second, GuestPhysicalAddress(0x1234_6000)).table == HostPhysicalAddress(0x7000))
    tlb.release(VPID(1))
    #expect(tlb.lookupNested(second, GuestPhysicalAddress(0x1234_5000), AccessCheck(needed: 1)).level == 1)
    tlb.release(VPID(2))
    let third = tlb.space(TLBTag(vpid: VPID(3), ep4ta: root))
    #expect(tlb.lookupNested(third, GuestPhysicalAddress(0x1234_5000), AccessCheck(needed: 1)).level == 0)
    #expect(tlb.lookupHostWalk(third, GuestPhysicalAddress(0x1234_6000)) == .root)
  }
}
