internal import Addressing
internal import Laboratory
internal import PageSharing
internal import Scenarios

/// What the page that compares the variants of a race says: what the template `variants` is filled with.
struct RacePage {
  let style = ReportPage.style
  let name: String
  let description: String
  let seed: String
  let version: String
  let command: String
  let scenario: String
  let facts: [ReportPage.Fact]
  let notices: [ReportPage.Notice]
  let columns: [ReportPage.Cell]
  let rows: [Row]
  let variants: [Variant]
  let sections: [ReportPage.Section]
  let inputs: [ManifestInput.InputFile]
  let hasInputs: Bool
  let files: [ReportPage.File]

  /// A variant in the table.
  struct Row {
    let name: String
    /// Where its own report is; nil if it has none.
    let link: String?
    let cells: [ReportPage.Cell]
  }

  /// A variant and what it changes.
  struct Variant {
    let name: String
    let description: String
    let hasDescription: Bool
    let settings: [String]
    let hasSettings: Bool
  }

  init(_ race: RaceResult, manifest: ManifestInput, figures: [Figure], pictures: [String: String]) {
    name = race.scenario.name
    description = race.scenario.description
    seed = String(race.scenario.seed)
    version = manifest.version
    command = manifest.reproduction(seed: race.scenario.seed)
    scenario = manifest.resolvedScenario
    facts = [
      .init(term: "Variants", value: String(race.entries.count)),
      .init(term: "Virtual time", value: "\(Wording.seconds(race.scenario.durationNanoseconds))\u{a0}s each"),
      .init(term: "Host memory", value: race.scenario.host.memory.rounded), .init(term: "Machines", value: String(race.scenario.vms.count)),
      .init(term: "Seed", value: seed),
    ]
    notices = Self.notices(about: race, undrawn: figures.filter { $0.script != nil && pictures[$0.name] == nil })
    let captured = race.hasCaptures ? Self.captureHeadings : []
    let (shares, streams) = (race.showsSharing, race.scenario.runsStreams)
    let hypercalls = race.entries.contains { TranslationTotals($0.result?.vms ?? []).hypercalls > 0 }
    let headings = (shares ? Self.headings : []) + (streams ? Self.translationHeadings(hypercalls: hypercalls) : []) + captured
    columns = headings.map { .init(text: $0.text, tone: $0.tone) }
    rows = race.entries.map { entry in
      guard let result = entry.result else { return Self.missing(entry, headings) }
      let texts =
        (shares ? Self.sharingCells(result) : []) + (streams ? Self.translationCells(result, hypercalls: hypercalls) : [])
        + (captured.isEmpty ? [] : result.captures?.cells ?? captured.map { _ in "–" })
      return Row(
        name: entry.spec.name, link: "\(RaceReport.variantsFolder)/\(entry.spec.name)/report.html",
        cells: zip(texts, headings).map { .init(text: $0, tone: $1.tone) })
    }
    variants = race.entries.map { entry in
      let settings = entry.spec.settings.map { "\($0.path): \($0.value)" }
      return Variant(
        name: entry.spec.name, description: entry.spec.description, hasDescription: !entry.spec.description.isEmpty, settings: settings,
        hasSettings: !settings.isEmpty)
    }
    sections = [
      .init(
        id: "curves", heading: shares ? "What it saves, when, and for how much work" : "What an access costs, by cause",
        introduction: "Every variant is the same scenario with the same seed: the guests do the same, as far as the settings let them.",
        figures: figures.map { .init($0, picture: pictures[$0.name], alone: false) })
    ]
    inputs = manifest.inputs.map { .init(path: $0.path == manifest.scenarioFile ? manifest.scenarioName : $0.path, sha256: $0.sha256) }
    hasInputs = !inputs.isEmpty
    files = [
      .init(name: "summary.json", meaning: "each variant's state at the end, for scripts"),
      .init(name: "variants.csv", meaning: "a row for each variant"),
      .init(name: "manifest.json", meaning: "version, arguments, inputs and wall times"),
    ]
  }

