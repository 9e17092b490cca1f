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
    let highlights = RunHighlights(result)
    let (sharing, audit) = (result.sharing, result.audit)
    return [
      SummaryCard(
        title: "Saved by sharing", value: "\(Wording.mebibytes(highlights.savedBytes))\u{a0}MiB · \(highlights.savedPercent)",
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
        title: "Host gain from balloons", value: "\(Wording.mebibytes(highlights.freedBytes))\u{a0}MiB",
        detail: "At their peak the balloons held \(Wording.mebibytes(highlights.peakHeldBytes)) MiB.",
        meaning:
          "Host frames that balloons freed since the start, over all machines; a page returned and taken again counts again. A page that had no frame of its own frees none."
      ),
      SummaryCard(
        title: "Swap used", value: "\(Wording.mebibytes(result.host.swappedBytes))\u{a0}MiB",
        detail:
          "\(Wording.mebibytes(highlights.peakSwapBytes)) MiB at its peak; \(Wording.grouped(highlights.swapIns)) pages were read back.",
        meaning: "Guest pages on the host's swap device: memory that was promised and is neither in frames nor in balloons."),
      SummaryCard(
        title: "Slowdown", value: highlights.slowest.map { "\(Wording.fixed($0.slowdown, decimals: 2))×" } ?? "–",
        detail: highlights.slowest.map { "The slowest machine is \($0.name), \($0.paging)." } ?? "There are no machines.",
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
