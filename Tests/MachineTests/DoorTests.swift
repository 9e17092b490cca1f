import Addressing
import Ballooning
import FrameAllocation
import PageContents
import PageSharing
import PageTables
import Testing
import Translation

@testable import Machine

@Suite("Each door does what it says")
struct DoorTests {
  // MARK: populate

  @Test("A read of memory that nobody wrote maps the zero frame; the first write copies it, and counts as no break of sharing")
  func populate() throws {
    let host = try makeHost()
    let vm = try host.makeVM()
    _ = vm.load64(GuestFrame(0).address)  // Makes the map's tables.
    let free = host.freeFrames
    #expect(vm.load64(GuestFrame(5).address) == 0)
    #expect(vm.leaf(5).frame == host.zeroFrame && !vm.leaf(5).isWritable && vm.zeroPages == 2 && host.freeFrames == free)
    #expect(vm.store64(9, GuestFrame(5).address))
    #expect(vm.leaf(5).frame != host.zeroFrame && vm.leaf(5).isWritable && vm.zeroPages == 1 && vm.privateFrames == 1)
    #expect(vm.put(1, in: 6))
    #expect(vm.privateFrames == 2 && host.freeFrames == free - 2)
    #expect(host.events.populated == 2 && host.events.copiesOnWrite == 0)
    expectLawful(host)
  }

  // MARK: breakSharing

  @Test("Every sharer that writes copies, the last one too, and only then is the shared frame free")
  func breakSharing() throws {
    let host = try makeHost()
    let vm = try host.makeVM()
    for frame in 0..<3 { vm.put(7, in: frame) }
    let stable = try #require(host.makeStable(vm.ordinal(0)))
    for frame in 1..<3 { #expect(host.merge(vm.ordinal(frame), into: stable)) }
    #expect(vm.privateFrames == 0 && vm.stablePages == 3 && host.stableFrames == 1 && host.events.merges == 2)
    for frame in 0..<3 {
      #expect(host.isStable(stable))
      #expect(vm.store64(UInt64(frame) + 1, GuestFrame(frame).address))
      #expect(
        vm.leaf(frame).frame != stable && vm.load64(GuestFrame(frame).address.advanced(by: 8)) == PageContent.synthetic(seed: 7).word(at: 1)
      )
    }
    #expect(!host.isStable(stable) && host.frames.allocator.isFree(stable.index) && host.stableFrames == 0)
    #expect(vm.privateFrames == 3 && vm.stablePages == 0 && host.events.copiesOnWrite == 3)
    expectLawful(host)
  }

