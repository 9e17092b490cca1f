internal import Addressing
internal import CTranslationFloor
internal import Columns
internal import Machine
internal import PageContents
internal import PageTables
internal import Translation
internal import TranslationCaching

/// Accesses through `VirtualMachine.access`, a million at a time, in each way of paging: hits in the TLB, walks, and both.
enum TranslationBenchmark {
  private static let pages = 64 << 10
  private static let accesses = 1 << 20
  private static let base: UInt64 = 0x10_0000_0000

  static func run(_ modes: [PagingMode] = PagingMode.allCases) throws -> Section {
    var section = Section(
      title: "Translation",
      method: """
        A guest of 512 MiB with page tables in its own memory, and a TLB of 64 + 1536 entries. Hot: 32 pages in random order. Mixed: 65,536 pages in \
        random order by Zipf's law. Walks: the same pages, all alike, of which the TLB holds 1 in 40. The floor: the same TLB and tables in C, words \
        in one array, without rights by level, A and D, faults or any choice, in turns with memlab. Its nested walk makes 24 references, its native \
        one 4 and one more for the host frame of a guest frame, the others 4.
        """)
    let streams = [
      Stream(name: "hot", bound: 2, addresses: addresses { $0.index(below: 32) }),
      Stream(name: "mixed", bound: 1.5, addresses: zipfAddresses()),
      Stream(name: "walks", bound: 1.5, addresses: addresses { $0.index(below: pages) }),
    ]
    for mode in modes {
      let guest = try MappedGuest(mode: mode, pages: pages)
      for stream in streams { section.figures.append(measure(guest, stream, mode)) }
      section.figures.append(allocations(guest, streams, mode))
    }
    return section
  }

  /// A stream of reads in user mode, for memlab and for the floor, and how often the floor's time it may take.
  private final class Stream {
    let name: String
    let bound: Double
    let addresses: Column<UInt64>
    let records: Column<AccessRecord>

    init(name: String, bound: Double, addresses: consuming Column<UInt64>) {
      self.name = name
      self.bound = bound
      records = Column(count: addresses.count)
      for index in 0..<addresses.count { records[index] = AccessRecord(GuestVirtualAddress(addresses[index]), .read) }
      self.addresses = addresses
    }
  }

  private static func addresses(page: (inout RandomStream) -> Int) -> Column<UInt64> {
    let column = Column<UInt64>(count: accesses)
    var random = RandomStream(seed: 2)
    for index in 0..<accesses { column[index] = base + UInt64(page(&random)) << 12 | (random.next() & 0xff8) }
    return column
  }

  /// Pages by Zipf's law, the frequent ones scattered.
  private static func zipfAddresses() -> Column<UInt64> {
    let zipf = ZipfSampler(count: pages)
    return addresses { zipf.rank(from: &$0) &* 0x9e37 & (pages - 1) }
  }

  /// How often streams of which each access has been made once ask for memory: never.
  private static func allocations(_ guest: MappedGuest, _ streams: [Stream], _ mode: PagingMode) -> Figure {
    let before = allocation_count()
    for stream in streams { guest.access(stream.records) }
    let calls = allocation_count() - before
    return Figure(
      name: "\(mode), allocations", value: Double(calls), unit: "calls", floor: "as many accesses",
      floorValue: Double(streams.count * accesses), bound: .atMost(0))
  }

  private static func measure(_ guest: MappedGuest, _ stream: Stream, _ mode: PagingMode) -> Figure {
    guest.access(stream.records)
    let before = guest.vm.translator.counters
    guest.access(stream.records)
    let counted = guest.vm.translator.counters.since(before)
    let count = Double(accesses)
    let missed = (Double(counted.walks) / count * 1000).rounded() / 10
    let floor = Floor(base: base, pages: pages)
    let (access, same) = Measuring.bestOfBoth(rounds: 9) {
      guest.access(stream.records)
    } _: {
      floor.run(stream.addresses, mode)
    }
    return Figure(
      name: "\(mode), \(stream.name): \(missed) % walk, \(counted.walks == 0 ? 0 : counted.walkReferences / counted.walks) references",
      value: access / count, unit: "ns/access", floor: "the same in C", floorValue: same / count,
      bound: .atMost(stream.bound * same / count))
  }
}

