import Foundation
import Testing

/// `memlab run` from outside: what it writes, what it prints, and how it ends.
@Suite struct RunTests {
  private static let files = [
    "manifest.json", "metrics.csv", "report.html", "results.sqlite", "summary.json", "timeline.csv", "vms.csv",
  ]

  private func workshop(_ scenario: String = BrokenInput.sound) throws -> Workshop {
    let shop = try Workshop()
    try shop.write("s.yaml", scenario)
    return shop
  }

  private func manifest(_ shop: Workshop, _ folder: String = "out") throws -> [String: Any] {
    let data = try Data(contentsOf: shop.url.appendingPathComponent(folder + "/manifest.json"))
    return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
  }

  @Test("A run writes every file, and prints the summary in the form that was asked for")
  func forms() throws {
    let shop = try workshop()
    let text = try MemlabProcess.run(["run", "s.yaml", "--out", "out"], in: shop)
    #expect(text.status == 0, "\(text.errors)")
    #expect(text.text.hasPrefix("sound   seed 7"))
    #expect(text.text.hasSuffix("\nreport: out/report.html\n"))
    for file in Self.files { #expect(FileManager.default.fileExists(atPath: shop.path("out/\(file)")), "\(file)") }
    #expect(try manifest(shop)["state"] as? String == "complete")
    let json = try MemlabProcess.run(["run", "s.yaml", "--out", "out", "--format", "json", "--quiet"], in: shop)
    #expect(json.output == (try Data(contentsOf: shop.url.appendingPathComponent("out/summary.json"))))
    #expect(json.errors.isEmpty)
    let csv = try MemlabProcess.run(["run", "s.yaml", "--out", "out", "--format", "csv"], in: shop)
    #expect(csv.output == (try Data(contentsOf: shop.url.appendingPathComponent("out/vms.csv"))))
  }

  @Test("Without --out, the report goes to Reports/runs and the scenario's name")
  func defaultFolder() throws {
    let shop = try workshop()
    #expect(try MemlabProcess.run(["run", "s.yaml"], in: shop).status == 0)
    #expect(FileManager.default.fileExists(atPath: shop.path("Reports/runs/sound/summary.json")))
  }

  @Test("The same scenario and seed give the same files but for the manifest; another seed is recorded")
  func determinism() throws {
    let shop = try workshop()
    for (folder, seed) in [("a", "11"), ("b", "11"), ("c", "12")] {
      #expect(
        try MemlabProcess.run(["run", "s.yaml", "--out", folder, "--seed", seed, "--set", "vms.a.paging=shadow"], in: shop).status == 0)
    }
    for file in Self.files where file != "manifest.json" {
      #expect(
        try Data(contentsOf: shop.url.appendingPathComponent("a/\(file)"))
          == Data(contentsOf: shop.url.appendingPathComponent("b/\(file)")), "\(file)")
    }
    #expect(try manifest(shop, "c")["seed"] as? Int == 12)
    #expect(try manifest(shop, "c")["overrides"] as? [String] == ["vms.a.paging=shadow"])
    #expect(try String(contentsOf: shop.url.appendingPathComponent("c/vms.csv"), encoding: .utf8).contains("\na,shadow,"))
  }

  @Test("An expectation that fails is the only thing that ends in 1, and the results are there")
  func expectations() throws {
    let shop = try workshop(BrokenInput.sound + "expect:\n  - host.total_bytes < 1\n")
    let outcome = try MemlabProcess.run(["run", "s.yaml", "--out", "out"], in: shop)
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("expectation failed: host.total_bytes < 1"))
    #expect(try manifest(shop)["state"] as? String == "complete")
  }

  /// A scenario that runs for minutes.
  private static let long = BrokenInput.sound.replacing("duration: 1s", with: "duration: 10h")

  /// Starts a long run and waits until its virtual time moves.
  private func start(_ shop: Workshop) throws -> MemlabProcess {
    let process = try MemlabProcess(["run", "s.yaml", "--out", "out", "--progress", "plain"], in: shop)
    Thread.sleep(forTimeInterval: 0.5)
    return process
  }

  @Test("SIGINT keeps what is finished, marks it partial, and exits with 130")
  func interrupted() throws {
    let shop = try workshop(Self.long)
    let process = try start(shop)
    process.interrupt()
    let outcome = try process.outcome()
    #expect(!outcome.endedBySignal)
    #expect(outcome.status == 130, "\(outcome.errors)")
    #expect(outcome.errors.contains("marked partial"))
    for file in Self.files { #expect(FileManager.default.fileExists(atPath: shop.path("out/\(file)")), "\(file)") }
    #expect(try manifest(shop)["state"] as? String == "partial")
    #expect(!shop.listing.contains { $0.contains("staging") })
  }

  @Test("What an interrupted run finished goes beside a complete report, which stays as it is")
  func interruptedAgain() throws {
    let shop = try workshop(Self.long)
    #expect(try MemlabProcess.run(["run", "s.yaml", "--out", "out", "--no-figures", "--set", "duration=1ms"], in: shop).status == 0)
    let complete = try Data(contentsOf: shop.url.appendingPathComponent("out/summary.json"))
    for _ in 0..<2 {
      let process = try start(shop)
      process.interrupt()
      let outcome = try process.outcome()
      #expect(outcome.status == 130, "\(outcome.errors)")
      #expect(outcome.errors.contains("out holds the report of a complete run, which stays; this one goes to out.partial"))
      #expect(try Data(contentsOf: shop.url.appendingPathComponent("out/summary.json")) == complete)
      #expect(try manifest(shop)["state"] as? String == "complete")
      #expect(try String(contentsOf: shop.url.appendingPathComponent("out.partial/manifest.json"), encoding: .utf8).contains("\"partial\""))
    }
  }

  @Test("A second SIGINT ends at once, and what stands in the folder is whole or nothing")
  func interruptedTwice() throws {
    let shop = try workshop(Self.long)
    let process = try start(shop)
    process.interrupt()
    Thread.sleep(forTimeInterval: 0.01)
    process.interrupt()
    let outcome = try process.outcome(within: 10)
    #expect(!outcome.endedBySignal)
    #expect(outcome.status == 130, "\(outcome.errors)")
    let written = (try? FileManager.default.contentsOfDirectory(atPath: shop.path("out"))) ?? []
    #expect(written.isEmpty || Set(written).isSuperset(of: Self.files))
    #expect(!shop.listing.contains { $0.contains("staging") })
  }

  @Test("A run that was refused or broken off leaves an older report as it was")
  func olderReport() throws {
    let shop = try workshop()
    #expect(try MemlabProcess.run(["run", "s.yaml", "--out", "out"], in: shop).status == 0)
    let before = shop.listing
    #expect(try MemlabProcess.run(["run", "s.yaml", "--out", "out", "--set", "host.memory=1"], in: shop).status == 65)
    #expect(shop.listing == before)
    let summary = try Data(contentsOf: shop.url.appendingPathComponent("out/summary.json"))
    #expect(try MemlabProcess.run(["run", "s.yaml", "--out", "out"], in: shop).status == 0)
    #expect(try Data(contentsOf: shop.url.appendingPathComponent("out/summary.json")) == summary)
  }

  @Test("SIGINT ends a scan and a capture at once and leaves nothing behind")
  func interruptedScan() throws {
    let shop = try Workshop()
    try shop.sparse("f", bytes: 64 << 30)
    let before = shop.listing
    for arguments in [["scan", "f"], ["scan", "f", "--scanner", "ksm"], ["fingerprint", "f", "-o", "f.mfp"]] {
      let process = try MemlabProcess(arguments, in: shop)
      Thread.sleep(forTimeInterval: 0.4)
      process.interrupt()
      let outcome = try #require(try? process.outcome(within: 10), "\(arguments)")
      #expect(!outcome.endedBySignal)
      #expect(outcome.status == 130, "\(arguments): \(outcome.errors)")
      #expect(outcome.output.isEmpty)
      #expect(shop.listing == before)
    }
  }

  @Test(
    "A file that becomes shorter while it is read is a missing input and no crash",
    arguments: [["scan", "--threads", "1"], ["fingerprint", "--threads", "1", "-o", "o.pit"]])
  func shrinkingFiles(command: [String]) throws {
    let shop = try Workshop()
    // The first page of "a" is compared with that of "c", which comes after all of "b" was read.
    try shop.write("a", [UInt8](repeating: 7, count: 4096))
    try shop.sparse("b", bytes: 512 << 20)
    try shop.write("c", [UInt8](repeating: 7, count: 4096))
    let process = try MemlabProcess(command + ["a", "b", "c"], in: shop)
    process.waitUntilMapped(shop.path("b"))
    Thread.sleep(forTimeInterval: 0.02)
    // SAFETY: truncate reads a C string.
    #expect(unsafe truncate(shop.path("a"), 0) == 0)
    let outcome = try process.outcome()
    #expect(!outcome.endedBySignal)
    // Where the tests had to wait for a processor, memlab may have read everything before.
    guard outcome.status != 0 else { return }
    #expect(outcome.status == 66, "\(outcome.errors)")
    #expect(outcome.errors.contains("became shorter"))
    #expect(outcome.output.isEmpty)
    #expect(shop.listing.map { String($0.split(separator: " ")[0]) } == ["a", "b", "c"])
  }

  @Test("A process that is gone, or goes while it is read, is a missing input and no crash")
  func vanishingProcesses() throws {
    let shop = try Workshop()
    // The child of a program that never waits for it stays a zombie: a process without memory.
    let parent = Process()
    let pipe = Pipe()
    parent.executableURL = URL(fileURLWithPath: "/bin/sh")
    parent.arguments = ["-c", "true & echo $!; exec sleep 30"]
    parent.standardOutput = pipe
    try parent.run()
    defer { parent.terminate() }
    let line = String(decoding: pipe.fileHandleForReading.availableData, as: UTF8.self)
    let zombie = try #require(Int32(line.split(whereSeparator: \.isWhitespace).first ?? ""))
    Thread.sleep(forTimeInterval: 0.2)
    let gone = try MemlabProcess.run(["scan", "pid:\(zombie)"], in: shop)
    #expect(gone.status == 66, "\(gone.errors)")
    #expect(gone.errors.contains("has no memory"))
    for round in 0..<12 {
      let child = Process()
      child.executableURL = URL(fileURLWithPath: "/bin/sh")
      child.arguments = ["-c", "sleep 0.0\(round)"]
      try child.run()
      let outcome = try MemlabProcess.run(["capture", "pid:\(child.processIdentifier)", "-o", "core"], in: shop)
      #expect(!outcome.endedBySignal)
      #expect([0, 66].contains(outcome.status), "\(outcome.errors)")
      #expect((outcome.status == 0) == FileManager.default.fileExists(atPath: shop.path("core")))
      #expect(shop.listing.allSatisfy { !$0.contains("partial") })
      try? FileManager.default.removeItem(atPath: shop.path("core"))
      child.waitUntilExit()
    }
  }
}
