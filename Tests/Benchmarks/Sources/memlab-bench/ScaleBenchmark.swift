internal import Addressing
internal import Machine
internal import PageContents
internal import PageSharing
internal import Translation
internal import TranslationCaching

/// How KSM's cost grows with the host: time and memory for a page, from 1 GiB up to 1 TiB of guests, scanned to convergence.
enum ScaleBenchmark {
  /// Bytes of the laboratory's memory that a guest's page may cost on a large host, everything included.
  static let bytesLimit = 48.0
  /// Seconds of processor time that a host of 1 TiB may take from its first scan to convergence, and the memory that it may take then.
  static let secondsLimit = 900.0
  static let memoryLimit = 20.0 * Double(1 << 30)

  /// What page `page` of guest `guest` holds, in the proportions of the five recorded guests of Workloads/data (327,680 pages: 64 % zeros, 6 % held more than once
  /// by their guest, 26 % held by another guest too, 8 % by nobody else), rounded: of each 64 pages 41 are zeros, 4 in pairs, 14 the same in all
  /// guests of one image, 5 its own. Sixteen guests have one image.
  static func content(guest: Int, page: Int) -> PageContent {
    let own = UInt64(guest + 1) << 32
    let image = UInt64(guest / 16 + 1) << 22 | 1 << 41
    switch page % 64 {
    case 0..<41: return .zero
    case 41..<45: return .synthetic(seed: own | UInt64(page & ~1))
    case 45..<59: return .synthetic(seed: image | UInt64(page))
    default: return .synthetic(seed: own | UInt64(page))
    }
  }

  static func run(largestGiB: Int) throws -> Section {
    var section = Section(
      title: "KSM at scale",
      method: """
        A host whose guests (16, or as many of 4 GiB as fill it) were all written once, scanned by KSM until two full scans change nothing. The pages hold what those \
        of the five recorded guests hold, in these proportions: of 64 pages 41 zeros, 4 in pairs inside the guest, 14 the same in all guests of one image (16 guests \
        each), 5 distinct. Seconds: processor time from the first scan to the last. Memory: the process's resident memory less what it was before. The floor \
        of a visit: expanding and hashing a page once.
        """)
    for gibibytes in [1, 4, 16, 64, 256, 1024] where gibibytes <= largestGiB {
      let cost = try measure(gibibytes: gibibytes)
      let isLargest = gibibytes == 1024
      let name = "\(gibibytes) GiB"
      section.figures.append(
        Figure(
          name: "\(name): memory", value: cost.bytesPerPage, unit: "bytes/page", floor: "an entry of its map", floorValue: 8,
          bound: gibibytes >= 64 ? .atMost(bytesLimit) : nil))
      section.figures.append(
        Figure(
          name: "\(name): scan", value: cost.seconds * 1e9 / cost.visits, unit: "ns/visit", floor: "expand and checksum a page",
          floorValue: cost.hashNanoseconds))
      section.figures.append(
        Figure(
          name: "\(name): to convergence", value: cost.seconds, unit: "s", floor: "expand and checksum every page once",
          floorValue: cost.hashNanoseconds * cost.pages / 1e9, bound: isLargest ? .atMost(secondsLimit) : nil))
      if isLargest {
        section.figures.append(
          Figure(
            name: "\(name): memory in all", value: cost.bytesPerPage * cost.pages / Double(1 << 30), unit: "GiB",
            floor: "the map's entries", floorValue: 8 * cost.pages / Double(1 << 30), bound: .atMost(memoryLimit / Double(1 << 30))))
      }
    }
    return section
  }

  private struct Cost {
    var pages = 0.0
    var bytesPerPage = 0.0
    var seconds = 0.0
    var visits = 0.0
    var hashNanoseconds = 0.0
  }

  private static func measure(gibibytes: Int) throws -> Cost {
    let guests = max(16, gibibytes / 4)
    let perGuest = (gibibytes << 18) / guests
    let pages = perGuest * guests
    let before = Measuring.residentBytes
    let memory = ByteSize(bytes: UInt64(perGuest) << 12)
    let capacity = guests * Host.ordinals(for: memory)
    let host = try Host(
      HostConfiguration(
        memory: ByteSize(bytes: UInt64(pages + pages / 128 + (16 << 10)) << 12), swap: ByteSize(bytes: 0), tlb: TLBPreset.golden.geometry,
        guestPageCapacity: capacity, audited: false))
    var settings = KSMSettings()
    settings.smartScan = false
    let scanner = KSMScanner(settings: settings, capacity: capacity, frameCount: host.frameCount)
    for guest in 0..<guests {
      let vm = try host.createVM(name: "guest \(guest)", memory: memory, paging: .nested)
      for page in 0..<perGuest {
        guard vm.fill(GuestFrame(page), with: content(guest: guest, page: page)) else {
          throw BenchmarkError(problem: "the host has no room for its guests")
        }
      }
      scanner.register(vm.firstPage.index..<vm.firstPage.index + perGuest)
    }
    var cost = Cost()
    cost.pages = Double(pages)
    cost.seconds = Measuring.time { scanner.runToConvergence(in: host) } / 1e9
    cost.visits = Double(scanner.counters.pagesScanned)
    cost.bytesPerPage = (Measuring.residentBytes - before) / cost.pages
    let sample = 32 << 10
    cost.hashNanoseconds =
      Measuring.best(of: 3) {
        var mixed: UInt32 = 0
        for page in 0..<sample {
          host.contents.setContent(content(guest: 0, page: page), of: host.zeroFrame)
          mixed ^= host.contents.ksmChecksum(of: host.zeroFrame)
        }
        Measuring.keep(UInt64(mixed))
      } / Double(sample)
    return cost
  }
}
