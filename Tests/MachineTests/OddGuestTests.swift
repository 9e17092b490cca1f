import Addressing
import Ballooning
import Columns
import FrameAllocation
import PageContents
import PageTables
import Testing
import Translation

@testable import Machine

@Suite("No guest, however odd, reaches a trap")
struct OddGuestTests {
  static let modes = AuditTests.modes
  static let oddAddresses: [UInt64] = [
    0, 1, 7, 4095, 4096, 0xf_ffff, 0x80_0000_0000, 0x7fff_ffff_ffff, 0x8000_0000_0000, 0xffff_ffff_ffff, 0x1_0000_0000_0000,
    0xf_ffff_ffff_ffff, 0x10_0000_0000_0000, 0x200_0000_0000_0000, 0xffff_8000_0000_0000, 0xffff_ffff_ffff_f000, 0x7fff_ffff_ffff_ffff,
    0xffff_ffff_ffff_fff8, .max,
  ]
  /// Entries that name frames beyond any memory, or set reserved bits, or large pages.
  static let oddEntries: [UInt64] = [
    0x10_0007, 0xf_ffff_ffff_f007, 0xffff_ffff_f007, .max, 0xf_ffff_ffff_f087, 0x8000_0000_0087, 0xff, 0x4000_0087,
  ]

  @Test("Guest-physical addresses beyond the memory, up to the last of 64 bits, answer nil and false", arguments: modes)
  func guestPhysicalAddresses(_ mode: PagingMode) throws {
    let host = try makeHost()
    let vm = try host.makeVM("vm", pages: 1, mode)
    for raw in Self.oddAddresses {
      let address = GuestPhysicalAddress(raw)
      let isThere = raw < 4096
      #expect((vm.load64(address) != nil) == isThere && vm.store64(0, address) == isThere)
      #expect((vm.load32(address) != nil) == isThere && vm.store32(0, address) == isThere)
      #expect((vm.load16(address) != nil) == isThere && vm.store16(0, address) == isThere)
      #expect(vm.fill(address.page, with: .zero) == isThere)
      #expect((vm.content(of: address.page) == .zero) == isThere && (vm.hash(of: address.page) != nil) == isThere)
      #expect((vm.discard(GuestFrame(raw)) != .rejected) == (raw == 0))
      vm.restore(GuestFrame(raw))
    }
    expectLawful(host)
  }

  @Test("Narrow stores change their own bytes and no others")
  func narrowStores() throws {
    let host = try makeHost()
    let vm = try host.makeVM(pages: 1)
    let base = GuestPhysicalAddress(64)
    #expect(vm.store64(0x1122_3344_5566_7788, base))
    #expect(vm.load16(base.advanced(by: 2)) == 0x5566 && vm.load32(base.advanced(by: 4)) == 0x1122_3344)
    #expect(vm.store16(0xabcd, base.advanced(by: 6)) && vm.load64(base) == 0xabcd_3344_5566_7788)
    #expect(vm.store32(0, base) && vm.load64(base) == 0xabcd_3344_0000_0000)
    expectLawful(host)
  }

