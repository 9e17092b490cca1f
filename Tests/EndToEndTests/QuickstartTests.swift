import Foundation
import Testing

/// The main job from outside: `memlab run Workloads/quickstart.yaml`. One run of it serves most rules.
@Suite(.serialized) struct QuickstartTests {
  private static let scenario = MemlabProcess.repository.appendingPathComponent("Workloads/quickstart.yaml").path
  private static let reference = MemlabProcess.repository.appendingPathComponent("Reports/quickstart")

  /// A run that was carried out once, for all rules.
  private struct Run: Sendable {
    let shop: Workshop
    let summaryText: Data
    let timeline: [(time: Double, vm: String, metric: String, value: Double)]

    func summary() throws -> [String: Any] {
      try #require(try JSONSerialization.jsonObject(with: summaryText) as? [String: Any])
    }

    func machine(_ name: String) throws -> [String: Any] {
      try #require((try summary()["vms"] as? [[String: Any]])?.first { $0["name"] as? String == name })
    }

    func curve(_ vm: String, _ metric: String) -> [Double] { timeline.filter { $0.vm == vm && $0.metric == metric }.map(\.value) }
  }

  private static let run = Result {
    let shop = try Workshop()
    let process = try MemlabProcess(
      ["run", scenario, "--out", "out", "--threads", "2", "--quiet"], in: shop, settings: ["SWIFT_DETERMINISTIC_HASHING": "1"])
    let outcome = try process.outcome(within: 300)
    guard outcome.status == 0 else { throw MemlabProcess.Failure(outcome.errors) }
    let summary = try Data(contentsOf: shop.url.appendingPathComponent("out/summary.json"))
    let lines = try String(contentsOf: shop.url.appendingPathComponent("out/timeline.csv"), encoding: .utf8).split(separator: "\n")
    let rows = lines.dropFirst().map { $0.split(separator: ",", omittingEmptySubsequences: false) }
    return Run(
      shop: shop, summaryText: summary,
      timeline: rows.map { (Double($0[0]) ?? -1, String($0[1]), String($0[2]), Double($0[3]) ?? .nan) })
  }

  private func run() throws -> Run { try Self.run.get() }

  @Test("Pages merge, and writes to shared pages copy them")
  func sharing() throws {
    let sharing = try #require(try run().summary()["sharing"] as? [String: Any])
    #expect(try #require(sharing["merges"] as? Int) > 0)
    #expect(try #require(sharing["cow_breaks"] as? Int) > 0)
    for part in ["saved_zero", "saved_self", "saved_inter"] { #expect(try #require(sharing[part] as? Int) > 0, "\(part)") }
  }

  @Test("Balloons act, and let go when the load falls", arguments: ["web", "database", "w1", "w2"])
  func balloons(_ name: String) throws {
    let actual = try run().curve(name, "balloon_actual_bytes")
    let first = try #require(actual.first)
    let least = try #require(actual.min())
    let last = try #require(actual.last)
    #expect(least < first - 50e6, "the balloon inflates by 50 MB at least")
    #expect(last > least + 50e6, "and deflates by as much")
    #expect(try #require(try run().machine(name)["balloon_freed_bytes"] as? Int) > 0, "and the host gains by it")
  }

  @Test("Accesses compared with the truth: none went through a stale translation, and the result says so; explain knows the keys")
  func nothingStale() throws {
    let shop = try Workshop()
    let outcome = try MemlabProcess.run(
      ["run", Self.scenario, "--out", "out", "--check-stale", "--set", "duration=12s", "--no-figures", "--quiet"], in: shop, within: 300)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let written = try Data(contentsOf: shop.url.appendingPathComponent("out/summary.json"))
    let summary = try #require(try JSONSerialization.jsonObject(with: written) as? [String: Any])
    let stale = try #require(summary["stale"] as? [String: Any])
    #expect(try #require(stale["compared"] as? Int) > 100_000)
    #expect(stale["hypervisor"] as? Int == 0 && stale["guest"] as? Int == 0 && (stale["findings"] as? [String])?.isEmpty == true)
    let line = try #require(outcome.text.split(separator: "\n").first { $0.hasPrefix("Stale ") })
    #expect(line.hasSuffix("accesses compared, none went through a stale translation"))
    for key in stale.keys { #expect(try MemlabProcess.run("explain", "stale.\(key)").status == 0, "\(key)") }
    #expect(try run().summary()["stale"] == nil)
  }

  @Test("Swap stays untouched while the balloons suffice; without them it does not")
  func swap() throws {
    #expect(try run().curve("", "swapped_bytes").allSatisfy { $0 == 0 })
    let shop = try Workshop()
    let without = try MemlabProcess.run(
      ["run", Self.scenario, "--out", "out", "--set", "overcommit.policy=none", "--format", "json", "--quiet"], in: shop, within: 300)
    #expect(without.status == 0, "\(without.errors)")
    let host = try #require(try without.object()["host"] as? [String: Any])
    #expect(try #require(host["swapped_bytes"] as? Int) > 0)
  }

  @Test("Shadow paging exits for faults and table stores, nested paging for violations only")
  func exits() throws {
    let shadow = try #require(try run().machine("database")["exits"] as? [String: Int])
    let nested = try #require(try run().machine("web")["exits"] as? [String: Int])
    for reason in ["shadow_page_fault", "page_table_write", "cr3_load"] {
      #expect(try #require(shadow[reason]) > 0, "\(reason)")
      #expect(nested[reason] == 0, "\(reason)")
    }
    #expect(try #require(nested["ept_violation"]) > 0)
    #expect(shadow["ept_violation"] == 0)
  }

  @Test("Every sample's audit of all laws finds nothing")
  func audit() throws {
    let audit = try #require(try run().summary()["audit"] as? [String: Any])
    #expect(audit["samples"] as? Int == 91)
    #expect(audit["violations"] as? Int == 0)
  }

  @Test("A second run with another hash seed and one thread gives every file but the manifest byte for byte; another seed does not")
  func determinism() throws {
    let first = try run().shop
    let second = try Workshop()
    let again = try MemlabProcess(
      ["run", Self.scenario, "--out", "out", "--threads", "1", "--quiet"], in: second, settings: ["SWIFT_DETERMINISTIC_HASHING": nil]
    ).outcome(within: 300)
    #expect(again.status == 0, "\(again.errors)")
    let files = first.listing.map { String($0.split(separator: " ")[0]) }
    #expect(files.count > 20)
    for name in files where !name.hasSuffix("manifest.json") {
      let (a, b) = (FileManager.default.contents(atPath: first.path(name)), FileManager.default.contents(atPath: second.path(name)))
      #expect(a == b, "\(name) differs between two runs")
    }
    let other = try Workshop()
    #expect(try MemlabProcess.run(["run", Self.scenario, "--out", "out", "--seed", "43", "--quiet"], in: other, within: 300).status == 0)
    let (a, b) = ("out/timeline.csv", "out/timeline.csv")
    #expect(FileManager.default.contents(atPath: first.path(a)) != FileManager.default.contents(atPath: other.path(b)))
  }

  @Test("The numbers are those of the reference report in Reports/quickstart; `make reference` accepts new ones")
  func reference() throws {
    for name in ["summary.json", "timeline.csv", "vms.csv", "metrics.csv"] {
      let expected = try Data(contentsOf: Self.reference.appendingPathComponent(name))
      let found = try Data(contentsOf: try run().shop.url.appendingPathComponent("out/\(name)"))
      #expect(expected == found, "\(name) is not that of the reference report; if the change is meant, `make reference` accepts it")
    }
  }
}
