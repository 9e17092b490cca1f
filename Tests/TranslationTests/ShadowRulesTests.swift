import Addressing
import Columns
import PageContents
import PageTables
import Testing
import TranslationCaching

@testable import Translation

/// A guest with tables in frames 0 to 3 and a run of pages from frame 40 on, mapped by consecutive level-1 entries.
private struct RunGuest {
  let rig: GuestRig
  let first = GuestVirtualAddress(0x12_3440_0000)

  init(_ mode: PagingMode = .shadow, pages: Int = 1, marks: UInt64 = 0, _ set: (inout PagingOptions) -> Void = { _ in }) throws {
    var options = PagingOptions()
    set(&options)
    rig = try GuestRig(mode, options, tlb: TLBHierarchy(TLBPreset.golden.geometry), vpid: 1)
    for level in 2...4 { rig.store(X86Entry.table(GuestFrame(5 - level)).rawValue, place(level)) }
    for page in 0..<pages { rig.store(entry(page).with(marks).rawValue, place(1, page)) }
    rig.loadCR3(GuestPhysicalAddress(0))
  }

  func entry(_ page: Int) -> X86Entry { .page(GuestFrame(40 + page), writable: true, user: true, noExecute: false) }
  func address(_ page: Int = 0) -> GuestVirtualAddress { first.advanced(by: UInt64(page) << 12) }
  func place(_ level: Int, _ page: Int = 0) -> GuestPhysicalAddress {
    X86Index.entryAddress(in: GuestFrame(4 - level).address, of: address(page), level: level)
  }
  func host(_ page: Int = 0) -> TranslationOutcome { .mapped(rig.hostFrame(GuestFrame(40 + page)).address) }

  @discardableResult func read(_ page: Int = 0) -> TranslationOutcome { rig.access(address(page), .read, .user) }
  @discardableResult func write(_ page: Int = 0) -> TranslationOutcome { rig.access(address(page), .write, .user) }
  var exits: ExitCounts { rig.translator.counters.exits }
  var statistics: ShadowStatistics { rig.translator.shadowStatistics ?? ShadowStatistics() }
  func holds(_ page: Int) -> Bool { rig.translator.peek(address(page)) != nil }

  /// References of a walk for a page, with nothing cached.
  func walkReferences(_ page: Int = 0) -> UInt64 {
    rig.tlb.invalidate(.invvpidContext(VPID(1)))
    let before = rig.translator.counters.walkReferences
    read(page)
    return rig.translator.counters.walkReferences - before
  }
}

@Suite struct UnsyncTests {
  private let table = GuestFrame(3 as UInt64)

  @Test("In step, each store to a shadowed level-1 table exits; out of step only the first does, until a load of CR3")
  func stores() throws {
    for (policy, writes, unsyncs) in [(UnsyncPolicy.none, 8, 0), (.kvm, 0, 1), (.xen, 0, 1)] as [(UnsyncPolicy, UInt64, UInt64)] {
      let guest = try RunGuest(pages: 4) { $0.unsync = policy }
      guest.read()
      for _ in 0..<8 { guest.rig.store(guest.entry(0).rawValue, guest.place(1)) }
      #expect(guest.exits[.pageTableWrite] == writes && guest.exits[.pageTableUnsync] == unsyncs, "\(policy)")
      #expect(guest.rig.translator.storeTraps(table) == (policy == .none))
      guest.rig.loadCR3(GuestPhysicalAddress(0))
      #expect(guest.rig.translator.storeTraps(table), "in step again, and write-protected")
      #expect(guest.statistics.syncs == unsyncs)
    }
  }

  @Test("A table of an upper level never runs out of step", arguments: UnsyncPolicy.allCases)
  func upperLevels(policy: UnsyncPolicy) throws {
    let guest = try RunGuest { $0.unsync = policy }
    guest.read()
    for level in 2...4 { guest.rig.store(guest.rig.load(guest.place(level)), guest.place(level)) }
    #expect(guest.exits[.pageTableWrite] == 3 && guest.exits[.pageTableUnsync] == 0)
  }

  @Test("A page out of step shows the old translation until INVLPG of that page, which reads one entry and no other")
  func invlpg() throws {
    let guest = try RunGuest(pages: 2) { $0.prefetch = .none }
    for page in 0..<2 { guest.read(page) }
    for page in 0..<2 { guest.rig.store(guest.entry(page + 2).with(X86Entry.accessed).rawValue, guest.place(1, page)) }
    #expect(guest.read(0) == guest.host(0) && guest.read(1) == guest.host(1))
    guest.rig.translator.invalidatePage(guest.address(0))
    #expect(guest.read(0) == guest.host(2) && guest.read(1) == guest.host(1))
    #expect(guest.statistics.syncs == 0)
    guest.rig.loadCR3(GuestPhysicalAddress(0))
    #expect(guest.read(1) == guest.host(3) && guest.statistics.syncs == 1)
  }

