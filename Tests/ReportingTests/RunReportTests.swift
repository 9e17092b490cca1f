import Foundation
import GRDB
import Scenarios
import Testing

@testable import Laboratory
@testable import Reporting

@Suite("The files of a run")
struct RunReportTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test("Two writes of one result give equal bytes in every file but the manifest, wherever they go")
  func determinism() async throws {
    let result = RunFixture.fourGuests(samples: 30)
    try await RunReport.write(result, manifest: RunFixture.manifest(started: 1_700_000_000), to: folder.path("a"))
    try await RunReport.write(result, manifest: RunFixture.manifest(started: 1_800_000_000), to: folder.path("else/where"))
    let names = try folder.files().filter { $0.hasPrefix("a/") }.map { String($0.dropFirst(2)) }
    #expect(names.count == 34)
    for name in names {
      let (a, b) = (
        try Data(contentsOf: folder.url.appendingPathComponent("a/" + name)),
        try Data(contentsOf: folder.url.appendingPathComponent("else/where/" + name))
      )
      #expect((a == b) == (name != "manifest.json"), "\(name)")
      #expect(!a.isEmpty)
    }
  }

  @Test("Every file of the command's description is there, and no journal")
  func fileNames() async throws {
    try await RunReport.write(RunFixture.empty(), manifest: RunFixture.manifest(), to: folder.path("run"))
    let top = try FileManager.default.contentsOfDirectory(atPath: folder.path("run")).sorted()
    #expect(
      top == ["figures", "manifest.json", "metrics.csv", "report.html", "results.sqlite", "summary.json", "timeline.csv", "vms.csv"])
  }

  @Test("The manifest says how the run was started, from which bytes, and when")
  func manifest() async throws {
    try await RunReport.write(RunFixture.empty(), manifest: RunFixture.manifest(), to: folder.path("run"))
    let text = try folder.text("run/manifest.json")
    let read = try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    #expect(text.hasPrefix("{\n  \"schema\": \"memlab.manifest/1\",\n  \"version\": \"0.1.0\",\n  \"state\": \"complete\""))
    #expect(read["started"] as? String == "2023-11-14T22:13:20Z")
    #expect(read["wall_seconds"] as? Double == 3.25)
    #expect((read["arguments"] as? [String])?.last == "somewhere/else")
    #expect((read["inputs"] as? [[String: String]])?.first?["sha256"]?.hasPrefix("ba7816bf") == true)
  }

  @Test("The database holds every sample and machine, and opens for reading alone")
  func database() async throws {
    let result = RunFixture.fourGuests(samples: 10)
    try await RunReport.write(result, manifest: RunFixture.manifest(), to: folder.path("run"))
    var configuration = Configuration()
    configuration.readonly = true
    let queue = try DatabaseQueue(path: folder.path("run/results.sqlite"), configuration: configuration)
    let expected: [(sql: String, value: String)] = [
      ("SELECT count(*) FROM samples", String(result.timeline.count)),
      ("SELECT count(*) FROM vms", "4"),
      ("SELECT count(*) FROM exits", "13"),
      ("SELECT count(*) FROM metrics", String(Metric.allCases.count)),
      ("SELECT merges FROM run", String(result.sharing.merges)),
      ("SELECT seed FROM run", "42"),
      ("SELECT count FROM exits JOIN vms ON vms.id = vm_id WHERE name = 'database' AND reason = 'invlpg'", "9870"),
      ("SELECT count(*) FROM pragma_table_info('vms')", String(3 + VMSummary.columns.count)),
      ("SELECT typeof(value) FROM samples WHERE metric = 'tlb_miss_rate' LIMIT 1", "real"),
      ("SELECT typeof(value) FROM samples WHERE metric = 'free_bytes' LIMIT 1", "integer"),
      ("PRAGMA integrity_check", "ok"), ("PRAGMA journal_mode", "delete"), ("PRAGMA freelist_count", "0"), ("PRAGMA page_size", "4096"),
    ]
    for (sql, value) in expected {
      let found = try await queue.read { (database: Database) throws -> String? in try String.fetchOne(database, sql: sql) }
      #expect(found == value, "\(sql)")
    }
  }

  @Test("Counts beyond SQLite's integers and numbers that are none do not stop a report")
  func extremes() async throws {
    var vm = VMSummary(name: "web", paging: "nested")
    vm.references = .max
    vm.slowdown = .infinity
    vm.exits = [ExitCount(reason: "a", count: .max), ExitCount(reason: "a", count: .max)]
    vm.balloonFreedBytes = .max
    var result = RunFixture.empty(vms: [vm, vm])
    result.sharing.savedPages = .max
    result.scenario.seed = .max
    result.timeline = [
      Sample(timeNanoseconds: .max, vm: "web", metric: .balloonFreedBytes, value: .count(.max)),
      Sample(timeNanoseconds: .max, vm: "web", metric: .slowdown, value: .real(.nan)),
      Sample(timeNanoseconds: 0, vm: "", metric: .freeBytes, value: .real(-.infinity)),
    ]
    try await RunReport.write(result, manifest: RunFixture.manifest(), to: folder.path("run"))
    #expect(try folder.text("run/summary.json").contains("\"slowdown\": null"))
    #expect(RunReport.summaryText(result).isEmpty == false)
  }

  @Test("The text for the terminal is at most 100 columns wide, whatever the numbers and names")
  func summaryWidth() {
    var wide = RunFixture.fourGuests(samples: 10)
    wide.scenario.name = String(repeating: "name ", count: 40)
    wide.scenario.seed = .max
    wide.audit = AuditSummary(samples: 91, violations: 2, messages: [String(repeating: "x", count: 300)])
    wide.failedExpectations = [String(repeating: "y", count: 300)]
    wide.vms[0].name = String(repeating: "n", count: 100)
    wide.vms[0].exits = [ExitCount(reason: "a", count: 123_456_789_012)]
    for vm in wide.vms.indices { wide.vms[vm].privateBytes = 999_999 << 20 }
    for line in RunReport.summaryText(wide).split(separator: "\n") { #expect(line.count <= 100, "\(line)") }
  }

  @Test("The text for the terminal lists the host, the split of what is saved, each machine and the audit")
  func summaryText() {
    let result = RunFixture.fourGuests()
    let text = RunReport.summaryText(result)
    #expect(text.hasPrefix("quickstart   seed 42, 90 s of virtual time\n"))
    for part in ["\(result.sharing.savedInter) inter-VM", "0 violations in 91 checks", "1.0 GiB:", "database  shadow"] {
      #expect(text.contains(part))
    }
    #expect(text.split(separator: "\n").filter { $0.hasPrefix("w1 ") || $0.hasPrefix("w2 ") }.count == 2)
    #expect(!text.contains("\u{a0}"))
  }

  @Test("Of access streams without a scanner the terminal and the page show translation, and nothing of sharing or balloons")
  func streams() async throws {
    let result = RunFixture.stream()
    let text = RunReport.summaryText(result)
    for part in ["cycles an access", "1 800 000", "25.00", "refs/walk", "guest, direct", "hypercalls", "13.3"] {
      #expect(text.contains(part), "\(part) in\n\(text)")
    }
    for part in ["Sharing", "inter-VM", "Balloons", "freed"] { #expect(!text.contains(part), "\(part)") }
    for line in text.split(separator: "\n") { #expect(line.count <= 100 && !line.hasSuffix(" "), "\(line)") }
    let titles = SummaryCard.all(of: result).map(\.title)
    #expect(titles == ["Cycles of an access", "TLB misses", "References per walk", "Exits", "Slowdown", "Audit of the laws"])
    let page = ReportPage(result, manifest: RunFixture.manifest(), figures: Figure.all(of: result), pictures: [:])
    #expect(page.sections.map(\.id) == ["host", "shares", "translation"])
  }

  @Test(
    "Numbers are worded alike everywhere",
    arguments: [
      (Wording.fixed(1234.56, decimals: 1), "1\u{a0}234.6"), (Wording.fixed(-0.04, decimals: 1), "0.0"),
      (Wording.fixed(-2.5, decimals: 0), "-3"),
      (Wording.fixed(.nan, decimals: 1), "–"), (Wording.fixed(0.05, decimals: 2), "0.05"), (Wording.grouped(999), "999"),
      (Wording.grouped(1_000_000), "1\u{a0}000\u{a0}000"), (Wording.seconds(1_500_000_000), "1.5"), (Wording.seconds(0), "0"),
      (Wording.seconds(90_000_000_000), "90"), (Wording.line("a\nb\u{1b}c", limit: 9), "a b c"), (Wording.line("abcdef", limit: 4), "abc…"),
    ])
  func wording(text: String, expected: String) {
    #expect(text == expected)
  }
}
