import Foundation
import Testing

private let ksmFolder = "/sys/kernel/mm/ksm"
private let canAskKSM = geteuid() == 0 && FileManager.default.fileExists(atPath: "\(ksmFolder)/run")

/// `memlab verify`, as far as no kernel need be asked.
@Suite struct VerifyUsageTests {
  @Test("The built-in cases are listed, a line each, whether there is a KSM or not")
  func list() throws {
    let outcome = try MemlabProcess.run("verify", "ksm", "--list")
    #expect(outcome.status == 0 && outcome.errors.isEmpty)
    for name in ["merge", "phase", "run-2", "unmerge-inside-scan"] { #expect(outcome.text.contains("\n\(name) ")) }
  }

  @Test(
    "Wrong usage exits with 64 and says what is wrong",
    arguments: [
      ["--case", "nosuch"], ["--scans", "0"], ["--use-zero-pages"], ["--max-page-sharing", "1"], ["--wait", "-1"], ["--mixtures", "x"],
      ["--mixtures", "2", "--seed", "18446744073709551615"],
    ])
  func wrongUsage(arguments: [String]) throws {
    let outcome = try MemlabProcess.run(["verify", "ksm"] + arguments, in: try Workshop())
    #expect(outcome.status == 64)
    #expect(outcome.output.isEmpty && outcome.errors.hasPrefix("error: "))
  }

  @Test("A missing input is missing before the kernel is asked")
  func missingInput() throws {
    let outcome = try MemlabProcess.run("verify", "ksm", "nosuch.img")
    #expect(outcome.status == 66)
    #expect(outcome.errors.contains("there is no such file"))
  }

  @Test(
    "Where the kernel cannot be asked, the exit code is 66 and the message says why", .disabled(if: canAskKSM, "this kernel can be asked"))
  func cannotAsk() throws {
    let outcome = try MemlabProcess.run("verify", "ksm", "--case", "merge")
    #expect(outcome.status == 66)
    #expect(outcome.errors.contains("KSM"))
  }
}

/// `memlab verify ksm` with the running kernel.
@Suite(.serialized, .enabled(if: canAskKSM, "this kernel has no KSM, or we are not root")) struct VerifyTests {
  private static func settings() -> [String] {
    let names = [
      "run", "max_page_sharing", "merge_across_nodes", "use_zero_pages", "smart_scan", "pages_to_scan", "sleep_millisecs",
      "stable_node_chains_prune_millisecs",
    ]
    return names.map { (try? String(contentsOfFile: "\(ksmFolder)/\($0)", encoding: .utf8)) ?? "none" }
  }

  private static func openLock() -> Int32 {
    // SAFETY: open reads a C string.
    unsafe open("/run/lock/memlab-ksm.lock", O_RDWR | O_CREAT, 0o600)
  }

  /// Waits until nobody holds the lock.
  private static func waitForRest() throws {
    let end = Date(timeIntervalSinceNow: 240)
    let file = Self.openLock()
    defer { close(file) }
    while flock(file, LOCK_EX | LOCK_NB) != 0 {
      guard Date() < end else { throw MemlabProcess.Failure("the lock is still held") }
      usleep(50_000)
    }
  }

  @Test("Recorded memory gives the kernel's counters in the model, in each form of the result")
  func recordedMemory() throws {
    let shop = try Workshop()
    var bytes = Data()
    for page in 0..<200 { bytes.append(Data(repeating: UInt8(page % 37), count: 4096)) }
    try bytes.write(to: shop.url.appendingPathComponent("ram"))
    let arguments = ["verify", "ksm", "ram", "ram", "--scans", "3", "--use-zero-pages", "--max-page-sharing", "5", "--wait", "240"]
    let json = try MemlabProcess.run(arguments + ["--watch", "--format", "json"], in: shop, within: 300)
    #expect(json.status == 0)
    let result = try json.object()
    #expect(result["schema"] as? String == "memlab.verify/1")
    #expect(result["equal"] as? Bool == true)
    let cases = try #require(result["cases"] as? [[String: Any]])
    let trials = try #require(cases.first?["trials"] as? [[String: Any]])
    #expect((trials.first?["moments"] as? [Any])?.count == 3)
    let csv = try MemlabProcess.run(arguments + ["--format", "csv"], in: shop, within: 300)
    #expect(csv.text.hasPrefix("case,trial,moment,counter,kernel,model,difference\n"))
    let text = try MemlabProcess.run(arguments, in: shop, within: 300)
    #expect(text.text.hasPrefix("equal ") && text.text.contains("agree on all of"))
  }

  @Test("After SIGINT in the middle of a trial the knobs are what they were, and the lock is free")
  func interrupted() throws {
    try Self.waitForRest()
    let before = Self.settings()
    let process = try MemlabProcess(["verify", "ksm", "--case", "pairs", "--mixtures", "500", "--wait", "240"], in: try Workshop())
    let end = Date(timeIntervalSinceNow: 240)
    while Self.settings() == before && Date() < end { usleep(20_000) }
    process.interrupt()
    #expect(try process.outcome(within: 10).status == 130)
    try Self.waitForRest()
    #expect(Self.settings() == before)
  }

  @Test("While somebody else holds the lock, the exit code is 66 and the message says so")
  func busy() throws {
    let file = Self.openLock()
    defer { close(file) }
    // Other tests take the lock too.
    let end = Date(timeIntervalSinceNow: 240)
    while flock(file, LOCK_EX | LOCK_NB) != 0 {
      try #require(Date() < end)
      usleep(20_000)
    }
    let outcome = try MemlabProcess.run("verify", "ksm", "--case", "merge")
    #expect(outcome.status == 66)
    #expect(outcome.errors.contains("another trial holds the lock"))
  }
}
