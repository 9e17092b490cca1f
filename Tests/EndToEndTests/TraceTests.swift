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
}
