import Addressing
import PageContents
import PageTables
import Testing
import TranslationCaching

@testable import Translation

@Suite("Direct paging")
struct DirectTranslatorTests {
  @Test("walks the guest's own tables in as many references as they have levels", arguments: [4, 5])
  func references(levels: Int) throws {
    let rig = try DirectRig(levels: levels)
    rig.build(page: 10)
    if levels == 5 { #expect(rig.store(rig.entry(table: 3), 4, 0)) }
    #expect(rig.loadRoot(levels == 5 ? 4 : 3) == nil)
    #expect(rig.access(0x123) == .mapped(rig.machine(10).address(atOffsetOf: GuestVirtualAddress(0x123))))
    #expect(rig.translator.counters.walks == 1 && rig.translator.counters.walkReferences == UInt64(levels))
    #expect(rig.access(0x456) == .mapped(rig.machine(10).address(atOffsetOf: GuestVirtualAddress(0x456))))
    #expect(rig.translator.counters.walks == 1)
    rig.audit()
  }

  @Test("sets A on the way and D at the leaf of a write")
  func use() throws {
    let rig = try DirectRig()
    rig.build(page: 10)
    #expect(rig.loadRoot(3) == nil)
    let used = { (frame: Int) in X86Entry(rawValue: rig.word(frame, 0)) }
    #expect((0..<4).allSatisfy { !used($0).isAccessed })
    _ = rig.access(0)
    #expect((0..<4).allSatisfy { used($0).isAccessed && !used($0).isDirty })
    _ = rig.access(0, .write)
    #expect(used(0).isDirty && (1..<4).allSatisfy { !used($0).isDirty })
  }

  @Test("bounces page faults to the guest, each an exit")
  func faults() throws {
    let rig = try DirectRig()
    #expect(rig.access(0) == .guestFault([.user]))
    rig.build(page: 10, writable: false)
    #expect(rig.loadRoot(3) == nil)
    #expect(rig.access(0, .write) == .guestFault([.user, .write, .present]))
    #expect(rig.access(0x1000) == .guestFault([.user]))
    #expect(rig.translator.counters.guestFaults == 3 && rig.translator.counters.exits[.guestPageFault] == 3)
  }

  @Test("keeps the guest out of the hypervisor's part of the address space, if it has one")
  func monitor() throws {
    for (space, outcome) in [(MonitorSpace.segmentLimits, TranslationOutcome.generalProtection), (.ownSpace, .guestFault([.user]))] {
      var options = PagingOptions()
      options.monitor = space
      let rig = try DirectRig(options)
      rig.build(page: 10)
      #expect(rig.loadRoot(3) == nil)
      #expect(rig.access(0xffff_ffff_fc00_0000) == outcome)
      #expect(rig.access(0xffff_ffff_ffff_f000) == outcome)
      #expect(rig.access(0xffff_ffff_fbff_f000) == .guestFault([.user]))
    }
  }

  @Test("drops no translations in a hypercall under segment limits, and all but global ones from an address space of its own")
  func hypercallCost() throws {
    for (space, misses) in [(MonitorSpace.segmentLimits, 0), (.ownSpace, 10)] {
      var options = PagingOptions()
      options.monitor = space
      let rig = try DirectRig(options)
      rig.build(page: 10)
      #expect(rig.store(rig.entry(page: 11) | X86Entry.global, 0, 1))
      #expect(rig.loadRoot(3) == nil)
      (_, _) = (rig.access(0), rig.access(0x1000))
      let before = rig.translator.counters
      for round in 0..<10 {
        #expect(rig.update(0, 5, rig.entry(page: 12 + round)) == nil)
        (_, _) = (rig.access(0), rig.access(0x1000))
      }
      let cost = rig.translator.counters.since(before)
      #expect(cost.walks == misses && cost.references == 20)
      #expect(cost.exits[.hypercall] == 10 && cost.tableUpdates == 10 && cost.exits.total == 10)
    }
  }

  @Test("refuses control bits on which its checks rely: WP, NXE, PCIDs, and other levels once there is a root")
  func controls() throws {
    let rig = try DirectRig()
    let wanted = X86Controls().with {
      ($0.writeProtect, $0.noExecute, $0.pcids, $0.levels, $0.smep, $0.globalPages) = (false, false, true, 5, true, false)
    }
    rig.translator.setControls(wanted.with { $0.levels = 4 })
    rig.build(page: 10, writable: false)
    #expect(rig.loadRoot(3) == nil)
    rig.translator.setControls(wanted)
    let controls = rig.translator.controls
    #expect(controls.writeProtect && controls.noExecute && !controls.pcids && controls.levels == 4)
    #expect(controls.smep && !controls.globalPages)
    #expect(rig.access(0, .write, .supervisor) == .guestFault([.write, .present]))
  }

  @Test("shows the guest where its memory is, and nobody else's")
  func machineFrames() throws {
    let rig = try DirectRig()
    for frame in 0..<DirectRig.guestFrames {
      #expect(rig.hypercalls.machineFrame(of: GuestFrame(frame)) == rig.machine(frame))
    }
    #expect(rig.hypercalls.machineFrame(of: GuestFrame(DirectRig.guestFrames)) == nil)
    let named = (0..<4096).filter { rig.hypercalls.guestFrame(of: HostFrame($0)) != nil }
    #expect(Set(named) == Set((0..<DirectRig.guestFrames).map { rig.machine($0).index }))
    #expect(rig.hypercalls.guestFrame(of: HostFrame(UInt64.max >> 12)) == nil)
  }

  @Test("rewrites every entry that names a page which moves, tables and the root too")
  func moves() throws {
    let rig = try DirectRig()
    rig.build(page: 10)
    #expect(rig.store(rig.entry(page: 10, writable: false), 0, 7) && rig.store(rig.entry(page: 0, writable: false), 0, 8))
    #expect(rig.loadRoot(3) == nil)
    #expect(rig.hypercalls.perform([.pin(level: 3, rig.machine(2))]).isComplete)
    for frame in [10, 0, 1, 2, 3, 10, 3, 0] {
      rig.move(frame)
      for (address, page) in [(0, 10), (0x7000, 10), (0x8000, 0)] as [(UInt64, Int)] {
        #expect(rig.access(address) == .mapped(rig.machine(page).address))
      }
      rig.audit()
    }
  }

  @Test("gives a page up only when nothing of the guest's refers to it")
  func release() throws {
    let rig = try DirectRig()
    rig.build(page: 10, writable: false)
    #expect(rig.release(10) && rig.isBacked(10) == false)
    rig.back(10)
    #expect(rig.store(rig.entry(page: 10, writable: false), 0, 0))
    #expect(rig.loadRoot(3) == nil)
    for frame in [10, 0, 1, 2, 3] { #expect(!rig.release(frame)) }
    #expect(rig.update(0, 0, 0) == nil)
    #expect(rig.release(10))
    // A page that is away cannot be named.
    #expect(rig.update(0, 0, rig.entry(page: 10)) == .notPermitted)
    rig.audit()
  }

  @Test("walks nothing any more once a page is taken by force that its tables name")
  func force() throws {
    let rig = try DirectRig()
    rig.build(page: 10)
    #expect(rig.loadRoot(3) == nil)
    _ = rig.access(0, .write)
    let old = rig.map.leaf(of: GuestFrame(10))
    #expect(rig.map.setLeaf(.absent, of: GuestFrame(10)))
    rig.translator.guestPhysicalMapChanged(GuestFrame(10), old: old)
    #expect(rig.access(0) == .guestFault([.user]))
    #expect(rig.loadRoot(3) == .notPermitted)
  }

  @Test("gives all frames of P2M and M2P back in the end")
  func destroy() throws {
    let rig = try DirectRig()
    rig.build(page: 10)
    #expect(rig.loadRoot(3) == nil)
    #expect(rig.frames.used > 0)
    rig.translator.destroy()
    #expect(rig.frames.used == 0)
  }
}
