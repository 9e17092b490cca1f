import Addressing
import Columns
import Guests
import Machine
import Testing
import Translation
import TranslationCaching

/// A guest that runs a stream written by hand.
private struct StreamRig {
  let host: Host
  let vm: VirtualMachine
  let guest: StreamGuest

  init(
    _ mode: PagingMode = .nested, memory: UInt64 = 64 << 20, options: StreamGuestOptions = StreamGuestOptions(),
    paging: PagingOptions = PagingOptions()
  ) throws {
    let size = ByteSize(bytes: memory)
    host = try Host(
      HostConfiguration(
        memory: ByteSize(bytes: 2 * memory + 64 << 20), swap: ByteSize(bytes: 0), tlb: TLBPreset.golden.geometry,
        guestPageCapacity: Host.ordinals(for: size), audited: true))
    vm = try host.createVM(name: "stream", memory: size, paging: mode, options: paging)
    guest = StreamGuest(vm: vm, options: options)
  }

  func run(_ records: [AccessRecord]) throws {
    let batch = Column<AccessRecord>(count: records.count)
    for (index, record) in records.enumerated() { batch[index] = record }
    try guest.run(batch, in: 0..<records.count)
  }

  var counters: TranslationCounters { vm.translator.counters }
  /// Breaches of the machine's laws now.
  var breaches: [LawBreach] { Audit.run(host).breaches }
}

private let base: UInt64 = 0x7f00_0000_0000

private func access(_ page: UInt64, _ kind: AccessKind = .read) -> AccessRecord {
  AccessRecord(GuestVirtualAddress(base + page << 12), kind)
}

private func range(_ first: UInt64, _ event: StreamEvent, _ pages: UInt64) -> [AccessRecord] {
  [AccessRecord(.range, (base >> 12) + first), AccessRecord(event, pages)]
}

@Suite("A guest that runs an access stream")
struct StreamGuestTests {
  @Test("faults once for each page that it touches, and each access counts once", arguments: PagingMode.allCases)
  func demandPaging(mode: PagingMode) throws {
    let rig = try StreamRig(mode)
    try rig.run((0..<3000).map { access($0 % 600, $0 % 3 == 0 ? .write : .read) })
    #expect(rig.guest.counts.pageFaults == 600 && rig.guest.counts.pagesTouched == 600)
    #expect(rig.counters.references == 3000 && rig.counters.guestFaults == 600)
    // 600 pages from an aligned address lie in two level-1 tables, below one each of levels 2 and 3.
    #expect(rig.guest.counts.tableStores == 600 + 4)
    #expect(rig.breaches.isEmpty)
  }

  @Test("copies a page at the first write after a fork, on either side, and only then", arguments: PagingMode.allCases)
  func fork(mode: PagingMode) throws {
    let rig = try StreamRig(mode)
    try rig.run((0..<10).map { access($0, .write) } + [AccessRecord(.fork, 1)] + (0..<10).map { access($0) })
    #expect(rig.guest.counts.copiesOnWrite == 0 && rig.guest.counts.pageFaults == 10)
    // The parent writes three pages: three copies. The child then writes four, one of them the parent's copy's source, which is its own
    // now.
    try rig.run((0..<3).map { access($0, .write) } + [AccessRecord(.run, 1)] + (2..<6).map { access($0, .write) })
    #expect(rig.guest.counts.copiesOnWrite == 3 + 3)
    #expect(rig.guest.counts.pageFaults == 10 + 3 + 4)
    #expect(rig.guest.programPages == 10 + 6)
    #expect(rig.breaches.isEmpty)
    // The child ends: what only it had is free again.
    try rig.run([AccessRecord(.exit, 1), AccessRecord(.run, 0), access(5, .write)])
    #expect(rig.guest.programPages == 10)
    #expect(rig.guest.counts.copiesOnWrite == 6)
    #expect(rig.breaches.isEmpty)
  }

