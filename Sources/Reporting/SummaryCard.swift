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
    return (result.scenario.showsSharing ? memory(result, highlights) : [])
      + (result.scenario.runsStreams ? translation(result) : []) + state(result, highlights)
  }

  /// What became of the host's memory.
  private static func memory(_ result: RunResult, _ highlights: RunHighlights) -> [SummaryCard] {
    let sharing = result.sharing
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
    ]
  }

  /// What the accesses of streams took, of all machines together.
  private static func translation(_ result: RunResult) -> [SummaryCard] {
    let totals = TranslationTotals(result.vms)
    let (counts, shown) = (totals.counts(hypercalls: true), TranslationTotals.groups(in: [totals]))
    let causes = zip(shown, totals.causes(shown)).map { "\(CycleGroup.all[$0].name) \($1)" }
    return [
      SummaryCard(
        title: "Cycles of an access", value: counts[4],
        detail: causes.isEmpty ? "There were no accesses." : "By cause: " + causes.joined(separator: ", ") + ".",
        meaning: "Counts of events times the figures of the host's cost preset, over all accesses after the warm-up."),
      SummaryCard(
        title: "TLB misses", value: totals.references == 0 ? "–" : "\(counts[2])\u{a0}%",
        detail: "\(counts[1]) of \(counts[0]) accesses missed every level of the TLB.",
        meaning: "Accesses after the warm-up whose translation had to be found by a page walk."),
      SummaryCard(
        title: "References per walk", value: counts[3], detail: "Walks that ended in a page fault or an exit are counted too.",
        meaning:
          "Entries of page tables that the processor read in a walk, on average: with g levels of the guest's tables over h of the host's at most (g + 1)(h + 1) − 1."
      ),
      SummaryCard(
        title: "Exits", value: counts[5],
        detail: totals.references == 0
          ? "There were no accesses."
          : "\(Wording.fixed(1000 * Double(totals.exits) / Double(totals.references), decimals: 2)) in 1000 accesses.",
        meaning:
          "How often the processor left a guest for the hypervisor after the warm-up; the hypercalls of direct paging are among them."),
    ]
  }

  private static func state(_ result: RunResult, _ highlights: RunHighlights) -> [SummaryCard] {
    let audit = result.audit
    return [
      SummaryCard(
        title: "Slowdown", value: highlights.slowest.map { "\(Wording.fixed($0.slowdown, decimals: 2))×" } ?? "–",
        detail: highlights.slowest.map { "The slowest machine is \($0.name), \($0.paging)." } ?? "There are no machines.",
        meaning:
          "Cycles that a machine's accesses took, over the cycles of the same accesses on bare hardware with the same TLB and enough memory; of the slowest machine."
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
