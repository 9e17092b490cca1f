internal import Addressing
internal import Machine
internal import PageContents
internal import PageSharing
internal import PageTables
internal import Translation
internal import TranslationCaching

/// What memlab itself takes for a page of a guest that was written once and scanned until nothing changed any more, in memory and in time.
enum StoredPageBenchmark {
  private static let guests = 4

  /// What the guests' pages hold.
  enum Mix: String {
    /// A quarter of the pages the same in all guests, as those of one distribution's image are; a twentieth zeros; a tenth twice in its guest; the
    /// rest distinct. Each kind lies together.
    case mixed
    /// The same proportions, the kinds interleaved page by page: every stretch of memory, however small, holds shared pages.
    case scattered
    /// Every page distinct: nothing can be shared, and all pages stand in the unstable tree.
    case distinct
    /// Every content held by exactly two pages: half of the pages have a node in the stable tree.
    case pairs

    func content(guest: Int, page: Int, of pages: Int) -> PageContent {
      let own = UInt64(guest + 1) << 36
      switch self {
      case .distinct: return .synthetic(seed: own | UInt64(page))
      case .pairs: return .synthetic(seed: UInt64(guest / 2 + 1) << 36 | UInt64(page))
      case .mixed, .scattered:
        switch self == .mixed ? page * 20 / pages : page % 20 {
        case 0...4: return .synthetic(seed: UInt64(page))
        case 5: return .zero
        case 6, 7: return .synthetic(seed: own | UInt64(self == .mixed ? page & ~1 : page / 20))
        default: return .synthetic(seed: own | UInt64(page))
        }
      }
    }
  }

  /// What one host took.
  struct Cost {
    var bytesPerPage = 0.0
    var populateNanoseconds = 0.0
    var scanNanoseconds = 0.0
    var visits = 0.0
    var expandAndHashNanoseconds = 0.0
    var leafNanoseconds = 0.0
  }

  static func run(largestGiB: Int) throws -> Section {
    var section = Section(
      title: "A stored page",
      method: """
        A host as large as its four guests, whose pages are all written once and scanned by KSM until two scans change nothing. Memory: the \
        process's resident memory less what it was before, a page of the guests. "mixed": a quarter of the pages the same in all guests, a \
        twentieth zeros, a tenth twice in its guest, the rest distinct, each kind together; "scattered": the same, interleaved page by page; \
        "distinct": nothing to share; "pairs": every content held by exactly two pages, one in each of two guests. By parts, in \
        bytes: a frame 17 (record 8, mark 1, content 8), the map's entry 8, the scanner's item 5; a page in the unstable tree 24 more (node 16, \
        page 4, the item's node 4); a page that shares 12 more (reverse map 8, the item's node 4), and each stable frame 45 or so. What a fleet like the \
        recorded guests costs is measured under "KSM at scale". An audited \
        host adds 9 a page, to know what guests wrote.
        """)
    // Once untimed: code and the allocator's own memory are there before anything is counted.
    _ = try measure(pages: 64 << 10, .mixed)
    func add(_ gibibytes: Int, _ mix: Mix) throws {
      let cost = try measure(pages: gibibytes << 18, mix)
      let name = "\(gibibytes) GiB, \(mix.rawValue)"
      section.figures.append(
        Figure(
          name: "\(name): memory", value: cost.bytesPerPage, unit: "bytes/page", floor: "an entry of its map", floorValue: 8))
      section.figures.append(
        Figure(
          name: "\(name): populate", value: cost.populateNanoseconds, unit: "ns/page", floor: "read the leaf of a page",
          floorValue: cost.leafNanoseconds))
      section.figures.append(
        Figure(
          name: "\(name): scan", value: cost.scanNanoseconds, unit: "ns/visit", floor: "expand and checksum a page",
          floorValue: cost.expandAndHashNanoseconds))
    }
    for gibibytes in [1, 4, 16] where gibibytes <= largestGiB { try add(gibibytes, .mixed) }
    try add(4, .distinct)
    try add(4, .scattered)
    try add(4, .pairs)
    return section
  }

  static func measure(pages: Int, _ mix: Mix) throws -> Cost {
    var cost = Cost()
    let before = Measuring.residentBytes
    let perGuest = pages / guests
    let memory = ByteSize(bytes: UInt64(perGuest) << 12)
    let capacity = guests * Host.ordinals(for: memory)
    let host = try Host(
      HostConfiguration(
        memory: ByteSize(bytes: UInt64(pages + pages / 64 + (16 << 10)) << 12), swap: ByteSize(bytes: 0), tlb: TLBPreset.golden.geometry,
        guestPageCapacity: capacity, audited: false))
    var settings = KSMSettings()
    settings.smartScan = false
    let scanner = KSMScanner(settings: settings, capacity: capacity, frameCount: host.frameCount)
    let vms = try (0..<guests).map { try host.createVM(name: "guest \($0)", memory: memory, paging: .nested) }
    cost.populateNanoseconds =
      try Measuring.time {
        for (guest, vm) in vms.enumerated() {
          for page in 0..<perGuest {
            guard vm.fill(GuestFrame(page), with: mix.content(guest: guest, page: page, of: perGuest)) else {
              throw BenchmarkError(problem: "the host has no room for its guests")
            }
          }
        }
      } / Double(pages)
    for vm in vms { scanner.register(vm.firstPage.index..<vm.firstPage.index + perGuest) }
    let scan = Measuring.time { scanner.runToConvergence(in: host) }
    cost.visits = Double(scanner.counters.fullScans) * Double(pages)
    cost.scanNanoseconds = scan / cost.visits
    cost.bytesPerPage = (Measuring.residentBytes - before) / Double(pages)
    let sample = 32 << 10
    cost.expandAndHashNanoseconds =
      Measuring.best(of: 3) {
        var mixed: UInt32 = 0
        for page in 0..<sample {
          host.contents.setContent(.synthetic(seed: UInt64(page)), of: host.zeroFrame)
          mixed ^= host.contents.ksmChecksum(of: host.zeroFrame)
        }
        Measuring.keep(UInt64(mixed))
      } / Double(sample)
    cost.leafNanoseconds =
      Measuring.best(of: 3) {
        for page in 0..<perGuest { Measuring.keep(vms[0].map.leaf(of: GuestFrame(page)).rawValue) }
      } / Double(perGuest)
    return cost
  }
}
