import Foundation
import Scenarios
import Testing

@Suite("The scenarios of the repository")
struct ShippedScenariosTests {
  private static let names =
    (try? FileManager.default.contentsOfDirectory(atPath: Samples.workloads))?.filter { $0.hasSuffix(".yaml") }.sorted() ?? []

  @Test("are sound, named after their files, and say what must hold", arguments: names)
  func sound(name: String) throws {
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(Samples.workloads)/\(name)")))
    let loaded = try ScenarioLoader.load(bytes: bytes, path: name, overrides: [], seed: nil) { trace in
      FileManager.default.fileExists(atPath: "\(Samples.workloads)/\(trace)")
    }
    #expect("\(loaded.scenario.name).yaml" == name)
    #expect(!loaded.scenario.description.isEmpty && !loaded.scenario.expectations.isEmpty)
  }

  @Test("stand in their README, a line each")
  func listed() throws {
    let readme = try String(contentsOfFile: "\(Samples.workloads)/README.md", encoding: .utf8)
    #expect(Self.names.count > 1)
    for name in Self.names { #expect(readme.contains("| `\(name)` |")) }
  }
}
