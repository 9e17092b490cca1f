import Foundation
import PageSharing
import Testing

@testable import Laboratory
@testable import Reporting
@testable import Scenarios

@Suite("The report of a race")
struct RaceReportTests {
  /// Two variants that ran and one that did not.
  private func race() -> RaceResult {
    var first = RunFixture.fourGuests(samples: 4)
    first.sharing.firstMergeNanoseconds = 1_500_000_000
    var second = first
    second.sharing.savedPages = 1
    second.sharing.firstMergeNanoseconds = nil
    let specs = [
      VariantSpec(name: "ksm", description: "The kernel.", settings: [], expectations: []),
      VariantSpec(
        name: "slow", description: "", settings: [VariantSetting(path: "sharing.pages_to_scan", value: "1")], expectations: []),
      VariantSpec(name: "late", description: "", settings: [VariantSetting(path: "seed", value: "1")], expectations: []),
    ]
    var scenario = first.scenario
    scenario.variants = specs
    return RaceResult(
      scenario: scenario, entries: zip(specs, [first, second, nil]).map { Race.Entry(spec: $0, result: $1) }, failedExpectations: [])
  }

  private func files(_ folder: URL) throws -> Set<String> {
    Set(try FileManager.default.subpathsOfDirectory(atPath: folder.path).filter { !$0.hasPrefix("figures/") && !$0.contains("/figures") })
  }

