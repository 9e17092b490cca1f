import Addressing
import Machine
import PageTables
import TestSupport
import Testing
import Translation

@testable import Guests

@Suite("A process's page tables")
struct ProcessTablesTests {
  @Test("map exactly what was mapped and not unmapped, word for word", arguments: PagingMode.allCases)
  func mapsExactly(paging: PagingMode) throws {
    let (host, vm) = try GuestRig.machine(8, paging)
    defer { withExtendedLifetime(host) {} }
    let kernel = GuestRig.kernel(vm)
    let free = kernel.freePages
    let tables = try #require(ProcessTables(kernel: kernel))
    vm.loadCR3(tables.root.address)
    var random = SeededGenerator(seed: 11)
    var mapped: [UInt64: MappedPage] = [:]
    for round in 0..<500 {
      let address = Self.address(&random)
      if mapped[address] != nil || round % 4 == 3, let victim = mapped.keys.sorted().randomElement(using: &random) {
        // A translation of it may be cached: the processor must forget it.
        tables.unmap(GuestVirtualAddress(victim))
        mapped[victim] = nil
        #expect(vm.access(GuestVirtualAddress(victim), .read) == .guestFault)
        continue
      }
      guard mapped[address] == nil else { continue }
      let page = MappedPage(
        address: address, frame: UInt64.random(in: 1500..<2000, using: &random), isWritable: Bool.random(using: &random), isUser: true,
        isExecutable: Bool.random(using: &random))
      #expect(
        tables.map(GuestVirtualAddress(address), to: GuestFrame(page.frame), writable: page.isWritable, executable: page.isExecutable))
      mapped[address] = page
      try check(page, vm)
    }
    let naive = NaiveTables(vm, root: tables.root)
    #expect(naive.pages == Set(mapped.values))
    #expect(free - kernel.freePages == naive.tables.count)
    for page in mapped.values.sorted(by: { $0.address < $1.address }) { try check(page, vm) }
    tables.destroy()
    #expect(kernel.freePages == free)
  }

  /// Addresses near each other and far apart, below the middle of the address space.
  private static func address(_ random: inout SeededGenerator) -> UInt64 {
    let bases: [UInt64] = [0, 0x40_0000, 0x3fff_f000, 0x5555_0000_0000, 0x7f_ffff_f000, 0x7fff_ffe0_0000]
    return bases[Int.random(in: 0..<bases.count, using: &random)] + UInt64.random(in: 0..<16, using: &random) << 12
  }

  /// What the processor makes of a mapped page.
  private func check(_ page: MappedPage, _ vm: VirtualMachine) throws {
    let address = GuestVirtualAddress(page.address)
    let kinds: [(AccessKind, Bool)] = [(.read, true), (.write, page.isWritable), (.fetch, page.isExecutable)]
    for (kind, isAllowed) in kinds {
      let result = vm.access(address, kind)
      let backing = vm.map.leaf(of: GuestFrame(page.frame))
      #expect(result == (isAllowed ? .mapped(backing.frame.address) : .guestFault))
    }
  }

  @Test("fail without a trap where the guest has no frame for them")
  func noMemory() throws {
    let (host, vm) = try GuestRig.machine(1)
    defer { withExtendedLifetime(host) {} }
    let kernel = GuestRig.kernel(vm)
    let tables = try #require(ProcessTables(kernel: kernel))
    while kernel.allocate() != nil {}
    #expect(!tables.map(GuestVirtualAddress(0x40_0000), to: GuestFrame(UInt64(9)), writable: true, executable: false))
    #expect(ProcessTables(kernel: kernel) == nil)
  }
}
