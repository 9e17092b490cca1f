internal import Foundation

/// Sections of figures as text, Markdown and CSV.
struct FigureTable {
  let sections: [Section]

  /// Three significant digits, never in scientific notation.
  static func number(_ value: Double) -> String {
    let digits = value >= 100 ? 0 : value >= 10 ? 1 : value >= 0.1 ? 2 : 4
    return String(format: "%.\(digits)f", value)
  }

  private static func promise(_ figure: Figure) -> String {
    switch figure.bound {
    case .atMost(let most): "at most \(number(most)): \(figure.holds ? "holds" : "BROKEN")"
    case .atLeast(let least): "at least \(number(least)): \(figure.holds ? "holds" : "BROKEN")"
    case .atLeastOfFloor(let least): "at least \(number(least)) of the floor: \(figure.holds ? "holds" : "BROKEN")"
    case nil: ""
    }
  }

  private static func cells(_ figure: Figure) -> [String] {
    [
      figure.name, number(figure.value), figure.unit, figure.floor, number(figure.floorValue), number(figure.ratio), promise(figure),
    ]
  }

  private static let header = ["what", "value", "unit", "floor", "its value", "ratio", "promise"]

  /// For a terminal.
  static func text(_ section: Section) -> String {
    let rows = [header] + section.figures.map(cells)
    let widths = header.indices.map { column in rows.map(\.[column].count).max() ?? 0 }
    let lines = rows.map { row in
      zip(row, widths).map { $0.padding(toLength: $1, withPad: " ", startingAt: 0) }.joined(separator: "  ")
    }
    return "\n\(section.title)\n" + lines.joined(separator: "\n") + "\n"
  }

  /// One row a figure.
  var csv: String {
    func quoted(_ text: String) -> String { text.contains { ",\"\n".contains($0) } ? "\"\(text.replacing("\"", with: "\"\""))\"" : text }
    let rows = sections.flatMap { section in
      section.figures.map { figure in
        [
          section.title, figure.name, "\(figure.value)", figure.unit, figure.floor, "\(figure.floorValue)", "\(figure.ratio)",
          Self.promise(figure),
        ]
      }
    }
    return ([["subject"] + Self.header] + rows).map { $0.map(quoted).joined(separator: ",") + "\n" }.joined()
  }

  /// For readers.
  func markdown(machine: String) -> String {
    var text = """
      # Benchmarks

      Written by `make bench`, on \(machine).

      Every figure stands beside a *floor*: something simpler that no implementation could do without, measured in the same process moments before or
      after. Ratios carry over to other machines; the figures themselves do not. Times are processor time, the best of several rounds.

      """
    for section in sections {
      text += "\n## \(section.title)\n\n\(section.method)\n\n"
      text += "| " + Self.header.joined(separator: " | ") + " |\n|---|--:|---|---|--:|--:|---|\n"
      text += section.figures.map { "| " + Self.cells($0).joined(separator: " | ") + " |\n" }.joined()
    }
    return text
  }

  /// Processors and their model, and how busy the machine is; nothing that names it.
  static var machine: String {
    let cpus = Measuring.text(of: "/proc/cpuinfo").split(separator: "\n")
    let model = cpus.first { $0.hasPrefix("model name") }.map { $0.drop { $0 != ":" }.dropFirst(2) } ?? "processors of an unknown model"
    let load = Measuring.text(of: "/proc/loadavg").prefix { $0 != " " }
    let count = ProcessInfo.processInfo.activeProcessorCount
    return "\(count) processors, \(model), with a load of \(load) when it began"
  }
}
