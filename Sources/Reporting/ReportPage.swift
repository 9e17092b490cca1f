internal import Addressing
internal import Laboratory
internal import Mustache
internal import PageSharing
internal import Scenarios

/// What `report.html` says, in the order in which it says it: what the template of that name is filled with.
struct ReportPage {
  let style = Self.style
  let name: String
  let description: String
  let seed: String
  let version: String
  let command: String
  let scenario: String
  let facts: [Fact]
  let notices: [Notice]
  let cards: [SummaryCard]
  let sections: [Section]
  /// A page walk of each way of paging.
  let walks: [DrawnWalk]
  let hasWalks: Bool
  let machines: MachineTable
  /// What the scanner counts of each machine.
  let profits: MachineTable
  let hasProfits: Bool
  let inputs: [ManifestInput.InputFile]
  let hasInputs: Bool
  let files: [File]

  /// A term and its value, under the title.
  struct Fact {
    let term: String
    let value: String
  }

  /// Something to know before the numbers.
  struct Notice {
    let title: String
    let items: [String]
    var hasItems: Bool
  }

  /// A part of the page about one question.
  struct Section {
    let id: String
    let heading: String
    let introduction: String
    let figures: [DrawnFigure]
  }

  /// A figure with its picture, or with the note that stands for it.
  struct DrawnFigure {
    let name: String
    let title: String
    let subheading: String?
    let caption: String
    let picture: String
    let hasFiles: Bool
    let rowsNote: String
    let table: Table
  }

  /// A table of texts.
  struct Table {
    let columns: [Cell]
    let rows: [Row]
  }

  /// The table of machines, each row headed by a name.
  struct MachineTable {
    let columns: [Cell]
    let rows: [Row]
  }

  /// A row.
  struct Row {
    var name = ""
    let cells: [Cell]
  }

  /// A cell and how it is set: `text` for words, nothing for numbers.
  struct Cell {
    let text: String
    let tone: String
  }

  /// A file beside the report.
  struct File {
    let name: String
    let meaning: String
  }

  /// Rows of a figure's table that the page lists at most.
  static let rowLimit = 200
}

extension ReportPage {
  /// The style sheet of all pages.
  static var style: String { String(decoding: PackageResources.style_css, as: UTF8.self) }

  /// The page as HTML.
  var html: String { Self.render(self, PackageResources.report_mustache) }

  /// Fills one of memlab's own templates.
  static func render(_ page: Any, _ template: [UInt8]) -> String {
    MustacheContentTypes.register(HTMLText(), named: "MARKUP")
    do {
      return try MustacheTemplate(string: String(decoding: template, as: UTF8.self)).render(page)
    } catch {
      preconditionFailure("the report's own template does not parse: \(error)")
    }
  }

  /// Gathers the page.
  /// - Parameter pictures: the SVG text of each figure that was drawn, by its name.
  init(_ result: RunResult, manifest: ManifestInput, figures: [Figure], pictures: [String: String]) {
    name = result.scenario.name
    description = result.scenario.description
    seed = String(result.scenario.seed)
    version = manifest.version
    command = manifest.reproduction(seed: result.scenario.seed)
    scenario = manifest.resolvedScenario
    facts = (manifest.variant.map { [Fact(term: "Variant", value: $0.name)] } ?? []) + Self.facts(of: result)
    notices = Self.notices(about: result, undrawn: figures.filter { $0.script != nil && pictures[$0.name] == nil })
    cards = SummaryCard.all(of: result)
    let run = result.scenario
    sections = Self.sections(figures, pictures).filter { section in
      switch section.id {
      case "sharing", "scanner": run.showsSharing
      case "ballooning": !run.runsStreams || run.vms.contains(where: \.balloon)
      default: true
      }
    }
    walks = result.walks.map(DrawnWalk.init)
    hasWalks = !walks.isEmpty
    machines = Self.machineTable(result)
    profits = Self.profitTable(result)
    hasProfits = result.vms.contains { $0.ksm != KSMProcessStatistics() }
    inputs = manifest.inputs.map { .init(path: $0.path == manifest.scenarioFile ? manifest.scenarioName : $0.path, sha256: $0.sha256) }
    hasInputs = !inputs.isEmpty
    files = Self.files
  }

