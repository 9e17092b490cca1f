internal import Laboratory

extension Figure {
  /// What sharing saves over time, split into zero, self and inter-VM.
  static func savedPages(_ result: RunResult, _ series: SampleSeries) -> Figure {
    let parts: [(metric: Metric, heading: String, color: String)] = [
      (.savedInterPages, "Between guests", Palette.green), (.savedSelfPages, "Within a guest", Palette.orange),
      (.savedZeroPages, "Zero pages", Palette.sky),
    ]
    let sharing = result.sharing
    let title = "Pages saved by sharing"
    return host(
      named: "saved-pages", title: title,
      caption:
        "Guest pages that need no frame of their own, stacked: copies of another guest's page, copies of a page of the same guest, and pages of zeros. A page is \(pageBytes / 1024) KiB.",
      alternative: """
        \(title) over time. At the end: \(Wording.grouped(sharing.savedInter)) between guests, \(Wording.grouped(sharing.savedSelf)) within a \
        guest, \(Wording.grouped(sharing.savedZero)) of zeros.
        """,
      areas: parts.compactMap { part in series.column(part.metric, heading: part.heading, unit: .count).map { ($0, part.color) } },
      lines: [], series
    ) { peak in Axis.pages("Saved", upTo: peak, of: pageBytes) }
  }

  /// The host's memory over time.
  static func hostMemory(_ result: RunResult, _ series: SampleSeries) -> Figure {
    let areas: [(metric: Metric, heading: String, color: String)] = [
      (.privateBytes, "Private", Palette.blue), (.sharedBytes, "Shared", Palette.green), (.freeBytes, "Free", Palette.free),
    ]
    let lines: [(metric: Metric, heading: String, color: String)] = [
      (.balloonedBytes, "In balloons", Palette.vermillion), (.swappedBytes, "Swapped out", Palette.black),
    ]
    let (host, title) = (result.host, "Host memory")
    return Figure.host(
      named: "host-memory", title: title,
      caption:
        "The host's frames, stacked: those of one guest alone, those made shareable (each counted once), and free ones. Lines: guest pages that balloons hold, and guest pages on the swap device; neither has a frame.",
      alternative: """
        \(title) over time, of \(Wording.mebibytes(host.totalBytes)) MiB. At the end: \(Wording.mebibytes(host.privateBytes)) MiB private, \
        \(Wording.mebibytes(host.sharedBytes)) MiB shared, \(Wording.mebibytes(host.freeBytes)) MiB free, \
        \(Wording.mebibytes(host.balloonedBytes)) MiB in balloons, \(Wording.mebibytes(host.swappedBytes)) MiB swapped out.
        """,
      areas: areas.compactMap { part in series.column(part.metric, heading: part.heading, unit: .bytes).map { ($0, part.color) } },
      lines: lines.compactMap { part in series.column(part.metric, heading: part.heading, unit: .bytes).map { ($0, part.color) } }, series
    ) { peak in Axis.memory("Memory", upTo: peak) }
  }

  /// The bytes of a page, as sharing counts pages.
  static let pageBytes: UInt64 = 4096

  /// A figure of stacked areas and lines over time; further columns stand in its table only.
  static func host(
    named name: String, title: String, caption: String, alternative: String, areas: [(FigureTable.Column, color: String)],
    lines: [(FigureTable.Column, color: String)], further: [FigureTable.Column] = [], _ series: SampleSeries,
    axis: (_ peak: Double) -> Axis
  ) -> Figure {
    let columns = areas.map(\.0) + lines.map(\.0)
    let table = FigureTable(columns: [series.timeColumn] + columns + further)
    let stacked = series.times.indices.map { row in areas.reduce(0) { $0 + $1.0.cells[row].number } }.max() ?? 0
    let peak = lines.indices.reduce(stacked) { max($0, table.maximum(of: 1 + areas.count + $1)) }
    guard !columns.isEmpty, !series.times.isEmpty else {
      return Figure(name: name, title: title, caption: caption, alternative: alternative, table: table, script: nil)
    }
    let axis = axis(peak)
    var figure = TimeFigure(name: name, title: title, height: 400, series: series)
    let dashes = ["solid", "(5,3)", "(1.5,2)"]
    figure.script.legend(
      areas.map { .init(label: $0.0.heading, color: $0.color) }
        + lines.enumerated().map { .init(label: $1.0.heading, color: $1.color, dash: dashes[$0 % dashes.count]) }, left: 78)
    figure.script.place(left: 78, right: 936, top: 48, bottom: 344)
    figure.script.nameHorizontally(figure.time.label)
    figure.script.line("set ylabel \(GnuplotScript.quoted(axis.label)) textcolor rgb '\(Palette.ink)'")
    figure.script.scaleVertically(axis, peak: peak)
    figure.plot(
      areas.enumerated().map { index, area in
        figure.area(index + 2, over: Array(2..<(index + 2)), divisor: axis.divisor, color: area.color)
      }
        + lines.enumerated().flatMap { index, line in
          let column = areas.count + index + 2
          let drawn = figure.line(column, divisor: axis.divisor, color: line.color, dash: dashes[index % dashes.count])
          // A line that lies on the axis throughout needs no rim: it would only cover the areas' feet.
          return table.maximum(of: column - 1) > 0 ? [figure.rim(column, divisor: axis.divisor), drawn] : [drawn]
        })
    return Figure(name: name, title: title, caption: caption, alternative: alternative, table: table, script: figure.script.text)
  }
}
