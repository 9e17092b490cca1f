internal import Laboratory

extension Figure {
  /// How often translation misses, and what a miss costs in references.
  static func translation(_ result: RunResult, _ series: SampleSeries) -> Figure {
    let (name, title) = ("translation", "TLB misses and references per walk")
    let caption =
      "Left: accesses that missed every level of the TLB, of all accesses since the sample before. Right: table entries read per page walk; a nested walk reads the guest's tables and the host's, a shadow walk only one set."
    let ends = result.vms.map {
      "\($0.name) (\($0.paging)) \(Wording.fixed($0.tlbMissRate * 100, decimals: 2)) % and \(Wording.fixed($0.referencesPerWalk, decimals: 2)) references per walk"
    }
    let alternative = "TLB miss rate and references per walk of each machine over time. Over the run: \(ends.joined(separator: "; "))."
    var columns = [series.timeColumn]
    let panels: [(metric: Metric, unit: FigureTable.Unit, axis: Axis)] = [
      (.tlbMissRate, .ratio, Axis(label: "TLB miss rate (%)", scale: 0.01)),
      (.referencesPerWalk, .real, Axis(label: "References per walk", scale: 1)),
    ]
    var drawn: [(panel: Int, vm: Int, column: Int)] = []
    for (panel, part) in panels.enumerated() {
      for (index, vm) in result.vms.enumerated() {
        let heading = "\(vm.name): \(part.metric == .tlbMissRate ? "TLB misses" : "references per walk")"
        guard let column = series.column(part.metric, vm: vm.name, heading: heading, unit: part.unit) else { continue }
        columns.append(column)
        drawn.append((panel, index, columns.count))
      }
    }
    let table = FigureTable(columns: columns)
    guard !drawn.isEmpty else {
      return Figure(name: name, title: title, caption: caption, alternative: alternative, table: table, script: nil)
    }
    let machines = result.vms.indices.filter { index in drawn.contains { $0.vm == index } }
    let entries = machines.map {
      GnuplotScript.Entry(
        label: Wording.line("\(result.vms[$0].name) (\(result.vms[$0].paging))", limit: 40), color: Palette.machine($0),
        dash: Palette.dash($0))
    }
    let top = GnuplotScript.legendHeight(entries.map(\.label), left: 78)
    var figure = TimeFigure(name: name, title: title, height: top + 340, series: series)
    figure.script.line("set multiplot")
    figure.script.nameHorizontally(figure.time.label)
    figure.script.legend(entries, left: 78)
    for (panel, part) in panels.enumerated() {
      let lines = drawn.filter { $0.panel == panel }
      guard !lines.isEmpty else { continue }
      let left = panel == 0 ? 78.0 : 552.0
      figure.script.place(left: left, right: left + 384, top: top + 28, bottom: top + 288)
      figure.script.line("set title \(GnuplotScript.quoted(part.axis.label)) offset 0,-0.4 textcolor rgb '\(Palette.black)'")
      figure.script.scaleVertically(part.axis, peak: lines.map { table.maximum(of: $0.column - 1) }.max() ?? 0)
      figure.plot(
        lines.map { figure.line($0.column, divisor: part.axis.divisor, color: Palette.machine($0.vm), dash: Palette.dash($0.vm)) })
      figure.script.endLegend()
    }
    figure.script.line("unset multiplot")
    return Figure(name: name, title: title, caption: caption, alternative: alternative, table: table, script: figure.script.text)
  }

  /// A bar of the figure of exits.
  private struct Bar {
    let reason: String
    let vm: Int
    let count: UInt64
  }

  /// How often each machine left for each reason.
  static func exits(_ result: RunResult) -> Figure {
    let (name, title) = ("exits", "VM exits by reason")
    let bars = ResultTables.exitReasons(result).flatMap { reason in
      result.vms.indices.compactMap { vm -> Bar? in
        let count = result.vms[vm].exitCount(reason)
        return count > 0 ? Bar(reason: reason, vm: vm, count: count) : nil
      }
    }
    let table = FigureTable(columns: [
      .init(name: "reason", heading: "Reason", unit: .text, cells: bars.map { .text($0.reason) }),
      .init(name: "vm", heading: "Machine", unit: .text, cells: bars.map { .text(result.vms[$0.vm].name) }),
      .init(name: "exits", heading: "Exits", unit: .count, cells: bars.map { .value(.count($0.count)) }),
    ])
    let logarithmic = isWide(bars)
    let caption =
      "How often each machine left its guest for the hypervisor over the whole run, by reason; a reason without exits is not listed."
      + (logarithmic ? " The axis is logarithmic: a step is a factor, and the numbers beside the bars are exact." : "")
    let total = bars.reduce(0.0) { $0 + Double($1.count) }
    let words = bars.prefix(24).map { "\(result.vms[$0.vm].name) \($0.reason) \(Wording.grouped($0.count))" }.joined(separator: "; ")
    let alternative =
      bars.isEmpty
      ? "There was no exit for any reason." : "Exits by reason and machine, \(Wording.fixed(total, decimals: 0)) in all: \(words)."
    return Figure(
      name: name, title: title, caption: caption, alternative: alternative, table: table, nothing: "No machine left its guest.",
      script: bars.isEmpty ? nil : exitsScript(named: name, title, bars, result, logarithmic: logarithmic))
  }

