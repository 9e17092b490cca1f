import Addressing
import PageContents
import Testing

@testable import PageTables

/// The exit qualifications that a processor gives for an entry changed at each level (Intel SDM table 28-7).
@Suite struct GuestPhysicalWalkTests {
  private let contents = FrameContents(frameCount: 64)
  private let address = GuestPhysicalAddress(0x12_3456_7000)

  /// A map of one page, in which the permissions of the entry at a level are changed.
  private func map(_ permissions: UInt64, level: Int, leaf: Int = 1) throws -> GuestPhysicalMap {
    let map = try GuestPhysicalMap(contents: contents, frames: TableFrames(contents, capacity: 16))
    #expect(map.setLeaf(.page(HostFrame(40 as UInt64), writable: true), of: address.page))
    if leaf > 1 {
      let large = EPTEntry(rawValue: 0x4000_0000 | EPTEntry.large | EPTEntry.writeBack | EPTEntry.permissions)
      contents.store(large.rawValue, place(map, level: leaf))
    }
    let place = place(map, level: level)
    contents.store(contents.load(place) & ~7 | permissions, place)
    return map
  }

  private func place(_ map: GuestPhysicalMap, level: Int) -> HostPhysicalAddress {
    var table = map.root.address
    for above in stride(from: 4, to: level, by: -1) {
      table = EPTEntry(rawValue: contents.load(X86Index.entryAddress(in: table, of: address, level: above))).frame.address
    }
    return X86Index.entryAddress(in: table, of: address, level: level)
  }

  private func qualification(
    _ map: GuestPhysicalMap, _ access: AccessKind, _ purpose: GuestPhysicalPurpose = .access, ad: Bool = true
  ) -> UInt64? {
    var references: UInt64 = 0
    let walk = map.walk(address, map.access(access, for: purpose, setsAccessedDirty: ad), references: &references)
    return walk.kind == .violation ? walk.qualification : nil
  }

  @Test(
    "a refused access is qualified as in the specification's examples, whatever the level",
    arguments: [(1, 1), (2, 2), (3, 3), (4, 1), (2, 1)])
  func examples(level: Int, leaf: Int) throws {
    let readOnly = try map(1, level: level, leaf: leaf)
    #expect(qualification(readOnly, .read) == nil)
    #expect(qualification(readOnly, .write) == 0x18a)
    #expect(qualification(readOnly, .fetch) == 0x18c)
    let absent = try map(0, level: level, leaf: leaf)
    #expect(qualification(absent, .read) == 0x181)
    #expect(qualification(absent, .write) == 0x182)
    #expect(qualification(absent, .fetch) == 0x184)
    #expect(qualification(try map(3, level: level, leaf: leaf), .fetch) == 0x19c)
    #expect(qualification(try map(5, level: level, leaf: leaf), .write) == 0x1aa)
    #expect(qualification(try map(4, level: level, leaf: leaf), .read) == 0x1a1)
  }

  @Test("a load of a guest table counts as a write where A and D are kept")
  func guestTables() throws {
    let absent = try map(0, level: 1)
    #expect(qualification(absent, .read, .guestTable, ad: false) == 0x81)
    #expect(qualification(absent, .read, .guestTable, ad: true) == 0x83)
    let readOnly = try map(1, level: 1)
    #expect(qualification(readOnly, .read, .guestTable, ad: false) == nil)
    #expect(qualification(readOnly, .write, .guestTable, ad: false) == 0x8b, "A or D of the guest's has to be set")
    #expect(qualification(readOnly, .read, .guestTable, ad: true) == 0x8b)
  }

  @Test("W without R is a misconfiguration, and one on the way beats a violation below it", arguments: 1...4)
  func misconfiguration(level: Int) throws {
    let map = try map(2, level: level)
    if level > 1 { contents.store(0, place(map, level: level - 1)) }
    var references: UInt64 = 0
    let walk = map.walk(address, map.access(.read), references: &references)
    #expect(walk.kind == .misconfiguration && walk.level == level && references == UInt64(5 - level))
  }

  @Test("a walk makes one reference a level down to the leaf", arguments: 1...3)
  func references(leaf: Int) throws {
    let map = try map(7, level: leaf, leaf: leaf)
    var references: UInt64 = 0
    #expect(map.walk(address, map.access(.read), references: &references).isMapped)
    #expect(references == UInt64(5 - leaf))
  }

  @Test("A is set on every entry of a walk that passes, D on the leaf of a write, and neither after a violation")
  func accessedDirty() throws {
    for (access, ad, expected) in [(.read, true, 0x100), (.write, true, 0x300), (.fetch, true, 0x100), (.write, false, 0)]
      as [(AccessKind, Bool, UInt64)]
    {
      let map = try map(7, level: 1)
      #expect(qualification(map, access, ad: ad) == nil)
      #expect(contents.load(place(map, level: 1)) & 0x300 == expected)
      for level in 2...4 { #expect(contents.load(place(map, level: level)) & 0x300 == expected & 0x100) }
    }
    let map = try map(1, level: 1)
    #expect(qualification(map, .write) != nil)
    for level in 1...4 { #expect(contents.load(place(map, level: level)) & 0x300 == 0) }
  }

  @Test("What a walk marked, a cache of its tables knows to be marked: a walk from there looks at no entry above", arguments: 1...4)
  func walkFromBelow(level: Int) throws {
    let map = try map(7, level: 1)
    #expect(qualification(map, .read) == nil)
    let path = map.path
    #expect(path.rights(level: level) & EPTEntry.accessed != 0 && path.table(level: 4) == map.root.address)
    if level < 4 { contents.store(0, place(map, level: 4)) }
    var references: UInt64 = 0
    let again = map.walk(
      address, map.access(.write), from: path.table(level: level), level: level, rights: path.rights(level: level), references: &references)
    #expect(again.isMapped && again.leaf.isDirty && again.rights == 7 && references == UInt64(level))
    #expect(map.path.table(level: 1) == path.table(level: 1))
    if level < 4 { #expect(map.path.table(level: 4) == HostPhysicalAddress(0)) }
  }
}
