import Foundation
import Scenarios

/// The repository's scenarios, and ways to load texts in their place.
enum Samples {
  /// The folder of the repository's scenarios.
  static let workloads = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Workloads").path

  /// The quickstart.
  static let quickstart: String = {
    (try? String(contentsOfFile: workloads + "/quickstart.yaml", encoding: .utf8)) ?? ""
  }()

  /// A scenario with nothing but what must be there.
  static let least = """
    name: least
    host:
      memory: 1GiB
    vms:
      - name: a
        memory: 512MiB
        guest:
          kind: synthetic
          image: debian
    """

  /// Loads a text as `test.yaml`; every trace is there.
  static func load(_ text: String, set overrides: [String] = [], seed: UInt64? = nil) throws(ScenarioErrors) -> LoadedScenario {
    try ScenarioLoader.load(bytes: Array(text.utf8), path: "test.yaml", overrides: overrides, seed: seed, traceExists: { _ in true })
  }

  /// What is wrong with a text.
  static func diagnostics(_ text: String, set overrides: [String] = []) -> [ScenarioDiagnostic] {
    do throws(ScenarioErrors) {
      _ = try load(text, set: overrides)
      return []
    } catch { return error.diagnostics }
  }
}
