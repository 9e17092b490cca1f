import Addressing
import PageTables
import Testing
import Translation

@testable import Machine

@Suite("The log of dirty pages")
struct DirtyLogTests {
  private func options(_ change: (inout NestedOptions) -> Void = { _ in }) -> PagingOptions {
    var options = PagingOptions()
    options.nested.modificationLog = true
    change(&options.nested)
    return options
  }

  @Test("In every round the list holds exactly the pages that were written to, by programs or by the kernel, and the laws hold")
  func rounds() throws {
    let host = try makeHost(frames: 4096)
    let vm = try host.makeVM(pages: 1024, .nested, options())
    let space = AddressSpace(vm, tablesBelow: 1024)
    for page in 0..<700 {
      vm.put(1, in: page)
      space.map(UInt64(page), to: page)
    }
    vm.loadCR3(space.root.address)
    _ = vm.collectDirtyPages()
    var state: UInt64 = 7
    for round in 0..<4 {
      // What programs and the kernel write is known here without any log; a walk writes to the guest's tables besides (Intel SDM 29.3.3.2).
      var written: Set<Int> = []
      for _ in 0..<[900, 4000, 0, 900][round] {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let page = Int(state >> 33) % 700
        switch state >> 62 {
        case 0: #expect(vm.load64(GuestFrame(page).address) != nil)
        case 1: #expect(vm.store64(state, GuestFrame(page).address))
        default: #expect(vm.access(GuestVirtualAddress(UInt64(page) << 12), .write) != .stopped)
        }
        if state >> 62 != 0 { written.insert(page) }
      }
      let tables = written.isEmpty ? 0 : 4
      // 700 pages have two tables of level 1.
      #expect(vm.dirtyPages.map { $0 - written.count - tables } ?? -1 == (written.isEmpty ? 0 : 1))
      #expect(vm.collectDirtyPages() == written.count + (written.isEmpty ? 0 : tables + 1) && vm.dirtyPages == 0)
      expectLawful(host)
    }
    // The first write to 512 pages fills the log; what it lacks the hypervisor saw itself.
    #expect(vm.exits[.modificationLogFull] > 0 && vm.translator.counters.loggedPages > 700)
  }

  @Test("What is copied out of sharing or comes back from the swap device is dirty once it is written")
  func doors() throws {
    let host = try makeHost(frames: 4096, swapSlots: 64)
    let vm = try host.makeVM(pages: 1024, .nested, options())
    for frame in 0..<3 { vm.put(7, in: frame) }
    let stable = try #require(host.makeStable(vm.ordinal(0)))
    for frame in 1..<3 { #expect(host.merge(vm.ordinal(frame), into: stable)) }
    _ = vm.collectDirtyPages()
    #expect(vm.load64(GuestFrame(1).address) != nil && vm.dirtyPages == 0)
    #expect(vm.store64(1, GuestFrame(2).address) && vm.collectDirtyPages() == 1)
    expectLawful(host)
  }

  @Test("A guest that ends gives the log's frame back; one without a log has no list")
  func end() throws {
    let host = try makeHost()
    let free = host.freeFrames
    let vm = try host.makeVM("logged", pages: 256, .nested, options())
    #expect(vm.dirtyPages == 0)
    host.stop(vm)
    #expect(host.freeFrames == free && vm.collectDirtyPages() == nil)
    let plain = try host.makeVM("plain")
    #expect(plain.dirtyPages == nil && plain.collectDirtyPages() == nil)
    expectLawful(host)
  }

  @Test("Under other ways of paging the choices of nested tables change nothing: nobody but the hypervisor reads the map")
  func passedOver() throws {
    let host = try makeHost()
    let vm = try host.makeVM("shadow", pages: 256, .shadow, options { $0.format = .npt })
    #expect(vm.dirtyPages == nil && vm.map.format == .ept)
  }

  @Test("Exits for memory behind AMD's nested tables are nested page faults", arguments: [NestedFormat.ept, .npt])
  func backing(format: NestedFormat) throws {
    var options = PagingOptions()
    options.nested.format = format
    let host = try makeHost()
    let vm = try host.makeVM("nested", pages: 256, .nested, options)
    vm.countBacking(of: GuestFrame(3), .write)
    #expect(vm.exits[format == .ept ? .eptViolation : .nestedPageFault] == 1 && vm.exits.total == 1)
  }
}
