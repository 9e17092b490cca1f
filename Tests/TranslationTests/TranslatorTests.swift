import Addressing
import PageContents
import PageTables
import Testing
import TranslationCaching

@testable import Translation

/// A guest with one page mapped by four tables: root 0, then frames 1, 2 and 3, the page itself 40.
struct SmallGuest {
  let rig: GuestRig
  let address = GuestVirtualAddress(0x12_3456_7000)
  let page = GuestFrame(40 as UInt64)

  init(
    _ mode: PagingMode, _ options: PagingOptions = PagingOptions(), leaf: Int = 1,
    tlb: TLBHierarchy = TLBHierarchy(TLBPreset.golden.geometry), vpid: UInt16 = 1, format: NestedFormat = .ept
  ) throws {
    rig = try GuestRig(mode, options, tlb: tlb, vpid: vpid, format: format)
    for level in stride(from: 4, to: leaf, by: -1) { rig.store(X86Entry.table(GuestFrame(5 - level)).rawValue, place(level)) }
    let entry =
      leaf == 1
      ? X86Entry.page(page, writable: true, user: true, noExecute: false)
      : X86Entry.largePage(GuestFrame(0 as UInt64), writable: true, user: true, noExecute: false)
    rig.store(entry.rawValue, place(leaf))
    rig.loadCR3(GuestPhysicalAddress(0))
  }

  /// The entry of a level.
  func place(_ level: Int) -> GuestPhysicalAddress {
    X86Index.entryAddress(in: GuestFrame(4 - level).address, of: address, level: level)
  }

  func entry(_ level: Int) -> X86Entry { X86Entry(rawValue: rig.load(place(level))) }

  var exits: ExitCounts { rig.translator.counters.exits }
}

extension TranslationOutcome {
  var violation: GuestViolation? { if case .violation(let violation) = self { violation } else { nil } }
  var mapped: HostPhysicalAddress? { if case .mapped(let place) = self { place } else { nil } }
}

@Suite struct ReferenceCountTests {
  @Test(
    "a walk makes as many references as the closed form says: the levels, or (g + 1)(h + 1) - 1 where it is nested",
    arguments: [(.native, 4), (.nested, 24), (.shadow, 4), (.agile, 4)] as [(PagingMode, UInt64)])
  func closedForm(mode: PagingMode, references: UInt64) throws {
    let guest = try SmallGuest(mode)
    #expect(guest.rig.access(guest.address, .write, .user) == .mapped(guest.rig.hostFrame(guest.page).address))
    for access in AccessKind.allCases {
      guest.rig.tlb.invalidate(.invvpidContext(VPID(1)))
      let before = guest.rig.translator.counters
      #expect(guest.rig.access(guest.address, access, .user) == .mapped(guest.rig.hostFrame(guest.page).address))
      let after = guest.rig.translator.counters
      #expect(after.walks - before.walks == 1)
      #expect(after.walkReferences - before.walkReferences == references)
      #expect(after.references - before.references == 1 && after.exits == before.exits)
    }
  }

  @Test(
    "a guest's 2 MiB page costs one level less natively and five references less nested",
    arguments: [(.native, 3), (.nested, 19), (.shadow, 4), (.agile, 4)] as [(PagingMode, UInt64)])
  func largeGuestPage(mode: PagingMode, references: UInt64) throws {
    let guest = try SmallGuest(mode, leaf: 2)
    // The page of the large one that the address selects: 0x167.
    #expect(guest.rig.access(guest.address, .write, .user) == .mapped(guest.rig.hostFrame(GuestFrame(0x167 as UInt64)).address))
    guest.rig.tlb.invalidate(.invvpidContext(VPID(1)))
    let before = guest.rig.translator.counters.walkReferences
    _ = guest.rig.access(guest.address, .read, .user)
    #expect(guest.rig.translator.counters.walkReferences - before == references)
  }

