internal import Addressing
internal import PageTables
public import Translation

/// A walk as a drawing: SVG that needs nothing else, with a title and a description for readers who do not see it.
///
/// Two dimensions are drawn as a grid. A row for each entry of the guest's tables, and one for the page: from left to right the host's levels, which
/// find where the entry lies, then the entry itself, from which a line leads back to the beginning of the next row. One dimension is one row.
public struct WalkFigure {
  private let walk: WalkTranscript
  private let name: String
  private let grid: WalkGrid
  private var canvas = SVGCanvas()

  private static let margin = 36
  private static let label = 178
  private static let cell = (width: 138, height: 66)
  private static let gap = (x: 24, y: 40)
  private static let top = 168

  /// The drawing of a walk.
  /// - Parameter name: the beginning of the identifiers in it, unique in a page that shows several.
  public static func svg(_ walk: WalkTranscript, name: String = "walk") -> String {
    var figure = WalkFigure(walk, name)
    return figure.draw()
  }

  private init(_ walk: WalkTranscript, _ name: String) {
    (self.walk, self.name, grid) = (walk, name, WalkGrid(walk))
  }

  private var isNested: Bool { walk.hostRoot != nil }
  /// Cells in a row: the host's levels and one more; in one dimension, the references and the page.
  private var columns: Int { isNested ? grid.hostLevels.count + 1 : max(1, walk.steps.count) + 1 }
  private var rows: Int { isNested ? max(1, grid.rows.count) : 1 }
  private var left: Int { isNested ? Self.margin + Self.label : Self.margin }
  private var width: Int { max(880, left + columns * Self.cell.width + (columns - 1) * Self.gap.x + Self.margin) }
  private var bottom: Int { Self.top + rows * Self.cell.height + (rows - 1) * Self.gap.y }

  private func x(_ column: Int) -> Int { left + column * (Self.cell.width + Self.gap.x) }
  private func y(_ row: Int) -> Int { Self.top + row * (Self.cell.height + Self.gap.y) }

  private mutating func draw() -> String {
    drawHeading()
    drawColumnNames()
    if isNested { drawGrid() } else { drawRow() }
    let height = drawEnding()
    return canvas.document(width: width, height: height, name: name, title: title, description: description, style: Self.style)
  }

  private static let style = """
    text { font-family: system-ui, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", sans-serif; fill: \(Palette.ink); }
    .mono { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
    .title { font-size: 23px; font-weight: 650; fill: \(Palette.black); }
    .sub { font-size: 14.5px; }
    .head { font-size: 13px; font-weight: 650; letter-spacing: .02em; }
    .row { font-size: 14px; font-weight: 650; }
    .number { font-size: 19px; font-weight: 700; }
    .small { font-size: 11.5px; }
    .end { font-size: 14.5px; font-weight: 600; }
    .line { fill: none; stroke: #8593A3; stroke-width: 1.6; }
    """

  // MARK: Words

  private var title: String {
    if walk.switches {
      let above = walk.shadowDepth == 0 ? "" : "\(walk.shadowDepth) shadow \(walk.shadowDepth == 1 ? "level" : "levels"), then "
      return "A walk of \(above)\(walk.guestDepth) guest \(walk.guestDepth == 1 ? "level" : "levels") over \(walk.hostLevels) host levels"
    }
    guard isNested else { return "A walk of \(walk.guestLevels) levels of tables" }
    return "A walk of \(walk.guestLevels) guest levels over \(walk.hostLevels) host \(walk.hostLevels == 1 ? "level" : "levels")"
  }

  private var subtitle: String {
    "\(WalkWords.count(walk)) · \(repetition)\(WalkWords.access(walk)) · GVA \(WalkWords.hex(walk.address.rawValue))"
  }

  private var repetition: String { WalkWords.repetition(walk) == nil ? "" : "\(walk.distinctWords) different words · " }

  /// Every reference in a sentence.
  private var description: String {
    let steps = walk.steps.map { step in
      "\(step.number): \(WalkWords.table(step, of: walk)), \(WalkWords.lead(step, of: walk))."
    }
    return ([WalkWords.count(walk) + "."] + steps + [WalkWords.ending(walk) + "."]).joined(separator: " ")
  }

  // MARK: Parts

  private mutating func drawHeading() {
    canvas.text(title, x: Self.margin, y: 48, class: "title")
    canvas.text(subtitle, x: Self.margin, y: 73, class: "sub")
    drawIndices()
  }

