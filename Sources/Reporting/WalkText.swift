internal import Addressing
internal import PageTables
public import Translation

/// A walk as text for a terminal of 100 columns.
public enum WalkText {
  /// The references as a table, and the end.
  public static func table(_ walk: WalkTranscript) -> String {
    let header = ["#", "table", "index", "entry at", "entry", "flags", "leads to"]
    let rows = walk.steps.map { step in
      [
        String(step.number), WalkWords.table(step, of: walk), String(step.index), place(step, of: walk), WalkWords.word(step.word),
        flags(step, walk), WalkWords.lead(step, of: walk),
      ]
    }
    return heading(walk) + "\n" + (rows.isEmpty ? "" : columns([header] + rows).joined(separator: "\n") + "\n") + end(walk) + "\n"
  }

  /// The references one by one with what each is for, behind a picture of their order.
  public static func explanation(_ walk: WalkTranscript) -> String {
    var lines = [heading(walk), ""]
    if !walk.steps.isEmpty {
      lines += indices(walk) + [""]
      if walk.hostRoot != nil { lines += grid(walk) + [""] }
    }
    let sorted = columns(
      walk.steps.map { step in
        [
          String(step.number), WalkWords.table(step, of: walk), "[\(step.index)]", place(step, of: walk), WalkWords.word(step.word),
          flags(step, walk), WalkWords.lead(step, of: walk),
        ]
      })
    var row: Int?
    for (step, line) in zip(walk.steps, sorted) {
      if walk.hostRoot != nil, row != step.guestLevel {
        if row != nil { lines.append("") }
        lines.append(purpose(of: step, in: walk))
      }
      row = step.guestLevel
      lines.append(line)
    }
    lines += walk.steps.isEmpty ? [] : [""]
    lines.append(end(walk))
    lines.append(WalkWords.count(walk) + (WalkWords.repetition(walk).map { "; \($0)" } ?? ""))
    return lines.joined(separator: "\n") + "\n"
  }

  private static func heading(_ walk: WalkTranscript) -> String {
    let address = "GVA \(WalkWords.hex(walk.address.rawValue))"
    let tables = "CR3 \(WalkWords.hex(walk.root.rawValue)), \(walk.guestLevels) levels"
    guard let host = walk.hostRoot else { return "\(address): \(WalkWords.access(walk)); \(tables)" }
    return fitted(
      "\(address): \(WalkWords.access(walk)); guest \(tables); host root \(WalkWords.hex(host.rawValue)), \(walk.hostLevels) levels")
  }

  /// A line, or several of at most 100 columns.
  private static func fitted(_ text: String) -> String { WalkWords.wrapped(text, to: 96).joined(separator: "\n   ") }

  private static func end(_ walk: WalkTranscript) -> String {
    if case .mapped = walk.outcome { return fitted("-> " + WalkWords.ending(walk)) }
    return fitted("-> stopped: " + WalkWords.ending(walk))
  }

  private static func flags(_ step: WalkStep, _ walk: WalkTranscript) -> String {
    let names = WalkWords.flags(step, of: walk)
    return names.isEmpty ? "-" : names.joined(separator: " ")
  }

  /// Where the word was read: in the host's memory where there is one.
  private static func place(_ step: WalkStep, of walk: WalkTranscript) -> String {
    WalkWords.hex(step.hostAddress?.rawValue ?? step.guestAddress?.rawValue ?? 0)
  }

  /// Which bits of the address choose which entry.
  private static func indices(_ walk: WalkTranscript) -> [String] {
    let parts = stride(from: walk.guestLevels, through: walk.guestLevels - walk.shadowDepth - walk.guestDepth + 1, by: -1).map { level in
      "L\(level) [\(X86Index.index(of: walk.address, level: level))]"
    }
    guard case .mapped(let target) = walk.outcome else { return ["The address's indices: " + parts.joined(separator: "  ")] }
    let offset = WalkWords.hex(walk.address.offset(in: target.guestPage))
    return ["The address's indices: " + parts.joined(separator: "  ") + "  offset \(offset)"]
  }

