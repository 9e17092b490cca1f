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

  /// A page that differs from those of other seeds in every byte but few.
  private func page(_ seed: UInt8) -> [UInt8] { (0..<4096).map { UInt8(truncatingIfNeeded: $0 &* Int(seed) &+ 1) } }

  @Test("Page flags split the counts by kind, the first page of each content being the one that is kept")
  func kinds() throws {
    let shop = try Workshop()
    // web: A as page cache, A as anonymous, zero free, B slab. db: A as page cache, zero free, B as kernel, zero anonymous.
    try shop.write("web", page(3) + page(3) + [UInt8](repeating: 0, count: 4096) + page(5))
    try shop.write("web.flags", ([1 << 5, 1 << 12, 1 << 10, 1 << 7] as [UInt64]).flatMap(Bytes.little))
    try shop.write("db", page(3) + [UInt8](repeating: 0, count: 4096) + page(5) + [UInt8](repeating: 0, count: 4096))
    try shop.write("db.flags", ([1 << 5, 1 << 10, 1 << 26, 1 << 12] as [UInt64]).flatMap(Bytes.little))
    let arguments = ["scan", "web", "db", "--page-flags", "web.flags", "--page-flags", "db.flags"]
    let result = try MemlabProcess.run(arguments + ["--format", "json"], in: shop).object()
    let kinds = try #require(result["kinds"] as? [[String: Any]])
    func row(_ kind: String) -> [Int?] {
      let row = kinds.first { $0["kind"] as? String == kind }
      return ["pages", "zero_pages", "saved_pages", "saved_zero", "saved_self", "saved_inter"].map { row?[$0] as? Int }
    }
    #expect(row("page_cache") == [2, 0, 1, 0, 0, 1])
    #expect(row("anonymous") == [2, 1, 2, 1, 1, 0])
    #expect(row("free") == [2, 2, 1, 1, 0, 0])
    #expect(row("slab") == [1, 0, 0, 0, 0, 0])
    #expect(row("kernel") == [1, 0, 1, 0, 0, 1])
    #expect(row("huge") == [0, 0, 0, 0, 0, 0] && row("unknown") == [0, 0, 0, 0, 0, 0])
    #expect(Self.keys.map { result[$0] as? Int } == [8, 3, 3, 5, 2, 1, 2])
    #expect(try MemlabProcess.run(arguments, in: shop).text.contains("page_cache"))
    #expect(try MemlabProcess.run(arguments + ["--format", "csv"], in: shop).text.contains("\nkind,anonymous,saved_self,1\n"))
  }

  @Test("A sample keeps pages and zero pages exact, and its interval is as wide as one content in N makes it")
  func sample() throws {
    var held = 0
    for seed in 1...12 {
      let result = try MemlabProcess.run(
        "scan", MemlabProcess.fiveGuests, "--sample", "1/64", "--seed", String(seed), "--format", "json"
      ).object()
      #expect(result["pages"] as? Int == 327680 && result["zero_pages"] as? Int == 208883 && result["saved_zero"] as? Int == 208882)
      let sample = try #require(result["sample"] as? [String: Any])
      let (low, high) = (try #require(sample["saved_pages_low"] as? Int), try #require(sample["saved_pages_high"] as? Int))
      if low <= 285149 && 285149 <= high { held += 1 }
      // Twice 1.96 standard deviations of D(N - 1).
      let width = 2 * 1.96 * (42530.0 * 63).squareRoot()
      #expect(abs(Double(high - low) / width - 1) < 0.15)
    }
    #expect(held >= 9, "of 12 intervals of 95 %, fewer than 9 hold once in 500")
  }

  @Test("Other page sharers are run on the same pages, and say what they save and what it took")
  func sharers() throws {
    let shop = try Workshop()
    try shop.write("web", page(3) + page(3) + [UInt8](repeating: 0, count: 8192))
    try shop.write("db", page(3) + [UInt8](repeating: 0, count: 4096))
    for (arguments, saved) in [
      (["zero-only"], 3), (["esx"], 2), (["esx", "--one-tenant"], 4), (["vusion", "--scans", "8"], 4), (["ksm"], 4),
      (["same-vm"], 2),
    ] as [([String], Int)] {
      let outcome = try MemlabProcess.run(["scan", "web", "db", "--format", "json", "--scanner"] + arguments, in: shop)
      #expect(outcome.status == 0, "\(outcome.errors)")
      let scanner = try #require(try outcome.object()["scanner"] as? [String: Any])
      #expect(scanner["name"] as? String == arguments[0] && scanner["saved_pages"] as? Int == saved, "\(arguments): \(scanner)")
      #expect((scanner["visits"] as? Int ?? 0) > 0 && (scanner["cpu_ns"] as? Int ?? 0) > 0)
      #expect(try MemlabProcess.run(["scan", "web", "db", "--scanner"] + arguments, in: shop).text.contains("saves"))
    }
  }

  @Test("Several captures of two guests say what lasts of a snapshot's sharing")
  func captures() throws {
    let shop = try Workshop()
    try shop.write("web.t0", page(3) + page(5) + page(7))
    try shop.write("web.t1", page(3) + page(5) + page(9))
    try shop.write("db.t0", page(3) + page(7))
    try shop.write("db.t1", page(3) + page(5))
    let arguments = ["scan", "web.t0", "web.t1", "db.t0", "db.t1", "--captures"]
    let result = try MemlabProcess.run(arguments + ["--format", "json"], in: shop).object()
    let captures = try #require(result["captures"] as? [String: Any])
    #expect(captures["count"] as? Int == 2 && captures["pages"] as? Int == 5 && captures["stable_pages"] as? Int == 3)
    #expect(captures["stable_fraction"] as? Double == 0.6)
    #expect(captures["saved_pages_snapshot"] as? [Int] == [2, 2] && captures["saved_pages_stable"] as? Int == 1)
    #expect(try MemlabProcess.run(arguments, in: shop).text.contains("saved, stable"))
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
