internal import Addressing
internal import Columns
internal import Machine
internal import PageContents
internal import PageTables
internal import Translation
internal import TranslationCaching

/// Accesses through `VirtualMachine.access`, as guests make them: hits in the TLB, and walks in each way of paging.
enum TranslationBenchmark {
  private static let pages = 64 << 10
  private static let accesses = 1 << 20
  private static let base: UInt64 = 0x10_0000_0000

  static func run() throws -> Section {
    var section = Section(
      title: "Translation",
      method: """
        A guest of 512 MiB with page tables in its own memory, and a TLB of 64 + 1536 entries. Hits: 32 pages in random order. Walks: 65,536 pages in \
        random order, of which the TLB holds 1 in 40. The floor of a walk is as many random loads of words from frames as the walk makes references.
        """)
    for mode in PagingMode.allCases {
      let guest = try MappedGuest(mode: mode, pages: pages)
      if mode == .native { section.figures.append(hit(guest)) }
      section.figures.append(walk(guest, mode))
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
    let stream = addresses(over: 32, seed: 2)
    let table = Column<UInt64>(count: 32)
    let (access, load) = Measuring.bestOfBoth(rounds: 9) {
      guest.access(stream)
    } _: {
      var sum: UInt64 = 0
      for index in 0..<stream.count { sum &+= table[Int(stream[index] >> 12 & 31)] }
      Measuring.keep(sum)
    }
    let count = Double(accesses)
    return Figure(
      name: "TLB hit", value: access / count, unit: "ns/access", floor: "a checked load of the page's word", floorValue: load / count)
  }

  private static func walk(_ guest: MappedGuest, _ mode: PagingMode) -> Figure {
    let stream = addresses(over: pages, seed: 3)
    let before = guest.vm.translator.counters
    guest.access(stream)
    let counted = guest.vm.translator.counters.since(before)
    let references = Double(counted.walkReferences) / Double(accesses)
    let (access, load) = Measuring.bestOfBoth(rounds: 7) {
      guest.access(stream)
    } _: {
      guest.loadWords(stream)
    }
    let count = Double(accesses)
    let perWalk = Double(counted.walkReferences) / Double(max(1, counted.walks))
    return Figure(
      name: "\(mode) walk, \((perWalk * 10).rounded() / 10) references", value: access / count, unit: "ns/access",
      floor: "as many random loads from frames", floorValue: load / count * references)
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
          place = entry.guestFrame.address
        } else {
          let fresh = table()
          _ = vm.store64(X86Entry.table(fresh).rawValue, slot)
          place = fresh.address
        }
      }
      let frame = GuestFrame(UInt64(32 << 10) + UInt64(page))
      _ = vm.fill(frame, with: .synthetic(seed: UInt64(page)))
      let slot = place.advanced(by: UInt64(X86Index.index(of: address, level: 1)) * 8)
      _ = vm.store64(X86Entry.page(frame, writable: true, user: true, noExecute: true).rawValue, slot)
    }
    vm.loadCR3(root.address)
  }

  func access(_ stream: borrowing Column<UInt64>) {
    for index in 0..<stream.count {
      guard case .mapped = vm.access(GuestVirtualAddress(stream[index]), .read) else { preconditionFailure("the guest mapped the page") }
    }
  }

  /// One load of a word for each access, from a frame that depends on its address: tables first, which hold real bytes.
  func loadWords(_ stream: borrowing Column<UInt64>) {
    var sum: UInt64 = 0
    let tables = UInt64(pages / 512)
    for index in 0..<stream.count {
      let page = stream[index] >> 12
      sum &+= host.contents.loadWord(Int(page & 511), of: HostFrame(8 + page / 512 % tables))
    }
    Measuring.keep(sum)
  }
}
