import Foundation
import Testing

/// The counts that `memlab scan` prints, against those of the machines that the memory was recorded on.
@Suite struct ScanTests {
  private static let keys = ["pages", "zero_pages", "distinct_pages", "saved_pages", "saved_zero", "saved_self", "saved_inter"]

  @Test(
    "Recorded guests share what their own bytes, compared one by one, said",
    arguments: [
      ("#w1", [65536, 42145, 19013, 46523, 42144, 4379, 0]),
      ("#w1,w2", [131072, 84292, 23168, 107904, 84291, 8757, 14856]),
      ("", [327680, 208883, 42531, 285149, 208882, 19805, 56462]),
    ])
  func exactCounts(chosen: String, expected: [Int]) throws {
    let outcome = try MemlabProcess.run("scan", MemlabProcess.fiveGuests + chosen, "--format", "json")
    #expect(outcome.status == 0)
    let result = try outcome.object()
    #expect(Self.keys.map { result[$0] as? Int } == expected)
    #expect(result["single_byte_pages"] is NSNull)
  }

  @Test(
    "KSM comes to rest where the running kernel's did, whatever the batch",
    arguments: [
      ([], [15804, 284262, 27614, 0, 3, 890]), (["--use-zero-pages"], [14988, 76195, 27614, 208883, 2, 74]),
      (["--pages-to-scan", "4000"], [15804, 284262, 27614, 0, 3, 890]),
    ])
  func kernelCounters(knobs: [String], expected: [Int]) throws {
    let outcome = try MemlabProcess.run(
      ["scan", MemlabProcess.fiveGuests, "--scanner", "ksm", "--format", "json"] + knobs, in: try Workshop())
    #expect(outcome.status == 0)
    let ksm = try #require(try outcome.object()["ksm"] as? [String: Any])
    let keys = ["pages_shared", "pages_sharing", "pages_unshared", "ksm_zero_pages", "stable_node_chains", "stable_node_dups"]
    #expect(keys.map { ksm[$0] as? Int } == expected)
  }

  @Test("With --per-scan there is a line for each full scan, and the first one only learns checksums")
  func perScan() throws {
    let outcome = try MemlabProcess.run("scan", MemlabProcess.fiveGuests + "#w1", "--scanner", "ksm", "--per-scan", "--scans", "3")
    let lines = try outcome.text.split(separator: "\n").map { line in
      try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    }
    try #require(lines.map { $0["full_scans"] as? Int } == [1, 2, 3])
    #expect(lines.first?["pages_shared"] as? Int == 0)
    #expect(lines[1]["pages_sharing"] as? Int == lines[2]["pages_sharing"] as? Int)
  }

  @Test("Inputs in another order save as much, and each input's own counts stay")
  func order() throws {
    let forth = try MemlabProcess.run("scan", MemlabProcess.fiveGuests + "#w1,db", "--format", "json").object()
    let back = try MemlabProcess.run("scan", MemlabProcess.fiveGuests + "#db,w1", "--format", "json").object()
    #expect(Self.keys.map { forth[$0] as? Int } == Self.keys.map { back[$0] as? Int })
    let names = (back["inputs"] as? [[String: Any]])?.map { $0["name"] as? String }
    #expect(names == ["db", "w1"])
  }

  @Test("A raw image, its identities and its fingerprints are counted alike, in each form of the result")
  func summaries() throws {
    let shop = try Workshop()
    // Pages: zero, A, B, A, all 0x55, zero.
    func page(_ seed: UInt8) -> [UInt8] { (0..<4096).map { UInt8(truncatingIfNeeded: $0 &* Int(seed) &+ 1) } }
    let image =
      [UInt8](repeating: 0, count: 4096) + page(3) + page(5) + page(3) + [UInt8](repeating: 0x55, count: 4096)
      + [UInt8](repeating: 0, count: 4096)
    try shop.write("ram.raw", image)
    for name in ["ram.pit", "ram.mfp"] { #expect(try MemlabProcess.run(["fingerprint", "ram.raw", "-o", name], in: shop).status == 0) }
    for name in ["ram.raw", "ram.pit", "ram.mfp"] {
      let result = try MemlabProcess.run(["scan", name, "--format", "json"], in: shop).object()
      #expect(Self.keys.map { result[$0] as? Int } == [6, 2, 4, 2, 1, 1, 0])
      #expect(result["single_byte_pages"] as? Int == (name == "ram.raw" ? 3 : nil))
      let csv = try MemlabProcess.run(["scan", name, "--format", "csv"], in: shop).text
      #expect(csv.hasPrefix("scope,input,metric,value\n"))
      #expect(csv.contains("\nall,,saved_self,1\n"))
      #expect(try MemlabProcess.run(["scan", name], in: shop).text.contains("50.0 %") == false)
    }
    let ksm =
      try MemlabProcess.run(["scan", "ram.raw", "--scanner", "ksm", "--format", "json"], in: shop).object()["ksm"] as? [String: Any]
    #expect(ksm?["pages_sharing"] as? Int == 2)
    #expect(ksm?["pages_shared"] as? Int == 2)
  }

  @Test(
    "A live process is captured, and its capture is scanned like the process",
    .enabled(if: FileManager.default.fileExists(atPath: "/proc/self/pagemap")))
  func processes() throws {
    let shop = try Workshop()
    let child = Process()
    child.executableURL = URL(fileURLWithPath: "/bin/sleep")
    child.arguments = ["30"]
    try child.run()
    defer { child.terminate() }
    // Until the program is loaded, its memory still changes.
    Thread.sleep(forTimeInterval: 0.2)
    let name = "pid:\(child.processIdentifier)"
    let live = try MemlabProcess.run(["scan", name, "--format", "json"], in: shop)
    #expect(live.status == 0, "\(live.errors)")
    #expect(try MemlabProcess.run(["capture", name, "-o", "core"], in: shop).status == 0)
    let saved = try MemlabProcess.run(["scan", "core", "--format", "json"], in: shop).object()
    #expect(Self.keys.map { saved[$0] as? Int } == Self.keys.map { (try? live.object())?[$0] as? Int })
    let several = try MemlabProcess.run(["scan", name, "pid:self", "--with-files", "--scanner", "ksm", "--format", "json"], in: shop)
    #expect(several.status == 0, "\(several.errors)")
    #expect((try several.object()["inputs"] as? [Any])?.count == 2)
  }
}
