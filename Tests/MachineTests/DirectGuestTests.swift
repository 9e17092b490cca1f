import Addressing
import Ballooning
import FrameAllocation
import PageContents
import PageSharing
import PageTables
import Testing
import Translation
import TranslationCaching

@testable import Machine

/// A guest under direct paging whose kernel maps page p of its address space to guest frame p, for the first 64, with tables in frames 100
/// to 103.
private struct DirectGuest {
  let host: Host
  let vm: VirtualMachine
  let hypercalls: any ParavirtualPaging

  init(_ host: Host, population: Population = .onFirstUse) throws {
    self.host = host
    var backing = MemoryBacking()
    backing.population = population
    vm = try host.createVM(name: "pv", memory: ByteSize(bytes: 256 << 12), paging: .direct, backing: backing)
    hypercalls = try #require(vm.hypercalls)
    for frame in 0..<64 { #expect(vm.put(UInt64(frame % 4), in: frame)) }
    for table in 100..<104 { #expect(vm.fill(GuestFrame(table), with: .zero)) }
    for table in 101..<104 { #expect(vm.store64(X86Entry.table(machine(table - 1)).rawValue, GuestFrame(table).address)) }
    for page in 0..<64 { #expect(vm.store64(leaf(page), GuestFrame(100).address.advanced(by: UInt64(page) * 8))) }
    vm.loadCR3(GuestFrame(103).address)
  }

  func machine(_ frame: Int) -> HostFrame { hypercalls.machineFrame(of: GuestFrame(frame)) ?? HostFrame(0) }
  func leaf(_ frame: Int) -> UInt64 { X86Entry.page(machine(frame), writable: true, user: true, noExecute: false).rawValue }
  func unmap(_ page: Int) -> HypercallResult {
    hypercalls.update([.entry(machine(100).address(atOffsetOf: GuestPhysicalAddress(UInt64(page) * 8)), 0)])
  }
}

@Suite struct DirectGuestTests {
  @Test("a direct guest runs on its own tables, and an audit finds nothing")
  func runs() throws {
    let guest = try DirectGuest(try makeHost())
    for page in 0..<64 { #expect(guest.vm.touch(UInt64(page), page % 2 == 0 ? .write : .read) == guest.machine(page)) }
    #expect(guest.vm.touch(64) == nil)
    expectLawful(guest.host)
    guest.host.stop(guest.vm)
    expectLawful(guest.host)
    #expect(guest.host.freeFrames == guest.host.frameCount - 1)
  }

  @Test("its memory can be backed before it starts, or is refused where the host has not so much")
  func population() throws {
    let host = try makeHost()
    let guest = try DirectGuest(host, population: .atCreation)
    #expect(guest.vm.privateFrames == 256)
    expectLawful(host)
    let small = try makeHost(frames: 1024)
    var backing = MemoryBacking()
    backing.population = .atCreation
    #expect(throws: HostError.outOfMemory("big")) {
      try small.createVM(name: "big", memory: ByteSize(bytes: 4 << 20), paging: .direct, backing: backing)
    }
    #expect(small.freeFrames == small.frameCount - 1)
    expectLawful(small)
  }

  @Test("its pages are not there for a page sharer, whose doors stay shut")
  func sharing() throws {
    let guest = try DirectGuest(try makeHost())
    for frame in 0..<64 {
      let page = guest.vm.ordinal(frame)
      #expect(guest.host.backing(of: page) == .absent)
      #expect(guest.host.makeStable(page) == nil && !guest.host.placeZeroPage(at: page))
      #expect(!guest.host.trapAccesses(to: page) && guest.host.relocate(page) == nil)
    }
    // Untouched memory that is read gets a frame of its own.
    #expect(guest.vm.load64(GuestFrame(200).address) == 0)
    #expect(guest.vm.zeroPages == 0 && guest.vm.leaf(200).frame != guest.host.zeroFrame)
    expectLawful(guest.host)
  }

  @Test("it is never swapped, whatever others need")
  func reclaim() throws {
    let host = try makeHost(frames: 1024, swapSlots: 2048)
    let guest = try DirectGuest(host)
    let other = try host.makeVM("other", pages: 1500)
    for frame in 0..<1500 { #expect(other.put(UInt64(frame), in: frame)) }
    #expect(guest.vm.isRunning && other.isRunning && other.swappedPages > 0 && guest.vm.swappedPages == 0)
    for page in 0..<64 { #expect(guest.vm.touch(UInt64(page)) == guest.machine(page)) }
    expectLawful(host)
  }

  @Test("its balloon gives up only pages that its tables do not name")
  func balloon() throws {
    let guest = try DirectGuest(try makeHost())
    for frame in [5, 100, 101, 102, 103] { #expect(guest.vm.discard(GuestFrame(frame)) == .rejected) }
    #expect(guest.unmap(5).isComplete)
    _ = guest.vm.touch(5)
    #expect(guest.vm.discard(GuestFrame(5)) == .freedFrame)
    #expect(guest.hypercalls.machineFrame(of: GuestFrame(5)) == nil)
    expectLawful(guest.host)
    guest.vm.restore(GuestFrame(5))
    #expect(guest.vm.fill(GuestFrame(5), with: .synthetic(seed: 9)))
    #expect(guest.hypercalls.machineFrame(of: GuestFrame(5)) != nil)
    expectLawful(guest.host)
  }

  @Test("stores to its tables fail, by word and by page, and change nothing")
  func tables() throws {
    let guest = try DirectGuest(try makeHost())
    for table in 100..<104 {
      let before = guest.vm.load64(GuestFrame(table).address)
      #expect(!guest.vm.store64(0, GuestFrame(table).address) && !guest.vm.fill(GuestFrame(table), with: .zero))
      #expect(guest.vm.load64(GuestFrame(table).address) == before)
    }
    #expect(guest.vm.translator.counters.exits[.guestPageFault] == 8)
    expectLawful(guest.host)
  }

  @Test("its pages and tables can be moved, and what it wrote moves along")
  func moves() throws {
    let guest = try DirectGuest(try makeHost())
    for frame in [7, 100, 101, 102, 103, 7] {
      let before = guest.machine(frame)
      #expect(guest.vm.move(GuestFrame(frame)) && guest.machine(frame) != before)
      #expect(guest.vm.touch(7, .write) == guest.machine(7))
      #expect(guest.vm.holds(.synthetic(seed: 3), in: 7))
      expectLawful(guest.host)
    }
  }

  @Test("an audit finds an entry that was put into a table behind the hypervisor's back")
  func corruption() throws {
    let guest = try DirectGuest(try makeHost())
    let table = guest.machine(100)
    let old = guest.host.contents.loadWord(0, of: table)
    // A table made writable, a frame of nobody's, and a reference that nobody counted.
    for (word, law) in [
      (guest.leaf(102), 3), (X86Entry.page(guest.host.zeroFrame, writable: false, user: true, noExecute: true).rawValue, 3), (0, 1),
    ] {
      guest.host.contents.storeWord(word, 0, of: table)
      #expect(guest.host.brokenLaws.contains(law))
    }
    guest.host.contents.storeWord(old, 0, of: table)
    expectLawful(guest.host)
  }
}