  /// The page as HTML.
  var html: String { ReportPage.render(self, PackageResources.variants_mustache) }

  private static let headings: [(text: String, tone: String)] = [
    ("Scanner", "text"), ("Saved (MiB)", ""), ("Saved on average (MiB)", ""), ("Zero (pages)", ""), ("Self (pages)", ""),
    ("Inter-VM (pages)", ""),
    ("Merges", ""), ("Copies on write", ""), ("First merge", ""), ("Pages visited", ""), ("Scanner CPU (s)", ""), ("Slowdown (mean)", ""),
  ]

  private static let captureHeadings: [(text: String, tone: String)] = [
    ("Stable in all captures", ""), ("Saved in the last capture (pages)", ""), ("Saved by stable pages", ""),
  ]

  /// The main numbers of translation, those of hypercalls where some variant makes any. Cycles by cause are in their figure's table: beside
  /// these columns they would not fit on a page.
  private static func translationHeadings(hypercalls: Bool) -> [(text: String, tone: String)] {
    let all = [
      ("Paging", "text"), ("Accesses", ""), ("TLB misses", ""), ("TLB misses (%)", ""), ("References per walk", ""),
      ("Cycles per access", ""), ("Exits", ""),
    ]
    return hypercalls ? all + [("Hypercalls", ""), ("Updates in hypercalls", "")] : all
  }

  private static func translationCells(_ result: RunResult, hypercalls: Bool) -> [String] {
    let totals = TranslationTotals(result.vms)
    let paging = result.vms.reduce(into: [String]()) { if !$0.contains($1.paging) { $0.append($1.paging) } }
    return [paging.joined(separator: ", ")] + totals.counts(hypercalls: hypercalls)
  }

  private static func missing(_ entry: Race.Entry, _ headings: [(text: String, tone: String)]) -> Row {
    let cells = headings.enumerated().map { ReportPage.Cell(text: $0 == 0 ? "did not run" : "–", tone: $1.tone) }
    return Row(name: entry.spec.name, link: nil, cells: cells)
  }

  private static func sharingCells(_ result: RunResult) -> [String] {
    let cells = RaceCells(result)
    let scanner = result.scenario.sharing.scanner.rawValue + (result.state == .partial ? ", interrupted" : "")
    return [
      scanner, cells.saved, cells.mean, cells.zero, cells.own, cells.inter, cells.merges, cells.copies, cells.firstMerge, cells.visits,
      cells.seconds, cells.slowdown,
    ]
  }

  private static func notices(about race: RaceResult, undrawn: [Figure]) -> [ReportPage.Notice] {
    var notices: [(String, [String])] = []
    let unfinished = race.entries.filter { $0.result?.state != .complete }.map { entry in
      entry.result.map { "\(entry.spec.name): up to \(Wording.seconds($0.virtualNanoseconds)) s" } ?? "\(entry.spec.name): did not run"
    }
    if !unfinished.isEmpty { notices.append(("Interrupted: these variants did not reach their ends.", unfinished)) }
    let stopped = RaceReport.stoppedMachines(of: race)
    if !stopped.isEmpty {
      notices.append(("Hosts too small: what the stopped machines would have used is missing in these numbers.", stopped))
    }
    if !race.failedExpectations.isEmpty { notices.append(("Expectations of the scenario that do not hold:", race.failedExpectations)) }
    let broken = race.entries.filter { $0.result?.audit.violations ?? 0 > 0 }.map(\.spec.name)
    if !broken.isEmpty { notices.append(("The audit found breaches of the laws; these variants' numbers cannot be trusted.", broken)) }
    if !undrawn.isEmpty { notices.append(("Figures were not drawn; their tables stand in for them.", undrawn.map(\.title))) }
    return notices.map { .init(title: $0.0, items: $0.1, hasItems: !$0.1.isEmpty) }
  }
}