  @Test("A page out of step is brought in step before it gets another parent: what becomes present needs no invalidation")
  func linking() throws {
    let guest = try RunGuest(pages: 1) { $0.prefetch = .none }
    guest.read()
    guest.rig.store(guest.entry(2).with(X86Entry.accessed).rawValue, guest.place(1))
    // The table again, one entry further up: nothing was present there.
    guest.rig.store(X86Entry.table(table).rawValue, GuestPhysicalAddress(guest.place(2).rawValue + 8))
    let alias = guest.address().advanced(by: 1 << 21)
    #expect(guest.rig.access(alias, .read, .user) == guest.host(2))
  }

  @Test("A load of CR3 with bit 63 set leaves a cached root as out of step as it is; INVPCID of its context does not")
  func keptRoots() throws {
    let guest = try RunGuest(pages: 1) { $0.prefetch = .none }
    var controls = X86Controls()
    controls.pcids = true
    guest.rig.translator.setControls(controls)
    guest.rig.loadCR3(GuestPhysicalAddress(1))
    guest.read()
    guest.rig.store(guest.entry(2).with(X86Entry.accessed).rawValue, guest.place(1))
    let hits = guest.statistics.rootCacheHits
    for root in [0x5000 | 2, 0x6000 | 3, 1] as [UInt64] { guest.rig.loadCR3(GuestPhysicalAddress(root | 1 << 63)) }
    #expect(guest.statistics.rootCacheHits == hits + 1 && guest.statistics.syncs == 0)
    #expect(guest.read() == guest.host(0), "the guest asked for what it had")
    guest.rig.translator.invalidate(.context(PCID(1)))
    #expect(guest.read() == guest.host(2) && guest.statistics.syncs == 1)
  }

  @Test("Xen lets three tables out of step and no more")
  func threeTables() throws {
    let guest = try RunGuest(pages: 1) { $0.unsync = .xen }
    for index in 0..<4 as Range<UInt64> {
      let entry = GuestPhysicalAddress(guest.place(2).rawValue + 8 * index)
      guest.rig.store(X86Entry.table(GuestFrame(10 + index)).rawValue, entry)
      guest.rig.store(guest.entry(0).rawValue, GuestFrame(10 + index).address)
      _ = guest.rig.access(guest.first.advanced(by: index << 21), .read, .user)
    }
    for index in 0..<4 as Range<UInt64> { guest.rig.store(guest.entry(1).rawValue, GuestFrame(10 + index).address) }
    let traps = (0..<4 as Range<UInt64>).filter { guest.rig.translator.storeTraps(GuestFrame(10 + $0)) }
    #expect(traps.count == 1 && guest.statistics.unsyncs == 4 && guest.statistics.syncs == 1)
  }
}

@Suite struct PrefetchTests {
  @Test("KVM fills in the other entries of 8 aligned ones, if A is set, up to the first where it is not")
  func kvm() throws {
    let guest = try RunGuest(pages: 16, marks: X86Entry.accessed)
    guest.rig.store(guest.entry(6).rawValue, guest.place(1, 6))
    for page in 0..<16 { guest.rig.resolve(GuestFrame(40 + page), .write) }
    guest.read(3)
    #expect((0..<16).map(guest.holds) == (0..<16).map { $0 < 6 } && guest.statistics.prefetched == 5)
    guest.read(9)
    #expect((8..<16).allSatisfy(guest.holds) && guest.exits[.shadowPageFault] == 2)
  }

  @Test("Xen fills in up to 31 that follow, to the first that would need a fault for A or D; none is none")
  func xen() throws {
    let marks = X86Entry.accessed | X86Entry.dirty
    let guest = try RunGuest(pages: 60, marks: marks) { $0.prefetch = .xen }
    for page in 0..<60 { guest.rig.resolve(GuestFrame(40 + page), .write) }
    guest.read(5)
    #expect((0..<60).map(guest.holds) == (0..<60).map { 5..<37 ~= $0 } && guest.statistics.prefetched == 31)
    guest.rig.store(guest.entry(50).with(X86Entry.accessed).rawValue, guest.place(1, 50))
    guest.read(40)
    #expect((37..<60).map(guest.holds) == (37..<60).map { 40..<50 ~= $0 })
    let none = try RunGuest(pages: 8, marks: marks) { $0.prefetch = .none }
    none.read()
    #expect(none.statistics.prefetched == 0)
  }