  /// Rows: the guest's entries and the page. Columns: the host's levels, and the guest's entry itself.
  private static func grid(_ walk: WalkTranscript) -> [String] {
    let levels = WalkGrid(walk)
    let width = 9
    func cell(_ text: String) -> String { String(repeating: " ", count: max(0, width - text.count)) + text }
    let label = "  to read"
    let first = 24
    var lines = [
      label + String(repeating: " ", count: first - label.count) + levels.hostLevels.map { cell("host L\($0)") }.joined()
        + cell("itself")
    ]
    for row in levels.rows {
      let name = "  " + levels.name(row)
      let cells = levels.hostLevels.map { cell(levels.number(row, host: $0)) }.joined() + cell(levels.number(row, host: nil))
      lines.append(name + String(repeating: " ", count: first - name.count) + cells)
    }
    return lines
  }

  /// What the references of a row are for.
  private static func purpose(of step: WalkStep, in walk: WalkTranscript) -> String {
    let own = walk.steps.first { $0.guestLevel == step.guestLevel && $0.dimension != .host }
    guard step.guestLevel > 0 else {
      let address = walk.steps.last { $0.dimension == .guest }.flatMap { last -> UInt64? in
        if case .page(let address, _) = last.meaning { address } else { nil }
      }
      return "The page: where is GPA \(WalkWords.hex(address ?? 0))?"
    }
    let index = X86Index.index(of: walk.address, level: step.guestLevel)
    let place = own?.guestAddress.map { ", GPA \(WalkWords.hex($0.rawValue))" } ?? ""
    if step.dimension == .shadow { return "Shadow level \(step.guestLevel), entry \(index): the host's address of the next table." }
    return "Guest level \(step.guestLevel), entry \(index)\(place): where is it, and what does it say?"
  }

  /// Columns set to their widest cell, numbers to the right, words to the left; no line ends in a space.
  private static func columns(_ rows: [[String]]) -> [String] {
    guard let first = rows.first else { return [] }
    let widths = first.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      var line = ""
      for (column, cell) in row.enumerated() {
        let space = String(repeating: " ", count: widths[column] - cell.count)
        line += "  " + (column == 0 || column == 2 ? space + cell : cell + space)
      }
      while line.last == " " { line.removeLast() }
      return line
    }
  }
}

/// A walk's references as the grid in which they are usually drawn.
struct WalkGrid {
  /// The rows: the guest's levels from the top, as far as they were reached, then 0 for the page.
  let rows: [Int]
  /// The host's levels from the top, as far down as any row went.
  let hostLevels: [Int]
  private let steps: [WalkStep]

  /// The grid of a walk.
  init(_ walk: WalkTranscript) {
    steps = walk.steps
    var rows: [Int] = []
    for step in walk.steps where rows.last != step.guestLevel { rows.append(step.guestLevel) }
    self.rows = rows
    let lowest = walk.steps.filter { $0.dimension == .host }.map(\.level).min() ?? walk.hostLevels + 1
    hostLevels = Array(stride(from: walk.hostLevels, through: lowest, by: -1))
  }

  /// The reference in a cell: of a host's level, or of the entry itself, the guest's or a shadow's.
  func step(_ row: Int, host level: Int?) -> WalkStep? {
    steps.first { step in
      guard step.guestLevel == row else { return false }
      guard let level else { return step.dimension != .host }
      return step.dimension == .host && step.level == level
    }
  }

  /// The number of that reference; a dot where there is none.
  func number(_ row: Int, host level: Int?) -> String { step(row, host: level).map { String($0.number) } ?? "." }

  /// "guest L4 entry", "shadow L4 entry", "the page".
  func name(_ row: Int) -> String {
    row == 0 ? "the page" : "\(step(row, host: nil)?.dimension == .shadow ? "shadow" : "guest") L\(row) entry"
  }
}
