import Foundation
import Testing

/// What `memlab trace` prints, against counts that were made without it.
@Suite struct TraceTests {
  private static let tlb = ["l1i_hits", "l1i_misses", "l1d_hits", "l1d_misses", "l2_hits", "l2_misses"]

  /// An independent simulator and an independent model agree on these rows.
  @Test(
    "The golden runs of 20,000,000 references hit and miss as published",
    arguments: [
      ("gen:golden-seq", [6_666_666, 1, 13_294_270, 39_063, 0, 39_064]),
      ("gen:golden-rand", [6_666_666, 1, 3_143, 13_330_190, 74_438, 13_255_753]),
    ])
  func goldenRows(stream: String, expected: [Int]) throws {
    let outcome = try MemlabProcess.run("trace", stream, "--paging", "native", "--tlb", "golden", "--format", "json", "--quiet")
    #expect(outcome.status == 0)
    let modes = try #require(try outcome.object()["modes"] as? [String: Any])
    let native = try #require(modes["native"] as? [String: Any])
    #expect(native["references"] as? Int == 20_000_000)
    #expect(Self.tlb.map { native[$0] as? Int } == expected)
  }

  @Test("Ways of paging disagree on no translation, with walk caches and without, and no access goes astray", arguments: ["on", "off"])
  func nothingStale(caches: String) throws {
    for stream in ["gen:stack-heap", "gen:fork-storm", "gen:random:pages=4096", "gen:page-table-writes:pages=4096,every=50"] {
      let outcome = try MemlabProcess.run(
        "trace", stream, "--paging", "native,nested,shadow,direct,agile", "--walk-caches", caches, "--check-stale", "--limit", "50000",
        "--format", "json", "--quiet")
      #expect(outcome.status == 0, "\(stream): \(outcome.errors)")
      let modes = try #require(try outcome.object()["modes"] as? [String: Any])
      for (name, mode) in modes {
        let stale = try #require((mode as? [String: Any])?["stale"] as? [String: Any])
        #expect(stale["hypervisor"] as? Int == 0 && stale["guest"] as? Int == 0, "\(name) on \(stream)")
      }
    }
  }

  @Test("`memlab explain` knows every key of the result")
  func explained() throws {
    let outcome = try MemlabProcess.run(
      "trace", "gen:random:pages=64", "--paging", "native", "--sweep", "64x4", "--check-stale", "--limit", "1000", "--format", "json",
      "--quiet")
    let result = try outcome.object()
    let native = try #require((result["modes"] as? [String: Any])?["native"] as? [String: Any])
    let sweep = try #require((result["sweep"] as? [[String: Any]])?.first)
    let stale = try #require(native["stale"] as? [String: Any])
    var paths = result.keys.filter { !["schema", "sweep", "modes"].contains($0) }.map { "trace.\($0)" }
    paths += sweep.keys.map { "trace.sweep.\($0)" } + stale.keys.map { "trace.modes.native.stale.\($0)" }
    for (key, value) in native where key != "stale" { paths.append("trace.modes.native.\(key)" + (value is [String: Any] ? ".any" : "")) }
    #expect(paths.count > 60)
    for path in paths.sorted() { #expect(try MemlabProcess.run("explain", path).status == 0, "\(path)") }
  }

  /// What a run with some options says of nested paging.
  private func nested(_ options: String...) throws -> [String: Any] {
    let stream = "gen:switches:pages=64,processes=6,every=500,exits=5100"
    let arguments = ["trace", stream, "--paging", "nested", "--limit", "60000", "--warm-up", "30000", "--check-stale", "--format", "json"]
    let outcome = try MemlabProcess.run(arguments + ["--quiet", "--pcid", "on"] + options, in: Workshop())
    #expect(outcome.status == 0, "\(outcome.errors)")
    let modes = try #require(try outcome.object()["modes"] as? [String: Any])
    return try #require(modes["nested"] as? [String: Any])
  }

  @Test("Without a tag a timer's exits cost translations, Intel's and AMD's; AMD's exits are nested page faults")
  func tags() throws {
    for format in ["ept", "npt"] {
      let tagged = try nested("--nested-format", format, "--tlb", "skylake-like")
      let plain = try nested("--nested-format", format, "--tlb", "skylake-like", "--vpid", "off")
      let misses = [tagged, plain].map { $0["l2_misses"] as? Int ?? -1 }
      #expect(
        misses[0] == 0 && misses[1] > 5 * 64 && plain["cycles"] as? Int ?? 0 > tagged["cycles"] as? Int ?? .max, "\(format): \(misses)")
      let exits = try #require(plain["exits"] as? [String: Any])
      #expect(exits[format == "ept" ? "nested_page_fault" : "ept_violation"] as? Int == 0)
    }
  }

  @Test("With a page-modification log the pages that the stream writes after the warm-up are told, those of tables among them")
  func dirtyPages() throws {
    let mode = try nested("--pml", "on")
    let pages = try #require(mode["dirty_pages"] as? Int)
    // Six processes of 64 pages, nearly all of which 1500 writes reach, and four tables each.
    #expect(pages > 6 * 60 && pages <= 6 * (64 + 4) && mode["logged_pages"] as? Int == pages)
    #expect(try nested()["dirty_pages"] == nil)
  }
}
