internal import Laboratory
internal import Scenarios

extension Figure {
  /// All figures of a race, in the report's order.
  static func all(of race: RaceResult) -> [Figure] {
    let curves = race.entries.enumerated().compactMap { index, entry in
      entry.result.map { RaceCurve(index: index, name: entry.spec.name, result: $0) }
    }
    return (race.showsSharing ? [savedOverTime(curves), savedByCost(curves)] : []) + [cycles(race)].compactMap { $0 }
  }

  /// What each variant saves over time.
  private static func savedOverTime(_ curves: [RaceCurve]) -> Figure {
    let (name, title) = ("variants-saved", "Memory saved over time, by variant")
    let ends = curves.map { "\($0.name) \(Wording.mebibytes($0.saved.last ?? 0)) MiB" }.joined(separator: "; ")
    let times = Array(Set(curves.flatMap(\.times))).sorted()
    var columns: [FigureTable.Column] = [
      .init(name: "t_ns", heading: "Virtual time (s)", unit: .time, cells: times.map { .value(.count($0)) })
    ]
    for curve in curves {
      // A variant that samples at other moments has gaps at these.
      var cells: [FigureTable.Cell] = []
      var next = 0
      for time in times {
        if next < curve.times.count, curve.times[next] == time {
          cells.append(.value(.count(curve.saved[next])))
          next += 1
        } else {
          cells.append(.empty)
        }
      }
      columns.append(.init(name: "\(curve.name).saved_bytes", heading: curve.name, unit: .bytes, cells: cells))
    }
    return race(
      name, title,
      caption:
        "Guest pages that need no frame of their own, in bytes, at every sample. The earlier a curve rises, the more it saves on the way.",
      alternative: "\(title). At the end: \(ends).", curves, FigureTable(columns: columns), time: Axis.time(until: times.last ?? 0),
      end: Double(times.last ?? 0), pairs: curves.indices.map { (1, $0 + 2) })
  }

  /// What each variant saves for the processor time that its scanner took.
  private static func savedByCost(_ curves: [RaceCurve]) -> Figure {
    let (name, title) = ("variants-cost", "Memory saved against the scanner's processor time")
    let ends = curves.map { curve in
      "\(curve.name) \(Wording.mebibytes(curve.saved.last ?? 0)) MiB for \(Wording.seconds(curve.spent.last ?? 0)) s"
    }
    let rows = curves.map(\.times.count).max() ?? 0
    var columns: [FigureTable.Column] = []
    for curve in curves {
      let cell: ([UInt64], Int) -> FigureTable.Cell = { $1 < $0.count ? .value(.count($0[$1])) : .empty }
      columns.append(
        .init(
          name: "\(curve.name).scanner_cpu_ns", heading: "\(curve.name): CPU (s)", unit: .time,
          cells: (0..<rows).map { cell(curve.spent, $0) }))
      columns.append(
        .init(
          name: "\(curve.name).saved_bytes", heading: "\(curve.name): saved", unit: .bytes, cells: (0..<rows).map { cell(curve.saved, $0) })
      )
    }
    let end = curves.compactMap(\.spent.last).max() ?? 0
    return race(
      name, title,
      caption:
        "The same memory over the processor time that the scanner's work took up to then, by the costs of its operations. The further up and to the left, the better.",
      alternative: "\(title). At the end: \(ends.joined(separator: "; ")).", curves, FigureTable(columns: columns),
      time: cost(until: end), end: Double(end), pairs: curves.indices.map { (2 * $0 + 1, 2 * $0 + 2) })
  }

  private static func cost(until nanoseconds: UInt64) -> Axis {
    nanoseconds < 1_000_000_000
      ? Axis(label: "Processor time of the scanner (ms)", scale: 1e6) : Axis(label: "Processor time of the scanner (s)", scale: 1e9)
  }

  /// A figure with a curve for each variant, each a pair of the table's columns counted from 1.
  private static func race(
    _ name: String, _ title: String, caption: String, alternative: String, _ curves: [RaceCurve], _ table: FigureTable, time: Axis,
    end: Double, pairs: [(x: Int, y: Int)]
  ) -> Figure {
    guard curves.contains(where: { !$0.times.isEmpty }) else {
      return Figure(name: name, title: title, caption: caption, alternative: alternative, table: table, script: nil)
    }
    let entries = curves.map {
      GnuplotScript.Entry(label: Wording.line($0.name, limit: 40), color: Palette.machine($0.index), dash: Palette.dash($0.index))
    }
    let peak = pairs.map { table.maximum(of: $0.y - 1) }.max() ?? 0
    let (top, axis) = (GnuplotScript.legendHeight(entries.map(\.label), left: 78), Axis.memory("Saved", upTo: peak))
    var script = GnuplotScript(name: name, title: title, height: top + 380)
    let every = max(1, (table.count + drawnMoments - 1) / drawnMoments)
    if every > 1 { script.line("# Every \(every)th moment is drawn; the data has all \(table.count).") }
    script.line("set xrange [0:\(max(end, 1))/\(time.divisor)]")
    script.legend(entries, left: 78)
    script.place(left: 78, right: 936, top: top + 8, bottom: top + 324)
    script.nameHorizontally(time.label)
    script.line("set ylabel \(GnuplotScript.quoted(axis.label)) offset 1.5,0 textcolor rgb '\(Palette.ink)'")
    script.scaleVertically(axis, peak: peak)
    let clauses = zip(curves, pairs).map { curve, pair in
      let style = "linespoints linewidth 2.2 pointtype 7 pointsize 0.25 dashtype \(Palette.dash(curve.index))"
      return
        "'\(name).csv' every \(every) skip 1 using ($\(pair.x)/\(time.divisor)):($\(pair.y)/\(axis.divisor)) with \(style) linecolor rgb '\(Palette.machine(curve.index))'"
    }
    script.line("plot " + clauses.joined(separator: ", \\\n  "))
    return Figure(name: name, title: title, caption: caption, alternative: alternative, table: table, script: script.text)
  }
}

/// What a variant saved and spent at its samples.
struct RaceCurve {
  /// The variant's place and name.
  let index: Int
  let name: String
  /// The moments, in nanoseconds of virtual time.
  let times: [UInt64]
  /// What was saved, in bytes.
  let saved: [UInt64]
  /// The scanner's processor time up to then, in nanoseconds.
  let spent: [UInt64]

  init(index: Int, name: String, result: RunResult) {
    var (times, saved, spent) = ([UInt64](), [UInt64](), [UInt64]())
    for sample in result.timeline where sample.vm.isEmpty {
      if times.last != sample.timeNanoseconds {
        times.append(sample.timeNanoseconds)
        saved.append(0)
        spent.append(0)
      }
      guard case .count(let count) = sample.value else { continue }
      switch sample.metric {
      case .savedBytes: saved[saved.count - 1] = count
      case .scannerCPUNanoseconds: spent[spent.count - 1] = count
      default: continue
      }
    }
    (self.index, self.name, self.times, self.saved, self.spent) = (index, name, times, saved, spent)
  }
}
