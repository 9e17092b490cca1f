internal import Machine
internal import PageSharing
internal import Scenarios

/// Drives a page sharer through virtual time: how much it scans, when, and what that costs.
///
/// Three may set the pace. A scanner with a pace of its own (UKSM's rungs, ESX's scan time) is driven by it. Otherwise the knobs decide, pages in a
/// batch and the pause after it; and those are the scenario's until a tuner or the kernel's advisor changes them.
final class ScanDriver {
  /// The scanner.
  let scanner: any PageScanner<Host>
  /// The processor time that its work took so far, in batches and between them: some scanners work when a guest reads a block.
  var nanoseconds: UInt64 { Self.costs.nanoseconds(of: scanner.work) }
  /// Whether it runs; a tuner may stop it.
  private(set) var runs: Bool

  private var knobs: ScanPace
  private var tuner: (any SharingTuner)?
  private var advisor: ScanTimeAdvisor?
  /// When the current full scan began, and the processor time up to then.
  private var fullScan: (start: UInt64, nanoseconds: UInt64) = (0, 0)

  /// What the scanner's work costs.
  static let costs = ScanCosts()
  /// The least time between two batches, so that one that found nothing to do does not follow itself at once.
  static let leastPauseNanoseconds: UInt64 = 10_000

  init(_ scanner: any PageScanner<Host>, _ spec: SharingSpec) {
    self.scanner = scanner
    tuner = spec.tuner.makeTuner()
    advisor = spec.tuner == .advisor ? ScanTimeAdvisor(spec.advisor) : nil
    // A tuner finds KSM as the kernel boots it: not running.
    runs = tuner == nil
    knobs = ScanPace(pages: spec.ksm.pagesToScan, pauseNanoseconds: spec.ksm.sleepNanoseconds)
    if let advisor { knobs.pages = advisor.pagesToScan }
  }

  /// How often a tuner looks; nil without one.
  var tuningNanoseconds: UInt64? { tuner?.intervalNanoseconds }

  /// What is scanned in a batch now, and the pause after it.
  var pace: ScanPace { scanner.pace ?? knobs }

  /// One batch.
  /// - Returns: after how long the next one comes: the batch's processor time and the pause.
  func scan(at now: UInt64) -> UInt64 {
    let pace = pace
    let batch = scanner.scanBatch(pages: max(1, pace.pages), at: now)
    let cost = Self.costs.nanoseconds(of: batch.work)
    if batch.completedFullScan { noteFullScan(endedAt: now.addingSaturating(cost)) }
    return max(Self.leastPauseNanoseconds, pace.pauseNanoseconds.addingSaturating(cost))
  }

  /// Asks the tuner.
  func tune(_ statistics: TunerStatistics) {
    guard let decision = tuner?.tune(statistics) else { return }
    runs = decision.runs
    knobs = ScanPace(pages: decision.pagesToScan, pauseNanoseconds: decision.sleepNanoseconds)
  }

  private func noteFullScan(endedAt end: UInt64) {
    let spent = nanoseconds - fullScan.nanoseconds
    advisor?.fullScanEnded(seconds: (end - fullScan.start) / 1_000_000_000, cpuMilliseconds: spent / 1_000_000)
    if let advisor { knobs.pages = advisor.pagesToScan }
    fullScan = (end, nanoseconds)
  }
}

extension UInt64 {
  /// The sum, or the greatest number where it would be more than that.
  func addingSaturating(_ other: UInt64) -> UInt64 {
    let sum = addingReportingOverflow(other)
    return sum.overflow ? .max : sum.partialValue
  }
}