  @Test("has a run's report for each variant that ran, and a page, a table and a summary that compare them")
  func everything() async throws {
    let folder = try TemporaryFolder()
    let out = folder.url.appendingPathComponent("out")
    _ = try await RaceReport.write(race(), manifest: RunFixture.manifest(), to: out.path)
    let own = ["summary.json", "timeline.csv", "vms.csv", "metrics.csv", "results.sqlite", "report.html", "manifest.json"]
    var expected: Set = [
      "summary.json", "variants.csv", "report.html", "manifest.json", "figures", "variants", "variants/ksm", "variants/slow",
    ]
    for name in ["ksm", "slow"] { expected.formUnion(own.map { "variants/\(name)/\($0)" }) }
    #expect(try files(out) == expected)
    let page = try String(contentsOf: out.appendingPathComponent("report.html"), encoding: .utf8)
    for link in ["variants/ksm/report.html", "variants/slow/report.html"] { #expect(page.contains("href=\"\(link)\"")) }
    #expect(!page.contains("variants/late/report.html") && page.contains("late: did not run"))
    for figure in ["variants-saved", "variants-cost"] { #expect(page.contains("figures/\(figure).csv")) }
    let variant = try String(contentsOf: out.appendingPathComponent("variants/slow/report.html"), encoding: .utf8)
    // The command that gives the variant alone.
    #expect(variant.contains("--set sharing.pages_to_scan=1 --set") && variant.contains("variants=[]"))
    // A single run's report in the same folder takes all of it away.
    try await RunReport.write(RunFixture.fourGuests(samples: 2), manifest: RunFixture.manifest(), to: out.path)
    #expect(try files(out) == Set(own + ["figures"]))
  }

  @Test("names each variant's numbers by paths that expectations can use")
  func paths() throws {
    var race = race()
    #expect(race.summary.number(at: "variants.slow.sharing.saved_pages") == 1)
    #expect(race.summary.number(at: "variants.ksm.sharing.first_merge_ns") == 1_500_000_000)
    #expect(race.summary.value(at: "variants.slow.sharing.first_merge_ns") == .null)
    #expect(race.summary.value(at: "variants.late.state") == .string("missing"))
    #expect(race.summary.value(at: "state") == .string("partial"))
    race.scenario.expectations = [
      Expectation(path: "variants.ksm.sharing.saved_pages", comparison: .less, value: .result("variants.slow.sharing.saved_pages")),
      Expectation(path: "variants.slow.sharing.first_merge_ns", comparison: .less, value: 5),
      // That one did not run, which is not to be held against it.
      Expectation(path: "variants.late.sharing.saved_pages", comparison: .greater, value: .result("variants.ksm.sharing.saved_pages")),
      Expectation(path: "audit.violations", comparison: .equal, value: 0),
    ]
    race.entries[0].result?.scenario.expectations = [Expectation(path: "sharing.saved_pages", comparison: .equal, value: 0)]
    let judged = RunVerdict.judge(race)
    let saved = try #require(race.summary.number(at: "variants.ksm.sharing.saved_pages")).description.dropLast(2)
    #expect(
      judged.failedExpectations == [
        "variant ksm: sharing.saved_pages == 0: it is \(saved)",
        "variants.ksm.sharing.saved_pages < variants.slow.sharing.saved_pages: they are \(saved) and 1",
        "variants.slow.sharing.first_merge_ns < 5: variants.slow.sharing.first_merge_ns has no value, since it never came about",
      ])
    #expect(judged.entries[0].result?.failedExpectations.count == 1)
  }

  @Test("has a row for each variant, and averages over the samples")
  func table() throws {
    let rows = RaceReport.csvText(race()).split(separator: "\n").map { $0.split(separator: ",", omittingEmptySubsequences: false) }
    #expect(rows.count == 4 && rows.allSatisfy { $0.count == rows[0].count })
    #expect(rows.map { $0[0] } == ["name", "ksm", "slow", "late"] && rows.map { $0[1] } == ["state", "complete", "complete", "missing"])
    let result = RunFixture.fourGuests(samples: 4)
    let saved = result.timeline.filter { $0.metric == .savedBytes }.map(\.value.number)
    #expect(saved.count == 5)
    let mean = try #require(RaceRow(result)["saved_mean_bytes"]).number
    #expect((mean - saved.reduce(0, +) / 5).magnitude <= 1)
  }

  @Test("on a terminal has a line for each variant, and says what is missing")
  func text() {
    let text = RaceReport.summaryText(race())
    for word in ["ksm", "slow", "variant late: did not run", "never", "1.50 s"] { #expect(text.contains(word), "\(word)") }
    #expect(text.split(separator: "\n").allSatisfy { !$0.hasSuffix(" ") })
  }

  @Test("of access streams without a scanner compares accesses, walks, exits and cycles, and nothing of sharing")
  func streams() {
    let specs = ["one", "late"].map { VariantSpec(name: $0, description: "", settings: [], expectations: []) }
    let results = [RunFixture.stream(), nil]
    var race = RaceResult(
      scenario: RunFixture.stream().scenario, entries: zip(specs, results).map { Race.Entry(spec: $0, result: $1) }, failedExpectations: [])
    let text = RaceReport.summaryText(race)
    #expect(text.contains("TLB misses") && text.contains("cycles an access") && text.contains("450 000"))
    #expect(!text.contains("saved MiB") && !text.contains("first merge"))
    let page = RacePage(race, manifest: RunFixture.manifest(), figures: Figure.all(of: race), pictures: [:])
    #expect(page.columns.count == page.rows[0].cells.count && page.columns.count == page.rows[1].cells.count)
    #expect(page.columns.map(\.text).contains("Cycles per access") && !page.columns.map(\.text).contains("Merges"))
    #expect(Figure.all(of: race).map(\.name) == ["variants-cycles"])
    // A scanner in one variant is enough for both.
    race.entries[0].result?.scenario.sharing.scanner = .ksm
    let both = RaceReport.summaryText(race)
    #expect(both.contains("saved MiB") && both.contains("TLB misses"))
    #expect(Figure.all(of: race).map(\.name) == ["variants-saved", "variants-cost", "variants-cycles"])
  }

  @Test("says what captures showed in its tables only where a variant takes any")
  func captures() throws {
    var race = race()
    #expect(!RaceReport.csvText(race).contains("saved_pages_stable") && !RaceReport.summaryText(race).contains("captures"))
    #expect(race.summary.value(at: "variants.ksm.captures") == nil)
    let before = RaceReport.csvText(race).split(separator: "\n")
    race.entries[0].result?.captures = CaptureSummary(
      count: 2, pages: 8, stablePages: 6, savedPagesSnapshot: [5, 4], savedPagesStable: 3)
    let table = RaceReport.csvText(race).split(separator: "\n")
    let added = [",stable_fraction,saved_pages_snapshot,saved_pages_stable", ",0.75,4,3", ",,,", ",,,"]
    #expect(table.map(String.init) == zip(before, added).map { $0 + $1 })
    #expect(
      RaceReport.summaryText(race).contains("captures of ksm, 2: 75.0 % of 8 pages stable; saved 4 in the last alone, 3 of stable pages\n"))
    #expect(race.summary.number(at: "variants.ksm.captures.stable_fraction") == 0.75)
    #expect(race.summary.value(at: "variants.ksm.captures.saved_pages_snapshot") == .array([.count(5), .count(4)]))
    #expect(race.summary.value(at: "variants.slow.captures") == nil)
  }
}
