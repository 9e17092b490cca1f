internal import Addressing
internal import CTranslationFloor
internal import Columns
internal import TranslationCaching

/// What a look-up in the TLB costs, beside a TLB in plain C with nothing but the golden geometry.
enum TLBBenchmark {
  private static let accesses = 1 << 20

  static func run() -> Section {
    var section = Section(
      title: "TLB",
      method:
        "2^20 reads, golden geometry (64 x 4 over 1536 x 6), a miss filled at once. The floor: the same in C, in turns with memlab; both count "
        + "the same hits. Best of 15 rounds.")
    var random = RandomSource(seed: 1).stream("tlb")
    let zipf = ZipfSampler(count: 1 << 16)
    let streams: [Stream] = [
      Stream(name: "sequential, 8 bytes apart", bound: 2) { $0 * 8 >> 12 },
      Stream(name: "32 pages, in turn", bound: 2) { $0 & 31 },
      Stream(name: "32 pages, at random", bound: 2) { _ in random.below(32) },
      Stream(name: "1024 pages, at random", bound: 1.5) { _ in random.below(1024) },
      Stream(name: "65536 pages, Zipf", bound: 1.5) { _ in UInt64(zipf.rank(from: &random)) &* 0x9e37 & 0xffff },
      Stream(name: "262144 pages, at random: misses") { _ in random.below(1 << 18) },
      Stream(name: "32 pages of 2 MiB, in turn", large: { _ in true }) { $0 & 31 },
      Stream(name: "1024 pages of 2 MiB, at random", large: { _ in true }) { _ in random.below(1024) },
      Stream(name: "1024 pages, every other of 2 MiB, at random", large: { $0 & 1 == 0 }) { _ in random.below(1024) },
      Stream(name: "32 pages, in turn, tree PLRU", policy: ",policy=plru") { $0 & 31 },
      Stream(name: "1024 pages, at random, random replacement", policy: ",policy=random") { _ in random.below(1024) },
    ]
    for stream in streams { section.figures.append(lookup(stream)) }
    return section
  }

  /// A stream of page numbers. A large page stands for the small one of its number: it falls into the same set, so the floor does the same.
  private struct Stream {
    let name: String
    var bound: Double?
    var large: (UInt64) -> Bool = { _ in false }
    var policy = ""
    let page: (UInt64) -> UInt64
  }

  private static let base: UInt64 = 1 << 28

  private static func lookup(_ stream: Stream) -> Figure {
    let addresses = Column<UInt64>(count: accesses)
    let floorAddresses = Column<UInt64>(count: accesses)
    for index in 0..<accesses {
      let page = base + stream.page(UInt64(index))
      floorAddresses[index] = page << 12 | UInt64(index) & 511 << 3
      addresses[index] = page << (stream.large(page) ? 21 : 12) | UInt64(index) & 511 << 3
    }
    // Large pages lie beyond all small ones.
    let firstLarge = base << 21
    let text = stream.policy.isEmpty ? "golden" : "l1i=32x32,l1d=64x4,l2=2048x8" + stream.policy
    guard let geometry = try? TLBGeometry(parsing: text) else { preconditionFailure("the benchmark's geometry is sound") }
    let tlb = TLBHierarchy(geometry)
    let space = tlb.space(TLBTag(vpid: VPID(1)))
    // SAFETY: the floor's TLB is made, used with the addresses that the column holds, and destroyed here.
    let floor = unsafe floor_tlb_create()
    defer { unsafe floor_tlb_destroy(floor) }
    var counts = floor_counts()
    var ours = floor_counts()
    let (value, floorValue) = Measuring.bestOfBoth(rounds: 15) {
      Measuring.keep(translate(tlb, space, addresses, firstLarge: firstLarge, &ours))
    } _: {
      unsafe floorAddresses.withBuffer { buffer in
        Measuring.keep(unsafe floor_tlb_run(floor, buffer.baseAddress, buffer.count, &counts))
      }
    }
    precondition(
      !stream.policy.isEmpty || (ours.l1_hits == counts.l1_hits && ours.l2_hits == counts.l2_hits && ours.misses == counts.misses),
      "memlab and its floor count differently")
    let perAccess = floorValue / Double(accesses)
    return Figure(
      name: "look-up, \(stream.name)", value: value / Double(accesses), unit: "ns/access",
      floor: stream.policy.isEmpty ? "the same in C" : "true LRU in C",
      floorValue: perAccess, bound: stream.bound.map { .atMost(perAccess * $0) })
  }

  @inline(never)
  private static func translate(
    _ tlb: TLBHierarchy, _ space: TLBSpace, _ addresses: borrowing Column<UInt64>, firstLarge: UInt64, _ counts: inout floor_counts
  ) -> UInt64 {
    let check = AccessCheck(needed: AccessCheck.present | AccessCheck.user)
    var sum: UInt64 = 0
    // What hits in the first level is what is left: so the path of a hit counts nothing.
    var (l2, misses) = (0, 0)
    for index in 0..<addresses.count {
      let address = GuestVirtualAddress(addresses[index])
      let hit = tlb.lookup(space, address, isFetch: false, check)
      if hit.level == 0 {
        misses &+= 1
        let size: PageSize = address.rawValue < firstLarge ? .size4K : .size2M
        let entry = TLBEntry(HostFrame(address.rawValue >> 12 & 0xffffff), size, rights: AccessCheck.user)
        tlb.insert(space, address, isFetch: false, entry)
        sum &+= entry.frame(of: address).rawValue
      } else {
        if hit.level == 2 { l2 &+= 1 }
        sum &+= hit.entry.frame(of: address).rawValue
      }
    }
    counts.l1_hits += UInt64(addresses.count - l2 - misses)
    counts.l2_hits += UInt64(l2)
    counts.misses += UInt64(misses)
    return sum
  }
}