  /// Whether small bars would vanish beside large ones on a linear axis.
  private static func isWide(_ bars: [Bar]) -> Bool {
    guard let least = bars.map(\.count).min(), let most = bars.map(\.count).max() else { return false }
    return most / least >= 50
  }

  private static func exitsScript(named name: String, _ title: String, _ bars: [Bar], _ result: RunResult, logarithmic: Bool) -> String {
    let pitch = 24.0
    var (positions, reasons, y) = ([Double](), [(name: String, first: Double, last: Double)](), 0.0)
    for bar in bars {
      if reasons.last?.name == bar.reason {
        y += 1
        reasons[reasons.count - 1].last = y
      } else {
        y += reasons.isEmpty ? 0.8 : 1.6
        reasons.append((bar.reason, y, y))
      }
      positions.append(y)
    }
    let left = min(360, 40 + 8.2 * Double(reasons.map { Wording.line($0.name, limit: 40).count }.max() ?? 0))
    let frame = (y + 0.8) * pitch
    var script = GnuplotScript(name: name, title: title, height: frame + 72)
    script.place(left: left, right: 930, top: 12, bottom: 12 + frame)
    script.line("set yrange [\(Wording.fixed(y + 0.8, decimals: 3)):0]")
    let tics = reasons.map {
      "\(GnuplotScript.quoted(Wording.line($0.name, limit: 40))) \(Wording.fixed(($0.first + $0.last) / 2, decimals: 3))"
    }
    script.line("set ytics (\(tics.joined(separator: ", "))) scale 0")
    script.line("unset grid; set grid xtics back linetype 1 linecolor rgb '\(Palette.grid)' linewidth 1 dashtype solid")
    let most = Double(bars.map(\.count).max() ?? 1)
    let base = logarithmic ? "0.5" : "0"
    if logarithmic { script.line("set logscale x; set mxtics 1") }
    let marks = (logarithmic ? powers(upTo: most) : steps(upTo: most)).map { "'\(Wording.fixed($0, decimals: 0))' \($0.description)" }
    script.line("set xtics (\(marks.joined(separator: ", ")))")
    script.line("set xrange [\(base):\((most * (logarithmic ? 30 : 1.35)).description)]")
    script.nameHorizontally(logarithmic ? "Exits (logarithmic)" : "Exits")
    for (bar, y) in zip(bars, positions) {
      let label = "\(result.vms[bar.vm].name)  \(Wording.grouped(bar.count))"
      script.line(
        "set label \(GnuplotScript.quoted(label)) at first \(bar.count), first \(Wording.fixed(y, decimals: 3)) offset character 0.7,0 left textcolor rgb '\(Palette.ink)'"
      )
    }
    let clauses = zip(bars.indices, positions).map { index, y in
      """
      '\(name).csv' every ::\(index)::\(index) skip 1 using 3:(\(Wording.fixed(y, decimals: 3))):(\(base)):3:(\(Wording.fixed(y - 0.36, decimals: 3))):(\(Wording.fixed(y + 0.36, decimals: 3))) \
      with boxxyerror fillstyle solid noborder fillcolor rgb '\(Palette.machine(bars[index].vm))'
      """
    }
    script.line("plot " + clauses.joined(separator: ", \\\n  "))
    return script.text
  }

  /// Powers of ten from 1 to the first that is not below a count.
  private static func powers(upTo most: Double) -> [Double] {
    var powers = [1.0]
    while let last = powers.last, last < most { powers.append(last * 10) }
    return powers
  }

  /// Multiples of a round step from 0 to a count.
  private static func steps(upTo most: Double) -> [Double] {
    let step = max(1, Axis.step(upTo: most, count: 6))
    return (0...6).map { Double($0) * step }.filter { $0 <= most * 1.05 }
  }
}
