internal import Guests
internal import Laboratory
internal import Scenarios

extension Figure {
  /// What an access took, by cause: a stacked bar for each machine, of each variant where there are several.
  struct CycleBar {
    let label: String
    let references: UInt64
    let causes: [CauseCycles]

    /// Cycles of an access for some causes.
    func each(_ isMeant: (String) -> Bool) -> Double {
      let cycles = causes.filter { isMeant($0.cause) }.reduce(0) { $0 + $1.cycles }
      return references == 0 ? 0 : Double(cycles) / Double(references)
    }
  }

  /// The figure of a run.
  static func cycles(_ result: RunResult) -> Figure { cycles(named: "cycles", bars(of: result, prefix: nil)) }

  /// The figure of a race; nil where no machine runs an access stream, and windows alone tell little.
  static func cycles(_ race: RaceResult) -> Figure? {
    let results = race.entries.compactMap { entry in entry.result.map { (entry.spec.name, $0) } }
    let hasStreams = results.contains { $0.1.scenario.vms.contains { if case .stream = $0.guest { true } else { false } } }
    guard hasStreams else { return nil }
    return cycles(named: "variants-cycles", results.flatMap { bars(of: $0.1, prefix: $0.0) })
  }

  private static func bars(of result: RunResult, prefix: String?) -> [CycleBar] {
    result.vms.filter { $0.references > 0 && $0.cycles > 0 }.map { vm in
      let label = prefix.map { result.vms.count == 1 ? $0 : "\($0): \(vm.name)" } ?? "\(vm.name) (\(vm.paging))"
      return CycleBar(label: label, references: vm.references, causes: vm.cyclesByCause)
    }
  }

  private static func cycles(named name: String, _ bars: [CycleBar]) -> Figure {
    let title = "Cycles of an access by cause"
    let names = (bars.first?.causes ?? []).map(\.cause).filter { name in bars.contains { $0.each { $0 == name } > 0 } }
    var columns: [FigureTable.Column] = [.init(name: "machine", heading: "Machine", unit: .text, cells: bars.map { .text($0.label) })]
    columns += CycleGroup.all.map { group in
      .init(name: "group.\(group.name)", heading: group.name, unit: .real, cells: bars.map { .value(.real($0.each(group.holds))) })
    }
    columns += names.map { name in
      .init(name: name, heading: name, unit: .real, cells: bars.map { .value(.real($0.each { $0 == name })) })
    }
    columns.append(.init(name: "all", heading: "all", unit: .real, cells: bars.map { .value(.real($0.each { _ in true })) }))
    let words = bars.prefix(24).map { "\($0.label) \(Wording.fixed($0.each { _ in true }, decimals: 1))" }.joined(separator: "; ")
    return Figure(
      name: name, title: title,
      caption:
        "Counts of events times the figures of the host's cost preset, over the accesses that were measured at full resolution. The counts are exact; of the figures, many are assumed (memlab list --format json).",
      alternative: "\(title). In all: \(words).", table: FigureTable(columns: columns),
      script: bars.isEmpty ? nil : script(named: name, title, bars))
  }

  private static func script(named name: String, _ title: String, _ bars: [CycleBar]) -> String {
    let groups = CycleGroup.all
    let used = groups.indices.filter { index in bars.contains { $0.each(groups[index].holds) > 0 } }
    let entries = used.map { GnuplotScript.Entry(label: groups[$0].name, color: groups[$0].color, dash: "solid") }
    let left = min(360, 40 + 8.2 * Double(bars.map { Wording.line($0.label, limit: 40).count }.max() ?? 0))
    let top = GnuplotScript.legendHeight(entries.map(\.label), left: 78)
    let frame = 26 * Double(bars.count) + 16
    var script = GnuplotScript(name: name, title: title, height: top + frame + 72)
    script.legend(entries, left: 78)
    script.place(left: left, right: 930, top: top + 8, bottom: top + 8 + frame)
    script.line("set yrange [\(Wording.fixed(Double(bars.count) + 0.3, decimals: 3)):-0.3]")
    // The label of a tic is a format to gnuplot.
    let tics = bars.enumerated().map {
      "\(GnuplotScript.quoted(Wording.line($1.label, limit: 40).replacing("%", with: "%%"))) \($0).5"
    }
    script.line("set ytics (\(tics.joined(separator: ", "))) scale 0")
    script.line("unset grid; set grid xtics back linetype 1 linecolor rgb '\(Palette.grid)' linewidth 1 dashtype solid")
    let most = bars.map { $0.each { _ in true } }.max() ?? 1
    script.line("set xrange [0:\((most * 1.15).description)]")
    script.nameHorizontally("Cycles an access")
    for (row, bar) in bars.enumerated() {
      let all = bar.each { _ in true }
      script.line(
        "set label \(GnuplotScript.quoted(Wording.fixed(all, decimals: 1))) at first \(all), first \(row).5 offset character 0.7,0 left textcolor rgb '\(Palette.ink)'"
      )
    }
    // Columns of the data from 1: the machine, then the groups; a part of a bar begins where those before it end.
    let clauses = used.map { index in
      let before = (0..<index).map { "$\($0 + 2)" }.joined(separator: "+")
      let start = before.isEmpty ? "0" : before
      return """
        '\(name).csv' skip 1 using (\(start)):($0+0.5):(\(start)):((\(start))+$\(index + 2)):($0+0.18):($0+0.82) \
        with boxxyerror fillstyle solid noborder fillcolor rgb '\(groups[index].color)'
        """
    }
    script.line("plot " + clauses.joined(separator: ", \\\n  "))
    return script.text
  }
}
