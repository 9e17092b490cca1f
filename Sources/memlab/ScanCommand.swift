internal import ArgumentParser
internal import PageSharing
internal import RAMImages
internal import Reporting

/// `memlab scan`.
struct ScanCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scan", abstract: "Count how much memory the given guests share.",
    discussion: """
      Without options, counts exactly: how many pages would remain if every content were kept once, split into pages of zeros, pages that one guest holds \
      more than once (self), and pages that more than one guest holds (inter).

      With --scanner ksm, also runs Linux KSM on the same pages: each input is one address space, registered in the order given before the first \
      scan, every page present, until two full scans in a row change neither pages_shared, pages_sharing nor ksm_zero_pages. The knobs are \
      the kernel's, and so are their defaults, with one exception: smart_scan is off unless --smart-scan is given. Other scanners are run in the same way, \
      each with its own defaults, every input a tenant of its own.

      With --page-flags, also splits everything by what the guests' kernels use the pages for: page cache, anonymous, slab, kernel, huge, free. FILE is \
      the guest's /proc/kpageflags, copied when its memory was saved (cat /proc/kpageflags > FILE, as root); one for each input, in order. For live processes say \
      --page-flags live, as root. Of each content the first page in the order of the inputs is kept; every other one is saved, under its own kind.

      With --sample 1/N, estimates: all pages are read, but only one content in N is remembered, which takes 1/N of the memory. Pages and zero pages stay \
      exact; the rest comes with an interval that holds the true number 95 times in 100.

      With --captures, the inputs are captures of the same guests, those of one in order of time: web.t0 web.t1 db.t0 db.t1 are two of web and two of db. Counts which \
      pages kept their content in all captures, and what these alone save: one snapshot overstates it.
      """)

  @OptionGroup var memories: MemoryInputs
  @Option(
    help: ArgumentHelp(
      "exact: the most that any scanner can save. Others: what they save; memlab list tells what they do.", valueName: "scanner"))
  var scanner: ScannerName = .exact
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
      "All but exact: make exactly this many full scans, at least 1; default: until nothing changes any more.", valueName: "n"))
  var scans: UInt64?
  @Flag(help: "ksm: print JSON Lines instead of the result: the counters after each full scan.") var perScan = false
  @Flag(help: "All but exact and ksm: the inputs belong to one tenant. Default: each is a tenant of its own.") var oneTenant = false
  @Option(help: "exact: the size of the pages that are compared; larger ones are whole and aligned.") var pageSize: CountedPage = .size4K
  @Option(
    help: ArgumentHelp("exact: split by kinds of page: a copy of the guest's /proc/kpageflags for each input, or live.", valueName: "file"),
    completion: .file())
  var pageFlags: [String] = []
  @Option(
    help: ArgumentHelp("exact: estimate from one content in N, 1/1 to 1/1048576.", valueName: "1/N"), transform: SampleRate.init(reading:))
  var sample: SampleRate?
  @Option(
    parsing: .unconditional, help: ArgumentHelp("--sample: which contents are taken; scanners: their random numbers.", valueName: "n"))
  var seed: UInt64 = 1
  @Flag(help: "exact: the inputs are captures of the same guests at several times.") var captures = false
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard !pageFlags.contains("") else { throw ValidationError("the name of a file of --page-flags is empty") }
    guard maxPageSharing >= 2 else { throw ValidationError("--max-page-sharing is at least 2") }
    guard pagesToScan >= 1 else { throw ValidationError("--pages-to-scan is at least 1") }
    guard scans != 0 else { throw ValidationError("--scans is at least 1") }
    if let reason = scanner.reasonAgainst { throw ValidationError("\(scanner.rawValue) is for memlab run only: \(reason)") }
    guard scanner != .exact else {
      guard scans == nil else { throw ValidationError("--scans needs a --scanner other than exact") }
      try validateKSM()
      guard !oneTenant else { throw ValidationError("--one-tenant needs a --scanner that goes by tenants") }
      let parts = [("--page-flags", !pageFlags.isEmpty), ("--sample", sample != nil), ("--captures", captures)].filter(\.1).map(\.0)
      guard parts.count <= 1 else {
        throw ValidationError("\(parts.joined(separator: " and ")) are different questions: ask them one by one")
      }
      guard pageFlags.isEmpty || pageSize == .size4K else { throw ValidationError("--page-flags tells of pages of 4K, not of larger ones") }
      return
    }
    guard pageSize == .size4K else {
      throw ValidationError("\(scanner.rawValue) merges pages of 4K; --page-size is for --scanner exact")
    }
    guard scanner != .sharer(.ksm) || !oneTenant else { throw ValidationError("--one-tenant needs a --scanner that goes by tenants") }
    guard pageFlags.isEmpty && sample == nil && !captures else {
      throw ValidationError("--page-flags, --sample and --captures are for --scanner exact")
    }
    try validateKSM()
  }

  private func validateKSM() throws {
    let isChanged = useZeroPages || smartScan || maxPageSharing != KSMSettings().maxPageSharing
    guard scanner.isKSM || !isChanged else {
      throw ValidationError("--max-page-sharing, --use-zero-pages and --smart-scan need --scanner ksm")
    }
    guard scanner != .exact || pagesToScan == KSMSettings().pagesToScan else {
      throw ValidationError("--pages-to-scan needs --scanner ksm")
    }
    guard scanner == .sharer(.ksm) || !perScan else { throw ValidationError("--per-scan needs --scanner ksm") }
  }

  func run() throws {
    do {
      let inputs = try memories.open()
      guard let summary = try summary(of: inputs) else { return }
      switch output.format {
      case .text: try StandardOutput.write(summary.text)
      case .json: try StandardOutput.write(summary.json.text())
      case .csv: try StandardOutput.write(summary.csv)
      }
    } catch let error as ImageError { throw Diagnostics.fail(error) }
  }

  /// The result; nil if it was printed line by line.
  private func summary(of inputs: [MemoryInput]) throws -> ScanSummary? {
    guard case .sharer(let kind) = scanner else { return try exactSummary(of: inputs) }
    var inputs = inputs
    // A live process changes under a scanner's eyes, and two scanners should see the same pages: a sharer gets what was there at one time.
    if inputs.contains(where: { if case .process = $0.contents { true } else { false } }) {
      inputs = try memories.scanner.identities(of: inputs).inputs(named: "the processes")
    }
    if perScan {
      var failure: (any Error)?
      _ = try ksm(inputs) { counters in
        do { try StandardOutput.write(ScanSummary.line(counters) + "\n") } catch { failure = error }
        return failure == nil
      }
      if let failure { throw failure }
      return nil
    }
    // The sharer first: it refuses more than the exact scanner does, and should do so before an hour of counting.
    if kind == .ksm {
      let settled = try ksm(inputs) { report($0) }
      return ScanSummary(try memories.scanner.scan(inputs), ksm: settled)
    }
    var settings = ScannerSettings()
    (settings.ksm, settings.seed) = (ksmSettings, seed)
    let other = try ScannerScan(inputs, kind: kind, settings: settings, isOneTenant: oneTenant, fullScans: scans) { fullScans, saved in
      if output.showsLines { Diagnostics.print("full scan \(fullScans): \(saved) pages saved") }
    }
    return ScanSummary(try memories.scanner.scan(inputs), scanner: other)
  }

  private func exactSummary(of inputs: [MemoryInput]) throws -> ScanSummary {
    if let sample {
      return ScanSummary(
        try memories.scanner.scan(inputs, pageSize: pageSize.bytes, sampling: ContentSampling(oneIn: sample.oneIn, seed: seed)))
    }
    guard captures || !pageFlags.isEmpty else { return ScanSummary(try memories.scanner.scan(inputs, pageSize: pageSize.bytes)) }
    // Flags before contents: what is wrong with them should be said before an hour of counting.
    let kinds = pageFlags.isEmpty ? [] : try memories.kinds(of: inputs, pageFlags)
    let classes = try memories.scanner.classes(of: inputs, pageSize: pageSize.bytes)
    return ScanSummary(
      classes.scan, kinds: pageFlags.isEmpty ? nil : try KindBreakdown(classes, kinds: kinds),
      captures: captures ? try CaptureComparison(inputs, classes) : nil)
  }

  private var ksmSettings: KSMSettings {
    var settings = KSMSettings()
    settings.maxPageSharing = maxPageSharing
    settings.useZeroPages = useZeroPages
    settings.smartScan = smartScan
    settings.pagesToScan = pagesToScan
    return settings
  }

  private func ksm(_ inputs: [MemoryInput], _ afterFullScan: (KSMCounters) -> Bool) throws -> KSMScan {
    try KSMScan(inputs, settings: ksmSettings, fullScans: scans, afterFullScan: afterFullScan)
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
