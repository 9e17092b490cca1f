internal import Foundation

/// A scenario with what it was made of.
public struct LoadedScenario: Sendable {
  /// The plan; the paths of traces are as the file has them.
  public let scenario: Scenario
  /// The file, as it was asked for.
  public let path: String
  /// Where the paths in the scenario start.
  public let folder: ScenarioFolder
  /// The file's content.
  public let sourceBytes: [UInt8]
  /// The values that replaced the file's, each `path=value`, in order.
  public let overrides: [String]
  /// Its variants, each a plan of its own; none in most scenarios.
  public let variants: [LoadedVariant]
}

extension Scenario {
  /// All values in order, with every default filled in.
  public var resolvedValues: [ResolvedValue] { ScenarioFields.scenario.write(self).flattened }

  /// The scenario as a file, with every default filled in; loading it gives an equal scenario.
  public var canonicalText: String { ScenarioFields.scenario.write(self).yaml }
}

/// The folder of a scenario's file, from which the paths in it start.
public struct ScenarioFolder: Hashable, Sendable {
  /// The folder, empty for the current one.
  public let path: String

  /// The folder that a file stands in.
  public init(ofFile file: String) {
    path = file.lastIndex(of: "/").map { String(file[...$0]) } ?? ""
  }

  /// The path, from where the program runs, of a file that the scenario names.
  public func resolve(_ file: String) -> String { file.hasPrefix("/") ? file : path + file }
}