  @Test("loses what is unmapped, and faults at writes to what is protected", arguments: PagingMode.allCases)
  func ranges(mode: PagingMode) throws {
    let rig = try StreamRig(mode)
    try rig.run((0..<8).map { access($0, .write) } + range(2, .unmap, 3))
    #expect(rig.guest.programPages == 5)
    try rig.run([access(1), access(2), access(5)] + range(0, .protect, 2) + [access(0), access(0, .write), access(0, .write)])
    #expect(rig.guest.counts.pageFaults == 8 + 1 + 1)
    #expect(rig.guest.counts.protectionFaults == 1)
    try rig.run(range(0, .unprotect, 2) + [access(1, .write)])
    #expect(rig.guest.counts.pageFaults == 10)
    #expect(rig.breaches.isEmpty)
  }

  @Test("has a range populated without a fault, but for the pages that it has", arguments: PagingMode.allCases)
  func populate(mode: PagingMode) throws {
    let rig = try StreamRig(mode)
    // The range goes over the end of a table of 512.
    try rig.run([access(600, .write)] + range(500, .populate, 200))
    #expect(rig.guest.counts.pageFaults == 1 && rig.guest.counts.pagesTouched == 200 && rig.guest.programPages == 200)
    // Tables: two of level 1, one each of levels 2 and 3.
    #expect(rig.guest.counts.tableStores == 200 + 4)
    try rig.run((500..<700).map { access($0, .write) })
    #expect(rig.guest.counts.pageFaults == 1)
    try rig.run(range(500, .unmap, 200))
    #expect(rig.guest.programPages == 0)
    #expect(rig.breaches.isEmpty)
  }

