public import PageSharing

/// # What Linux KSM would make of recorded memories
///
/// The exact count says what could be saved; this says what a kernel's scanner does save. Each input is an address space of its own,
/// registered in the order given before the first scan, and every recorded page is present: one host on which all these guests run and
/// nobody writes.
///
/// Nobody writes, so the scanner comes to rest: after a scan that learns checksums and one that merges, further scans change nothing. It is
/// stopped when two full scans in a row have changed neither shared, nor sharing, nor zero pages, which is how one waits for a kernel too;
/// or after a number of full scans that the caller gives.
///
/// When it may not be what a kernel shows: guests that run write, and pages that a guest never touched are not present.
public struct KSMScan: Sendable {
  /// The counters after the last full scan, by the kernel's names.
  public let counters: KSMCounters
  /// Whether the counters came to rest: the last two full scans changed nothing.
  public let isSettled: Bool
  /// What was done for it.
  public let work: ScanWork
  /// The knobs.
  public let settings: KSMSettings
  /// Wall time, in seconds.
  public let seconds: Double

  /// The most pages that the scanner can number, together with as many frames.
  public static let largestPageTotal = (3 << 30) / 2

  /// Scans inputs.
  /// - Parameters:
  ///   - inputs: one address space each, in the order of registration. Live processes have to be reduced to identities before.
  ///   - settings: the knobs; `pagesToScan` and `maxPageSharing` as the kernel takes them, at least 1 and 2. Pauses are not made.
  ///   - fullScans: how many full scans are made; nil to stop when the counters rest.
  ///   - afterFullScan: told the counters after each full scan; false ends the scan.
  /// - Throws: if the inputs cannot be compared, hold no bytes, or are too many.
  public init(
    _ inputs: [MemoryInput], settings: KSMSettings, fullScans: UInt64? = nil, afterFullScan: (KSMCounters) -> Bool = { _ in true }
  ) throws(ImageError) {
    let pages = try MemoryPages(inputs)
    let total = pages.inputs.reduce(0) { $0 + $1.pages }
    guard total <= Self.largestPageTotal else {
      throw ImageError(
        inputs.last?.name ?? "", .tooLarge, "the inputs hold more than \(Self.largestPageTotal) pages, the most that ksm can number here")
    }
    let start = ContinuousClock.now
    let scanner = KSMScanner(settings: settings, capacity: total, frameCount: total)
    var first = 0
    for input in pages.inputs {
      scanner.register(first..<first + input.pages)
      first += input.pages
    }
    isSettled =
      switch pages.source {
      case .images(let source):
        scanner.runToConvergence(in: ImageMemory(source), fullScans: fullScans, afterFullScan: afterFullScan).isSettled
      case .identities(let source):
        scanner.runToConvergence(in: ImageMemory(source), fullScans: fullScans, afterFullScan: afterFullScan).isSettled
      }
    if case .images(let source) = pages.source { try source.checkIntact() }
    let elapsed = start.duration(to: .now).components
    counters = scanner.counters
    work = scanner.work
    self.settings = settings
    seconds = Double(elapsed.seconds) + Double(elapsed.attoseconds) * 1e-18
  }

  /// Memory scanned in a second: every visit to a page counts with its 4 KiB.
  public var bytesPerSecond: Double { seconds > 0 ? Double(counters.pagesScanned) * 4096 / seconds : 0 }
}

extension IdentityTrace {
  /// The guests of the trace as inputs, which can be compared with each other and with nothing else.
  /// - Parameter name: what errors call the trace.
  public func inputs(named name: String) -> [MemoryInput] {
    guests.map { MemoryInput(name: $0.name, contents: .identities(trace: name, pageSize: pageSize, $0.identities)) }
  }
}
