internal import Addressing
internal import CTranslationFloor
internal import Columns
internal import Machine
internal import PageContents
internal import PageTables
internal import Translation
internal import TranslationCaching

/// Accesses through `VirtualMachine.access`, a million at a time: hits in the TLB, and walks in each way of paging.
enum TranslationBenchmark {
  private static let pages = 64 << 10
  private static let accesses = 1 << 20
  private static let base: UInt64 = 0x10_0000_0000

  static func run() throws -> Section {
    var section = Section(
      title: "Translation",
      method: """
        A guest of 512 MiB with page tables in its own memory, and a TLB of 64 + 1536 entries. Hits: 32 pages in random order. Walks: 65,536 pages in \
        random order, of which the TLB holds 1 in 40. The floor: the same TLB and tables in C, words in one array, without rights by level, A and D, \
        faults or any choice; both take turns.
        """)
    for mode in PagingMode.allCases {
      let guest = try MappedGuest(mode: mode, pages: pages)
      if mode == .native { section.figures.append(hit(guest)) }
      section.figures.append(walk(guest, mode))
      section.figures.append(allocations(guest, mode))
    }
    return section
  }

  private static func addresses(over pages: Int, seed: UInt64) -> Column<UInt64> {
    let column = Column<UInt64>(count: accesses)
    var random = RandomStream(seed: seed)
    for index in 0..<accesses { column[index] = base + UInt64(random.index(below: pages)) << 12 | (random.next() & 0xff8) }
    return column
  }

  private static func hit(_ guest: MappedGuest) -> Figure {
    let floor = Floor(base: base, pages: pages)
    let stream = addresses(over: 32, seed: 2)
    let records = AccessRecord.reads(stream)
    let (access, same) = Measuring.bestOfBoth(rounds: 9) {
      guest.access(records)
    } _: {
      floor.run(stream, .native)
    }
    let count = Double(accesses)
    return Figure(
      name: "TLB hit", value: access / count, unit: "ns/access", floor: "the same in C", floorValue: same / count)
  }

  /// How often hits and walks, of which each has been made once, ask for memory: never.
  private static func allocations(_ guest: MappedGuest, _ mode: PagingMode) -> Figure {
    let hits = AccessRecord.reads(addresses(over: 32, seed: 2))
    let walks = AccessRecord.reads(addresses(over: pages, seed: 3))
    guest.access(walks)
    let before = allocation_count()
    guest.access(hits)
    guest.access(walks)
    let calls = Double(allocation_count() - before)
    return Figure(
      name: "\(mode) allocations", value: calls, unit: "calls", floor: "as many accesses", floorValue: Double(2 * accesses),
      bound: .atMost(0))
  }

  private static func walk(_ guest: MappedGuest, _ mode: PagingMode) -> Figure {
    let stream = addresses(over: pages, seed: 3)
    let records = AccessRecord.reads(stream)
    let before = guest.vm.translator.counters
    guest.access(records)
    let counted = guest.vm.translator.counters.since(before)
    let count = Double(accesses)
    let perWalk = Double(counted.walkReferences) / Double(max(1, counted.walks))
    let name = "\(mode) walk, \((perWalk * 10).rounded() / 10) references"
    let floor = Floor(base: base, pages: pages)
    let (access, same) = Measuring.bestOfBoth(rounds: 7) {
      guest.access(records)
    } _: {
      floor.run(stream, mode)
    }
    return Figure(
      name: name, value: access / count, unit: "ns/access",
      floor: mode == .nested ? "a TLB and walks of 24 in C" : "a TLB and walks of 4 in C", floorValue: same / count)
  }
}

extension AccessRecord {
  /// Reads in user mode of a column of addresses.
  fileprivate static func reads(_ addresses: borrowing Column<UInt64>) -> Column<AccessRecord> {
    let records = Column<AccessRecord>(count: addresses.count)
    for index in 0..<addresses.count { records[index] = AccessRecord(GuestVirtualAddress(addresses[index]), .read) }
    return records
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
      mode == .nested
        ? unsafe floor_walk_24(tlb, tables, buffer.baseAddress, buffer.count, &counts)
        : unsafe floor_walk_4(tlb, tables, buffer.baseAddress, buffer.count, &counts)
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