  private static func facts(of result: RunResult) -> [Fact] {
    [
      Fact(term: "Virtual time", value: "\(Wording.seconds(result.virtualNanoseconds))\u{a0}s"),
      Fact(term: "Host memory", value: ByteSize(bytes: result.host.totalBytes).rounded),
      Fact(term: "Machines", value: String(result.vms.count)),
      Fact(term: "Scanner", value: result.scenario.sharing.scanner.rawValue),
      Fact(term: "Policy", value: result.scenario.overcommit.policy),
      Fact(term: "Seed", value: String(result.scenario.seed)),
    ]
  }

  private static func notices(about result: RunResult, undrawn: [Figure]) -> [Notice] {
    var notices: [(String, [String])] = []
    if result.state == .partial {
      let (reached, planned) = (Wording.seconds(result.virtualNanoseconds), Wording.seconds(result.scenario.durationNanoseconds))
      notices.append(("Interrupted: this report covers \(reached) s of the \(planned) s that the scenario asks for.", []))
    }
    if !result.failedExpectations.isEmpty { notices.append(("Expectations of the scenario that do not hold:", result.failedExpectations)) }
    if result.audit.violations > 0 {
      notices.append(
        (
          "The audit found \(Wording.grouped(result.audit.violations)) breaches of the laws; the numbers cannot be trusted.",
          result.audit.messages
        ))
    }
    if let stale = result.stale, stale.byHypervisor + stale.byGuest > 0 {
      notices.append(("Accesses went through stale translations: \(stale.text).", stale.findings))
    }
    if !undrawn.isEmpty { notices.append(("Figures were not drawn; their tables stand in for them.", undrawn.map(\.title))) }
    return notices.map { Notice(title: $0.0, items: $0.1, hasItems: !$0.1.isEmpty) }
  }

  /// The sections with figures, each answering one question.
  private static func sections(_ figures: [Figure], _ pictures: [String: String]) -> [Section] {
    let plan: [(id: String, heading: String, introduction: String, figures: [String])] = [
      (
        "sharing", "What is saved: zero, self, inter-VM",
        "Equal pages need one frame. Whose pages they are decides what a host without the scanner, or with other neighbours, would lose.",
        ["saved-pages"]
      ),
      (
        "scanner", "The scanner: what it counts and what it costs",
        "Its own counters lag behind the memory: it learns of a write when it comes by again. Its work is counted in operations, each with its cost.",
        ["scanner-pages", "scanner-cpu"]
      ),
      ("host", "Host memory over time", "Where the host's frames are, and what it holds without a frame.", ["host-memory"]),
      ("shares", "Each machine's share", "All panels have one scale, so that machines can be compared.", ["machine-shares"]),
      (
        "ballooning", "Balloons: target, actual, host gain",
        "A balloon follows its target as fast as its guest gives pages up, and the host gains only frames that those pages had.",
        ["balloons"]
      ),
      (
        "translation", "Translation",
        "What the guests' accesses cost between a virtual address and a frame, and how often a machine had to leave its guest for the hypervisor.",
        ["translation", "exits", "cycles"]
      ),
    ]
    return plan.map { section in
      let drawn = section.figures.compactMap { name in figures.first { $0.name == name } }
      return Section(
        id: section.id, heading: section.heading, introduction: section.introduction,
        figures: drawn.map { DrawnFigure($0, picture: pictures[$0.name], alone: drawn.count == 1) })
    }
  }

