internal import Laboratory
internal import PageSharing

/// One finding of a run, with what it means: a card of the report, a line of the summary on the terminal.
struct SummaryCard {
  let title: String
  let value: String
  let detail: String
  let meaning: String
  /// `good`, `bad`, or nothing where neither can be said.
  var tone = ""

  /// The cards of a run.
  static func all(of result: RunResult) -> [SummaryCard] {
    let figures = RunFigures(result)
    let (sharing, audit) = (result.sharing, result.audit)
    return [
      SummaryCard(
        title: "Saved by sharing", value: "\(Wording.mebibytes(figures.savedBytes))\u{a0}MiB · \(figures.savedPercent)",
        detail:
          "Pages: \(Wording.grouped(sharing.savedInter)) inter-VM, \(Wording.grouped(sharing.savedSelf)) self, \(Wording.grouped(sharing.savedZero)) zero.",
        meaning:
          "Guest pages that need no frame of their own. The percentage is of the memory that the guests would use without sharing: private, shared and saved."
      ),
      SummaryCard(
        title: "Merges / CoW breaks", value: "\(Wording.grouped(sharing.merges)) / \(Wording.grouped(sharing.cowBreaks))",
        detail: "\(Wording.grouped(sharing.ksm.fullScans)) full scans, \(Wording.grouped(sharing.ksm.pagesScanned)) pages scanned.",
        meaning:
          "Pages merged since the start, and shared pages copied because a guest wrote to them: each break undoes a merge and costs a copy."
      ),
      SummaryCard(
        title: "Host gain from balloons", value: "\(Wording.mebibytes(figures.freedBytes))\u{a0}MiB",
        detail: "At their peak the balloons held \(Wording.mebibytes(figures.peakHeldBytes)) MiB.",
        meaning:
          "Host frames that balloons freed since the start, over all machines; a page returned and taken again counts again. A page that had no frame of its own frees none."
      ),
      SummaryCard(
        title: "Swap used", value: "\(Wording.mebibytes(result.host.swappedBytes))\u{a0}MiB",
        detail: "\(Wording.mebibytes(figures.peakSwapBytes)) MiB at its peak; \(Wording.grouped(figures.swapIns)) pages were read back.",
        meaning: "Guest pages on the host's swap device: memory that was promised and is neither in frames nor in balloons."),
      SummaryCard(
        title: "Slowdown", value: figures.slowest.map { "\(Wording.fixed($0.slowdown, decimals: 2))×" } ?? "–",
        detail: figures.slowest.map { "The slowest machine is \($0.name), \($0.paging)." } ?? "There are no machines.",
        meaning:
          "Cycles that a machine's accesses took, over the cycles of the same accesses on bare hardware with enough memory; of the slowest machine."
      ),
      SummaryCard(
        title: "Audit of the laws", value: audit.samples == 0 ? "not run" : "\(Wording.grouped(audit.violations)) violations",
        detail: audit.samples == 0 ? "The run was not audited." : "All laws were checked \(Wording.grouped(audit.samples)) times.",
        meaning:
          "That every frame has one account, every translation agrees, no guest reads another's bytes, and no content changes by merging or moving.",
        tone: audit.violations > 0 ? "bad" : audit.samples > 0 ? "good" : ""),
    ]
  }
}

/// Numbers that follow from a result and are said in more than one place.
struct RunFigures {
  /// What sharing saves, in bytes.
  let savedBytes: UInt64
  /// The same as a part of what the guests would use without sharing.
  let savedPercent: String
  /// Host frames that all balloons freed since the start.
  let freedBytes: UInt64
  /// The most that balloons held at any sample.
  let peakHeldBytes: UInt64
  /// The most that was on swap at any sample.
  let peakSwapBytes: UInt64
  /// Pages read back from swap for all machines.
  let swapIns: UInt64
  /// The machine that was slowed down most.
  let slowest: VMSummary?

  init(_ result: RunResult) {
    let saved = result.sharing.savedPages.multipliedReportingOverflow(by: Figure.pageBytes)
    savedBytes = saved.overflow ? .max : saved.partialValue
    let used = [result.host.privateBytes, result.host.sharedBytes, savedBytes].reduce(0.0) { $0 + Double($1) }
    savedPercent = used > 0 ? Wording.fixed(Double(savedBytes) / used * 100, decimals: 1) + "\u{a0}%" : "–"
    swapIns = result.vms.reduce(0) { $0.addingReportingOverflow($1.swapIns).partialValue }
    slowest = result.vms.max { $0.slowdown < $1.slowdown }
    freedBytes = result.vms.reduce(0) { $0.addingReportingOverflow($1.balloonFreedBytes).partialValue }
    var (held, swap) = (result.host.balloonedBytes, result.host.swappedBytes)
    for sample in result.timeline where sample.vm.isEmpty {
      switch (sample.metric, sample.value) {
      case (.balloonedBytes, .count(let count)): held = max(held, count)
      case (.swappedBytes, .count(let count)): swap = max(swap, count)
      default: break
      }
    }
    (peakHeldBytes, peakSwapBytes) = (held, swap)
  }
}