  /// The address, cut into the indices that choose the entries.
  private mutating func drawIndices() {
    var place = Self.margin
    let levels = stride(from: walk.guestLevels, to: walk.guestLevels - walk.shadowDepth - walk.guestDepth, by: -1)
    var parts = levels.map { ("L\($0)", "[\(X86Index.index(of: walk.address, level: $0))]") }
    if case .mapped(let target) = walk.outcome {
      parts.append(("offset", WalkWords.hex(walk.address.offset(in: target.guestPage))))
    }
    for (name, value) in parts {
      let width = 30 + 8 * (name.count + value.count)
      canvas.box(x: place, y: 90, width: width, height: 26, fill: Tone.guest.fill, stroke: Tone.guest.stroke, radius: 4)
      canvas.text(name, x: place + 9, y: 108, class: "small")
      canvas.text(value, x: place + width - 9, y: 108, class: "small mono", anchor: "end")
      place += width + 4
    }
  }

  private mutating func drawColumnNames() {
    guard isNested else { return }
    let y = Self.top - 14
    canvas.text("to read", x: Self.margin, y: y, class: "head")
    for (column, level) in grid.hostLevels.enumerated() {
      canvas.text("host L\(level)", x: x(column) + Self.cell.width / 2, y: y, class: "head", anchor: "middle", fill: Tone.host.ink)
    }
    let last = x(columns - 1) + Self.cell.width / 2
    canvas.text("the entry itself", x: last, y: y, class: "head", anchor: "middle", fill: Tone.guest.ink)
  }

  private mutating func drawGrid() {
    for (row, level) in grid.rows.enumerated() {
      let (top, middle) = (y(row), y(row) + Self.cell.height / 2)
      let own = grid.step(level, host: nil)
      let owner = own?.dimension == .shadow ? "shadow" : "guest"
      canvas.text(level == 0 ? "the page" : "\(owner) L\(level) entry", x: Self.margin, y: top + 28, class: "row")
      if let address = looked(up: level) {
        canvas.text("GPA \(WalkWords.hex(address.rawValue))", x: Self.margin, y: top + 47, class: "small mono")
      }
      var previous = Self.margin + Self.label - 30
      for (column, host) in grid.hostLevels.enumerated() {
        guard let step = grid.step(level, host: host) else { continue }
        canvas.arrow([(previous, middle), (x(column) - 3, middle)], name)
        draw(step, x(column), top)
        previous = x(column) + Self.cell.width
      }
      let last = x(columns - 1)
      if let own {
        canvas.arrow([(previous, middle), (last - 3, middle)], name)
        draw(own, last, top)
        if row + 1 < grid.rows.count { drawReturn(from: own, row) }
      } else if level == 0, case .mapped(let target) = walk.outcome, let address = target.hostAddress {
        canvas.arrow([(previous, middle), (last - 3, middle)], name)
        drawPage("HPA \(WalkWords.hex(address.rawValue))", "page of \(target.hostPage?.description ?? "")", last, top)
      }
    }
  }

  /// The line from a guest's entry back to the row that it leads to.
  private mutating func drawReturn(from step: WalkStep, _ row: Int) {
    let tone: Tone = step.dimension == .shadow ? .shadow : .guest
    let right = x(columns - 1) + Self.cell.width / 2
    let (from, turn, to) = (y(row) + Self.cell.height, y(row) + Self.cell.height + Self.gap.y / 2, y(row + 1) + 10)
    let end = Self.margin + 16
    canvas.arrow([(right, from), (right, turn), (end, turn), (end, to)], name, color: tone.stroke)
    let text =
      switch step.meaning {
      case .table(let address) where step.dimension == .shadow: "the next table is at HPA \(WalkWords.hex(address))"
      case .table(let address): "the next table is at GPA \(WalkWords.hex(address))"
      case .page(let address, let size): "the page of \(size) is at GPA \(WalkWords.hex(address & ~(size.bytes - 1)))"
      default: ""
      }
    let half = 7 * text.count / 2 + 8
    let middle = (right + end) / 2
    canvas.box(x: middle - half, y: turn - 10, width: 2 * half, height: 20, fill: "#FFFFFF", stroke: "none", radius: 0)
    canvas.text(text, x: middle, y: turn + 4, class: "small", anchor: "middle", fill: tone.ink)
  }

  /// The guest-physical address that a row looks up.
  private func looked(up level: Int) -> GuestPhysicalAddress? {
    if level > 0 {
      if let own = grid.step(level, host: nil) { return own.guestAddress }
    } else if case .page(let address, _)? = walk.steps.last(where: { $0.dimension == .guest })?.meaning {
      return GuestPhysicalAddress(address)
    }
    return switch walk.outcome {
    case .violation(_, let address), .misconfiguration(let address): address
    default: nil
    }
  }

