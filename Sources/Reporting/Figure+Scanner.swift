internal import Laboratory
internal import PageSharing

extension Figure {
  /// What the scanner counts over time: each page that it knows is in one of these states.
  static func scannerPages(_ result: RunResult, _ series: SampleSeries) -> Figure {
    let lines: [(metric: Metric, heading: String, color: String)] = [
      (.pagesSharing, "Sharing", Palette.green), (.pagesShared, "Shared", Palette.blue), (.pagesUnshared, "Unshared", Palette.vermillion),
      (.pagesVolatile, "Volatile", Palette.purple), (.ksmZeroPages, "Zero", Palette.sky),
    ]
    let further: [(metric: Metric, heading: String)] = [
      (.fullScans, "Full scans"), (.stableNodeChains, "Stable node chains"), (.stableNodeDups, "Stable node dups"),
      (.rmapItems, "Items"), (.generalProfit, "General profit (bytes)"),
    ]
    let (ksm, title) = (result.sharing.ksm, "Pages as the scanner counts them")
    return host(
      named: "scanner-pages", title: title,
      caption:
        "The counters by Linux's names: shared pages in use, further pages that map them (sharing), pages found unique so far (unshared), pages that change too fast or were skipped (volatile), and pages mapped to the zero page. They lag behind the memory by up to a full scan. The table has the other counters.",
      alternative: """
        \(title), over time. At the end: \(Wording.grouped(ksm.pagesSharing)) sharing, \(Wording.grouped(ksm.pagesShared)) shared, \
        \(Wording.grouped(ksm.pagesUnshared)) unshared, \(Wording.grouped(ksm.pagesVolatile)) volatile, \(Wording.grouped(ksm.ksmZeroPages)) zero.
        """,
      areas: [],
      lines: lines.compactMap { line in series.column(line.metric, heading: line.heading, unit: .count).map { ($0, line.color) } },
      further: further.compactMap { series.column($0.metric, heading: $0.heading, unit: .count) }, series
    ) { peak in Axis.pages("Pages", upTo: peak, of: pageBytes) }
  }

  /// How much of a processor the scanner takes over time.
  static func scannerTime(_ result: RunResult, _ series: SampleSeries) -> Figure {
    let (sharing, title) = (result.sharing, "Processor time of the scanner")
    let further: [(metric: Metric, heading: String, unit: FigureTable.Unit)] = [
      (.scannerCPUNanoseconds, "Since the start (s)", .time), (.scannerVisits, "Visits", .count), (.pagesScanned, "Pages scanned", .count),
      (.pagesSkipped, "Pages skipped", .count), (.pagesToScan, "Pages in a batch", .count),
    ]
    return host(
      named: "scanner-cpu", title: title,
      caption:
        "What the scanner's work since the sample before took of one processor, by the costs of its operations: visits, bytes hashed and compared, steps through trees, merges. The table has what it did.",
      alternative: """
        \(title), over time. In the whole run \(Wording.fixed(Double(sharing.scannerNanoseconds) / 1e9, decimals: 3)) s for \
        \(Wording.grouped(sharing.work.visits)) visits to pages.
        """,
      areas: [],
      lines: [series.column(.scannerCPU, heading: "Scanner", unit: .ratio)].compactMap { $0.map { ($0, Palette.blue) } },
      further: further.compactMap { series.column($0.metric, heading: $0.heading, unit: $0.unit) }, series
    ) { _ in Axis(label: "Of a processor (%)", scale: 0.01) }
  }
}
