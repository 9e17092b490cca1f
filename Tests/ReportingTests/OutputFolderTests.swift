import Foundation
import Testing

@testable import Reporting

@Suite("The folder of a report")
struct OutputFolderTests {
  let folder: TemporaryFolder
  let result = RunFixture.empty()

  init() throws { folder = try TemporaryFolder() }

  @discardableResult
  private func write(_ name: String) async throws(ReportingError) -> [String] {
    try await RunReport.write(result, manifest: RunFixture.manifest(), to: folder.path(name))
  }

  @Test("A new folder appears with everything in it, and nothing beside it")
  func newFolder() async throws {
    try await write("deep/er/run")
    let files = try folder.files()
    #expect(files.allSatisfy { $0.hasPrefix("deep/er/run/") })
    for name in ["summary.json", "timeline.csv", "vms.csv", "metrics.csv", "manifest.json"] {
      #expect(files.contains("deep/er/run/" + name))
    }
  }

  @Test("An empty folder is filled")
  func emptyFolder() async throws {
    try FileManager.default.createDirectory(atPath: folder.path("run"), withIntermediateDirectories: false)
    try await write("run")
    #expect(try folder.text("run/summary.json") == result.summary.text())
  }

  @Test("An older run is replaced, and what people put beside it stays")
  func olderRun() async throws {
    try await write("run")
    let fresh = try folder.files()
    try folder.write("older", "run/summary.json")
    try folder.write("older", "run/figures/older.csv")
    try folder.write("mine", "run/notes.txt")
    try await write("run")
    #expect(try folder.text("run/summary.json") == result.summary.text())
    #expect(try folder.text("run/notes.txt") == "mine")
    #expect(try folder.files() == (fresh + ["run/notes.txt"]).sorted())
  }

  @Test("A folder that holds something else is refused and left alone", arguments: ["thesis.tex", "manifest.json"])
  func foreignFolder(name: String) async throws {
    try folder.write(#"{"manifest_version": 3}"#, "run/" + name)
    await #expect(throws: ReportingError.outputIsForeign(path: folder.path("run"))) { try await write("run") }
    #expect(throws: ReportingError.outputIsForeign(path: folder.path("run"))) { try RunReport.check(path: folder.path("run")) }
    #expect(try folder.files() == ["run/" + name])
  }

  @Test("A file is not a folder, neither as the output nor on the way to it")
  func fileInTheWay() async throws {
    try folder.write("text", "file")
    await #expect(throws: ReportingError.outputIsFile(path: folder.path("file"))) { try await write("file") }
    await #expect(throws: ReportingError.outputIsFile(path: folder.path("file"))) { try await write("file/run") }
    #expect(try folder.text("file") == "text")
  }

  @Test("A link to a folder leads there")
  func link() async throws {
    try FileManager.default.createDirectory(atPath: folder.path("real"), withIntermediateDirectories: false)
    try FileManager.default.createSymbolicLink(atPath: folder.path("link"), withDestinationPath: folder.path("real"))
    try await write("link")
    #expect(try folder.files().contains("real/summary.json"))
  }

  @Test("Whichever move fails, every file is as it was", arguments: 1...4)
  func rollback(failing: Int) throws {
    try folder.write(Self.manifest, "run/manifest.json")
    try folder.write("older", "run/a.csv")
    let output = try OutputFolder(folder.path("run"))
    for name in ["a.csv", "b.csv", "manifest.json"] {
      try "newer".write(to: output.staging.appendingPathComponent(name), atomically: false, encoding: .utf8)
    }
    var moves = 0
    #expect(throws: ReportingError.outOfSpace(path: folder.path("run"))) {
      try output.commit { from, to in
        moves += 1
        if moves == failing { throw CocoaError(.fileWriteOutOfSpace) }
        try FileManager.default.moveItem(at: from, to: to)
      }
    }
    #expect(try folder.files() == ["run/a.csv", "run/manifest.json"])
    #expect(try folder.text("run/a.csv") == "older")
    #expect(try folder.text("run/manifest.json") == Self.manifest)
  }

  @Test("A new folder that another run made in the meantime gets the later report, whole")
  func overtaken() async throws {
    let output = try OutputFolder(folder.path("run"))
    try await write("run")
    try folder.write("mine", "run/notes.txt")
    let fresh = try folder.files().filter { $0.hasPrefix("run/") }
    try "newer".write(to: output.staging.appendingPathComponent("summary.json"), atomically: false, encoding: .utf8)
    try output.commit()
    #expect(try folder.text("run/summary.json") == "newer")
    #expect(try folder.files() == fresh)
  }

  @Test("A new folder that somebody else made in the meantime is refused and left alone")
  func overtakenByOthers() throws {
    let output = try OutputFolder(folder.path("run"))
    try folder.write("mine", "run/thesis.tex")
    #expect(throws: ReportingError.outputIsForeign(path: output.destination.path)) { try output.commit() }
    #expect(try folder.files() == ["run/thesis.tex"])
  }

  @Test("Reports that move into one folder at once leave one of them, whole")
  func atOnce() async throws {
    try folder.write(Self.manifest, "run/manifest.json")
    let outputs = try (0..<8).map { _ in try OutputFolder(folder.path("run")) }
    let names = ["a.csv", "b.csv", "c.csv"]
    for (number, output) in outputs.enumerated() {
      for name in names {
        try "\(number)".write(to: output.staging.appendingPathComponent(name), atomically: false, encoding: .utf8)
      }
    }
    try await withThrowingTaskGroup { group in
      for output in outputs { group.addTask { try output.commit() } }
      try await group.waitForAll()
    }
    let texts = try names.map { try folder.text("run/" + $0) }
    #expect(Set(texts).count == 1)
    #expect(try folder.files() == names.map { "run/" + $0 } + ["run/manifest.json"])
  }

  private static let manifest = "{\n  \"schema\": \"memlab.manifest/1\"\n}\n"

  @Test("Errors of the system keep what a user can act on")
  func errors() {
    #expect(ReportingError(CocoaError(.fileWriteOutOfSpace), writing: "x") == .outOfSpace(path: "x"))
    #expect(ReportingError(CocoaError(.fileWriteNoPermission), writing: "x") == .notWritable(path: "x", reason: "permission denied"))
    #expect(ReportingError.outOfSpace(path: "x").description == "cannot write the report to x: no space is left on the disk")
  }
}
