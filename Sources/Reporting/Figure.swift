internal import Laboratory

/// A picture of a run: its numbers, the script that draws them, and the words that stand for it where it cannot be seen.
struct Figure {
  /// The name of its files and its place in the report.
  let name: String
  /// Its title.
  let title: String
  /// What it shows and how to read it.
  let caption: String
  /// What somebody who cannot see it should know: the values that matter.
  let alternative: String
  /// Its numbers.
  let table: FigureTable
  /// What stands in its place where there is nothing to draw.
  var nothing = "Nothing was sampled that this figure could show."
  /// The script that draws it; nil where there is nothing to draw.
  let script: String?

  /// Moments drawn at most: a picture is about 800 pixels wide.
  static let drawnMoments = 1600
  /// Machines with a panel of their own at most; the data has all.
  static let panels = 16

  /// All figures of a run, in the report's order.
  static func all(of result: RunResult) -> [Figure] {
    let series = SampleSeries(result.timeline)
    return [
      savedPages(result, series), scannerPages(result, series), scannerTime(result, series), hostMemory(result, series),
      machineShares(result, series), balloons(result, series),
      translation(result, series), exits(result), cycles(result),
    ]
  }
}

/// A figure whose horizontal axis is virtual time.
struct TimeFigure {
  /// The script under construction.
  var script: GnuplotScript
  /// The horizontal axis.
  let time: Axis
  private let every: Int
  private let style: String

  init(name: String, title: String, height: Double, series: SampleSeries) {
    script = GnuplotScript(name: name, title: title, height: height)
    let end = series.times.last ?? 0
    time = Axis.time(until: end)
    every = max(1, (series.times.count + Figure.drawnMoments - 1) / Figure.drawnMoments)
    // One moment alone has no line: a point shows it.
    style = series.times.count == 1 ? "linespoints pointtype 7 pointsize 0.6" : "lines"
    if every > 1 { script.line("# Every \(every)th moment is drawn; the data has all \(series.times.count).") }
    script.line("set xrange [0:\(max(end, 1))/\(time.divisor)]")
  }

  private var data: String { "'\(script.name).csv' every \(every) skip 1" }

  /// The clause that draws a column (counted from 1, the time being the first) as a line.
  func line(_ column: Int, divisor: String, color: String, dash: String) -> String {
    "\(data) using ($1/\(time.divisor)):($\(column)/\(divisor)) with \(style) linewidth 2.2 dashtype \(dash) linecolor rgb '\(color)'"
  }

  /// The clause that draws a white rim around a line, so that it stands out from the areas below it.
  func rim(_ column: Int, divisor: String) -> String {
    "\(data) using ($1/\(time.divisor)):($\(column)/\(divisor)) with lines linewidth 5 dashtype solid linecolor rgb '#FFFFFF'"
  }

  /// The clause that draws a column as an area on top of other columns.
  func area(_ column: Int, over below: [Int], divisor: String, color: String) -> String {
    let base = below.isEmpty ? "0" : below.map { "$\($0)" }.joined(separator: "+")
    return
      "\(data) using ($1/\(time.divisor)):((\(base))/\(divisor)):((\(base)+$\(column))/\(divisor)) with filledcurves fillstyle solid noborder fillcolor rgb '\(color)'"
  }

  /// Draws clauses into the placed frame.
  mutating func plot(_ clauses: [String]) { script.line("plot " + clauses.joined(separator: ", \\\n  ")) }
}

/// Panels of equal size, two in a row, one for each virtual machine.
struct PanelGrid {
  let count: Int
  let top: Double
  static let pitch = 210.0

  /// The picture's height.
  var height: Double { top + Double((count + 1) / 2) * Self.pitch + 10 }

  /// Places a panel and titles it.
  func place(_ index: Int, title: String, in script: inout GnuplotScript, axis: String, time: String) {
    let (row, column) = index.quotientAndRemainder(dividingBy: 2)
    let (left, upper) = (column == 0 ? 78.0 : 552.0, top + Double(row) * Self.pitch + 26)
    script.place(left: left, right: left + 384, top: upper, bottom: upper + 136)
    script.line("set title \(GnuplotScript.quoted(Wording.line(title, limit: 40))) offset 0,-0.4 textcolor rgb '\(Palette.black)'")
    script.line(column == 0 ? "set ylabel \(GnuplotScript.quoted(axis)) textcolor rgb '\(Palette.ink)'" : "unset ylabel")
    if index + 2 >= count { script.nameHorizontally(time) }
  }
}
