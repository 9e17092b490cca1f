import Addressing
import Ballooning
import FrameAllocation
import PageContents
import PageSharing
import PageTables
import Testing
import Translation

@testable import Machine

private let always = MemoryBacking(hugePages: .always)

extension Host {
  /// Takes single frames until no aligned block of 512 is free, but for every fourth frame.
  fileprivate func fragment() throws {
    let tables = try #require(vms.first).tables
    var taken: [HostFrame] = []
    while let frame = tables.allocateTableFrame() { taken.append(frame) }
    for frame in taken where frame.index % 4 == 0 { tables.freeTableFrame(frame) }
  }
}

@Suite("Huge mappings: one leaf for 2 MiB, until one page of it changes")
struct HugeMappingTests {
  /// A guest of three huge pages, the first of them touched; every page of it may be filled with bytes of its own.
  private func guest(
    _ mode: PagingMode = .nested, frames: Int = 4096, swapSlots: Int = 0, filled: Bool = false, backing: MemoryBacking = always
  ) throws -> (Host, VirtualMachine) {
    let host = try makeHost(frames: frames, swapSlots: swapSlots)
    let vm = try host.makeVM("vm", pages: 1536, mode, backing: backing)
    #expect(vm.put(1, in: 7))
    if filled { for frame in 0..<512 where frame != 7 { vm.put(1000 + UInt64(frame), in: frame) } }
    return (host, vm)
  }

  // MARK: populate

  @Test("The first write into an untouched 2 MiB backs all of it with one block, whose other pages hold zeros", arguments: AuditTests.modes)
  func firstWrite(_ mode: PagingMode) throws {
    let (host, vm) = try guest(mode)
    #expect(vm.hugeMappings == 1 && vm.privateFrames == 512 && host.events.hugeFaults == 1 && host.events.populated == 512)
    let first = vm.leaf(0).frame
    #expect(first.index % 512 == 0)
    for frame in 0..<512 {
      #expect(vm.leaf(frame).frame.index == first.index + frame && vm.leaf(frame).isLarge)
      #expect(host.backing(of: vm.ordinal(frame)) == .private(vm.leaf(frame).frame), "a sharer sees 4 KiB pages like others")
      #expect(host.isZero(vm.leaf(frame).frame) == (frame != 7))
    }
    #expect(host.backing(of: vm.ordinal(512)) == .absent)
    let tables = vm.tableFrames
    #expect(vm.put(2, in: 600) && vm.hugeMappings == 2 && vm.tableFrames == tables + 1, "the table of a later split")
    expectLawful(host)
  }

  @Test("By default, after a read, after a balloon's page, and where the guest's memory ends inside, pages are small")
  func smallPages() throws {
    let host = try makeHost(frames: 4096)
    let plain = try host.makeVM("plain", pages: 512)
    #expect(plain.put(1, in: 0) && plain.hugeMappings == 0 && plain.privateFrames == 1)
    let vm = try host.makeVM("vm", pages: 1536 + 511, backing: always)
    #expect(vm.load64(GuestFrame(0).address) == 0 && vm.put(1, in: 1) && vm.privateFrames == 1)
    #expect(vm.discard(GuestFrame(512)) == .wasNotBacked && vm.put(1, in: 513) && vm.privateFrames == 2)
    #expect(vm.put(1, in: 1536) && vm.privateFrames == 3 && vm.hugeMappings == 0)
    #expect(vm.put(1, in: 1535) && vm.privateFrames == 515 && vm.hugeMappings == 1)
    #expect(host.events.hugeFallbacks == 0, "no huge page was asked for in vain")
    expectLawful(host)
  }