  @Test("a second access to a page hits in the TLB and walks nothing", arguments: PagingMode.transparent)
  func hit(mode: PagingMode) throws {
    let guest = try SmallGuest(mode)
    _ = guest.rig.access(guest.address, .read, .user)
    let before = guest.rig.translator.counters
    #expect(
      guest.rig.access(guest.address.advanced(by: 8), .read, .user) == .mapped(guest.rig.hostFrame(guest.page).address.advanced(by: 8)))
    let after = guest.rig.translator.counters
    #expect(after.walks == before.walks && after.tlb.l1dHits == before.tlb.l1dHits + 1)
  }

  @Test("an access that is retried through violations counts once", arguments: PagingMode.transparent)
  func retries(mode: PagingMode) throws {
    let guest = try SmallGuest(mode)
    for frame in [0, 1, 2, 3, 40] as [UInt64] { guest.rig.swapOut(GuestFrame(frame)) }
    _ = guest.rig.access(guest.address, .read, .user)
    let counters = guest.rig.translator.counters
    #expect(counters.references == 1 && counters.tlb.l1dMisses == 1 && counters.tlb.l2Misses == 1)
    switch mode {
    case .native: #expect(counters.exits.total == 0)
    case .nested: #expect(counters.exits[.eptViolation] == 5 && counters.exits.total == 5)
    case .shadow, .agile: #expect(counters.exits[.shadowPageFault] == 1)
    case .direct: break
    }
  }
}

@Suite struct FaultTests {
  @Test("the guest's own refusals are its page faults, with the error code of the access", arguments: PagingMode.transparent)
  func guestFaults(mode: PagingMode) throws {
    let guest = try SmallGuest(mode)
    guest.rig.store(X86Entry.page(guest.page, writable: false, user: false, noExecute: true).rawValue, guest.place(1))
    #expect(guest.rig.access(guest.address, .read, .user) == .guestFault([.present, .user]))
    #expect(guest.rig.access(guest.address, .write, .supervisor) == .guestFault([.present, .write]))
    #expect(guest.rig.access(guest.address, .fetch, .supervisor) == .guestFault([.present, .fetch]))
    #expect(guest.rig.access(guest.address, .read, .supervisor) == .mapped(guest.rig.hostFrame(guest.page).address))
    guest.rig.store(0, guest.place(3))
    guest.rig.loadCR3(GuestPhysicalAddress(0))
    #expect(guest.rig.access(guest.address, .write, .user) == .guestFault([.write, .user]))
    guest.rig.store(X86Entry.table(GuestFrame(2 as UInt64)).with(1 << 51).rawValue, guest.place(3))
    #expect(guest.rig.access(guest.address, .read, .supervisor) == .guestFault([.present, .reserved]))
    #expect(guest.rig.access(GuestVirtualAddress(0x8000_0000_0000), .read, .supervisor) == .generalProtection)
    #expect(guest.rig.translator.counters.guestFaults == 5)
    #expect(guest.exits[.guestPageFault] == (mode == .shadow || mode == .agile ? 5 : 0))
  }

  @Test("a guest table that names memory beyond the map is a violation, never a trap", arguments: PagingMode.transparent)
  func wildFrames(mode: PagingMode) throws {
    let guest = try SmallGuest(mode)
    let wild = GuestFrame(GuestPhysicalMap.frameLimit - 1)
    guest.rig.store(X86Entry.page(wild, writable: true, user: true, noExecute: false).rawValue, guest.place(1))
    let final = try #require(guest.rig.translator.translate(guest.address, .read, .user).violation)
    #expect(final.frame == wild && !final.isGuestTable && final.qualification == 0x181)
    guest.rig.store(X86Entry.table(wild).rawValue, guest.place(2))
    guest.rig.loadCR3(GuestPhysicalAddress(0))
    let table = try #require(guest.rig.access(guest.address, .read, .user).violation)
    #expect(table.frame == wild && table.isGuestTable)
  }