  @Test("A prefetched entry sets no bit that an access would set")
  func noTrace() throws {
    let guest = try RunGuest(pages: 2, marks: X86Entry.accessed)
    guest.rig.resolve(GuestFrame(41 as UInt64), .write)
    guest.read(0)
    #expect(guest.holds(1) && !guest.rig.map.leaf(of: GuestFrame(41 as UInt64)).isAccessed)
    guest.read(1)
    #expect(guest.rig.map.leaf(of: GuestFrame(41 as UInt64)).isAccessed)
  }
}

@Suite struct PoolTests {
  @Test("A table of an upper level that is stored to three times without being used in between is shadowed no more")
  func flooding() throws {
    let guest = try RunGuest()
    let elsewhere = GuestPhysicalAddress(guest.place(2).rawValue ^ 0x800)
    for _ in 0..<3 {
      guest.read()
      for _ in 0..<2 { guest.rig.store(0, elsewhere) }
      // Another entry of the table is used.
      guest.rig.store(guest.rig.load(guest.place(1)), guest.place(1))
      guest.rig.translator.invalidatePage(guest.address())
    }
    #expect(guest.statistics.floods <= 1)
    let before = guest.statistics.floods
    guest.rig.loadCR3(GuestPhysicalAddress(0))
    guest.write()
    for _ in 0..<3 { guest.rig.store(0, elsewhere) }
    #expect(guest.statistics.floods == before + 1 && !guest.rig.translator.storeTraps(GuestFrame(2 as UInt64)))
    let exits = guest.exits
    guest.rig.store(0, elsewhere)
    #expect(guest.exits == exits, "stores go free")
  }

  @Test("More pages than the limit allows push the oldest out, and no root of the root cache before others")
  func limit() throws {
    let guest = try RunGuest { $0.shadowPageLimit = 6 }
    for index in 0..<8 as Range<UInt64> {
      let entry = GuestPhysicalAddress(guest.place(2).rawValue + 8 * index)
      guest.rig.store(X86Entry.table(GuestFrame(10 + index)).rawValue, entry)
      guest.rig.store(guest.entry(0).rawValue, GuestFrame(10 + index).address)
      #expect(guest.rig.access(guest.first.advanced(by: index << 21), .read, .user) == guest.host(0))
      #expect(guest.statistics.pages <= 6)
    }
    #expect(guest.rig.frames.used <= 6 + ShadowPages.reserveForFault)
  }

  @Test("The current root and the three before are found again at once, by CR3 and role")
  func rootCache() throws {
    let guest = try RunGuest()
    let roots = [0, 0x8000, 0x9000, 0xa000, 0xb000] as [UInt64]
    for root in roots[1...3] { guest.rig.loadCR3(GuestPhysicalAddress(root)) }
    #expect(guest.statistics.rootCacheHits == 0)
    for root in roots[0...3] { guest.rig.loadCR3(GuestPhysicalAddress(root)) }
    #expect(guest.statistics.rootCacheHits == 4)
    guest.rig.loadCR3(GuestPhysicalAddress(roots[4]))
    guest.rig.loadCR3(GuestPhysicalAddress(roots[0]))
    #expect(guest.statistics.rootCacheHits == 4, "the oldest fell out")
    var controls = X86Controls()
    controls.writeProtect = false
    guest.rig.translator.setControls(controls)
    #expect(guest.statistics.rootCacheHits == 4 && guest.exits[.controlRegisterWrite] == 1, "another role is another root")
  }
}

@Suite struct OverrideTests {
  private func guest(_ set: (inout X86Controls) -> Void) throws -> RunGuest {
    let guest = try RunGuest()
    guest.rig.store(X86Entry.page(GuestFrame(40), writable: false, user: true, noExecute: false).rawValue, guest.place(1))
    var controls = X86Controls()
    controls.writeProtect = false
    set(&controls)
    guest.rig.translator.setControls(controls)
    return guest
  }

  @Test(
    "Without WP a kernel's write to a user's read-only page shows it as the kernel's, not executable under SMEP; the user's read restores it"
  )
  func override() throws {
    for smep in [false, true] {
      let guest = try guest { $0.smep = smep }
      #expect(guest.rig.access(guest.address(), .write, .supervisor) == guest.host())
      let held = try #require(guest.rig.translator.peek(guest.address()))
      #expect(held.isWritable && !held.isUser && held.isNoExecute == smep)
      let exits = guest.exits.total
      #expect(guest.rig.access(guest.address(), .write, .supervisor) == guest.host() && guest.exits.total == exits)
      #expect(guest.rig.access(guest.address(), .write, .user) == .guestFault([.present, .write, .user]))
      #expect(guest.read() == guest.host())
      let restored = try #require(guest.rig.translator.peek(guest.address()))
      #expect(!restored.isWritable && restored.isUser)
    }
  }

