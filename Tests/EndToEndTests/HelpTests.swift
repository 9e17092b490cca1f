import Foundation
import Testing

/// What memlab says of itself.
@Suite struct HelpTests {
  /// Each command with the options and arguments that its help must name.
  static let commands: [(name: String, words: [String])] = [
    ("run", ["<scenario>", "--out", "--set", "--seed", "--format", "--progress", "--quiet", "--audit", "--no-audit", "--check-stale"]),
    (
      "scan",
      [
        "<input>", "--scanner", "--max-page-sharing", "--use-zero-pages", "--smart-scan", "--pages-to-scan", "--scans", "--per-scan",
        "--page-size",
        "--below-4g", "--with-files", "--threads", "--format", "smart_scan is off", "exact", "ksm", "default: 256", "default: 100",
        "--page-flags", "--sample", "--seed", "--captures", "--one-tenant", "/proc/kpageflags", "live", "1/N",
      ]
    ),
    ("verify", ["ksm", "kernel"]),
    ("fingerprint", ["<input>", "-o", ".pit", ".mfp", "--page-size", "--below-4g", "--with-files", "--threads", "--format"]),
    ("capture", ["<pid:n>", "-o", "--with-files", "--format"]),
    ("check", ["<scenario>", "--set", "--seed", "--format"]),
    ("list", ["--format", "Workloads"]),
    ("explain", ["<path>", "--format"]),
    ("schema", ["JSON Schema"]),
    ("version", ["version"]),
  ]

