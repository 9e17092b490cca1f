import Foundation
import Testing

/// Every scenario that is shipped gives the numbers of its reference: what each variant saves, when, and for how much work, to the last
/// page.
///
/// The references of scenarios with variants are their `variants.csv`, in Reports/sharing; the quickstart has a whole report
/// (`QuickstartTests`).
@Suite(.serialized) struct ReferenceTests {
  private static let workloads = MemlabProcess.repository.appendingPathComponent("Workloads")
  private static let references = MemlabProcess.repository.appendingPathComponent("Reports/sharing")

  /// The names of a folder's files of one kind, without their ends.
  private static func names(_ folder: URL, _ end: String) -> [String] {
    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return files.filter { $0.hasSuffix(end) }.map { String($0.dropLast(end.count)) }.sorted()
  }

  private static let scenarios = names(workloads, ".yaml").filter { $0 != "quickstart" }

  @Test("Every shipped scenario has a reference, and every reference a scenario; `make reference` writes them")
  func complete() { #expect(Self.scenarios == Self.names(Self.references, ".csv")) }

  @Test("Its numbers are those of the reference; where a change is meant, `make reference` accepts it", arguments: scenarios)
  func equal(_ name: String) throws {
    let shop = try Workshop()
    let file = Self.workloads.appendingPathComponent(name + ".yaml").path
    let arguments = ["run", file, "--out", "out", "--quiet", "--no-figures", "--no-audit", "--format", "csv"]
    let outcome = try MemlabProcess.run(arguments, in: shop, within: 600)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let expected = try String(contentsOf: Self.references.appendingPathComponent(name + ".csv"), encoding: .utf8)
    let differences = Self.differences(expected, outcome.text)
    #expect(differences.isEmpty, "\(name): \(differences.joined(separator: "; ")). If this is meant, `make reference` accepts it.")
  }

  /// The cells in which two tables with a header and named rows differ, each in words.
  private static func differences(_ expected: String, _ found: String) -> [String] {
    let tables = [expected, found].map { text in
      text.split(separator: "\n").map { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) }
    }
    guard let header = tables[0].first, header == tables[1].first else { return ["the columns differ"] }
    guard tables[0].map(\.first) == tables[1].map(\.first) else { return ["the variants differ"] }
    return zip(tables[0], tables[1]).flatMap { old, new in
      zip(header, zip(old, new)).filter { $0.1.0 != $0.1.1 }.map { "\(old[0]).\($0.0): the reference has \($0.1.0), this run \($0.1.1)" }
    }
  }
}