/// The same tables and the same TLB in C.
@safe private final class Floor {
  private let tlb: OpaquePointer
  private let tables: OpaquePointer
  private var counts = floor_counts()

  init(base: UInt64, pages: Int) {
    // SAFETY: both live as long as this object, which nobody else gives them away from.
    guard let tlb = unsafe floor_tlb_create(), let tables = unsafe floor_tables_create(base, pages) else {
      preconditionFailure("no memory for the floor")
    }
    unsafe self.tlb = tlb
    unsafe self.tables = tables
  }

  deinit {
    unsafe floor_tlb_destroy(tlb)
    unsafe floor_tables_destroy(tables)
  }

  func run(_ addresses: borrowing Column<UInt64>, _ mode: PagingMode) {
    let sum = unsafe addresses.withBuffer { buffer in
      // SAFETY: as many addresses as the buffer has, all of pages that the tables map.
      switch mode {
      case .nested: unsafe floor_walk_24(tlb, tables, buffer.baseAddress, buffer.count, &counts)
      case .native: unsafe floor_walk_native(tlb, tables, buffer.baseAddress, buffer.count, &counts)
      case .shadow, .agile, .direct: unsafe floor_walk_4(tlb, tables, buffer.baseAddress, buffer.count, &counts)
      }
    }
    Measuring.keep(sum)
  }
}

/// A guest that has mapped some of its pages, each backed.
private final class MappedGuest {
  let host: Host
  let vm: VirtualMachine
  private let pages: Int
  private static let memory = ByteSize(bytes: 512 << 20)
  private static let base: UInt64 = 0x10_0000_0000

  init(mode: PagingMode, pages: Int) throws {
    host = try Host(
      HostConfiguration(
        memory: ByteSize(bytes: 1 << 30), swap: ByteSize(bytes: 0), tlb: TLBPreset.golden.geometry,
        guestPageCapacity: Host.ordinals(for: Self.memory), audited: false))
    vm = try host.createVM(name: "guest", memory: Self.memory, paging: mode)
    self.pages = pages
    var next: UInt64 = 1
    // The numbers that go into entries: under direct paging those of machine frames.
    let paravirtual = vm.translator.paravirtual
    func named(_ frame: GuestFrame) -> GuestFrame { GuestFrame(paravirtual?.machineFrame(of: frame)?.rawValue ?? frame.rawValue) }
    func meant(_ named: GuestFrame) -> GuestFrame { paravirtual?.guestFrame(of: HostFrame(named.rawValue)) ?? named }
    func table() -> GuestFrame {
      next += 1
      _ = vm.fill(GuestFrame(next), with: .zero)
      return GuestFrame(next)
    }
    let root = table()
    for page in 0..<pages {
      let address = GuestVirtualAddress(Self.base + UInt64(page) << 12)
      var place = root.address
      for level in stride(from: 4, to: 1, by: -1) {
        let slot = place.advanced(by: UInt64(X86Index.index(of: address, level: level)) * 8)
        let entry = X86Entry(rawValue: vm.load64(slot) ?? 0)
        if entry.isPresent {
          place = meant(entry.guestFrame).address
        } else {
          let fresh = table()
          _ = vm.store64(X86Entry.table(named(fresh)).rawValue, slot)
          place = fresh.address
        }
      }
      let frame = GuestFrame(UInt64(32 << 10) + UInt64(page))
      _ = vm.fill(frame, with: .synthetic(seed: UInt64(page)))
      let slot = place.advanced(by: UInt64(X86Index.index(of: address, level: 1)) * 8)
      _ = vm.store64(X86Entry.page(named(frame), writable: true, user: true, noExecute: true).rawValue, slot)
    }
    vm.loadCR3(root.address)
  }

  func access(_ records: borrowing Column<AccessRecord>) {
    guard vm.access(records, in: 0..<records.count) == .end else { preconditionFailure("the guest mapped every page") }
  }
}
