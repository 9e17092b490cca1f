import Addressing
import PageContents
import PageTables
import Testing
import TranslationCaching

@testable import Translation

@Suite("Hypercalls of direct paging")
struct HypercallTests {
  private func running() throws -> DirectRig {
    let rig = try DirectRig()
    rig.build(page: 10)
    #expect(rig.loadRoot(3) == nil)
    return rig
  }

  @Test("a load of CR3 validates the tables down to the leaves, and gives the old ones back")
  func types() throws {
    let rig = try running()
    #expect((0..<4).map { rig.use($0).type } == [.level1, .level2, .level3, .level4])
    #expect(rig.use(10).type == .writable && rig.use(11).type == .none)
    rig.audit()
    #expect(rig.loadRoot(20) == nil)
    #expect((0..<4).allSatisfy { rig.use($0) == FrameUse() } && rig.use(10) == FrameUse())
    rig.audit()
  }

  @Test("a frame is a table of one level or writable, never two of them")
  func oneType() throws {
    let rig = try running()
    // A table cannot become writable, nor a table of another level; reading it is fine.
    for table in 0..<4 {
      #expect(rig.update(0, 1, rig.entry(page: table)) == .invalid)
      #expect(rig.update(0, 1, rig.entry(page: table, writable: false)) == nil)
      for level in 1...4 where level != table + 1 {
        #expect(rig.hypercalls.perform([.pin(level: level, rig.machine(table))]).error == .invalid)
      }
    }
    // A writable page cannot become a table.
    for level in 1...4 { #expect(rig.hypercalls.perform([.pin(level: level, rig.machine(10))]).error == .invalid) }
    #expect(rig.update(1, 1, rig.entry(table: 10)) == .invalid)
    // Once it is mapped read-only it can.
    #expect(rig.update(0, 0, rig.entry(page: 10, writable: false)) == nil)
    #expect(rig.update(1, 1, rig.entry(table: 10)) == nil)
    #expect(rig.use(10).type == .level1)
    rig.audit()
  }

  @Test("a table may not contain itself at any level")
  func selfMaps() throws {
    let rig = try running()
    for table in 1..<4 { #expect(rig.update(table, 511, rig.entry(table: table)) == .invalid) }
    #expect(rig.update(0, 511, rig.entry(page: 0)) == .invalid)
    rig.audit()
  }

  @Test("only bits that guests may set pass, also where an entry keeps its frame")
  func bits() throws {
    let rig = try running()
    let bad = [X86Entry.pageSize, 1 << 3, 1 << 4, 1 << 48, 1 << 51]
    for level in 1...4 {
      let table = level - 1
      let old = rig.word(table, 0)
      for bit in bad + (level > 1 ? [X86Entry.global] : []) { #expect(rig.update(table, 0, old | bit) != nil) }
      #expect(rig.word(table, 0) == old)
      let good = [X86Entry.accessed, X86Entry.dirty, 7 << 9, 0x7f << 52, 15 << 59, X86Entry.noExecute]
      for bit in good + (level == 1 ? [X86Entry.global] : []) {
        #expect(rig.update(table, 0, old | bit) == nil)
      }
      #expect(rig.update(table, 0, old & ~X86Entry.user) == nil)
    }
    rig.audit()
  }

  @Test("frames of others, and of nobody, can be neither named nor written")
  func others() throws {
    let rig = try running()
    let outside = [HostFrame(3000), HostFrame(0), HostFrame(64), HostFrame(4095), HostFrame(4096), HostFrame(UInt64(1) << 36 - 1)]
    for frame in outside {
      #expect(rig.update(0, 1, X86Entry.page(frame, writable: false, user: true, noExecute: true).rawValue) == .notPermitted)
      #expect(rig.update(1, 1, X86Entry.table(frame).rawValue) == .notPermitted)
      #expect(rig.hypercalls.update([.entry(frame.address, 0)]).error == .notPermitted)
      #expect(rig.hypercalls.update([.machineToPhysical(frame, GuestFrame(0))]).error == .notPermitted)
      #expect(rig.hypercalls.perform([.pin(level: 1, frame)]).error == .notPermitted)
      #expect(rig.hypercalls.perform([.unpin(frame)]).error == .notPermitted)
      #expect(rig.loadRoot(frame) == .notPermitted)
    }
    // Nor in a page that is to become a table.
    #expect(rig.store(X86Entry.page(HostFrame(3000), writable: true, user: true, noExecute: true).rawValue, 20, 511))
    #expect(rig.update(1, 1, rig.entry(table: 20)) == .notPermitted)
    rig.audit()
  }

  @Test("malformed requests are refused, not obeyed")
  func malformed() throws {
    let rig = try running()
    #expect(rig.hypercalls.update([MMUUpdate(pointer: rig.place(0, 1).rawValue | 3, value: 0)]).error == .notImplemented)
    #expect(rig.hypercalls.update([MMUUpdate(pointer: rig.place(0, 1).rawValue | 4, value: 0)]).error == .invalid)
    #expect(rig.hypercalls.update([MMUUpdate(pointer: .max, value: .max)]).error != nil)
    for level in [.min, -1, 0, 5, 6, .max] { #expect(rig.hypercalls.perform([.pin(level: level, rig.machine(20))]).error == .invalid) }
    #expect(rig.hypercalls.perform([.unpin(rig.machine(20))]).error == .invalid)
    #expect(rig.hypercalls.updateMapping(of: GuestVirtualAddress(1 << 47), to: 0, then: .none).error == .invalid)
    #expect(rig.hypercalls.updateMapping(of: GuestVirtualAddress(1 << 40), to: 0, then: .none).error == .invalid)
    rig.audit()
  }

  @Test("a batch stops at the first request that is refused, which changes nothing, and says how many were done")
  func batches() throws {
    let rig = try running()
    let requests = [
      MMUUpdate.entry(rig.place(0, 1), rig.entry(page: 11)), .entry(rig.place(0, 2), rig.entry(page: 12)),
      .entry(rig.place(0, 3), rig.entry(page: 0)), .entry(rig.place(0, 4), rig.entry(page: 13)),
    ]
    #expect(rig.hypercalls.update(requests) == HypercallResult(done: 2, error: .invalid))
    #expect((1...4).map { rig.word(0, $0) } == [rig.entry(page: 11), rig.entry(page: 12), 0, 0])
    #expect(rig.translator.counters.exits[.hypercall] == 2 && rig.translator.counters.tableUpdates == 2)
    rig.audit()
  }

  @Test("a table whose last entry is illegal takes no reference of those before it")
  func rollback() throws {
    let rig = try running()
    for index in 0..<511 { #expect(rig.store(rig.entry(page: 11 + index % 8, writable: index % 2 == 0), 20, index)) }
    #expect(rig.store(rig.entry(page: 12) | X86Entry.pageSize, 20, 511))
    #expect(rig.update(1, 1, rig.entry(table: 20)) == .invalid)
    #expect((11..<21).allSatisfy { rig.use($0) == FrameUse() })
    // Nor does a tree, of which only a leaf at the bottom is wrong.
    #expect(rig.store(rig.entry(table: 20), 21, 3) && rig.store(rig.entry(table: 21), 22, 3))
    #expect(rig.update(3, 1, rig.entry(table: 22)) == .invalid)
    rig.audit()
  }

  @Test("MMU_PT_UPDATE_PRESERVE_AD keeps A and D that are set, a normal update does not")
  func preserve() throws {
    let rig = try running()
    _ = rig.access(0, .write)
    let entry = rig.entry(page: 10)
    #expect(rig.hypercalls.update([.entryKeepingUse(rig.place(0, 0), entry)]).isComplete)
    #expect(rig.word(0, 0) == entry | X86Entry.accessed | X86Entry.dirty)
    #expect(rig.update(0, 0, entry) == nil)
    #expect(rig.word(0, 0) == entry)
  }

  @Test("MMU_MACHPHYS_UPDATE may say what is so")
  func machineToPhysical() throws {
    let rig = try running()
    #expect(rig.hypercalls.update([.machineToPhysical(rig.machine(5), GuestFrame(5))]).isComplete)
    #expect(rig.hypercalls.update([.machineToPhysical(rig.machine(5), GuestFrame(6))]).error == .invalid)
    rig.audit()
  }

  @Test("a pinned table stays valid without a root, once")
  func pins() throws {
    let rig = try DirectRig()
    rig.build(page: 10)
    #expect(rig.hypercalls.perform([.pin(level: 4, rig.machine(3))]).isComplete)
    #expect(rig.hypercalls.perform([.pin(level: 4, rig.machine(3))]).error == .invalid)
    #expect(rig.use(0).type == .level1)
    #expect(rig.loadRoot(3) == nil && rig.loadRoot(20) == nil)
    #expect(rig.use(0).type == .level1)
    #expect(rig.hypercalls.perform([.unpin(rig.machine(3)), .unpin(rig.machine(3))]) == HypercallResult(done: 1, error: .invalid))
    #expect(rig.use(0) == FrameUse())
    rig.audit()
  }

  @Test("update_va_mapping changes the entry of an address and drops what it is told to")
  func updateMapping() throws {
    let rig = try running()
    for (flush, page) in [(MappingFlush.none, 10), (.page, 12), (.all, 13)] {
      _ = rig.access(0x234)
      let next = flush == .none ? 11 : page
      #expect(rig.hypercalls.updateMapping(of: GuestVirtualAddress(0x234), to: rig.entry(page: next), then: flush).isComplete)
      #expect(X86Entry(rawValue: rig.word(0, 0)).hostFrame == rig.machine(next))
      #expect(rig.access(0) == .mapped(rig.machine(page).address))
    }
    rig.audit()
  }

  @Test("a store to a table faults, and one to any other page does not")
  func stores() throws {
    let rig = try running()
    for frame in 0..<4 { #expect(!rig.store(0, frame, 9)) }
    #expect(rig.store(1, 10, 9) && rig.store(1, 11, 9))
    #expect(rig.translator.counters.exits[.guestPageFault] == 4)
    // mmu_update stores anything in ordinary pages.
    #expect(rig.update(11, 4, .max) == nil && rig.word(11, 4) == .max)
  }

  @Test("a frame that was writable is not in the TLB so when it becomes a table")
  func staleWritable() throws {
    let rig = try running()
    _ = rig.access(0, .write)
    // No INVLPG by the guest: it hopes to write to the table through the old translation.
    #expect(rig.update(0, 0, 0) == nil && rig.update(1, 1, rig.entry(table: 10)) == nil)
    #expect(rig.access(0, .write) == .guestFault([.user, .write]))
    rig.audit()
  }

  @Test("a frame that was a table is in no walk cache when the guest may write to it")
  func staleTable() throws {
    let rig = try running()
    _ = rig.access(0)
    #expect(rig.update(1, 0, 0) == nil)
    // What the guest writes there now is no table.
    #expect(rig.store(X86Entry.page(HostFrame(3000), writable: true, user: true, noExecute: false).rawValue, 0, 1))
    #expect(rig.access(0x1000) == .guestFault([.user]) && rig.access(0) == .guestFault([.user]))
    rig.audit()
  }
}

extension DirectRig {
  func loadRoot(_ frame: HostFrame) -> HypercallError? { hypercalls.perform([.loadRoot(frame)]).error }
}