  @Test("Under SMAP the hypervisor carries such a write out each time, so that clearing AC counts at once")
  func smap() throws {
    let guest = try guest {
      $0.smap = true
      $0.alignmentCheck = true
    }
    for exits in 1...2 as ClosedRange<UInt64> {
      #expect(guest.rig.access(guest.address(), .write, .supervisor) == guest.host())
      #expect(guest.exits[.shadowPageFault] == exits)
    }
    var controls = guest.rig.translator.controls
    controls.alignmentCheck = false
    guest.rig.translator.setControls(controls)
    #expect(guest.rig.access(guest.address(), .write, .supervisor) == .guestFault([.present, .write]))
    #expect(guest.rig.access(guest.address(), .read, .supervisor) == .guestFault([.present]))
    #expect(guest.exits[.controlRegisterWrite] == 1, "STAC and CLAC do not exit")
  }
}

@Suite struct AgileTests {
  /// Stores twice to the table of a level: from there on the walk is nested.
  private func nest(_ guest: RunGuest, level: Int) {
    for _ in 0..<2 { guest.rig.store(guest.rig.load(guest.place(level)), guest.place(level)) }
  }

  @Test("With the n lowest of 4 levels nested a walk makes 4 + 4n references; fully nested 24")
  func closedForm() throws {
    for (nested, references) in [(0, 4), (1, 8), (2, 12), (3, 16), (4, 20)] as [(Int, UInt64)] {
      let guest = try RunGuest(.agile) { $0.unsync = .none }
      guest.write()
      if nested > 0 { nest(guest, level: nested) }
      #expect(guest.write() == guest.host())
      #expect(guest.walkReferences() == references && guest.statistics.toNested == (nested > 0 ? 1 : 0))
      // Where it is nested stores go free, above they do not.
      for level in 1...4 { #expect(guest.rig.translator.storeTraps(GuestFrame(4 - level)) == (level > nested)) }
    }
    let full = try RunGuest(.agile) { $0.agileWarmUp = .max }
    full.write()
    #expect(full.walkReferences() == 24 && full.exits[.shadowPageFault] == 0 && full.statistics.made <= 1)
  }

  @Test(
    "A nested table that nobody writes is shadowed again when the interval ends; one that is written stays", arguments: AgileReturn.allCases
  )
  func returns(policy: AgileReturn) throws {
    let guest = try RunGuest(.agile) {
      $0.unsync = .none
      $0.agileInterval = 10
      $0.agileReturn = policy
    }
    guest.write()
    nest(guest, level: 1)
    guest.write()
    for _ in 0..<20 { _ = guest.walkReferences() }
    #expect(guest.statistics.toShadow == 1 && guest.walkReferences() == 4)
    nest(guest, level: 1)
    guest.write()
    for _ in 0..<20 {
      guest.rig.store(guest.rig.load(guest.place(1)), guest.place(1))
      _ = guest.walkReferences()
    }
    #expect((guest.statistics.toShadow == 1) == (policy == .dirtyScan))
  }

  @Test("A guest's own fault below a switch reaches it without an exit, and the rights above the switch count")
  func faults() throws {
    let guest = try RunGuest(.agile, pages: 2) { $0.unsync = .none }
    guest.rig.store(X86Entry.table(GuestFrame(3), writable: false).rawValue, guest.place(2))
    guest.read()
    nest(guest, level: 1)
    guest.read()
    let exits = guest.exits.total
    #expect(guest.write(1) == .guestFault([.present, .write, .user]) && guest.exits.total == exits)
    #expect(guest.read(5) == .guestFault([.user]) && guest.exits.total == exits)
    guest.rig.swapOut(GuestFrame(41))
    #expect(guest.read(1) == guest.host(1) && guest.exits[.eptViolation] == 1)
  }

  @Test("Fully nested address spaces are shadowed after their warm-up")
  func warmUp() throws {
    let guest = try RunGuest(.agile) { $0.agileWarmUp = 5 }
    guest.write()
    #expect(guest.walkReferences() == 24)
    for _ in 0..<8 { _ = guest.walkReferences() }
    #expect(guest.walkReferences() == 4)
  }
}
