import Addressing
import Ballooning
import FrameAllocation
import PageContents
import PageSharing
import PageTables
import Testing
import Translation

@testable import Machine

@Suite("A host that runs out of memory stops one guest and goes on")
struct MemoryPressureTests {
  /// Fills page after page until the host has stopped some guest.
  private func fillUntilKill(_ vm: VirtualMachine, _ host: Host, from first: Int) -> Int {
    var frame = first
    while host.events.killed == 0, frame < vm.pageCount, vm.put(UInt64(frame), in: frame) { frame += 1 }
    return frame
  }

  @Test("Without swap, or with a swap device that is full, the largest guest is stopped, whoever asked", arguments: [0, 200])
  func largestIsStopped(_ swapSlots: Int) throws {
    let host = try makeHost(frames: 1024, swapSlots: swapSlots)
    let small = try host.makeVM("small", pages: 4096, .nested)
    let large = try host.makeVM("large", pages: 4096, .shadow)
    for frame in 0..<100 { small.put(UInt64(frame), in: frame) }
    for frame in 0..<750 { large.put(UInt64(frame), in: frame) }
    let reached = fillUntilKill(small, host, from: 100)
    #expect(!large.isRunning && small.isRunning && host.events.killed == 1)
    #expect(reached + 750 > 1024 + swapSlots - host.watermarks.high - 64, "not before there was need")
    #expect(host.freeFrames > host.watermarks.min)
    #expect((0..<reached).first { !small.holds(.synthetic(seed: UInt64($0)), in: $0) } == nil)
    expectLawful(host)
  }

  @Test("A guest that alone asks for more than there is, is stopped, and the host is as it was", arguments: AuditTests.modes)
  func onlyGuestIsStopped(_ mode: PagingMode) throws {
    let host = try makeHost(frames: 1024, swapSlots: 50)
    let free = host.freeFrames
    let vm = try host.makeVM("vm", pages: 4096, mode)
    #expect(fillUntilKill(vm, host, from: 0) < 1024 + 50)
    #expect(!vm.isRunning && host.freeFrames == free && host.swap.used == 0 && host.events.killed == 1)
    expectLawful(host)
    let next = try host.makeVM("next", mode)
    #expect(next.put(1, in: 0) && next.holds(.synthetic(seed: 1), in: 0))
  }

  @Test("Of guests that are charged the same, the one that was created first is stopped")
  func firstOfEqualsIsStopped() throws {
    let host = try makeHost(frames: 1024)
    let vms = try (0..<3).map { index in try host.makeVM("vm\(index)", pages: 1024) }
    for vm in vms { for frame in 0..<10 { vm.put(1, in: frame) } }
    host.makeRoom()
    #expect(vms.map(\.isRunning) == [true, true, true], "there is room")
    while host.freeFrames > host.watermarks.min, host.frames.allocate(for: .unmapped(.guestPage)) != nil {}
    host.makeRoom()
    #expect(vms.map(\.isRunning) == [false, true, true])
  }

  @Test("Where not even tables can be had, a guest is stopped; nothing traps")
  func noFramesForTables() throws {
    for left in 0..<4 {
      let host = try makeHost(frames: 1024)
      let vm = try host.makeVM()
      _ = try host.makeBallast(leaving: left)
      let answered = vm.load64(GuestFrame(0).address) != nil
      #expect(answered == (left >= 3), "three tables stand between the root and a page")
      #expect(vm.isRunning == answered)
      #expect(vm.discard(GuestFrame(9)) == (answered ? .wasNotBacked : .rejected))
    }
    let host = try makeHost(frames: 1024)
    _ = try host.makeVM()
    _ = try host.makeBallast(leaving: 0)
    #expect(throws: HostError.outOfMemory("late")) { _ = try host.makeVM("late") }
    #expect(host.vms.count == 1)
  }

  @Test("A guest under shadow paging goes on, slowly, where no frame is left for its shadow")
  func noFramesForShadow() throws {
    let host = try makeHost(frames: 1024)
    let vm = try host.makeVM("vm", .shadow)
    let space = AddressSpace(vm, tablesBelow: 64)
    for frame in 0..<4 {
      vm.put(UInt64(frame), in: frame)
      space.map(UInt64(frame), to: frame)
    }
    _ = try host.makeBallast(leaving: 0)
    space.load()
    for page in 0..<4 as Range<UInt64> {
      #expect(vm.touch(page, .write) == vm.leaf(Int(page)).frame)
      #expect(vm.touch(page) == vm.leaf(Int(page)).frame)
    }
    #expect(vm.isRunning)
    expectLawful(host)
  }