  @Test("Where no block of 512 frames is free, and where taking it would bring free memory to the low watermark, the page is small")
  func fallsBack() throws {
    let host = try makeHost(frames: 4096)
    let vm = try host.makeVM("vm", pages: 4096, backing: always)
    var (huge, expected) = (0, 0)
    for region in 0..<8 {
      let room = host.freeFrames - 511 > host.watermarks.low
      expected += room ? 1 : 0
      #expect(vm.put(1, in: region * 512 + 5))
      huge = vm.hugeMappings
      #expect(huge == expected)
    }
    #expect(huge == 7 && host.events.hugeFallbacks == 1 && vm.privateFrames == 7 * 512 + 1)
    expectLawful(host)

    let other = try makeHost(frames: 4096)
    let late = try other.makeVM("late", pages: 1024, backing: always)
    try other.fragment()
    #expect(other.freeFrames > 512 + other.watermarks.low)
    #expect(late.put(1, in: 3) && late.hugeMappings == 0 && other.events.hugeFallbacks == 1 && late.privateFrames == 1)
    #expect(late.put(1, in: 4) && other.events.hugeFallbacks == 1, "what has small pages keeps them and does not ask again")
    expectLawful(other)
  }

  // MARK: splitting

  @Test(
    "Whatever changes one page splits the huge mapping, moves no other page, and keeps every page's bytes and used bits",
    arguments: AuditTests.modes, 0..<5)
  func everyDoorSplits(_ mode: PagingMode, door: Int) throws {
    let (host, vm) = try guest(mode, swapSlots: 600, filled: true)
    #expect(vm.fill(GuestFrame(9), with: .zero) && vm.put(1, in: 515))
    let other = try #require(host.makeStable(vm.ordinal(515)))
    #expect(vm.hugeMappings == 1 && vm.hugeSplits == 1 && host.events.hugeSplits == 1)
    let before = (0..<512).map { vm.leaf($0) }
    #expect(before.allSatisfy { $0.isAccessed && $0.isDirty && $0.isLarge })
    let changed: Int
    switch door {
    case 0:
      changed = 8
      #expect(host.makeStable(vm.ordinal(8)) == before[8].frame && vm.leaf(8).frame == before[8].frame && !vm.leaf(8).isWritable)
    case 1:
      changed = 7
      #expect(host.merge(vm.ordinal(7), into: other) && vm.leaf(7).frame == other)
    case 2:
      changed = 9
      #expect(host.placeZeroPage(at: vm.ordinal(9)) && vm.leaf(9).frame == host.zeroFrame)
    case 3:
      changed = 8
      #expect(vm.discard(GuestFrame(8)) == .freedFrame && vm.leaf(8).absence == .ballooned)
    default:
      changed = 0
      host.clockHand = 0
      #expect(host.accessedPages(from: GuestFrame(0), of: vm) == 512)
      host.reclaim(upTo: host.frameCount, visits: 1)
      #expect(vm.swappedPages == 1 && !vm.leaf(0).isPresent)
    }
    #expect(vm.hugeMappings == 0 && vm.hugeSplits == 2 && host.events.hugeSplits == 2)
    let use = door == 4 ? EPTEntry.accessed : 0
    for frame in 0..<512 where frame != changed {
      #expect(vm.leaf(frame) == before[frame].without(EPTEntry.large | use), "page \(frame)")
    }
    expectLawful(host)
    for frame in 0..<512 where frame % 51 == 0 || (5..<11).contains(frame) {
      let content: PageContent =
        frame == 9 || (door == 3 && frame == 8) ? .zero : .synthetic(seed: frame == 7 ? 1 : 1000 + UInt64(frame))
      #expect(vm.holds(content, in: frame), "page \(frame)")
    }
    expectLawful(host)
  }

