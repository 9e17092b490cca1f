/// A gnuplot script under construction: one SVG of a fixed size, its frame placed in pixels from the top left corner.
///
/// Placement is by `at screen` coordinates and not by gnuplot's own layout, which estimates the width of text in a font that it cannot see; so
/// a legend never runs into a plot.
struct GnuplotScript {
  /// The name of the figure: of its data, script and picture.
  let name: String
  /// The picture's width in pixels.
  let width = 960.0
  /// The picture's height in pixels.
  let height: Double
  /// The script so far.
  private(set) var text: String

  /// An entry of the legend.
  struct Entry {
    let label: String
    let color: String
    /// A line's dash type; nil for an area.
    var dash: String?
  }

  /// Begins a script that draws `name.csv` into `name.svg`.
  init(name: String, title: String, height: Double) {
    (self.name, self.height) = (name, height)
    text = """
      # \(Wording.line(title, limit: 120))
      # Draws \(name).csv into \(name).svg: run "gnuplot \(name).gp" in this folder.
      set encoding utf8
      set terminal svg size 960,\(Int(height)) fixed noenhanced background '#FFFFFF' font 'sans-serif,14'
      set output '\(name).svg'
      set datafile separator comma
      set decimalsign '.'
      set border 3 linecolor rgb '\(Palette.ink)' linewidth 1
      set tics out nomirror scale 0.6 textcolor rgb '\(Palette.ink)'
      set grid ytics back linetype 1 linecolor rgb '\(Palette.grid)' linewidth 1 dashtype solid
      set xtics offset 0,0.35
      set ytics offset 0.5,0
      unset key

      """
  }

  /// Appends a line.
  mutating func line(_ command: String) { text += command + "\n" }

  /// A text as gnuplot reads it back: in apostrophes nothing but the apostrophe is special.
  static func quoted(_ text: String) -> String {
    "'" + Wording.line(text, limit: 200).split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
  }

  /// A position from the left as a part of the picture.
  func x(_ pixels: Double) -> String { Wording.fixed(pixels / width, decimals: 5) }

  /// A position from the top as a part of the picture.
  func y(_ pixels: Double) -> String { Wording.fixed(1 - pixels / height, decimals: 5) }

  /// Scales the vertical axis from 0 to a little above a peak, with round steps, at most a number of them.
  mutating func scaleVertically(_ axis: Axis, peak: Double, steps: Double = 7) {
    let top = peak > 0 && peak.isFinite ? peak / axis.scale : 1
    line("set yrange [0:\((top * 1.04).description)]; set ytics 0, \(Axis.step(upTo: top, count: steps).description)")
  }

  /// Names the horizontal axis of the next plot.
  mutating func nameHorizontally(_ label: String) {
    line("set xlabel \(Self.quoted(label)) offset 0,0.8 textcolor rgb '\(Palette.ink)'")
  }

  /// Places the next plot.
  mutating func place(left: Double, right: Double, top: Double, bottom: Double) {
    line("set lmargin at screen \(x(left)); set rmargin at screen \(x(right))")
    line("set tmargin at screen \(y(top)); set bmargin at screen \(y(bottom))")
  }

  /// Draws a legend from the left along the top, over as many lines as it needs.
  mutating func legend(_ entries: [Entry], left: Double) {
    for (entry, spot) in zip(entries, Self.legendSpots(entries.map(\.label), left: left, width: width)) {
      let middle = y(spot.y)
      if let dash = entry.dash {
        line(
          "set arrow from screen \(x(spot.x)), \(middle) to screen \(x(spot.x + 26)), \(middle) nohead front linewidth 2.5 dashtype \(dash) linecolor rgb '\(entry.color)'"
        )
      } else {
        line(
          "set object rectangle from screen \(x(spot.x + 6)), \(y(spot.y + 7)) to screen \(x(spot.x + 26)), \(y(spot.y - 7)) front fillstyle solid noborder fillcolor rgb '\(entry.color)'"
        )
      }
      line("set label \(Self.quoted(entry.label)) at screen \(x(spot.x + 33)), \(middle) left front textcolor rgb '\(Palette.ink)'")
    }
  }

  /// How much room a legend takes at the top, in pixels.
  static func legendHeight(_ labels: [String], left: Double) -> Double {
    (legendSpots(labels, left: left, width: 960).last?.y ?? 0) + 20
  }

  private static func legendSpots(_ labels: [String], left: Double, width: Double) -> [(x: Double, y: Double)] {
    var (spots, x, y) = ([(x: Double, y: Double)](), left, 20.0)
    for label in labels {
      let room = 33 + Double(label.count) * 8.2 + 20
      if x + room > width, x > left { (x, y) = (left, y + 24) }
      spots.append((x, y))
      x += room
    }
    return spots
  }

  /// Ends a legend's validity: the plots after this one of a group do not repeat it.
  mutating func endLegend() { line("unset arrow; unset object; unset label") }
}