  @Test("has large pages populated only as wholes, and nothing outside canonical addresses")
  func populateEdges() throws {
    var options = StreamGuestOptions()
    options.pageSize = .size2M
    let rig = try StreamRig(options: options)
    try rig.run(range(1, .populate, 1536) + range(0, .populate, 0))
    #expect(rig.guest.programPages == 2 * 512)
    let small = try StreamRig()
    let first = GuestVirtualAddress(0x7fff_ffff_e000)
    #expect(throws: StreamGuestError.rangeNotCanonical(first, pages: 4, levels: 4, accesses: 0)) {
      try small.run([AccessRecord(.range, 0x7_ffff_fffe), AccessRecord(.populate, 4)])
    }
    #expect { try small.run([AccessRecord(.range, 0), AccessRecord(.populate, 1 << 35)]) } throws: { error in
      if case .memoryFull = error as? StreamGuestError { true } else { false }
    }
  }

  @Test("sends the updates of a range in as many hypercalls as the batches need", arguments: [1, 4, 16, 64, 1024])
  func batches(batch: Int) throws {
    var paging = PagingOptions()
    paging.updateBatch = batch
    let rig = try StreamRig(.direct, paging: paging)
    try rig.run(range(0, .populate, 300))
    for event in [StreamEvent.protect, .unprotect, .unmap, .populate] {
      let before = rig.counters
      try rig.run(range(0, event, 300))
      let after = rig.counters.since(before)
      #expect(after.tableUpdates == 300)
      #expect(after.exits[.hypercall] == UInt64((300 + batch - 1) / batch), "\(event)")
    }
    // A fork write-protects all entries of the parent; the child's tables are stored to freely, and checked when they are first used.
    var before = rig.counters
    try rig.run([AccessRecord(.fork, 1)])
    var after = rig.counters.since(before)
    #expect(after.tableUpdates == 300 && after.checkedEntries == 0)
    #expect(after.exits[.hypercall] == UInt64((300 + batch - 1) / batch))
    before = rig.counters
    try rig.run([AccessRecord(.run, 1)])
    after = rig.counters.since(before)
    #expect(after.tableUpdates == 0 && after.checkedEntries == 300 + 3 && after.exits[.hypercall] == 1)
    #expect(rig.breaches.isEmpty)
  }

  @Test("exec begins with nothing mapped", arguments: PagingMode.allCases)
  func exec(mode: PagingMode) throws {
    let rig = try StreamRig(mode)
    try rig.run((0..<8).map { access($0, .write) } + [AccessRecord(.exec)] + [access(0)])
    #expect(rig.guest.counts.pageFaults == 9 && rig.guest.programPages == 1)
    #expect(rig.breaches.isEmpty)
  }

  @Test("a rewrite is one store and one INVLPG")
  func rewrite() throws {
    let rig = try StreamRig()
    try rig.run([access(0)])
    let before = rig.guest.counts
    try rig.run([AccessRecord(.rewrite, base >> 12), access(0)])
    let after = rig.guest.counts.since(before)
    #expect(after.tableStores == 1 && after.pageInvalidations == 1 && after.rewrites == 1 && after.pageFaults == 0)
  }

  @Test("with PCIDs a switch keeps translations, without them it loses them")
  func pcids() throws {
    func misses(_ usesPCIDs: Bool) throws -> UInt64 {
      var options = StreamGuestOptions()
      options.usesPCIDs = usesPCIDs
      let rig = try StreamRig(options: options)
      let turn = (0..<2).flatMap { process in [AccessRecord(.run, process)] + (0..<16).map { access($0) } }
      try rig.run(turn)
      let before = rig.counters.tlb.l2Misses
      try rig.run(turn + turn + turn)
      #expect(rig.guest.counts.contextSwitches == 7)
      return rig.counters.tlb.l2Misses - before
    }
    #expect(try misses(true) == 0)
    #expect(try misses(false) == 6 * 16)
  }

  @Test("gives large pages, each by one fault", arguments: [PageSize.size2M])
  func largePages(size: PageSize) throws {
    var options = StreamGuestOptions()
    options.pageSize = size
    let rig = try StreamRig(options: options)
    try rig.run((0..<2048).map { access($0, .write) })
    #expect(rig.guest.counts.pagesTouched == 4 && rig.guest.programPages == 2048)
    #expect(rig.breaches.isEmpty)
  }

  @Test("says when its memory is full, and how much it had")
  func full() throws {
    let rig = try StreamRig(memory: 16 << 20)
    #expect {
      try rig.run((0..<5000).map { access($0) })
    } throws: { error in
      guard case .memoryFull(let memory, let accesses)? = error as? StreamGuestError else { return false }
      return memory == ByteSize(bytes: 16 << 20) && accesses > 4000 && accesses < 4096
    }
  }

  @Test("refuses an address that four levels do not reach, and five levels reach it")
  func levels() throws {
    let far = AccessRecord(GuestVirtualAddress(0x00f0_0000_0000_0000), .read)
    #expect(throws: StreamGuestError.self) { try StreamRig().run([far]) }
    var options = StreamGuestOptions()
    options.levels = 5
    let rig = try StreamRig(options: options)
    try rig.run([far])
    #expect(rig.counters.references == 1)
  }

  @Test("refuses ranges that leave their half of the address space, and takes those that end with it")
  func ranges() throws {
    func run(from page: UInt64, _ pages: UInt64) throws { try StreamRig().run([AccessRecord(.range, page), AccessRecord(.unmap, pages)]) }
    let end: UInt64 = 1 << 35
    let (upper, last): (UInt64, UInt64) = ((1 << 52) - end, (1 << 52) - 1)
    try run(from: end - 2, 2)
    try run(from: upper, end)
    try run(from: end + 7, 0)
    let beyond: [(UInt64, UInt64)] = [(end - 2, 3), (end, 1), (upper - 1, 2), (last, 2), (0, last + 1), (0, (1 << 56) - 1)]
    for (page, pages) in beyond {
      #expect {
        try run(from: page, pages)
      } throws: { error in
        error as? StreamGuestError == .rangeNotCanonical(GuestVirtualAddress(page << 12), pages: pages, levels: 4, accesses: 0)
      }
    }
  }

  @Test("refuses events that nobody knows and forks into a process that exists")
  func badEvents() throws {
    #expect(throws: StreamGuestError.unknownEvent(63 << 2 | 3)) { try StreamRig().run([AccessRecord(rawValue: 63 << 2 | 3)]) }
    #expect(throws: StreamGuestError.processExists(1, accesses: 0)) {
      try StreamRig().run([AccessRecord(.fork, 1), AccessRecord(.fork, 1)])
    }
    #expect(throws: StreamGuestError.self) { try StreamRig().run([AccessRecord(.operation, 99)]) }
  }
}