  @Test("A door that refuses splits nothing")
  func refusalsSplitNothing() throws {
    let (host, vm) = try guest(filled: true)
    #expect(vm.put(1, in: 515))
    let stable = try #require(host.makeStable(vm.ordinal(515)))
    #expect(
      !host.merge(vm.ordinal(8), into: stable) && !host.placeZeroPage(at: vm.ordinal(8))
        && !host.merge(vm.ordinal(7), into: vm.leaf(9).frame))
    vm.restore(GuestFrame(8))
    host.unshare(vm.ordinal(8))
    #expect(vm.hugeMappings == 1 && vm.hugeSplits == 1)
    expectLawful(host)
  }

  @Test("One duplicate 4 KiB page in each of two huge pages dissolves both, as under Linux KSM, and saves one frame")
  func oneDuplicateDissolvesBoth() throws {
    let host = try makeHost(frames: 4096)
    let vms = try (0..<2).map { try host.makeVM("vm\($0)", pages: 512, backing: always) }
    for (index, vm) in vms.enumerated() {
      for frame in 0..<512 { vm.put(frame == 100 + index ? 1 : UInt64(index * 1000 + frame + 2), in: frame) }
    }
    var settings = KSMSettings()
    settings.smartScan = false
    let scanner = KSMScanner(settings: settings, capacity: 2 * Host.pageSpan, frameCount: host.frameCount)
    for vm in vms { scanner.register(Int(vm.firstPage.rawValue)..<Int(vm.firstPage.rawValue) + 512) }
    #expect(vms.map(\.hugeMappings) == [1, 1])
    let free = host.freeFrames
    for _ in 0..<3 { _ = scanner.scanBatch(pages: 1024, in: host) }
    #expect(host.events.merges == 1 && host.freeFrames == free + 1 && vms.map(\.hugeMappings) == [0, 0] && host.events.hugeSplits == 2)
    #expect(vms.map(\.privateFrames) == [511, 511] && vms.map(\.stablePages) == [1, 1])
    expectLawful(host)
  }

  @Test("Never touched memory that a huge page brought along is pages of zeros to a sharer")
  func broughtAlong() throws {
    let (host, vm) = try guest()
    var settings = KSMSettings()
    settings.useZeroPages = true
    settings.smartScan = false
    let scanner = KSMScanner(settings: settings, capacity: 4 * Host.pageSpan, frameCount: host.frameCount)
    scanner.register(Int(vm.firstPage.rawValue)..<Int(vm.firstPage.rawValue) + vm.pageCount)
    host.onZeroPageLost = { scanner.zeroPageLeft($0) }
    for _ in 0..<3 { _ = scanner.scanBatch(pages: 1536, in: host) }
    #expect(vm.placedZeroPages == 511 && vm.privateFrames == 1 && vm.hugeSplits == 1)
    expectLawful(host)
  }

  @Test("A guest whose huge pages are kept from sharers shares pages in them only below the low watermark")
  func keptFromSharers() throws {
    let (host, vm) = try guest(backing: MemoryBacking(hugePages: .always, splitsHugeOnMerge: false))
    #expect(vm.load64(GuestFrame(512).address) == 0 && vm.put(1, in: 513))
    let stable = try #require(host.makeStable(vm.ordinal(513)), "small pages are shared at any time")
    for _ in 0..<2 {
      let isShort = host.freeFrames < host.watermarks.low
      #expect((host.makeStable(vm.ordinal(3)) != nil) == isShort)
      #expect(host.merge(vm.ordinal(7), into: stable) == isShort && host.placeZeroPage(at: vm.ordinal(5)) == isShort)
      #expect(vm.hugeMappings == (isShort ? 0 : 1))
      expectLawful(host)
      _ = try host.makeBallast(leaving: host.watermarks.low - 1)
    }
    #expect(vm.hugeSplits == 1)
  }

  @Test("A split leaves no translation behind that the page's next leaf does not allow", arguments: AuditTests.modes)
  func translationsAfterSplit(_ mode: PagingMode) throws {
    let host = try makeHost(frames: 4096)
    let vm = try host.makeVM("vm", pages: 1024, mode, backing: always)
    let space = AddressSpace(vm, tablesBelow: 1024)
    for frame in 0..<8 { space.map(UInt64(frame), to: frame) }
    space.load()
    for frame in 0..<8 { #expect(vm.touch(UInt64(frame), .write) == vm.leaf(frame).frame) }
    #expect(vm.hugeMappings == 2)
    #expect(host.makeStable(vm.ordinal(3)) != nil)
    expectLawful(host)
    let shared = vm.leaf(3).frame
    #expect(vm.touch(3) == shared && vm.touch(3, .write) != shared && host.events.copiesOnWrite == 1)
    #expect(vm.hugeMappings == 1 && (0..<8).allSatisfy { vm.touch(UInt64($0), .write) == vm.leaf($0).frame })
    expectLawful(host)
  }

  // MARK: Reclaim and the end

  @Test(
    "The clock passes a huge mapping as a whole while any of its pages is accessed, and then swaps it page by page",
    arguments: AuditTests.modes)
  func clock(_ mode: PagingMode) throws {
    let (host, vm) = try guest(mode, swapSlots: 600, filled: true)
    let space = AddressSpace(vm, tablesBelow: 1536)
    space.map(0, to: 300)
    space.load()
    #expect(vm.touch(0) != nil && vm.hugeMappings == 2)
    let round = 1536 + 1
    host.reclaim(upTo: host.frameCount, visits: round)
    #expect(vm.swappedPages == 0 && vm.hugeMappings == 2, "both were written since the hand last passed")
    #expect(vm.touch(0) != nil)
    host.reclaim(upTo: host.frameCount, visits: 512)
    #expect(vm.swappedPages == 0 && vm.hugeMappings == 2, "one page was accessed: all stay")
    host.clockHand = 0
    host.reclaim(upTo: host.frameCount, visits: 512)
    #expect(vm.swappedPages == 512 && vm.hugeSplits == 1 && vm.hugeMappings == 1)
    expectLawful(host)
    for frame in stride(from: 8, to: 512, by: 36) { #expect(vm.holds(.synthetic(seed: 1000 + UInt64(frame)), in: frame)) }
    #expect(vm.hugeMappings == 1, "what was split stays in small pages")
    expectLawful(host)
  }

  @Test(
    "A sharer that asks which pages were accessed splits nothing, hears the same of every page in order, and takes nothing from the clock",
    arguments: AuditTests.modes)
  func sharerAges(_ mode: PagingMode) throws {
    let (host, vm) = try guest(mode, swapSlots: 600)
    let space = AddressSpace(vm, tablesBelow: 1536)
    space.map(0, to: 300)
    space.load()
    let ask = { (0..<512).map { host.testAndClearAccessed(vm.ordinal($0)) } }
    #expect(ask().allSatisfy { $0 == true } && ask().allSatisfy { $0 == false })
    host.clockHand = 0
    #expect(host.accessedPages(from: GuestFrame(0), of: vm) == 512, "the clock has not seen the first writes yet")
    #expect(host.accessedPages(from: GuestFrame(0), of: vm) == 0)
    #expect(vm.touch(0) != nil)
    #expect(host.accessedPages(from: GuestFrame(100), of: vm) == 412)
    #expect(ask().allSatisfy { $0 == true } && ask().allSatisfy { $0 == false }, "nor has the sharer seen what the clock saw")
    #expect(vm.touch(0) != nil && ask().allSatisfy { $0 == true } && vm.hugeMappings == 2 && vm.hugeSplits == 0)
    #expect(host.trapAccesses(to: vm.ordinal(3)) && vm.hugeSplits == 1 && host.isTrapped(vm.ordinal(3)))
    expectLawful(host)
    #expect(vm.holds(.zero, in: 3) && host.events.copiesOnAccess == 1 && vm.holds(.synthetic(seed: 1), in: 7))
    expectLawful(host)
  }

  @Test("A guest that stops gives its huge pages back whole", arguments: AuditTests.modes)
  func stop(_ mode: PagingMode) throws {
    let (host, vm) = try guest(mode, swapSlots: 600)
    let space = AddressSpace(vm, tablesBelow: 1536)
    for frame in 0..<4 { space.map(UInt64(frame), to: frame) }
    space.load()
    for page in 0..<4 as Range<UInt64> { #expect(vm.touch(page, .write) != nil) }
    #expect(vm.put(1, in: 600) && host.makeStable(vm.ordinal(600)) != nil && vm.hugeMappings == 2)
    host.stop(vm)
    #expect(host.freeFrames == host.frameCount - 1 && vm.chargedFrames == 0 && vm.hugeMappings == 0 && vm.hugeSplits == 1)
    expectLawful(host)
  }

  @Test("Law 1: a large leaf that leads to a frame out of place, or to another's, is found")
  func lawOne() throws {
    let (host, vm) = try guest()
    #expect(vm.put(1, in: 600))
    var table = vm.map.root.address
    for level in stride(from: 4, to: 2, by: -1) {
      table =
        EPTEntry(rawValue: host.contents.load(X86Index.entryAddress(in: table, of: GuestFrame(0).address, level: level))).frame.address
    }
    let (one, other) = (host.contents.load(table), host.contents.load(table.advanced(by: 8)))
    for wrong in [other, one + 1 << 12, one ^ 1 << 21 ^ 1 << 22] {
      host.contents.store(wrong, table)
      #expect(host.brokenLaws.contains(1))
      host.contents.store(one, table)
      expectLawful(host)
    }
  }

  // MARK: Random guests

  @Test(
    "Guests with huge pages see what they wrote and break no law, shared, ballooned, swapped and stopped",
    arguments: 21...24 as ClosedRange<UInt64>)
  func randomGuests(_ seed: UInt64) throws {
    let modes: [[PagingMode]] = [[.nested, .shadow, .native], [.shadow, .native], [.nested, .nested]]
    let some = modes[Int(seed % 3)]
    let backings = some.indices.map { index in
      MemoryBacking(
        hugePages: index == 2 ? .never : .always, splitsHugeOnMerge: (Int(seed) + index) % 3 != 0, numaNode: seed % 2 == 0 ? index : 0)
    }
    let frames = some.count * 2048
    let machine = try RandomMachine(
      seed: seed, modes: some, frames: frames, swapSlots: 2000, nodes: seed % 2 == 0 ? some.count : 1, backings: backings)
    var most = 0
    for step in 0..<900 {
      machine.step()
      most = max(most, machine.guests.reduce(0) { $0 + $1.vm.hugeMappings })
      if step % 300 == 299 { expectLawful(machine.host, "seed \(seed), step \(step)") }
    }
    for guest in machine.guests { guest.checkAll() }
    expectLawful(machine.host, "seed \(seed), at the end")
    let events = machine.host.events
    #expect(most >= 4 && events.hugeFaults >= 6 && events.hugeSplits >= 3 && events.merges > 0 && events.swapOuts > 0)
    for guest in machine.guests { machine.host.stop(guest.vm) }
    expectLawful(machine.host, "seed \(seed), after the end")
    #expect(machine.host.freeFrames == machine.host.frameCount - 1)
  }

  @Test("A guest sees the same with huge pages as with small ones, under every kind of paging")
  func guestsCannotTell() throws {
    let never = MemoryBacking()
    let stubborn = MemoryBacking(hugePages: .always, splitsHugeOnMerge: false)
    let runs: [(PagingMode, [MemoryBacking])] = [
      (.nested, [never, never]), (.nested, [always, stubborn]), (.shadow, [always, never]), (.native, [stubborn, always]),
    ]
    let seen = try runs.map { mode, backings in
      let machine = try RandomMachine(seed: 31, modes: [mode, mode], frames: 8192, swapSlots: 4096, backings: backings)
      for _ in 0..<600 { machine.step() }
      expectLawful(machine.host)
      let events = machine.host.events
      #expect(events.killed == 0 && events.swapIns > 0 && (events.hugeFaults > 0) == (backings != [never, never]))
      return machine.seen
    }
    #expect(seen.allSatisfy { $0 == seen[0] } && seen[0].count > 400)
  }
}