  @Test("Help of every command is a result, and names all that the command takes", arguments: commands.map(\.name))
  func helpOfCommands(name: String) throws {
    let words = try #require(Self.commands.first { $0.name == name }?.words)
    for arguments in [["help", name], [name, "--help"], [name, "-h"]] {
      let outcome = try MemlabProcess.run(arguments, in: try Workshop())
      #expect(outcome.status == 0)
      #expect(outcome.errors.isEmpty)
      let text = outcome.text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
      for word in words { #expect(text.contains(word), "\(arguments) does not name \(word)") }
    }
  }

  @Test("The first help names every command, the exit codes and how to get completions")
  func firstHelp() throws {
    for arguments in [[], ["help"], ["--help"]] {
      let outcome = try MemlabProcess.run(arguments, in: try Workshop())
      #expect(outcome.status == 0)
      for command in Self.commands { #expect(outcome.text.contains("\n  \(command.name) ")) }
      for word in ["64", "65", "66", "70", "73", "130", "--generate-completion-script"] { #expect(outcome.text.contains(word)) }
    }
  }

  @Test("Completion scripts are printed for three shells", arguments: ["bash", "zsh", "fish"]) func completions(shell: String) throws {
    let outcome = try MemlabProcess.run("--generate-completion-script", shell)
    #expect(outcome.status == 0)
    for word in ["scan", "max-page-sharing", "fingerprint"] { #expect(outcome.text.contains(word)) }
  }

  @Test("The version is one line, by both ways") func version() throws {
    let command = try MemlabProcess.run("version")
    #expect(command.text.wholeMatch(of: /memlab \d+\.\d+\.\d+\n/) != nil)
    #expect(try MemlabProcess.run("--version").text == command.text)
  }

  @Test("The schema of scenarios is JSON and names what the loader reads")
  func schema() throws {
    let schema = try MemlabProcess.run("schema").object()
    #expect(schema["schema"] as? String == "memlab.schema/1")
    let properties = try #require(schema["properties"] as? [String: Any])
    for name in ["name", "host", "sharing", "vms", "expect"] { #expect(properties[name] != nil) }
  }

  @Test(
    "Fields, metrics and keys of results are explained",
    arguments: ["vms.memory", "pages_to_scan", "tlb_miss_rate", "scan.saved_self", "host.free_min_bytes", "ksm.pages_sharing"])
  func explanations(path: String) throws {
    let outcome = try MemlabProcess.run("explain", path)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.text.contains(path.split(separator: ".").last ?? ""))
    let entries = try MemlabProcess.run("explain", path, "--format", "json").object()["entries"] as? [[String: Any]]
    #expect(entries?.isEmpty == false)
  }

  /// The paths of all numbers, texts and empty lists of a result; elements of lists stand under their names.
  private func paths(_ value: Any, _ path: String = "") -> [String] {
    let members: [(String, Any)]
    if let object = value as? [String: Any] {
      members = object.map { ($0.key, $0.value) }
    } else if let elements = value as? [[String: Any]], !elements.isEmpty {
      members = elements.map { ($0["name"] as? String ?? "", $0) }
    } else {
      return [path]
    }
    return members.flatMap { paths($0.1, path.isEmpty ? $0.0 : "\(path).\($0.0)") }.sorted()
  }

  @Test("Every key of a run's and of a scan's result is explained")
  func everyKey() throws {
    let shop = try Workshop()
    try shop.write("s.yaml", BrokenInput.sound)
    try shop.write("f", [UInt8](repeating: 0, count: 8192))
    let run = try MemlabProcess.run(["run", "s.yaml", "--out", "out", "--format", "json"], in: shop).object()
    let scan = try MemlabProcess.run(["scan", "f", "--scanner", "ksm", "--format", "json"], in: shop).object()
    let asked = paths(run) + paths(scan).map { "scan.\($0.replacing("inputs.f.", with: ""))" }
    #expect(asked.count > 60)
    // What the reader gave: the scenario, its seed and names.
    let given: Set = ["schema", "scenario", "seed", "name", "paging", "scanner"]
    for path in asked where !given.contains(path.split(separator: ".").last.map(String.init) ?? "") {
      let outcome = try MemlabProcess.run("explain", path)
      #expect(outcome.status == 0, "\(path): \(outcome.errors)")
    }
  }

  @Test("Every JSON result is one object that begins with its schema")
  func schemaKeys() throws {
    let shop = try Workshop()
    try shop.write("s.yaml", BrokenInput.sound)
    try shop.write("f", [UInt8](repeating: 0, count: 8192))
    let rows: [(command: String, arguments: [String])] = [
      ("run", ["s.yaml", "--out", "out"]), ("scan", ["f"]), ("scan", ["f", "--scanner", "ksm"]), ("fingerprint", ["f", "-o", "f.pit"]),
      ("fingerprint", ["f", "-o", "f.mfp"]), ("check", ["s.yaml"]), ("list", []), ("explain", ["vms.memory"]),
      ("capture", ["pid:self", "-o", "core"]),
    ]
    for (command, arguments) in rows {
      let outcome = try MemlabProcess.run([command] + arguments + ["--format", "json"], in: shop)
      #expect(outcome.status == 0, "\(command): \(outcome.errors)")
      #expect(outcome.text.hasPrefix("{\n  \"schema\": \"memlab.\(command)/1\""), "\(outcome.text.prefix(80))")
      #expect(outcome.text.hasSuffix("}\n"))
      _ = try outcome.object()
    }
  }

  @Test("Every figure of every cost preset is listed with its source, and whether it is assumed")
  func costFigures() throws {
    let presets = try #require(try MemlabProcess.run("list", "--format", "json", "--quiet").object()["cost_presets"] as? [[String: Any]])
    #expect(presets.count == 10)
    for preset in presets {
      let figures = try #require(preset["figures"] as? [[String: Any]])
      #expect(figures.count == 37)
      #expect(figures.allSatisfy { ($0["source"] as? String)?.isEmpty == false && $0["assumed"] is Bool && $0["cycles"] is Int })
    }
  }

  @Test("Scenarios are found in the current folder, or beside the executable and above it, and otherwise memlab says where it looked")
  func workloads() throws {
    let shop = try Workshop()
    try shop.folder("Workloads")
    try shop.write("Workloads/s.yaml", BrokenInput.sound)
    let here = try MemlabProcess.run(["list"], in: shop)
    #expect(here.text.contains("Workloads/s.yaml"))
    #expect(!here.text.contains("quickstart"))
    // A copy of the program far from any checkout.
    let away = try Workshop()
    let program = try #require(MemlabProcess.executable)
    try FileManager.default.copyItem(at: program, to: away.url.appendingPathComponent("memlab"))
    let lost = try MemlabProcess(["list"], in: away, executable: away.url.appendingPathComponent("memlab")).outcome()
    #expect(lost.status == 0)
    #expect(lost.errors.contains("looked in Workloads, "))
    #expect(lost.errors.contains(away.url.lastPathComponent + "/Workloads"))
    try away.folder("Workloads")
    try away.write("Workloads/t.yaml", BrokenInput.sound)
    let elsewhere = try Workshop()
    #expect(
      try MemlabProcess(["list"], in: elsewhere, executable: away.url.appendingPathComponent("memlab")).outcome().text.contains(
        "Workloads/t.yaml"))
  }

  @Test(
    "A result that cannot be written to standard output is an error", .enabled(if: FileManager.default.fileExists(atPath: "/dev/full")),
    arguments: [["list"], ["--help"], ["help", "run"], ["--version"], ["--generate-completion-script", "bash"]])
  func fullDisk(arguments: [String]) throws {
    let full = try FileHandle(forWritingTo: URL(fileURLWithPath: "/dev/full"))
    let outcome = try MemlabProcess(arguments, in: try Workshop(), output: full).outcome()
    #expect(outcome.status == 73)
    #expect(outcome.errors.contains("cannot be written to standard output"))
  }

  @Test("With standard output closed, a result is an error and never goes into a file that was opened meanwhile")
  func closedOutput() throws {
    let shop = try Workshop()
    try shop.write("f", [UInt8](repeating: 0, count: 8192))
    let program = try #require(MemlabProcess.executable)
    let shell = URL(fileURLWithPath: "/bin/sh")
    let line = "exec \"$0\" fingerprint f -o f.pit >&-"
    let outcome = try MemlabProcess(["-c", line, program.path], in: shop, executable: shell).outcome()
    #expect(outcome.status == 73, "\(outcome.errors)")
    #expect(try Data(contentsOf: shop.url.appendingPathComponent("f.pit")) == Data(Bytes.trace(name: Array("f".utf8), [0, 0])))
  }
}