  private static func machineTable(_ result: RunResult) -> MachineTable {
    let columns = [
      ("Machine", "text"), ("Paging", "text"), ("Private (MiB)", ""), ("Shared (MiB)", ""), ("Swapped (MiB)", ""),
      ("Balloon target (MiB)", ""),
      ("Balloon actual (MiB)", ""), ("Host gain (MiB)", ""), ("TLB misses (%)", ""), ("References per walk", ""), ("Exits", ""),
      ("Slowdown", ""),
    ]
    let rows = result.vms.map { vm in
      let numbers = [
        Wording.mebibytes(vm.privateBytes), Wording.mebibytes(vm.sharedBytes), Wording.mebibytes(vm.swappedBytes),
        Wording.mebibytes(vm.balloonTargetBytes), Wording.mebibytes(vm.balloonActualBytes), Wording.mebibytes(vm.balloonFreedBytes),
        Wording.fixed(vm.tlbMissRate * 100, decimals: 2), Wording.fixed(vm.referencesPerWalk, decimals: 2), Wording.grouped(vm.allExits),
        Wording.fixed(vm.slowdown, decimals: 2),
      ]
      return Row(
        name: vm.name,
        cells: [Cell(text: vm.isRunning ? vm.paging : "\(vm.paging), \(Wording.name(vm.state))", tone: "text")]
          + numbers.map { Cell(text: $0, tone: "") })
    }
    return MachineTable(columns: columns.map { Cell(text: $0.0, tone: $0.1) }, rows: rows)
  }

  private static func profitTable(_ result: RunResult) -> MachineTable {
    let columns = [("Machine", "text"), ("Merging pages", ""), ("Zero pages", ""), ("Items", ""), ("Profit (MiB)", "")]
    let rows = result.vms.map { vm in
      let numbers = [
        Wording.grouped(vm.ksm.mergingPages), Wording.grouped(vm.ksm.zeroPages), Wording.grouped(vm.ksm.rmapItems),
        Wording.fixed(Double(vm.ksm.profit) / 0x1p20, decimals: 2),
      ]
      return Row(name: vm.name, cells: numbers.map { Cell(text: $0, tone: "") })
    }
    return MachineTable(columns: columns.map { Cell(text: $0.0, tone: $0.1) }, rows: rows)
  }

  private static let files = [
    File(name: "summary.json", meaning: "the state at the end, for scripts"),
    File(name: "timeline.csv", meaning: "every metric at every sample, one value a line"),
    File(name: "vms.csv", meaning: "a row for each machine at the end"),
    File(name: "metrics.csv", meaning: "the unit and the definition of each metric"),
    File(name: "results.sqlite", meaning: "all of this as a database; its schema says what each column holds"),
    File(name: "manifest.json", meaning: "version, arguments, inputs and wall times"),
  ]
}

extension ReportPage.DrawnFigure {
  init(_ figure: Figure, picture: String?, alone: Bool) {
    let inline = picture.flatMap { InlineSVG.element($0, figure: figure.name, title: figure.title, description: figure.alternative) }
    let missing = figure.script == nil ? figure.nothing : "The figure was not drawn; its table below has the numbers."
    let all = figure.table.count
    let note =
      all > ReportPage.rowLimit
      ? "\(ReportPage.rowLimit) rows at even distances; \(figure.name).csv beside this report has all \(Wording.grouped(UInt64(all))) rows."
      : "All \(all) rows."
    self.init(
      name: figure.name, title: figure.title, subheading: alone ? nil : figure.title, caption: figure.caption,
      picture: inline ?? "<p><strong>\(missing)</strong> \(HTMLText.escaped(figure.alternative))</p>", hasFiles: figure.script != nil,
      rowsNote: note,
      table: .init(
        columns: figure.table.columns.map { .init(text: $0.headingWithUnit, tone: $0.unit == .text ? "text" : "") },
        rows: figure.table.rows(limit: ReportPage.rowLimit).map { row in
          .init(cells: zip(row, figure.table.columns).map { .init(text: $0, tone: $1.unit == .text ? "text" : "") })
        }))
  }
}

extension FigureTable.Column {
  /// The heading, with the unit in which people read the values.
  var headingWithUnit: String {
    switch unit {
    case .bytes: "\(heading) (MiB)"
    case .ratio: "\(heading) (%)"
    case .text, .time, .count, .real: heading
    }
  }
}

extension VMSummary {
  /// Its exits for all reasons.
  var allExits: UInt64 { exits.reduce(0) { $0.addingReportingOverflow($1.count).partialValue } }
}
