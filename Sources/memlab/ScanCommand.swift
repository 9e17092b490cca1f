internal import ArgumentParser
internal import PageSharing
internal import RAMImages
internal import Reporting

/// Which scanner counts.
enum ScannerName: String, ExpressibleByArgument, CaseIterable {
  case exact, ksm

  /// What it does, in a line.
  var line: String {
    switch self {
    case .exact: "counts every content once: the most that any scanner can save"
    case .ksm: "Linux KSM, scan by scan, with the kernel's counters"
    }
  }
}

/// `memlab scan`.
struct ScanCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scan", abstract: "Count how much memory the given guests share.",
    discussion: """
      Without options, counts exactly: how many pages would remain if every content were kept once, split into pages of zeros, pages that one guest holds \
      more than once (self), and pages that more than one guest holds (inter).

      With --scanner ksm, also runs Linux KSM on the same pages: each input is one address space, registered in the order given before the first \
      scan, every page present, until two full scans in a row change neither pages_shared, pages_sharing nor ksm_zero_pages. The knobs are \
      the kernel's, and so are their defaults, with one exception: smart_scan is off unless --smart-scan is given.
      """)

  @OptionGroup var memories: MemoryInputs
  @Option(help: "exact: the most that any scanner can save. ksm: what Linux KSM saves.") var scanner: ScannerName = .exact
  @Option(parsing: .unconditional, help: ArgumentHelp("ksm: how many pages may map one shared page, at least 2.", valueName: "n"))
  var maxPageSharing: UInt32 =
    KSMSettings().maxPageSharing
  @Flag(help: "ksm: map pages of zeros to the kernel's zero page.") var useZeroPages = false
  @Flag(help: "ksm: skip, for some scans, pages that could not be merged. Off by default here.") var smartScan = false
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("ksm: pages in a batch, at least 1. Nobody writes between batches, so only the pace changes.", valueName: "n"))
  var pagesToScan: UInt64 = KSMSettings().pagesToScan
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "ksm: make exactly this many full scans, at least 1; default: until nothing changes any more.", valueName: "n"))
  var scans: UInt64?
  @Flag(help: "ksm: print JSON Lines instead of the result: the counters after each full scan.") var perScan = false
  @Option(help: "exact: the size of the pages that are compared; larger ones are whole and aligned.") var pageSize: CountedPage = .size4K
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard maxPageSharing >= 2 else { throw ValidationError("--max-page-sharing is at least 2") }
    guard pagesToScan >= 1 else { throw ValidationError("--pages-to-scan is at least 1") }
    guard scans != 0 else { throw ValidationError("--scans is at least 1") }
    if scanner == .ksm {
      guard pageSize == .size4K else { throw ValidationError("ksm merges pages of 4K; --page-size is for --scanner exact") }
    } else {
      let isKSM = useZeroPages || smartScan || perScan || scans != nil
      let changed = maxPageSharing != KSMSettings().maxPageSharing || pagesToScan != KSMSettings().pagesToScan
      guard !isKSM && !changed else {
        throw ValidationError(
          "--max-page-sharing, --use-zero-pages, --smart-scan, --pages-to-scan, --scans and --per-scan need --scanner ksm")
      }
    }
  }

  func run() throws {
    var inputs = try memories.open()
    do {
      // A live process changes under a scanner's eyes, and two scanners should see the same pages: KSM gets what was there at one time.
      if scanner == .ksm, inputs.contains(where: { if case .process = $0.contents { true } else { false } }) {
        inputs = try memories.scanner.identities(of: inputs).inputs(named: "the processes")
      }
      if perScan {
        var failure: (any Error)?
        _ = try ksm(inputs) { counters in
          do { try StandardOutput.write(ScanSummary.line(counters) + "\n") } catch { failure = error }
          return failure == nil
        }
        if let failure { throw failure }
        return
      }
      // KSM first: it refuses more than the exact scanner does, and should do so before an hour of counting.
      let settled = scanner == .ksm ? try ksm(inputs) { report($0) } : nil
      let summary = ScanSummary(try memories.scanner.scan(inputs, pageSize: pageSize.bytes), ksm: settled)
      switch output.format {
      case .text: try StandardOutput.write(summary.text)
      case .json: try StandardOutput.write(summary.json.text())
      case .csv: try StandardOutput.write(summary.csv)
      }
    } catch let error as ImageError { throw Diagnostics.fail(error) }
  }

  private func ksm(_ inputs: [MemoryInput], _ afterFullScan: (KSMCounters) -> Bool) throws -> KSMScan {
    var settings = KSMSettings()
    settings.maxPageSharing = maxPageSharing
    settings.useZeroPages = useZeroPages
    settings.smartScan = smartScan
    settings.pagesToScan = pagesToScan
    return try KSMScan(inputs, settings: settings, fullScans: scans, afterFullScan: afterFullScan)
  }

  /// Shows how far KSM is.
  private func report(_ counters: KSMCounters) -> Bool {
    if output.showsLines {
      let found = "\(counters.pagesShared) shared, \(counters.pagesSharing) sharing, \(counters.ksmZeroPages) zero"
      Diagnostics.print("full scan \(counters.fullScans): \(found)")
    }
    return true
  }
}