  @Test("a guest table in a read-only page: any load of it violates where EPT keeps A and D, else only setting A or D does")
  func readOnlyTables() throws {
    for mode in PagingMode.transparent {
      let guest = try SmallGuest(mode)
      guest.rig.protect(GuestFrame(3 as UInt64))
      let violation = try #require(guest.rig.translator.translate(guest.address, .read, .user).violation)
      #expect(violation.address == guest.place(1) && violation.access == .write && violation.isGuestTable)
      #expect(violation.qualification == (mode == .nested ? 0xab : 0xaa))
      // With its A bits set only nested paging with A/D needs W again.
      for level in 1...4 { guest.rig.store(guest.entry(level).with(X86Entry.accessed).rawValue, guest.place(level)) }
      guest.rig.protect(GuestFrame(3 as UInt64))
      #expect((guest.rig.translator.translate(guest.address, .read, .user).violation?.isGuestTable == true) == (mode == .nested))
    }
  }

  @Test("A is set on every level of a walk that passes, D on the leaf of a write", arguments: PagingMode.transparent)
  func accessedDirty(mode: PagingMode) throws {
    let guest = try SmallGuest(mode)
    _ = guest.rig.access(guest.address, .read, .user)
    for level in 1...4 { #expect(guest.entry(level).isAccessed && !guest.entry(level).isDirty) }
    _ = guest.rig.access(guest.address, .write, .user)
    for level in 1...4 { #expect(guest.entry(level).isDirty == (level == 1)) }
  }
}

@Suite struct ShadowTests {
  private func pages(_ guest: SmallGuest) -> Int { Int(guest.rig.translator.shadowStatistics?.pages ?? 0) }
  private var inStep: PagingOptions {
    var options = PagingOptions()
    options.unsync = .none
    return options
  }

  @Test("each event of shadow paging exits under its own name")
  func exits() throws {
    let guest = try SmallGuest(.shadow)
    #expect(guest.exits[.cr3Load] == 1)
    _ = guest.rig.access(guest.address, .read, .user)
    #expect(guest.exits[.shadowPageFault] == 1)
    _ = guest.rig.access(guest.address, .write, .user)
    #expect(guest.exits[.shadowPageFault] == 2, "dirty emulation: the first write to a clean page")
    #expect(guest.rig.translator.storeTraps(GuestFrame(3 as UInt64)) && !guest.rig.translator.storeTraps(guest.page))
    guest.rig.store(0, guest.place(2))
    #expect(guest.exits[.pageTableWrite] == 1)
    guest.rig.translator.invalidatePage(guest.address)
    #expect(guest.exits[.invlpg] == 1)
    _ = guest.rig.access(guest.address, .read, .user)
    #expect(guest.exits[.guestPageFault] == 1 && guest.exits.total == 6)
    #expect(pages(guest) == 4)
  }

  @Test("a table under parents of different rights has a shadow page for each, and a store to it reaches both")
  func roles() throws {
    let guest = try SmallGuest(.shadow, inStep)
    // The same level-1 table again, one entry further in the level-2 table, for reading only.
    let alias = guest.address.advanced(by: 1 << 21)
    guest.rig.store(
      X86Entry.table(GuestFrame(3 as UInt64), writable: false).rawValue, GuestPhysicalAddress(guest.place(2).rawValue + 8))
    for address in [guest.address, alias] { _ = guest.rig.access(address, .read, .user) }
    #expect(pages(guest) == 5)
    // And with the same rights: the same shadow page.
    let same = guest.address.advanced(by: 2 << 21)
    guest.rig.store(X86Entry.table(GuestFrame(3 as UInt64)).rawValue, GuestPhysicalAddress(guest.place(2).rawValue + 16))
    _ = guest.rig.access(same, .read, .user)
    #expect(pages(guest) == 5)
    #expect(guest.rig.access(alias, .write, .user) == .guestFault([.present, .write, .user]))
    guest.rig.store(0, guest.place(1))
    for address in [guest.address, alias] { #expect(guest.rig.translator.peek(address) == nil) }
  }

  @Test("a page that becomes a shadowed table loses its writable translations; a store through one is let through and seen")
  func writeProtection() throws {
    let guest = try SmallGuest(.shadow, inStep)
    // The level-1 table maps itself one page further on.
    let alias = guest.address.advanced(by: 4096)
    let own = X86Entry.page(GuestFrame(3 as UInt64), writable: true, user: true, noExecute: true).with(X86Entry.dirty)
    guest.rig.store(own.rawValue, GuestPhysicalAddress(guest.place(1).rawValue + 8))
    _ = guest.rig.access(alias, .read, .user)
    #expect(guest.rig.translator.peek(alias)?.isWritable == false)
    _ = guest.rig.access(guest.address, .read, .user)
    let word = try #require(guest.rig.access(alias.advanced(by: guest.place(1).offset(in: .size4K)), .write, .user).mapped)
    #expect(guest.exits[.pageTableWrite] == 1)
    let other = X86Entry.page(GuestFrame(41 as UInt64), writable: true, user: true, noExecute: false)
    guest.rig.contents.store(other.rawValue, word)
    guest.rig.translator.invalidatePage(guest.address)
    #expect(guest.rig.access(guest.address, .read, .user) == .mapped(guest.rig.hostFrame(GuestFrame(41 as UInt64)).address))
  }

  @Test("a page whose content is replaced is no table any more")
  func replaced() throws {
    let guest = try SmallGuest(.shadow)
    _ = guest.rig.access(guest.address, .read, .user)
    guest.rig.translator.guestPageReplaced(GuestFrame(3 as UInt64))
    #expect(!guest.rig.translator.storeTraps(GuestFrame(3 as UInt64)) && guest.rig.translator.peek(guest.address) == nil)
  }

  @Test("KVM's default limit is 2 % of the guest's pages and at least 64")
  func limit() {
    #expect(ShadowTranslator.shadowPageLimit(guestPages: 100) == 64)
    #expect(ShadowTranslator.shadowPageLimit(guestPages: 1 << 20) == 20971)
    #expect(ShadowTranslator.shadowPageLimit(guestPages: .max) == 85_899_345)
  }
}

@Suite struct AgingTests {
  @Test("a page is accessed once for each round in which it was used", arguments: PagingMode.transparent)
  func aging(mode: PagingMode) throws {
    let guest = try SmallGuest(mode)
    #expect(!guest.rig.translator.testAndClearAccessed(guest.page))
    for _ in 0..<3 {
      _ = guest.rig.access(guest.address, .read, .user)
      #expect(guest.rig.translator.testAndClearAccessed(guest.page))
      #expect(!guest.rig.translator.testAndClearAccessed(guest.page))
    }
  }
}

@Suite struct CostTests {
  @Test("cycles are counts times figures, by cause")
  func cycles() throws {
    var counters = TranslationCounters()
    counters.tlb.l2Hits = 10
    counters.walkReferences = 24
    counters.guestFaults = 2
    counters.exits[.pageTableWrite] = 3
    counters.exits[.guestPageFault] = 1
    let cost = CostPreset.adamsAgesen2006.cycles(for: counters)
    #expect(cost.l2Hits == 70 && cost.walks == 24 * 18 && cost.guestFaults == 2 * 1093 && cost.exits == 3 * 12732 + 10149)
    #expect(cost.total == cost.l2Hits + cost.walks + cost.guestFaults + cost.exits)
  }

  @Test("every preset is found by its name and prices every exit")
  func presets() throws {
    for preset in CostPreset.all {
      #expect(CostPreset(named: preset.name)?.clockHertz == preset.clockHertz)
      #expect(ExitReason.allCases.allSatisfy { preset.exits[$0] != nil }, "\(preset.name) leaves no exit to the cost of a bare one")
      #expect(preset.figures.allSatisfy { !$0.figure.source.isEmpty })
      for reason in ExitReason.allCases { #expect(preset.exits[reason] != nil) }
    }
    #expect(CostPreset(named: "no-such") == nil)
  }
}
