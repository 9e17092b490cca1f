import Foundation
import Scenarios
import Testing

@Suite("Files that are no scenarios")
struct FileTests {
  private func failure(of path: String) -> ScenarioErrors? {
    do throws(ScenarioErrors) {
      _ = try ScenarioLoader.load(path: path)
      return nil
    } catch { return error }
  }

  private func diagnostics(of bytes: [UInt8]) -> [ScenarioDiagnostic] {
    do throws(ScenarioErrors) {
      _ = try ScenarioLoader.load(bytes: bytes, path: "test.yaml")
      return []
    } catch { return error.diagnostics }
  }

  /// Gives a folder of its own to a test, and takes it away again.
  private func withFolder(_ body: (String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("memlab-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try body(folder)
  }

  @Test("A missing file is its own error, with exit code 66")
  func missing() throws {
    let error = try #require(failure(of: "/nowhere/x.yaml"))
    #expect(error == .missing(path: "/nowhere/x.yaml"))
    #expect(error.exitCode == 66)
    #expect(error.description == "/nowhere/x.yaml: error: there is no such file")
  }

  @Test("A folder is no scenario")
  func folder() throws {
    let error = try #require(failure(of: Samples.workloads))
    #expect(error == .unreadable(path: Samples.workloads, reason: "this is a folder, not a scenario"))
    #expect(error.exitCode == 66)
  }

  @Test("A file that never ends is read only up to the limit")
  func endless() throws {
    let error = try #require(failure(of: "/dev/zero"))
    #expect(error.exitCode == 65)
    #expect(error.diagnostics.map(\.message) == ["the file is larger than 1 MiB, the most that a scenario may have"])
  }

  @Test("A byte that is not UTF-8 is told with its place")
  func notUTF8() {
    let diagnostic = diagnostics(of: Array("name: a\nseed: ".utf8) + [0xff, 0x0a]).first
    #expect(diagnostic?.line == 2)
    #expect(diagnostic?.column == 7)
    #expect(diagnostic?.message.contains("not UTF-8") == true)
    // A surrogate half and an overlong form are no UTF-8 either (RFC 3629, 3).
    #expect(diagnostics(of: [0xed, 0xa0, 0x80]).first?.message.contains("not UTF-8") == true)
    #expect(diagnostics(of: [0xc0, 0xaf]).first?.message.contains("not UTF-8") == true)
  }

  @Test("Nesting of any depth is told and does not exhaust the stack", arguments: ["[", "- ", "{a: ", "? ", "a: ["])
  func deep(opening: String) {
    #expect(Samples.diagnostics(String(repeating: opening, count: 50_000)).count == 1)
    let closing = ["[": "]", "{a: ": "}"][opening]
    if let closing {
      let text = "name: " + String(repeating: opening, count: 200) + String(repeating: closing, count: 200)
      #expect(Samples.diagnostics(text).map(\.message) == ["the file is nested deeper than 64 levels"])
    }
  }

  @Test("Aliases of aliases cost nothing before they are refused")
  func aliasBomb() {
    var text = "a0: &a0 [x, x]\n"
    for level in 1...40 { text += "a\(level): &a\(level) [*a\(level - 1), *a\(level - 1)]\n" }
    let bomb = Samples.diagnostics(text + "? *a40\n: 1\n")
    #expect(bomb.map(\.message) == ["aliases (*name) are not part of scenario files"])
    let small = Samples.diagnostics("a: &a [1]\nb: [*a, *a]\n? *a\n: 1\n")
    #expect(small.contains { $0.message.contains("anchors and aliases (&a)") })
    #expect(Samples.diagnostics("a: &a [*a]\n").map(\.message) == ["this is not YAML: found undefined alias"])
  }

  @Test("A file of too many values is told")
  func manyNodes() {
    let text = "name: [" + String(repeating: "1,", count: 100_001) + "]"
    #expect(Samples.diagnostics(text).map(\.message) == ["the file has more than 100,000 values"])
  }

  @Test("A file in which one field is given a hundred times is told")
  func manyDuplicates() {
    let diagnostics = Samples.diagnostics(String(repeating: "name: a\n", count: 100))
    #expect(diagnostics.contains { $0.message == "the field \"name\" is given twice" })
  }

  @Test("A trace that is not there is told where the scenario names it; it is looked for from the scenario's folder")
  func trace() throws {
    try withFolder { folder in
      let path = folder + "/s.yaml"
      try BrokenScenario.sound.write(toFile: path, atomically: true, encoding: .utf8)
      let error = try #require(failure(of: path))
      #expect(error.diagnostics.map { "\($0.line ?? 0):\($0.column ?? 0) \($0.message)" } == ["48:14 there is no file \"t.pit\""])
      #expect(error.exitCode == 65)
      try Data().write(to: URL(fileURLWithPath: folder + "/t.pit"))
      let loaded = try ScenarioLoader.load(path: path)
      #expect(loaded.folder.resolve("t.pit") == folder + "/t.pit")
      #expect(loaded.folder.resolve("/t.pit") == "/t.pit")
      #expect(loaded.sourceBytes == Array(BrokenScenario.sound.utf8))
    }
  }

  @Test("A catalog lists the scenarios of a folder by file name, broken ones too, and leaves other files out")
  func catalog() throws {
    try withFolder { folder in
      let files = [
        "b.yaml": BrokenScenario.sound, "a.yml": "name: [", "c.yaml": "sweep: 1", "d.txt": Samples.least,
        "e.yaml": "vms: 3\ndescription: \"x\\ny\"",
      ]
      for (name, text) in files { try text.write(toFile: folder + "/" + name, atomically: true, encoding: .utf8) }
      let items = try ScenarioCatalog(folder: folder).items
      #expect(items.map(\.name) == ["a", "sound", "e"])
      #expect(items.map(\.vmCount) == [nil, 2, nil])
      #expect(items.map(\.path) == ["a.yml", "b.yaml", "e.yaml"].map { folder + "/" + $0 })
      #expect(items[2].description == "x y")
    }
    #expect(throws: ScenarioErrors.missing(path: "/nowhere")) { try ScenarioCatalog(folder: "/nowhere") }
  }

  @Test("The repository's catalog has the quickstart")
  func repositoryCatalog() throws {
    let item = try #require(try ScenarioCatalog(folder: Samples.workloads).items.first { $0.name == "quickstart" })
    #expect(item.vmCount == 4)
    #expect(item.description.hasPrefix("Four guests"))
  }
}
