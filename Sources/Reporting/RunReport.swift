public import Laboratory
internal import Foundation
internal import Scenarios

/// # Reporting: a run becomes files
///
/// The idea: a result is written once, whole, for each of its readers. A script reads `summary.json`; a spreadsheet or a data frame reads the CSV
/// files; a question that needs a query reads `results.sqlite`; a person opens `report.html`, which holds its pictures, tables
/// and definitions and asks the network for nothing; whoever redraws a picture finds its numbers and its script in `figures/`.
///
/// Invariant: every file but `manifest.json` is a function of the result, the resolved scenario, the version, and the versions of SQLite and gnuplot.
/// No wall time, path, host name, locale or hash order enters them, so equal runs give equal bytes and a difference is a finding.
///
/// Why it holds: documents and tables are lists, never dictionaries; numbers are printed by Swift's own shortest description; the database
/// is written by one connection in fixed transactions, then vacuumed; the figures' terminal gets a fixed size, font name and identifiers.
///
/// When it may not: another version of SQLite writes its number into the file's header, and another gnuplot may place a label elsewhere. Without gnuplot
/// the figures are missing: the report says so, shows their tables, and `write` returns a warning.
///
/// Nothing partial replaces an older result: see `OutputFolder`.
public enum RunReport {
  /// Checks that a report can be written to a folder, without writing anything: worth asking before a long run.
  public static func check(path: String) throws(ReportingError) {
    try OutputFolder.check(path)
  }

  /// Where the report of a run that ended in some state goes: to a path, or beside it where an interrupted run's would replace a complete one.
  public static func place(of path: String, for state: RunState) -> String {
    state == .partial ? OutputFolder.placeForPartial(path) : path
  }

  /// Checks that none of a run's inputs lies where the report in a folder would replace it.
  public static func check(path: String, keeping inputs: [String]) throws(ReportingError) {
    try OutputFolder.check(path, keeping: inputs)
  }

  /// Writes everything about a run into a folder.
  /// - Parameters:
  ///   - path: the folder: a new one, an empty one, or that of an older run, which is replaced.
  ///   - threads: how many figures are drawn at a time; with 0, none is: their numbers and scripts are written all the same.
  /// - Returns: what the report had to do without, each in words.
  /// - Throws: why it could not be written; then the folder is as it was.
  @discardableResult
  public static func write(_ result: RunResult, manifest: ManifestInput, to path: String, threads: Int = 2) async throws(ReportingError)
    -> [String]
  {
    let folder = try OutputFolder(path)
    let warnings: [String]
    do {
      warnings = try await stage(result, manifest, in: folder.staging, threads: threads)
    } catch {
      folder.discard()
      throw ReportingError(error, writing: path)
    }
    try folder.commit()
    return warnings
  }

  static func stage(_ result: RunResult, _ manifest: ManifestInput, in folder: URL, threads: Int) async throws -> [String] {
    try write(result.summary.text(), to: folder, "summary.json")
    try write("", to: folder, "timeline.csv")
    let timeline = try FileHandle(forWritingTo: folder.appendingPathComponent("timeline.csv"))
    try ResultTables.timeline(result) { try timeline.write(contentsOf: Data($0.utf8)) }
    try timeline.close()
    try write(ResultTables.vms(result).text, to: folder, "vms.csv")
    try write(ResultTables.metrics(result).text, to: folder, "metrics.csv")
    try write(manifest.document(state: result.state, seed: result.scenario.seed).text(), to: folder, "manifest.json")
    try ResultDatabase.write(result, to: folder.appendingPathComponent("results.sqlite").path)
    let figures = Figure.all(of: result)
    let (pictures, warnings) = try await FigureFiles.write(
      figures, to: folder.appendingPathComponent("figures", isDirectory: true), threads: threads)
    let page = ReportPage(result, manifest: manifest, figures: figures, pictures: pictures)
    try write(page.html, to: folder, "report.html")
    return warnings
  }

  static func write(_ text: String, to folder: URL, _ name: String) throws {
    try Data(text.utf8).write(to: folder.appendingPathComponent(name))
  }
}
