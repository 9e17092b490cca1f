import Columns
import PageSharing
import RAMImages
import Testing

/// Every page sharer on recorded memories, against the exact count and the kernel's counters.
@Suite("Page sharers on recorded memories") struct ScannerScanTests {
  static let kinds = ScannerKind.allCases.filter { ScannerScan.reasonAgainst($0) == nil }

  private func settings() -> ScannerSettings {
    var settings = ScannerSettings()
    settings.ksm.smartScan = false
    return settings
  }

  @Test("No sharer saves more than there is, over images and over their trace it does the same, and then it rests", arguments: kinds)
  func bounds(kind: ScannerKind) throws {
    let files = try ExactScannerTests.guests(3).map { try RecordedFile($0) }
    let inputs = try files.flatMap { try $0.input }
    let trace = try RecordedFile([])
    try ExactScanner().identities(of: inputs).write(to: trace.path)
    let exact = try ExactScanner().scan(inputs).totals
    let found = try ScannerScan(inputs, kind: kind, settings: settings(), isOneTenant: true)
    let again = try ScannerScan(try trace.input, kind: kind, settings: settings(), isOneTenant: true)
    if kind != .differenceEngine {
      // A zero frame of the host's own holds all zero pages: one page more than the exact count, which keeps one.
      #expect(found.savedPages <= exact.savedPages + (found.zeroFramePages > 0 ? 1 : 0), "\(kind.rawValue)")
      #expect(found.storedPages == 0 && found.storedBytes == 0)
    }
    #expect(found.isSettled && found.work.visits >= found.pages && found.fullScans >= 3)
    // A trace knows no bytes: nothing in it is similar, so there Difference Engine only shares.
    #expect(kind == .differenceEngine || again.savedPages == found.savedPages && again.zeroFramePages == found.zeroFramePages)
    #expect(found.savedPages > 0, "these guests hold copies of everything")
    let apart = try ScannerScan(inputs, kind: kind, settings: settings())
    #expect(apart.savedPages <= found.savedPages)
  }

  @Test("KSM saves here what its own counters say") func ksm() throws {
    let inputs = try RecordedMemory.open(FiveGuestsTests.path + "#idle")
    let counters = try KSMScan(inputs, settings: settings().ksm).counters
    let found = try ScannerScan(inputs, kind: .ksm, settings: settings())
    #expect(found.savedPages == counters.pagesSharing + counters.ksmZeroPages && found.work.merges > 0)
  }

  @Test("Difference Engine stores nearly equal pages as patches and others compressed, and what they take is not saved") func stored()
    throws
  {
    func noise(_ seed: UInt64, change: Int? = nil) -> [UInt8] {
      var stream = RandomSource(seed: seed).stream("noise")
      var page = (0..<512).flatMap { _ in Build.little(stream.next()) }
      if let change { page[change] ^= 1 }
      return page
    }
    // A page, one that differs from it in a byte, one that compresses well, and one that is like nothing else.
    let file = try RecordedFile(
      noise(1) + noise(1, change: 100) + (0..<4096).map { UInt8(truncatingIfNeeded: $0 / 64) } + noise(2))
    let found = try ScannerScan(try file.input, kind: .differenceEngine, settings: settings())
    #expect(found.storedPages == 2 && found.storedBytes > 0 && found.storedBytes < 4096)
    #expect(found.savedPages == 1, "two pages less the one that their patches take")
    #expect(found.isSettled)
  }

  @Test("A number of full scans is made exactly, and told after each") func fullScans() throws {
    let file = try RecordedFile(Build.page(1) + Build.page(1))
    var told: [UInt64] = []
    let found = try ScannerScan(try file.input, kind: .ksm, settings: settings(), fullScans: 2) { scans, saved in told += [scans, saved] }
    #expect(found.fullScans == 2 && told == [1, 0, 2, 1] && !found.isSettled)
  }

  @Test("Sharers that live on reads from disks, and none at all, are refused") func refusals() throws {
    let file = try RecordedFile(Build.page(1))
    for kind in ScannerKind.allCases where ScannerScan.reasonAgainst(kind) != nil {
      #expect(throws: ImageError.self) { _ = try ScannerScan(try file.input, kind: kind, settings: settings()) }
    }
    #expect(ScannerScan.reasonAgainst(.none) != nil && ScannerScan.reasonAgainst(.ksm) == nil)
  }
}
