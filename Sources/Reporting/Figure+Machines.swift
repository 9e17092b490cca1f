internal import Laboratory

extension Figure {
  /// What of the host each virtual machine has over time.
  static func machineShares(_ result: RunResult, _ series: SampleSeries) -> Figure {
    let ends = result.vms.map {
      "\($0.name) \(Wording.mebibytes($0.privateBytes)) MiB private and \(Wording.mebibytes($0.sharedBytes)) MiB shared"
    }
    return machines(
      named: "machine-shares", title: "Each machine's share of host memory",
      caption:
        "Each machine's pages that have a frame, stacked: frames that it alone has, and its pages that map shared frames. A shared frame appears in each machine that maps it.",
      alternative: "Host memory of each machine over time. At the end: \(ends.joined(separator: "; ")).", axis: "Memory",
      metrics: [
        .init(metric: .privateBytes, heading: "Private", color: Palette.blue, drawing: .area),
        .init(metric: .sharedBytes, heading: "Shared", color: Palette.green, drawing: .area),
      ], result, series)
  }

  /// What each balloon was asked for, what it did, and what the host had of it.
  static func balloons(_ result: RunResult, _ series: SampleSeries) -> Figure {
    let ends = result.vms.map {
      "\($0.name) target \(Wording.mebibytes($0.balloonTargetBytes)) MiB, actual \(Wording.mebibytes($0.balloonActualBytes)) MiB, host gain \(Wording.mebibytes($0.balloonFreedBytes)) MiB"
    }
    return machines(
      named: "balloons", title: "Balloons: target, actual and the host's gain",
      caption:
        "The memory that the policy wants each machine to have, its memory less what its balloon holds, and the host frames that its balloon has freed since the start. A ballooned page that had no frame, or a shared one, frees none.",
      alternative: "Balloon of each machine over time. At the end: \(ends.joined(separator: "; ")).", axis: "Memory",
      metrics: [
        .init(metric: .balloonFreedBytes, heading: "Host gain", color: "#9ADBC6", drawing: .area),
        .init(metric: .balloonActualBytes, heading: "Actual", color: Palette.blue, drawing: .line("solid")),
        .init(metric: .balloonTargetBytes, heading: "Target", color: Palette.vermillion, drawing: .line("(4,2)")),
      ], result, series)
  }

  /// A metric in a machine's panel.
  private struct Part {
    enum Drawing {
      case area
      case line(String)
    }
    let metric: Metric
    let heading: String
    let color: String
    let drawing: Drawing

    var entry: GnuplotScript.Entry {
      switch drawing {
      case .area: .init(label: heading, color: color)
      case .line(let dash): .init(label: heading, color: color, dash: dash)
      }
    }
  }

  /// A figure with a panel for each machine, all on one scale: areas stacked, lines over them.
  private static func machines(
    named name: String, title: String, caption: String, alternative: String, axis what: String, metrics: [Part], _ result: RunResult,
    _ series: SampleSeries
  ) -> Figure {
    var columns = [series.timeColumn]
    var panels: [(name: String, parts: [(part: Part, column: Int)])] = []
    for vm in result.vms {
      var parts: [(part: Part, column: Int)] = []
      for part in metrics {
        guard let column = series.column(part.metric, vm: vm.name, heading: "\(vm.name): \(part.heading.lowercased())", unit: .bytes)
        else { continue }
        columns.append(column)
        parts.append((part, columns.count))
      }
      if !parts.isEmpty { panels.append((vm.name, parts)) }
    }
    let table = FigureTable(columns: columns)
    var words = caption
    if panels.count > Self.panels { words += " The first \(Self.panels) machines of \(panels.count) are drawn." }
    guard !panels.isEmpty else {
      return Figure(name: name, title: title, caption: words, alternative: alternative, table: table, script: nil)
    }
    let peak = top(panels, columns)
    let axis = Axis.memory(what, upTo: peak)
    let entries = metrics.filter { part in panels.contains { $0.parts.contains { $0.part.metric == part.metric } } }.map(\.entry)
    let grid = PanelGrid(count: min(panels.count, Self.panels), top: GnuplotScript.legendHeight(entries.map(\.label), left: 78))
    var figure = TimeFigure(name: name, title: title, height: grid.height, series: series)
    figure.script.line("set multiplot")
    figure.script.scaleVertically(axis, peak: peak, steps: 6)
    figure.script.legend(entries, left: 78)
    for (index, panel) in panels.prefix(Self.panels).enumerated() {
      grid.place(index, title: panel.name, in: &figure.script, axis: axis.label, time: figure.time.label)
      figure.plot(clauses(panel.parts, in: figure, axis))
      if index == 0 { figure.script.endLegend() }
    }
    figure.script.line("unset multiplot")
    return Figure(name: name, title: title, caption: words, alternative: alternative, table: table, script: figure.script.text)
  }

  private static func clauses(_ parts: [(part: Part, column: Int)], in figure: TimeFigure, _ axis: Axis) -> [String] {
    var (clauses, below) = ([String](), [Int]())
    for (part, column) in parts {
      switch part.drawing {
      case .area:
        clauses.append(figure.area(column, over: below, divisor: axis.divisor, color: part.color))
        below.append(column)
      case .line(let dash): clauses.append(figure.line(column, divisor: axis.divisor, color: part.color, dash: dash))
      }
    }
    return clauses
  }

  /// The highest point of all panels, in bytes: one scale lets machines be compared.
  private static func top(_ panels: [(name: String, parts: [(part: Part, column: Int)])], _ columns: [FigureTable.Column]) -> Double {
    var peak = 0.0
    for panel in panels {
      var areas: [Int] = []
      for (part, column) in panel.parts {
        if case .area = part.drawing { areas.append(column - 1) }
        peak = max(peak, columns[column - 1].cells.reduce(0) { max($0, $1.number) })
      }
      for row in columns[0].cells.indices { peak = max(peak, areas.reduce(0) { $0 + columns[$1].cells[row].number }) }
    }
    return peak
  }
}