  @Test("Virtual addresses that are not canonical fault, even where their low bits name a page that the TLB holds", arguments: modes)
  func nonCanonicalAddresses(_ mode: PagingMode) throws {
    let host = try makeHost()
    let vm = try host.makeVM("vm", mode)
    let space = AddressSpace(vm, tablesBelow: 64)
    space.map(1, to: 1)
    space.load()
    #expect(vm.touch(1, .write) == vm.leaf(1).frame)
    for bit in 47..<64 as Range<UInt64> {
      #expect(vm.access(GuestVirtualAddress(1 << bit | 1 << 12), .read) == .guestFault, "bit \(bit)")
    }
    for raw in Self.oddAddresses where !X86Index.isCanonical(GuestVirtualAddress(raw)) {
      for kind in [AccessKind.read, .write, .fetch] { #expect(vm.access(GuestVirtualAddress(raw), kind) == .guestFault) }
      vm.invalidatePage(GuestVirtualAddress(raw))
    }
    expectLawful(host)
  }

  @Test("A root table beyond the guest's memory stops the access, not the guest", arguments: modes)
  func rootBeyondMemory(_ mode: PagingMode) throws {
    let host = try makeHost()
    let vm = try host.makeVM("vm", mode)
    let space = AddressSpace(vm, tablesBelow: 64)
    space.map(1, to: 1)
    for raw in Self.oddAddresses {
      vm.loadCR3(GuestPhysicalAddress(raw))
      for kind in [AccessKind.read, .write, .fetch] {
        let result = vm.access(GuestVirtualAddress(1 << 12), kind, .supervisor)
        // Bits 47:12 of CR3 name the root; what they name may be memory that the guest has.
        let isThere = raw & 0xffff_ffff_f000 < 256 << 12
        #expect(isThere ? result == .guestFault : result == .stopped, "root \(raw)")
      }
      expectLawful(host)
    }
    space.load()
    #expect(vm.isRunning && vm.touch(1) == vm.leaf(1).frame)
  }

  @Test("Entries that name frames beyond the guest's memory or set reserved bits are answered, at every level", arguments: modes)
  func entriesBeyondMemory(_ mode: PagingMode) throws {
    let host = try makeHost()
    let vm = try host.makeVM("vm", mode)
    let space = AddressSpace(vm, tablesBelow: 64)
    space.map(1, to: 1)
    space.load()
    var table = space.root
    for level in stride(from: 4, through: 1, by: -1) {
      let place = X86Index.entryAddress(in: table.address, of: GuestVirtualAddress(1 << 12), level: level)
      let word = try #require(vm.load64(place))
      for odd in Self.oddEntries {
        #expect(vm.store64(odd, place))
        vm.invalidatePage(GuestVirtualAddress(1 << 12))
        for kind in [AccessKind.read, .write, .fetch] {
          if case .mapped = vm.access(GuestVirtualAddress(1 << 12), kind) {
            #expect(odd & 0x80 != 0, "a large page over memory that is there")
          }
        }
      }
      #expect(vm.store64(word, place))
      vm.invalidatePage(GuestVirtualAddress(1 << 12))
      #expect(vm.touch(1, .write) == vm.leaf(1).frame)
      expectLawful(host)
      table = X86Entry(rawValue: word).guestFrame
    }
  }

  @Test("A guest of one page whose only table is its own root, leaf and data", arguments: modes)
  func onePage(_ mode: PagingMode) throws {
    let host = try makeHost()
    let vm = try host.makeVM("vm", pages: 1, mode)
    // Entry 0 of page 0 names page 0 at every level, so that virtual page 0 is the table itself.
    #expect(vm.store64(X86Entry.table(GuestFrame(0)).rawValue, GuestPhysicalAddress(0)))
    vm.loadCR3(GuestPhysicalAddress(0))
    for _ in 0..<2 {
      #expect(vm.touch(0) == vm.leaf(0).frame && vm.touch(0, .write) == vm.leaf(0).frame)
      #expect(vm.access(GuestVirtualAddress(1 << 12), .read) == .guestFault)
      expectLawful(host)
    }
    // Through that page the guest maps virtual page 1 to page 0 as well.
    #expect(storeThroughPage(0, X86Entry.table(GuestFrame(0)).rawValue, at: 8, vm))
    #expect(vm.touch(1) == vm.leaf(0).frame)
    // And takes everything away from itself.
    #expect(vm.write(.zero, at: GuestVirtualAddress(0), frame: GuestFrame(0)) == .mapped(vm.leaf(0).frame.address))
    vm.loadCR3(GuestPhysicalAddress(0))
    #expect(vm.access(GuestVirtualAddress(0), .read) == .guestFault)
    expectLawful(host)
  }

  /// A store of a word by a program, as a processor would carry it out.
  private func storeThroughPage(_ page: UInt64, _ word: UInt64, at offset: UInt64, _ vm: VirtualMachine) -> Bool {
    guard case .mapped(let place) = vm.access(GuestVirtualAddress(page << 12 | offset), .write) else { return false }
    let frame = GuestFrame(vm.host.frames[place.page].firstPage.map { UInt64($0.rawValue - vm.firstPage.rawValue) } ?? 0)
    let index = Int(offset >> 3)
    vm.host.witness?.willStore(word, over: vm.host.contents.load(place), at: index, of: vm.page(of: frame))
    vm.host.contents.store(word, place)
    return true
  }

  @Test("A guest that writes its tables through a mapping of them sees each change after its INVLPG", arguments: modes)
  func tablesThroughTheirOwnMapping(_ mode: PagingMode) throws {
    let host = try makeHost(swapSlots: 64)
    let vm = try host.makeVM("vm", mode)
    let space = AddressSpace(vm, tablesBelow: 64)
    for frame in 0..<4 { vm.put(UInt64(frame), in: frame) }
    space.map(0, to: 0)
    let table = space.entryAddress(0)
    space.map(9, to: Int(table.page.rawValue))
    space.load()
    for round in 0..<12 as Range<UInt64> {
      #expect(vm.touch(0, round % 2 == 0 ? .read : .write) == vm.leaf(Int(round % 4)).frame)
      let next = X86Entry.page(GuestFrame((round + 1) % 4), writable: true, user: true, noExecute: false)
      #expect(storeThroughPage(9, next.rawValue, at: table.offset(in: .size4K), vm))
      vm.invalidatePage(GuestVirtualAddress(0))
      expectLawful(host)
      if round % 3 == 2 { host.reclaim(upTo: host.frameCount, visits: 300) }
      if round % 4 == 3 { _ = host.makeStable(vm.page(of: table.page)) }
    }
  }

  @Test("A guest that loads one root after the other gets no more shadow tables than its memory allows")
  func manyRoots() throws {
    let host = try makeHost()
    let vm = try host.makeVM("vm", .shadow)
    _ = vm.load64(GuestPhysicalAddress(0))
    let mapTables = vm.tableFrames
    for frame in 0..<256 {
      vm.loadCR3(GuestFrame(frame).address)
      #expect(vm.access(GuestVirtualAddress(0), .read) == .guestFault)
    }
    // KVM's limit for a small guest is 64.
    #expect(vm.tableFrames <= mapTables + 64)
    expectLawful(host)
  }

  @Test("A guest whose tables are taken by its own balloon finds nothing mapped", arguments: modes)
  func ballooningOwnTables(_ mode: PagingMode) throws {
    let host = try makeHost()
    let vm = try host.makeVM("vm", mode)
    let space = AddressSpace(vm, tablesBelow: 64)
    space.map(1, to: 1)
    space.load()
    for frame in [space.entryAddress(1).page, space.root] {
      #expect(vm.touch(1, .write) != nil)
      #expect(vm.discard(frame) == .freedFrame)
      #expect(vm.access(GuestVirtualAddress(1 << 12), .read) == .guestFault)
      expectLawful(host)
      vm.loadCR3(space.root.address)
      if frame != space.root { space.map(1, to: 1) }
    }
  }

  @Test("Random words as tables never trap, under any paging", arguments: modes)
  func randomTables(_ mode: PagingMode) throws {
    let host = try makeHost(swapSlots: 256)
    let vm = try host.makeVM("vm", pages: 64, mode)
    var random = RandomSource(seed: 5).stream("tables")
    for _ in 0..<400 {
      let frame = random.below(8)
      // Mostly entries that lead back into the eight table pages, some that lead anywhere.
      let flags = random.below(2) == 0 ? 7 : random.next() & 0x1ff
      let target = random.oneIn(8) ? random.next() & X86Entry.frameMask : random.below(12) << 12
      let place = GuestFrame(frame).address.advanced(by: random.below(4) * 8)
      #expect(vm.store64(target | flags, place))
      if random.oneIn(4) { vm.loadCR3(GuestFrame(random.below(8)).address) }
      let address = GuestVirtualAddress(random.below(4) << 39 | random.below(4) << 30 | random.below(4) << 21 | random.below(4) << 12)
      let kind = [AccessKind.read, .write, .fetch][random.index(below: 3)]
      _ = vm.access(address, kind, random.oneIn(2) ? .user : .supervisor)
      if random.oneIn(16) { _ = vm.discard(GuestFrame(random.below(64))) }
      if random.oneIn(16) { host.reclaim(upTo: host.frameCount, visits: 100) }
      if random.oneIn(16) { _ = host.makeStable(vm.ordinal(random.index(below: 64))) }
    }
    vm.loadCR3(GuestPhysicalAddress(0))
    #expect(vm.isRunning)
    expectLawful(host)
  }

  @Test("A hundred guests, each of an odd size, on a small host")
  func manyGuests() throws {
    let host = try makeHost(frames: 4096, swapSlots: 512, spans: 100)
    let free = host.freeFrames
    let vms = try (0..<100).map { index in try host.makeVM("vm\(index)", pages: 100 + index, AuditTests.modes[index % 3]) }
    for (index, vm) in vms.enumerated() {
      for frame in [0, 50, vm.pageCount - 1] { #expect(vm.put(UInt64(index % 5), in: frame)) }
      #expect(!vm.put(1, in: vm.pageCount))
      #expect(host.owner(of: vm.ordinal(vm.pageCount - 1))?.vm === vm)
    }
    expectLawful(host)
    for vm in vms { host.stop(vm) }
    #expect(host.freeFrames == free)
    expectLawful(host)
  }
}
