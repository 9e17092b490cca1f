import Addressing
import Columns
import Machine
import PageContents
import PageTables
import Translation
import TranslationCaching

@testable import Guests

/// A host with room for small guests.
enum GuestRig {
  static let image = ContentSpace(number: 1)
  static let own = ContentSpace(number: 2)
  static let random = RandomSource(seed: 7)
  static let second: UInt64 = 1_000_000_000
  static let tick: UInt64 = 100_000_000

  static func mebibytes(_ count: UInt64) -> ByteSize { ByteSize(bytes: count << 20) }

  static func host(_ memory: UInt64 = 64, swap: UInt64 = 0, audited: Bool = false) throws -> Host {
    try Host(
      HostConfiguration(
        memory: mebibytes(memory), swap: mebibytes(swap), tlb: try TLBGeometry(parsing: "l1i=8x2,l1d=16x4,l2=64x4"),
        guestPageCapacity: 16 * Host.pageSpan, audited: audited))
  }

  /// A machine that is alone on a host, which must be kept for as long as the machine.
  static func machine(_ memory: UInt64 = 16, _ paging: PagingMode = .nested) throws -> (host: Host, vm: VirtualMachine) {
    let host = try host(max(32, memory * 2))
    return (host, try host.createVM(name: "web", memory: mebibytes(memory), paging: paging))
  }

  /// A kernel with a cache of some pages of files, and of one program.
  static func kernel(_ vm: VirtualMachine, initOnFree: Bool = false, files: Int = 0, text: Int = 0) -> GuestKernel {
    let programs = text > 0 ? [(name: "init", pages: text)] : []
    return GuestKernel(
      vm: vm, initOnFree: initOnFree, cache: PageCache(image: image, own: own, filePages: files, ownPercent: 30, programs: programs))
  }

  /// A guest with a little of everything: 2 MiB of kernel, 4 MiB of files, and two programs.
  static let small = SyntheticGuestSpec(
    image: "debian", kernel: mebibytes(2), files: mebibytes(4), filesOwnPercent: 25, fileReadsPerSecond: 400, fileAccesses: .zipf,
    initOnFree: false,
    processes: [
      ProcessSpec(
        name: "web", count: 3, text: ByteSize(bytes: 256 << 10), heap: mebibytes(1), heapZeroPercent: 20, heapDuplicatePercent: 30,
        writesPerSecond: 60, accesses: .zipf),
      ProcessSpec(
        name: "job", count: 1, text: ByteSize(bytes: 64 << 10), heap: mebibytes(2), heapZeroPercent: 0, heapDuplicatePercent: 0,
        writesPerSecond: 100, accesses: .sequential),
    ], load: [])

  static func guest(_ vm: VirtualMachine, _ spec: SyntheticGuestSpec = small, seed: UInt64 = 7, own: ContentSpace = own) -> SyntheticGuest {
    SyntheticGuest(vm: vm, spec: spec, image: image, own: own, random: RandomSource(seed: seed))
  }

  /// Boots a guest and lets it live through some load levels, a second each, with a burst of accesses after each.
  static func live(_ guest: some Guest, levels: [Int] = [100, 30, 80]) {
    guest.boot()
    for level in levels {
      for _ in 0..<10 { guest.step(nanoseconds: tick, levelPercent: level) }
      guest.window(accesses: 2000)
    }
  }

  /// A hash of everything that a guest's memory holds, page by page.
  static func memoryHash(_ vm: VirtualMachine) -> UInt64 {
    (0..<vm.pageCount).reduce(0) { SplitMix64.mix($0 &+ 1) ^ (vm.hash(of: GuestFrame($1)) ?? 1) }
  }
}

/// A leaf of a guest's page tables, as a naive walk finds it.
struct MappedPage: Hashable {
  var address: UInt64
  var frame: UInt64
  var isWritable: Bool
  var isUser: Bool
  var isExecutable: Bool
}

/// Reads page tables word by word as the Intel SDM (4.5) describes them, with arithmetic of its own.
struct NaiveTables {
  let vm: VirtualMachine
  private(set) var pages: Set<MappedPage> = []
  private(set) var tables: Set<UInt64> = []

  init(_ vm: VirtualMachine, root: GuestFrame) {
    self.vm = vm
    walk(table: root.rawValue, level: 4, prefix: 0)
  }

  private mutating func walk(table: UInt64, level: UInt64, prefix: UInt64) {
    tables.insert(table)
    for index in 0..<UInt64(512) {
      guard let word = vm.load64(GuestPhysicalAddress(table * 4096 + index * 8)), word & 1 == 1 else { continue }
      var frame = word >> 12 & 0xff_ffff_ffff
      // A direct guest's entries hold machine frames.
      if let hypercalls = vm.hypercalls { frame = hypercalls.guestFrame(of: HostFrame(frame))?.rawValue ?? frame }
      var address = prefix + index << (3 + 9 * level)
      if level > 1 {
        walk(table: frame, level: level - 1, prefix: address)
        continue
      }
      if address >> 47 & 1 == 1 { address |= 0xffff_0000_0000_0000 }
      pages.insert(
        MappedPage(address: address, frame: frame, isWritable: word & 2 != 0, isUser: word & 4 != 0, isExecutable: word >> 63 == 0))
    }
  }
}