  private mutating func drawRow() {
    let (top, middle) = (y(0), y(0) + Self.cell.height / 2)
    for (column, step) in walk.steps.enumerated() {
      canvas.text(
        "level \(step.level)", x: x(column) + Self.cell.width / 2, y: top - 14, class: "head", anchor: "middle", fill: Tone.guest.ink)
      if column > 0 { canvas.arrow([(x(column) - Self.gap.x, middle), (x(column) - 3, middle)], name) }
      draw(step, x(column), top)
    }
    guard case .mapped(let target) = walk.outcome else { return }
    let last = x(columns - 1)
    canvas.arrow([(last - Self.gap.x, middle), (last - 3, middle)], name)
    drawPage("PA \(WalkWords.hex(target.guestAddress.rawValue))", "page of \(target.guestPage)", last, top)
  }

  /// A reference.
  private mutating func draw(_ step: WalkStep, _ x: Int, _ y: Int) {
    let tone: Tone =
      switch step.meaning {
      case .table, .page:
        switch step.dimension {
        case .guest: .guest
        case .host: .host
        case .shadow: .shadow
        }
      case .notPresent, .malformed, .refused: .fault
      }
    let fill = tone == .host && walk.isRepeated(step) ? "#FFFFFF" : tone.fill
    canvas.box(x: x, y: y, width: Self.cell.width, height: Self.cell.height, fill: fill, stroke: tone.stroke, radius: 8)
    canvas.text(String(step.number), x: x + 11, y: y + 25, class: "number", fill: tone.ink)
    canvas.text("[\(step.index)]", x: x + Self.cell.width - 10, y: y + 24, class: "small mono", anchor: "end")
    let address = step.hostAddress?.rawValue ?? step.guestAddress?.rawValue ?? 0
    canvas.text("at \(WalkWords.hex(address))", x: x + 11, y: y + 42, class: "small mono")
    let flags = WalkWords.flags(step, of: walk).joined(separator: " ")
    canvas.text(flags.isEmpty ? "not present" : flags, x: x + 11, y: y + 57, class: "small")
  }

  /// Where the walk leads: no reference of its own.
  private mutating func drawPage(_ address: String, _ size: String, _ x: Int, _ y: Int) {
    canvas.box(
      x: x, y: y, width: Self.cell.width, height: Self.cell.height, fill: Tone.page.fill, stroke: Tone.page.stroke, radius: 8, dashes: "5 4"
    )
    canvas.text("the byte", x: x + 11, y: y + 24, class: "row", fill: Tone.page.ink)
    canvas.text(address, x: x + 11, y: y + 42, class: "small mono")
    canvas.text(size, x: x + 11, y: y + 57, class: "small")
  }

  /// How the walk ended, and what the colours mean.
  /// - Returns: the height of the whole.
  private mutating func drawEnding() -> Int {
    var place = bottom + 44
    let tone: Tone = if case .mapped = walk.outcome { .page } else { .fault }
    for line in WalkWords.wrapped(WalkWords.ending(walk), to: (width - 2 * Self.margin) / 8) {
      canvas.text(line, x: Self.margin, y: place, class: "end", fill: tone.ink)
      place += 21
    }
    place += 12
    var x = Self.margin
    var legend: [(fill: String, stroke: String, text: String)] = []
    func explain(_ tone: Tone, _ text: String, fill: String? = nil) { legend.append((fill ?? tone.fill, tone.stroke, text)) }
    if isNested { explain(.host, "the host's tables") }
    if WalkWords.repetition(walk) != nil { explain(.host, "a word read before", fill: "#FFFFFF") }
    if walk.shadowDepth > 0 { explain(.shadow, "the hypervisor's shadow tables") }
    explain(.guest, isNested ? "the guest's tables" : "tables")
    explain(tone, tone == .fault ? "where it stopped" : "the page")
    for (fill, stroke, text) in legend {
      canvas.box(x: x, y: place - 11, width: 16, height: 13, fill: fill, stroke: stroke, radius: 3)
      canvas.text(text, x: x + 23, y: place, class: "small")
      x += 48 + 7 * text.count
    }
    let note = "[ ] index of the entry in its table · at: where it lies in \(isNested ? "the host's memory" : "memory")"
    canvas.text(note, x: Self.margin, y: place + 24, class: "small")
    return place + 48
  }
}

/// The colours of a kind of box: those of the palette for its edge, tints of them inside, shades for words on white and on the tint.
private enum Tone {
  case host, guest, shadow, page, fault

  var stroke: String {
    switch self {
    case .host: Palette.blue
    case .guest: Palette.orange
    case .shadow: Palette.purple
    case .page: Palette.green
    case .fault: Palette.vermillion
    }
  }

  var fill: String {
    switch self {
    case .host: "#E9F3FA"
    case .guest: "#FDF3DC"
    case .shadow: "#F8EAF2"
    case .page: "#E4F5EF"
    case .fault: "#FBE8DD"
    }
  }

  var ink: String {
    switch self {
    case .host: "#00527F"
    case .guest: "#7A5200"
    case .shadow: "#7D3A60"
    case .page: "#00644A"
    case .fault: "#9A3F00"
    }
  }
}
