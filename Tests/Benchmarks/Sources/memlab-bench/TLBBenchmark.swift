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
    let streams: [(name: String, page: (UInt64) -> UInt64, bound: Double)] = [
      ("sequential, 8 bytes apart", { $0 * 8 >> 12 }, 2),
      ("32 pages, in turn", { $0 & 31 }, 2),
      ("32 pages, at random", { _ in random.below(32) }, 2),
      ("1024 pages, at random", { _ in random.below(1024) }, 1.5),
      ("65536 pages, Zipf", { _ in UInt64(zipf.rank(from: &random)) &* 0x9e37 & 0xffff }, 1.5),
      ("262144 pages, at random", { _ in random.below(1 << 18) }, 1.5),
    ]
    for stream in streams {
      let addresses = Column<UInt64>(count: accesses)
      for index in 0..<accesses { addresses[index] = 0x100_0000_0000 + stream.page(UInt64(index)) << 12 | UInt64(index) & 511 << 3 }
      section.figures.append(lookup(stream.name, addresses, bound: stream.bound))
    }
    return section
  }

  private static func lookup(_ name: String, _ addresses: borrowing Column<UInt64>, bound: Double) -> Figure {
    let tlb = TLBHierarchy(TLBPreset.golden.geometry)
    let space = tlb.space(TLBTag(vpid: VPID(1)))
    // SAFETY: the floor's TLB is made, used with the addresses that the column holds, and destroyed here.
    let floor = unsafe floor_tlb_create()
    defer { unsafe floor_tlb_destroy(floor) }
    var counts = floor_counts()
    var ours = floor_counts()
    let (value, floorValue) = Measuring.bestOfBoth(rounds: 15) {
      Measuring.keep(translate(tlb, space, addresses, &ours))
    } _: {
      unsafe addresses.withBuffer { buffer in
        Measuring.keep(unsafe floor_tlb_run(floor, buffer.baseAddress, buffer.count, &counts))
      }
    }
    precondition(
      ours.l1_hits == counts.l1_hits && ours.l2_hits == counts.l2_hits && ours.misses == counts.misses,
      "memlab and its floor count differently")
    return Figure(
      name: "look-up, \(name)", value: value / Double(accesses), unit: "ns/access", floor: "the same in C",
      floorValue: floorValue / Double(accesses), bound: .atMost(floorValue / Double(accesses) * bound))
  }

  @inline(never)
  private static func translate(
    _ tlb: TLBHierarchy, _ space: TLBSpace, _ addresses: borrowing Column<UInt64>, _ counts: inout floor_counts
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
        let entry = TLBEntry(HostFrame(address.rawValue >> 12 & 0xffffff), rights: AccessCheck.user)
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