  @Test("The scanner hears of a placed zero page that is lost, and of no other")
  func zeroPageLost() throws {
    let host = try makeHost()
    let vm = try host.makeVM()
    var lost: [PageOrdinal] = []
    host.onZeroPageLost = { lost.append($0) }
    for frame in 0..<3 { #expect(vm.fill(GuestFrame(frame), with: .zero) && host.placeZeroPage(at: vm.ordinal(frame))) }
    _ = vm.load64(GuestFrame(9).address)
    #expect(vm.store64(0, GuestFrame(9).address) && lost.isEmpty, "it was there because it was read only")
    #expect(vm.store64(0, GuestFrame(0).address) && lost == [vm.ordinal(0)] && host.events.copiesOnWrite == 1)
    #expect(vm.discard(GuestFrame(1)) == .wasShared && lost.count == 2)
    host.stop(vm)
    #expect(lost == (0..<3).map { vm.ordinal($0) } && vm.placedZeroPages == 0)
    expectLawful(host)
  }

  @Test("Unsharing gives a stable page a frame of its own and leaves every other page as it is")
  func unshare() throws {
    let host = try makeHost()
    let vm = try host.makeVM()
    vm.put(1, in: 0)
    vm.put(2, in: 1)
    _ = vm.load64(GuestFrame(2).address)
    #expect(host.makeStable(vm.ordinal(0)) != nil)
    let before = (1..<4).map { vm.leaf($0) }
    for frame in 0..<4 { host.unshare(vm.ordinal(frame)) }
    host.unshare(PageOrdinal(.max))
    #expect(vm.privateFrames == 2 && host.stableFrames == 0 && (1..<4).map { vm.leaf($0) } == before)
    expectLawful(host)
  }

  @Test("What cannot be shared is refused, and nothing changes")
  func refusals() throws {
    let host = try makeHost()
    let vm = try host.makeVM()
    vm.put(1, in: 0)
    vm.put(2, in: 1)
    vm.put(1, in: 2)
    let stable = try #require(host.makeStable(vm.ordinal(0)))
    #expect(!host.merge(vm.ordinal(1), into: stable), "other bytes")
    #expect(!host.merge(vm.ordinal(0), into: stable), "itself")
    #expect(!host.merge(vm.ordinal(2), into: vm.leaf(1).frame), "not stable")
    #expect(!host.merge(vm.ordinal(3), into: stable), "absent")
    #expect(host.makeStable(vm.ordinal(0)) == nil && host.makeStable(vm.ordinal(3)) == nil && host.makeStable(PageOrdinal(.max)) == nil)
    #expect(!host.placeZeroPage(at: vm.ordinal(1)) && !host.placeZeroPage(at: vm.ordinal(3)) && !host.placeZeroPage(at: vm.ordinal(300)))
    #expect(host.merge(vm.ordinal(2), into: stable))
    expectLawful(host)
  }

  // MARK: swapOut and swapIn

  @Test("The clock gives a page that was accessed a second chance, however the guest accessed it", arguments: AuditTests.modes)
  func secondChance(_ mode: PagingMode) throws {
    let host = try makeHost(swapSlots: 64, spans: 1)
    let vm = try host.makeVM("vm", pages: 64, mode)
    let space = AddressSpace(vm, tablesBelow: 64)
    for frame in 0..<8 { vm.put(UInt64(frame), in: frame) }
    space.map(0, to: 0)
    space.load()
    #expect(vm.touch(0) != nil)
    // One place for each page and one for what is beyond the guest's memory: the hand stands at the first page again.
    let round = 64 + 1
    host.reclaim(upTo: host.frameCount, visits: round)
    #expect(vm.swappedPages == 0, "all pages were written since the hand last passed")
    #expect(vm.touch(0) != nil && vm.load64(GuestFrame(1).address) != nil && vm.put(9, in: 2))
    host.reclaim(upTo: host.frameCount, visits: round)
    let swapped = (0..<8).filter { !vm.leaf($0).isPresent }
    #expect(swapped == [3, 4, 5, 6, 7])
    #expect(host.events.swapOuts == UInt64(vm.swappedPages) && host.swap.used == vm.swappedPages)
    for frame in 3..<8 { #expect(vm.holds(.synthetic(seed: UInt64(frame)), in: frame)) }
    #expect(vm.swapIns == host.events.swapIns && vm.swapIns >= 5)
    expectLawful(host)
  }

  @Test("Reclaim never takes shared frames, the zero frame or tables")
  func reclaimLeavesSharedFrames() throws {
    let host = try makeHost(swapSlots: 64)
    let vm = try host.makeVM("vm", .shadow)
    let space = AddressSpace(vm, tablesBelow: 64)
    for frame in 0..<4 { vm.put(1, in: frame) }
    for frame in 0..<6 { space.map(UInt64(frame), to: frame) }
    space.load()
    for page in 0..<6 as Range<UInt64> { #expect(vm.touch(page) != nil) }
    let stable = try #require(host.makeStable(vm.ordinal(0)))
    #expect(host.merge(vm.ordinal(1), into: stable))
    let tables = vm.tableFrames
    host.reclaim(upTo: host.frameCount, visits: 4 * host.frameCount)
    #expect(vm.stablePages == 2 && vm.zeroPages == 2 && vm.tableFrames == tables && host.isStable(stable))
    #expect(vm.privateFrames == 0 && vm.swappedPages == 2 + 4, "two pages and the guest's own four tables, which are pages to the host")
    expectLawful(host)
    for page in 0..<6 as Range<UInt64> { #expect(vm.touch(page, .write) != nil) }
    expectLawful(host)
  }

  @Test("A swapped table of a guest keeps its shadow until its content is gone")
  func swappedTableThenDiscarded() throws {
    let host = try makeHost(swapSlots: 64)
    let vm = try host.makeVM("vm", .shadow)
    let space = AddressSpace(vm, tablesBelow: 64)
    vm.put(1, in: 0)
    space.map(0, to: 0)
    space.load()
    #expect(vm.touch(0) != nil)
    vm.pinned = [GuestFrame(0)]
    host.reclaim(upTo: host.frameCount, visits: 4 * host.frameCount)
    vm.pinned = []
    let table = space.entryAddress(0).page
    #expect(vm.swappedPages > 0)
    // The look at the entry's place brought the upper tables back; the lowest is still away.
    #expect(vm.map.leaf(of: table).isPresent == false)
    expectLawful(host)
    #expect(vm.discard(table) == .wasNotBacked)
    expectLawful(host)
    #expect(vm.access(GuestVirtualAddress(0), .read) == .guestFault, "its table reads as zeros now")
    expectLawful(host)
  }

  // MARK: discard and restore

  @Test("A balloon's pages: what comes free, what does not, what is refused")
  func discardOutcomes() throws {
    let host = try makeHost(swapSlots: 64)
    let vm = try host.makeVM()
    for frame in 0..<4 { vm.put(1, in: frame) }
    let stable = try #require(host.makeStable(vm.ordinal(0)))
    #expect(host.merge(vm.ordinal(1), into: stable))
    host.reclaim(upTo: host.frameCount, visits: 4 * host.frameCount)
    #expect(!vm.leaf(2).isPresent)
    vm.put(2, in: 5)
    _ = vm.load64(GuestFrame(6).address)
    let free = host.freeFrames
    #expect(vm.discard(GuestFrame(0)) == .wasShared && host.freeFrames == free)
    #expect(vm.discard(GuestFrame(1)) == .wasShared && host.freeFrames == free + 1, "the last sharer's frame has no one left")
    #expect(vm.discard(GuestFrame(2)) == .wasNotBacked && host.swap.used == 1)
    #expect(vm.discard(GuestFrame(5)) == .freedFrame && host.freeFrames == free + 2)
    #expect(vm.discard(GuestFrame(6)) == .wasShared)
    #expect(vm.discard(GuestFrame(7)) == .wasNotBacked)
    #expect(vm.discard(GuestFrame(7)) == .rejected, "twice")
    #expect(vm.discard(GuestFrame(256)) == .rejected && vm.discard(GuestFrame(UInt64.max)) == .rejected, "beyond its memory")
    #expect(vm.balloonedPages == 6)
    expectLawful(host)
    host.stop(vm)
    #expect(vm.discard(GuestFrame(3)) == .rejected && vm.balloonedPages == 0)
  }

  @Test("A page that the balloon returned, and one that it still holds, come back as zeros when touched")
  func ballooningComesBack() throws {
    let host = try makeHost()
    let vm = try host.makeVM()
    for frame in 0..<3 {
      vm.put(1, in: frame)
      #expect(vm.discard(GuestFrame(frame)) == .freedFrame)
    }
    vm.restore(GuestFrame(0))
    vm.restore(GuestFrame(0))
    vm.restore(GuestFrame(200))
    vm.restore(GuestFrame(UInt64.max))
    #expect(vm.balloonedPages == 2 && !vm.leaf(0).isPresent && vm.leaf(0).absence == .never)
    for frame in 0..<2 { #expect(vm.holds(.zero, in: frame)) }
    #expect(host.events.balloonedTouches == 1 && vm.balloonedPages == 1, "the returned page is no ballooned one")
    #expect(vm.store64(3, GuestFrame(2).address) && vm.balloonedPages == 0 && host.events.balloonedTouches == 2)
    vm.restore(GuestFrame(2))
    #expect(vm.load64(GuestFrame(2).address) == 3, "a late word of the driver takes nothing away")
    expectLawful(host)
  }

  // MARK: stop

  @Test("A guest that stops gives back every frame and slot, under any paging", arguments: AuditTests.modes)
  func stopGivesBackEverything(_ mode: PagingMode) throws {
    let host = try makeHost(swapSlots: 64)
    let other = try host.makeVM("other")
    other.put(5, in: 0)
    let free = host.freeFrames
    let vm = try host.makeVM("vm", mode)
    let space = AddressSpace(vm, tablesBelow: 64)
    for frame in 0..<8 {
      vm.put(5, in: frame)
      space.map(UInt64(frame), to: frame)
    }
    space.load()
    for page in 0..<8 as Range<UInt64> { #expect(vm.touch(page, .write) != nil) }
    let stable = try #require(host.makeStable(other.ordinal(0)))
    #expect(host.merge(vm.ordinal(0), into: stable))
    vm.pinned = (0..<4).map { GuestFrame($0) }
    host.reclaim(upTo: host.frameCount, visits: 4 * host.frameCount)
    vm.pinned = []
    #expect(vm.discard(GuestFrame(1)) == .freedFrame && vm.swappedPages > 0)
    host.stop(vm)
    host.stop(vm)
    #expect(host.freeFrames == free && host.swap.used == 0 && host.stableFrames == 1 && vm.chargedFrames == 0)
    #expect(vm.access(GuestVirtualAddress(0), .read) == .stopped && vm.load64(GuestPhysicalAddress(0)) == nil && !vm.put(1, in: 0))
    vm.loadCR3(GuestPhysicalAddress(0))
    vm.invalidatePage(GuestVirtualAddress(0))
    vm.restore(GuestFrame(1))
    #expect(host.backing(of: vm.ordinal(0)) == .absent && host.makeStable(vm.ordinal(0)) == nil)
    expectLawful(host)
  }
}
