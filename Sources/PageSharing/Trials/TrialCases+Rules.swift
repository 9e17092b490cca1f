/// The rules one by one.
extension TrialCase {
  private static let smart = KSMTrial.plain.with { $0.smartScan = true }

  private static func capped(_ name: String, cap: UInt32, pages: Int) -> KSMTrial {
    KSMTrial(name: "\(name):\(pages)-of-\(cap)", settings: KSMTrial.plain.with { $0.maxPageSharing = cap }) {
      TrialStep.equal(pages)
      TrialStep.scans(4)
    }
  }

  static let rules: [TrialCase] = [
    TrialCase(several: "max-page-sharing", "n equal pages around every multiple of max_page_sharing 2, 3, 4 and 5") {
      (2...5).flatMap { cap in
        (1...4).flatMap { copies in (-1...2).map { capped("max-page-sharing", cap: UInt32(cap), pages: cap * copies + $0) } }
      }
    },
    TrialCase(several: "max-page-sharing-256", "256, 257, 258, 514 and 10000 equal pages at the default maximum") {
      [256, 257, 258, 514, 10_000].map { capped("max-page-sharing-256", cap: 256, pages: $0) }
    },
    TrialCase(
      "chains-shrink", "full stable pages regain room when sharers leave, and chains dissolve",
      KSMTrial.plain.with { $0.maxPageSharing = 3 }
    ) {
      TrialStep.create(pages: 20)
      TrialStep.fill(space: 0, pages: 0..<17, content: 1)
      TrialStep.merge(space: 0, pages: 0..<20)
      TrialStep.scans(3)
      TrialStep.copy(space: 0, pages: 2..<9, first: 10)
      TrialStep.scan
      TrialStep.fill(space: 0, pages: 17..<20, content: 1)
      TrialStep.scans(3)
      TrialStep.discard(space: 0, pages: 9..<17)
      TrialStep.scans(3)
    },
    TrialCase(
      "volatile", "pages that change between scans are never merged; those that rest are"
    ) {
      TrialStep.equal(100)
      for round in 0..<6 {
        TrialStep.fill(space: 0, pages: 0..<50, content: 2 + round)
        TrialStep.scan
      }
      TrialStep.scans(3)
    },
    TrialCase(
      "smart-scan", "1000 unique pages are scanned in full scans 1, 2, 3, 4, 6, 9, 14 and 23", smart
    ) {
      TrialStep.distinct(1000)
      TrialStep.scans(34)
    },
    TrialCase(several: "phase", "a duplicate of an old page, first seen r scans before the old one's turn, under smart_scan") {
      (0..<9).map { phase in
        KSMTrial(name: "phase:\(phase)", settings: smart) {
          TrialStep.equal(1)
          TrialStep.scans(40 - phase)
          TrialStep.equal(1, space: 1)
          TrialStep.scans(20)
        }
      }
    },
    TrialCase(
      "knobs", "use_zero_pages and smart_scan are changed between scans"
    ) {
      TrialStep.create(pages: 120)
      TrialStep.copy(space: 0, pages: 0..<60, first: 0)
      TrialStep.fill(space: 0, pages: 60..<120, content: 0)
      TrialStep.merge(space: 0, pages: 0..<120)
      TrialStep.scan
      TrialStep.smartScan(true)
      TrialStep.scans(6)
      TrialStep.useZeroPages(true)
      TrialStep.scans(3)
      TrialStep.smartScan(false)
      TrialStep.scan
      TrialStep.useZeroPages(false)
      TrialStep.fill(space: 0, pages: 0..<90, content: 0)
      TrialStep.scans(3)
    },
    TrialCase(
      "exit", "a space ends: its counts go when the scanner comes by"
    ) {
      for space in 0..<3 { TrialStep.distinct(40, space: space) }
      TrialStep.scans(3)
      TrialStep.exit(space: 1)
      TrialStep.observe
      TrialStep.scan
      TrialStep.exit(space: 0)
      TrialStep.observe
      TrialStep.batch(pages: 10)
      TrialStep.scans(2)
    },
    TrialCase(
      "order", "spaces are visited in order of registration; a late one comes in behind the scanner's place"
    ) {
      TrialStep.create(pages: 30)
      TrialStep.copy(space: 0, pages: 0..<30, first: 1)
      TrialStep.create(pages: 30)
      TrialStep.copy(space: 1, pages: 0..<30, first: 20)
      TrialStep.merge(space: 1, pages: 0..<30)
      TrialStep.merge(space: 0, pages: 0..<30)
      TrialStep.scan
      TrialStep.batch(pages: 40)
      TrialStep.distinct(20, first: 5, space: 2)
      TrialStep.batch(pages: 15)
      TrialStep.scans(3)
    },
    TrialCase(
      "batches", "writes between the batches of one scan: a search compares what the unstable tree's pages hold now"
    ) {
      TrialStep.create(pages: 200)
      TrialStep.copy(space: 0, pages: 0..<100, first: 1)
      TrialStep.copy(space: 0, pages: 100..<200, first: 1)
      TrialStep.merge(space: 0, pages: 0..<200)
      TrialStep.scan
      for round in 0..<12 {
        TrialStep.batch(pages: 17)
        TrialStep.copy(space: 0, pages: round * 9..<round * 9 + 5, first: 30 + round * 3)
        TrialStep.writeByte(space: 0, page: round * 16, offset: round * 300, value: UInt8(round))
      }
      TrialStep.scans(4)
    },
    TrialCase(
      "untouched", "untouched pages and pages that were only read are none of the scanner's"
    ) {
      TrialStep.create(pages: 90)
      TrialStep.read(space: 0, pages: 0..<30)
      TrialStep.fill(space: 0, pages: 60..<90, content: 1)
      TrialStep.merge(space: 0, pages: 0..<90)
      TrialStep.scans(3)
      TrialStep.writeByte(space: 0, page: 5, offset: 4095, value: 1)
      TrialStep.discard(space: 0, pages: 60..<70)
      TrialStep.scans(2)
    },
    TrialCase(
      "run-2", "writing 2 to run lets go of everything at once; then scanning begins again"
    ) {
      TrialStep.create(pages: 100)
      TrialStep.fill(space: 0, pages: 0..<60, content: 1)
      TrialStep.copy(space: 0, pages: 60..<100, first: 2)
      TrialStep.merge(space: 0, pages: 0..<100)
      TrialStep.scans(3)
      TrialStep.batch(pages: 30)
      TrialStep.unmergeAll
      TrialStep.observe
      TrialStep.scans(4)
    },
    TrialCase(
      "nothing", "the scanner rests when its list is empty, and goes on with the next registration"
    ) {
      TrialStep.equal(10)
      TrialStep.scans(2)
      TrialStep.exit(space: 0)
      TrialStep.scans(2)
      TrialStep.equal(10, space: 1)
      TrialStep.scans(2)
    },
  ]
}