  @Test("An access whose pages drive each other out is still carried out", arguments: AuditTests.modes)
  func noLivelock(_ mode: PagingMode) throws {
    let host = try makeHost(frames: 1024, swapSlots: 512, spans: 1)
    let vm = try host.makeVM("vm", mode)
    let space = AddressSpace(vm, tablesBelow: 256)
    for frame in 0..<40 {
      vm.put(UInt64(frame), in: frame)
      space.map(UInt64(frame % 4) << 27 | UInt64(frame), to: frame)
    }
    space.load()
    // With all pages swapped out, few frames are left. So every allocation goes round all pages, and would take what was just resolved.
    host.reclaim(upTo: host.frameCount, visits: 4 * host.frameCount)
    #expect(vm.privateFrames == 0)
    _ = try host.makeBallast(leaving: host.watermarks.min + 4)
    for round in 0..<3 {
      for frame in 0..<40 {
        let reached = vm.touch(UInt64(frame % 4) << 27 | UInt64(frame), round == 1 ? .write : .read)
        #expect(reached == vm.leaf(frame).frame)
        host.reclaim(upTo: host.frameCount, visits: 600)
      }
    }
    #expect(vm.isRunning && host.events.swapIns > 300)
    expectLawful(host)
  }

  @Test("Below the low watermark an allocation looks at so many pages and no more, however few of them can be swapped")
  func backgroundReclaimIsBounded() throws {
    let host = try makeHost(frames: 1024, swapSlots: 512, spans: 16)
    let vm = try host.makeVM("vm", pages: 16 * Host.pageSpan)
    for frame in 0..<200 {
      vm.put(1, in: frame)
      _ = host.makeStable(vm.ordinal(frame))
    }
    _ = try host.makeBallast(leaving: host.watermarks.low - 1)
    for frame in 1000..<1008 {
      let before = Int(host.clockHand)
      vm.put(2, in: frame)
      let places = (Int(host.clockHand) - before + vm.pageCount) % vm.pageCount
      #expect(places <= Host.backgroundVisits)
    }
    expectLawful(host)
  }

  @Test("A host that is too small or too large to be built is refused")
  func impossibleHosts() throws {
    #expect(throws: HostError.tooSmall(ByteSize(bytes: 1023 << 12))) { try makeHost(frames: 1023) }
    #expect(throws: HostError.tooSmall(ByteSize(bytes: 0))) { try makeHost(frames: 0) }
    let tooMuch = HostError.tooLarge(ByteSize(bytes: 1 << 44))
    #expect(throws: tooMuch) { try makeHost(frames: 1 << 32) }
    #expect(throws: tooMuch) { try makeHost(swapSlots: 1 << 32) }
    #expect(throws: tooMuch) { try makeHost(spans: 1 << 20) }
    #expect(throws: HostError.tooLarge(ByteSize(bytes: 0))) { try makeHost(spans: -1) }
    let least = try makeHost(frames: 1024, spans: 0)
    #expect(least.freeFrames == 1023)
  }

  @Test("Guests are admitted as long as their pages, rounded up to spans, fit the host's numbering")
  func capacity() throws {
    let host = try makeHost(spans: 3)
    let a = try host.makeVM("a", pages: 1)
    let b = try host.makeVM("b", pages: Host.pageSpan + 1)
    #expect(a.firstPage == PageOrdinal(0) && b.firstPage == PageOrdinal(UInt32(Host.pageSpan)))
    #expect(throws: HostError.tooManyGuestPages("c")) { try host.makeVM("c", pages: 1) }
    #expect(throws: HostError.tooManyGuestPages("d")) { try host.createVM(name: "d", memory: ByteSize(bytes: .max), paging: .nested) }
    let other = try makeHost()
    #expect(throws: HostError.tooManyGuestPages("e")) { try other.createVM(name: "e", memory: ByteSize(bytes: 4095), paging: .nested) }
    #expect(b.put(1, in: Host.pageSpan) && !b.put(1, in: Host.pageSpan + 1))
    #expect(host.owner(of: b.ordinal(Host.pageSpan))?.vm === b && host.backing(of: PageOrdinal(1)) == .absent)
    expectLawful(host)
  }
}
