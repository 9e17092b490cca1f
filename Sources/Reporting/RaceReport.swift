public import Laboratory
internal import Foundation
internal import PageSharing
internal import Scenarios

/// A race's report: a run's report for each variant, and a page that compares them.
///
/// `summary.json` and `variants.csv` hold every variant's numbers, `report.html` and `figures/` set them side by side, and `variants/NAME/` is the
/// folder that a run of the variant alone would write, but for the names in its manifest and on its page.
public enum RaceReport {
  /// The folder of the variants' own reports.
  static let variantsFolder = "variants"

  /// Writes everything about a race into a folder. Variants that did not run have no folder.
  /// - Parameters:
  ///   - path: the folder: a new one, an empty one, or that of an older run, which is replaced.
  ///   - threads: how many figures are drawn at a time; with 0, none is: their numbers and scripts are written all the same.
  /// - Returns: what the report had to do without, each in words.
  /// - Throws: why it could not be written; then the folder is as it was.
  @discardableResult
  public static func write(_ race: RaceResult, manifest: ManifestInput, to path: String, threads: Int = 2) async throws(ReportingError)
    -> [String]
  {
    let folder = try OutputFolder(path)
    let warnings: [String]
    do {
      warnings = try await stage(race, manifest, in: folder.staging, threads: threads)
    } catch {
      folder.discard()
      throw ReportingError(error, writing: path)
    }
    try folder.commit()
    return warnings
  }

  private static func stage(_ race: RaceResult, _ manifest: ManifestInput, in folder: URL, threads: Int) async throws -> [String] {
    var warnings: [String] = []
    for entry in race.entries {
      guard let result = entry.result else { continue }
      let own = folder.appendingPathComponent(variantsFolder, isDirectory: true).appendingPathComponent(entry.spec.name, isDirectory: true)
      try FileManager.default.createDirectory(at: own, withIntermediateDirectories: true)
      warnings += try await RunReport.stage(result, manifest.of(entry.spec, result.scenario), in: own, threads: threads)
    }
    try RunReport.write(race.summary.text(), to: folder, "summary.json")
    try RunReport.write(race.table.text, to: folder, "variants.csv")
    try RunReport.write(manifest.document(state: race.state, seed: race.scenario.seed).text(), to: folder, "manifest.json")
    let figures = Figure.all(of: race)
    let (pictures, lacking) = try await FigureFiles.write(
      figures, to: folder.appendingPathComponent("figures", isDirectory: true), threads: threads)
    try RunReport.write(RacePage(race, manifest: manifest, figures: figures, pictures: pictures).html, to: folder, "report.html")
    // Each report lacks the same for the same reason.
    return (warnings + lacking).reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
  }

  /// The variants' main numbers, one a row: the content of `variants.csv`.
  public static func csvText(_ race: RaceResult) -> String { race.table.text }

  /// What a race found, as plain text for a terminal.
  public static func summaryText(_ race: RaceResult) -> String {
    let (name, seed) = (Wording.line(race.scenario.name, limit: 30), race.scenario.seed)
    var lines = ["\(name)   seed \(seed), \(race.entries.count) variants", ""]
    if race.showsSharing { lines += sharingTable(race) }
    if race.scenario.runsStreams {
      if race.showsSharing { lines.append("") }
      let totals = race.entries.map { (Wording.line($0.spec.name, limit: 24), TranslationTotals($0.result?.vms ?? [])) }
      lines += TranslationTotals.text("variant", totals)
    }
    for entry in race.entries {
      if let captures = entry.result?.captures { lines.append("captures of \(Wording.line(entry.spec.name, limit: 24)), \(captures.text)") }
    }
    for entry in race.entries where entry.result?.state != .complete {
      lines.append("variant \(entry.spec.name): \(entry.result == nil ? "did not run" : "interrupted, its numbers are of that moment")")
    }
    for line in stoppedMachines(of: race) { lines.append("variant \(line)") }
    for entry in race.entries {
      guard let audit = entry.result?.audit, audit.violations > 0 else { continue }
      lines.append("variant \(entry.spec.name): \(audit.violations) violations of the laws")
    }
    for entry in race.entries {
      if let stale = entry.result?.stale { lines.append("variant \(Wording.line(entry.spec.name, limit: 24)): \(stale.text)") }
    }
    for expectation in race.failedExpectations { lines.append("does not hold: \(Wording.line(expectation, limit: 120))") }
    return lines.map { $0.replacing("\u{a0}", with: " ") }.joined(separator: "\n") + "\n"
  }

  /// What each variant saves.
  private static func sharingTable(_ race: RaceResult) -> [String] {
    let header = [
      "variant", "saved MiB", "mean MiB", "zero", "self", "inter", "merges", "copies", "first merge", "visits", "CPU s", "slowdown",
    ]
    let rows = race.entries.map { entry in
      guard let result = entry.result else { return [Wording.line(entry.spec.name, limit: 24)] + header.dropFirst().map { _ in "-" } }
      let cells = RaceCells(result)
      return [
        Wording.line(entry.spec.name, limit: 24), cells.saved, cells.mean, cells.zero, cells.own, cells.inter, cells.merges, cells.copies,
        cells.firstMerge, cells.visits, cells.seconds, cells.slowdown,
      ]
    }
    return TextTable.lines(header, rows)
  }
}

extension RaceResult {
  /// Whether any variant has something to say about sharing.
  var showsSharing: Bool { scenario.showsSharing || entries.contains { $0.result?.scenario.showsSharing ?? false } }
}

extension RaceReport {
  /// The variants in which the host had no memory left, each with the machines that it stopped: what those would have used is missing in the
  /// variant's numbers.
  static func stoppedMachines(of race: RaceResult) -> [String] {
    race.entries.compactMap { entry in
      let names = entry.result?.vms.filter { $0.state == .stopped }.map(\.name) ?? []
      guard let first = names.first else { return nil }
      let others = names.count > 1 ? " and \(names.count - 1) more" : ""
      return "\(entry.spec.name): the host had no memory left and stopped \(Wording.line(first, limit: 40))\(others)"
    }
  }
}

/// A variant's main numbers as people read them.
struct RaceCells {
  let saved: String
  let mean: String
  let zero: String
  let own: String
  let inter: String
  let merges: String
  let copies: String
  let firstMerge: String
  let visits: String
  let seconds: String
  let slowdown: String

  init(_ result: RunResult) {
    let (row, sharing) = (RaceRow(result), result.sharing)
    saved = Wording.mebibytes(sharing.savedBytes)
    mean = Wording.mebibytes(row["saved_mean_bytes"].map { UInt64($0.number) } ?? 0)
    (zero, own, inter) = (Wording.grouped(sharing.savedZero), Wording.grouped(sharing.savedSelf), Wording.grouped(sharing.savedInter))
    (merges, copies) = (Wording.grouped(sharing.merges), Wording.grouped(sharing.cowBreaks + sharing.accessBreaks))
    firstMerge = sharing.firstMergeNanoseconds.map { "\(Wording.fixed(Double($0) / 1e9, decimals: 2)) s" } ?? "never"
    visits = Wording.grouped(sharing.work.visits)
    seconds = Wording.fixed(Double(sharing.scannerNanoseconds) / 1e9, decimals: 2)
    slowdown = row["slowdown_mean"].map { "\(Wording.fixed($0.number, decimals: 2))x" } ?? "–"
  }
}
