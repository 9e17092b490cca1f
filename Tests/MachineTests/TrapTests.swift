import Addressing
import Ballooning
import Columns
import FrameAllocation
import PageContents
import PageSharing
import PageTables
import Testing
import Translation
import TranslationCaching

@testable import Machine

@Suite("Pages that trap, and pages that a keeper has")
struct TrapTests {
  /// A guest with synthetic pages 0..<8, of which 4..<8 hold what page 4 holds and share a frame.
  static func make(_ mode: PagingMode = .nested, frames: Int = 2048, swapSlots: Int = 0) throws -> (Host, VirtualMachine) {
    let host = try makeHost(frames: frames, swapSlots: swapSlots)
    let vm = try host.makeVM("vm", mode)
    for frame in 0..<8 { vm.put(UInt64(min(frame, 4)), in: frame) }
    let stable = try #require(host.makeStable(vm.ordinal(4)))
    for frame in 5..<8 { #expect(host.merge(vm.ordinal(frame), into: stable)) }
    return (host, vm)
  }

  // MARK: trapAccesses and springTrap

  @Test("The next access of any kind copies a page that traps, private or shared, once, and its bytes stay", arguments: AuditTests.modes)
  func everyAccessCopies(_ mode: PagingMode) throws {
    for kind in [AccessKind.read, .write, .fetch] {
      let (host, vm) = try Self.make(mode)
      let space = AddressSpace(vm, tablesBelow: vm.pageCount)
      for page in 0..<8 { space.map(UInt64(page), to: page) }
      space.load()
      for page in 0..<8 { #expect(vm.touch(UInt64(page)) != nil) }
      let before = (0..<8).map { vm.leaf($0).frame }
      for page in 0..<8 { #expect(host.trapAccesses(to: vm.ordinal(page)) && host.isTrapped(vm.ordinal(page))) }
      #expect(vm.trappedPages == 8)
      expectLawful(host)
      for page in 0..<8 {
        let reached = try #require(vm.touch(UInt64(page), kind))
        #expect(reached != before[page] && vm.leaf(page).frame == reached && vm.leaf(page).isWritable && !host.isTrapped(vm.ordinal(page)))
        #expect(vm.touch(UInt64(page), kind) == reached, "once")
      }
      #expect(host.events.copiesOnAccess == 8 && host.events.copiesOnWrite == 0 && vm.trappedPages == 0)
      #expect(vm.stablePages == 0 && host.stableFrames == 0)
      for page in 0..<8 { #expect(vm.holds(.synthetic(seed: UInt64(min(page, 4))), in: page)) }
      expectLawful(host)
    }
  }

  @Test("A page that traps keeps its backing and can be shared; it traps all the same")
  func sharingKeepsTraps() throws {
    let (host, vm) = try Self.make()
    vm.put(1, in: 8)
    let backing = host.backing(of: vm.ordinal(1))
    #expect(host.trapAccesses(to: vm.ordinal(1)) && host.trapAccesses(to: vm.ordinal(8)) && host.backing(of: vm.ordinal(1)) == backing)
    let stable = try #require(host.makeStable(vm.ordinal(1)))
    #expect(host.merge(vm.ordinal(8), into: stable) && host.backing(of: vm.ordinal(8)) == .stable(stable))
    #expect(host.isTrapped(vm.ordinal(1)) && host.isTrapped(vm.ordinal(8)) && vm.trappedPages == 2)
    expectLawful(host)
    _ = vm.load64(GuestFrame(8).address)
    #expect(vm.leaf(8).frame != stable && host.backing(of: vm.ordinal(1)) == .stable(stable))
    expectLawful(host)
  }

  @Test("What is absent, the zero frame, or nobody's does not trap")
  func refusals() throws {
    let (host, vm) = try Self.make()
    _ = vm.load64(GuestFrame(20).address)
    #expect(vm.discard(GuestFrame(3)) == .freedFrame)
    for page in [3, 20, 21] { #expect(!host.trapAccesses(to: vm.ordinal(page)) && host.relocate(vm.ordinal(page)) == nil) }
    #expect(!host.trapAccesses(to: PageOrdinal(.max)) && !host.isTrapped(PageOrdinal(.max)) && host.relocate(PageOrdinal(.max)) == nil)
    #expect(host.relocate(vm.ordinal(4)) == nil, "shared")
    _ = vm.fill(GuestFrame(9), with: .zero)
    #expect(host.trapAccesses(to: vm.ordinal(9)) && !host.placeZeroPage(at: vm.ordinal(9)))
    expectLawful(host)
  }

  // MARK: Random frames

  @Test("A page moves to a frame drawn from all free ones: over many moves each sixteenth of memory is as likely as any other")
  func uniformPlacement() throws {
    let (host, vm) = try Self.make(frames: 4096)
    var places = [Int](repeating: 0, count: 16)
    for _ in 0..<1600 {
      let fresh = try #require(host.relocate(vm.ordinal(0)))
      places[fresh.index / 256] += 1
    }
    #expect(vm.holds(.synthetic(seed: 0), in: 0))
    // Chi-square with 15 degrees of freedom against 100 each, times 100; 37.7 is passed once in a thousand times.
    #expect(places.reduce(0) { $0 + ($1 - 100) * ($1 - 100) } < 3770, "\(places)")
    expectLawful(host)
  }

  @Test("The frames of two hosts of one seed are the same, those of another seed are not")
  func placementFollowsTheSeed() throws {
    let runs = try (0..<2).map { _ in
      let (host, vm) = try Self.make()
      return (0..<20).map { _ in host.relocate(vm.ordinal(0)) }
    }
    #expect(runs[0] == runs[1])
    var configuration = HostConfiguration(
      memory: ByteSize(bytes: 2048 << 12), swap: ByteSize(bytes: 0), tlb: TLBPreset.golden.geometry, guestPageCapacity: Host.pageSpan,
      audited: false)
    configuration.placementSeed = 2
    let host = try Host(configuration)
    let vm = try host.makeVM()
    vm.put(1, in: 0)
    #expect((0..<20).map { _ in host.relocate(vm.ordinal(0)) } != runs[0])
  }

  // MARK: Aging

  @Test("Sharer and reclaim clock each see every access once, whoever asks first", arguments: AuditTests.modes)
  func twoObservers(_ mode: PagingMode) throws {
    let (host, vm) = try Self.make(mode, swapSlots: 64)
    func clock() -> Bool { host.testAndClearAccessed(GuestFrame(0), of: vm, for: .reclaim) }
    func sharer() -> Bool? { host.testAndClearAccessed(vm.ordinal(0)) }
    #expect(sharer() == true && sharer() == false && clock() && !clock() && sharer() == false)
    vm.put(0, in: 0)
    #expect(clock() && !clock() && sharer() == true && sharer() == false && !clock())
    expectLawful(host)
  }

  // MARK: Balloon, swap and the end

  @Test("The balloon, the swap device and the guest's end take pages that trap and pages that a keeper has", arguments: AuditTests.modes)
  func otherDoors(_ mode: PagingMode) throws {
    let (host, vm) = try Self.make(mode, swapSlots: 64)
    let keeper = CopyKeeper()
    keeper.memory = host
    for page in [0, 4, 5] { #expect(host.trapAccesses(to: vm.ordinal(page))) }
    for page in [1, 2] { #expect(keeper.take(vm.ordinal(page)) && host.backing(of: vm.ordinal(page)) == .absent) }
    #expect(vm.entrustedPages == 2)
    expectLawful(host)
    #expect(vm.discard(GuestFrame(4)) == .wasShared && vm.discard(GuestFrame(1)) == .wasNotBacked)
    #expect(vm.trappedPages == 2 && vm.entrustedPages == 1 && keeper.pages.count == 1)
    #expect(vm.load64(GuestFrame(1).address) == 0 && vm.load64(GuestFrame(4).address) == 0)
    expectLawful(host)
    host.reclaim(upTo: host.frameCount, visits: 16 * vm.pageCount)
    #expect(vm.leaf(0).absence == .swapped(slot: 0) || vm.swappedPages > 0)
    #expect(vm.trappedPages == 1 && vm.holds(.synthetic(seed: 0), in: 0))
    expectLawful(host)
    host.stop(vm)
    #expect(keeper.pages.isEmpty && vm.trappedPages == 0 && vm.entrustedPages == 0 && host.freeFrames == host.frameCount - 1)
    expectLawful(host)
  }

  // MARK: entrust

  @Test("A page that a keeper has costs no frame, and comes back at the first access to the last byte", arguments: AuditTests.modes)
  func entrusting(_ mode: PagingMode) throws {
    let (host, vm) = try Self.make(mode)
    let keeper = CopyKeeper()
    keeper.memory = host
    #expect(vm.store64(77, GuestFrame(1).address.advanced(by: 800)))
    let free = host.freeFrames
    let bytes = host.contents.framesWithBytes
    for page in 0..<4 { #expect(keeper.take(vm.ordinal(page)) == true) }
    #expect(host.freeFrames == free + 4 && vm.entrustedPages == 4 && host.sharingCensus().storedPages == 4)
    expectLawful(host)
    #expect(vm.load64(GuestFrame(1).address.advanced(by: 800)) == 77 && vm.holds(.synthetic(seed: 0), in: 0))
    #expect(
      vm.store64(5, GuestFrame(2).address) && vm.load64(GuestFrame(2).address.advanced(by: 8)) == PageContent.synthetic(seed: 2).word(at: 1)
    )
    #expect(host.events.entrusted == 4 && host.events.takenBack == 3 && keeper.pages.count == 1 && vm.entrustedPages == 1)
    // Only the pages that were stored into hold real bytes: the others are descriptors as before.
    #expect(host.contents.framesWithBytes == bytes + 1)
    expectLawful(host)
  }

  @Test("A keeper whose bytes are not the page's gets nothing, nor does one that asks for a shared page")
  func wrongKeepers() throws {
    let (host, vm) = try Self.make()
    let keeper = CopyKeeper()
    keeper.memory = host
    keeper.isWrong = true
    let before = (0..<8).map { vm.leaf($0) }
    for page in 0..<8 { #expect(!keeper.take(vm.ordinal(page))) }
    #expect((0..<8).map { vm.leaf($0) } == before && !host.entrust(PageOrdinal(.max), to: keeper))
    expectLawful(host)
  }

  @Test("A stable frame that is held outlives its pages, with its bytes, until the last hold is released")
  func holds() throws {
    let (host, vm) = try Self.make()
    let stable = vm.leaf(4).frame
    #expect(host.hold(stable) && host.hold(stable) && !host.hold(vm.leaf(0).frame))
    for page in 4..<8 { #expect(vm.put(9, in: page)) }
    #expect(host.isStable(stable) && host.contents.holds(.synthetic(seed: 4), stable) && host.sharingCensus().keptFrames == 1)
    expectLawful(host)
    host.release(stable)
    vm.put(4, in: 0)
    #expect(host.merge(vm.ordinal(0), into: stable), "others may come to map it again")
    expectLawful(host)
    host.release(stable)
    #expect(host.isStable(stable) && vm.put(9, in: 0) && !host.isStable(stable) && host.stableFrames == 0)
    host.release(stable)
    expectLawful(host)
  }

  // MARK: What an audit finds

  @Test("An audit finds a wrong count of either kind, a keeper that lost a byte, and a translation that still reaches a page that traps")
  func auditFinds() throws {
    let (host, vm) = try Self.make()
    let keeper = CopyKeeper()
    keeper.memory = host
    #expect(host.trapAccesses(to: vm.ordinal(0)) && keeper.take(vm.ordinal(1)))
    expectLawful(host)
    vm.trappedPages += 1
    #expect(host.brokenLaws == [5])
    vm.trappedPages -= 1
    vm.entrustedPages += 1
    #expect(host.brokenLaws == [5])
    vm.entrustedPages -= 1
    keeper.isWrong = true
    #expect(host.brokenLaws == [6])
    keeper.isWrong = false
    let space = AddressSpace(vm, tablesBelow: vm.pageCount)
    space.map(0, to: 2)
    space.load()
    #expect(vm.touch(0) != nil)
    expectLawful(host)
    vm.setExistingLeaf(.trapped(vm.leaf(2).frame), of: GuestFrame(2))
    vm.trappedPages += 1
    #expect(host.brokenLaws.contains(4))
    vm.translator.guestPhysicalMapChanged(GuestFrame(2), old: .page(vm.leaf(2).frame, writable: true))
    expectLawful(host)
  }
}
