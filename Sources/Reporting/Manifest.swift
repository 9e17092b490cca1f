public import Foundation
internal import Laboratory
public import Scenarios

/// What a run's manifest says beyond its result: how it was started, from which bytes, and how long it took.
public struct ManifestInput: Sendable {
  /// The version of memlab that carried it out.
  public var version: String
  /// The arguments of the command line, as given.
  public var arguments: [String]
  /// The scenario's file, as given.
  public var scenarioFile: String
  /// What `--set` changed in the scenario, each as `path=value`.
  public var overrides: [String]
  /// The scenario with every default filled in.
  public var resolvedScenario: String
  /// The files that were read.
  public var inputs: [InputFile]
  /// When the run was started.
  public var started: Date
  /// When it ended.
  public var finished: Date
  /// How long it took.
  public var wallSeconds: Double
  /// The variant that it is of, in the folder of one.
  public var variant: VariantSpec?

  /// A file that a run read.
  public struct InputFile: Hashable, Sendable {
    /// Its path, as the scenario or the command line names it.
    public var path: String
    /// The SHA-256 digest of its bytes, in hexadecimal digits.
    public var sha256: String

    /// A path and a digest.
    public init(path: String, sha256: String) {
      self.path = path
      self.sha256 = sha256
    }
  }

  /// All fields.
  public init(
    version: String, arguments: [String], scenarioFile: String, overrides: [String], resolvedScenario: String, inputs: [InputFile],
    started: Date, finished: Date, wallSeconds: Double
  ) {
    self.version = version
    self.arguments = arguments
    self.scenarioFile = scenarioFile
    self.overrides = overrides
    self.resolvedScenario = resolvedScenario
    self.inputs = inputs
    self.started = started
    self.finished = finished
    self.wallSeconds = wallSeconds
  }
}

extension ManifestInput {
  /// How the schema of every manifest begins: what tells a run's folder from other people's.
  static let schemaPrefix = "memlab.manifest/"

  /// The content of `manifest.json`, the only file with wall times.
  func document(state: RunState, seed: UInt64) -> JSONValue {
    var members: [JSONValue.Member] = [
      .init("schema", .string(Self.schemaPrefix + "1")), .init("version", .string(version)), .init("state", .string(state.rawValue)),
      .init("arguments", .array(arguments.map(JSONValue.string))), .init("scenario_file", .string(scenarioFile)),
      .init("overrides", .array(overrides.map(JSONValue.string))), .init("seed", .count(seed)),
    ]
    if let variant { members.append(.init("variant", .string(variant.name))) }
    members += [
      .init("inputs", .array(inputs.map { ["path": .string($0.path), "sha256": .string($0.sha256)] })),
      .init("started", .string(Self.timestamp(started))), .init("finished", .string(Self.timestamp(finished))),
      .init("wall_seconds", .real(wallSeconds)), .init("scenario", .string(resolvedScenario)),
    ]
    return .object(members)
  }

  /// The manifest of one of the variants.
  func of(_ variant: VariantSpec, _ scenario: Scenario) -> ManifestInput {
    var manifest = self
    manifest.variant = variant
    manifest.resolvedScenario = scenario.canonicalText
    return manifest
  }

  /// The command that gives the same results anywhere: it names the scenario's file but not where it lies, and not where results go.
  func reproduction(seed: UInt64) -> String {
    var words = ["memlab", "run", scenarioName, "--seed", String(seed)]
    for change in overrides { words += ["--set", change] }
    // A variant alone is the scenario with its settings.
    if let variant {
      for setting in variant.settings { words += ["--set", "\(setting.path)=\(setting.value)"] }
      words += ["--set", "variants=[]"]
    }
    return words.map(Self.shellQuoted).joined(separator: " ")
  }

  /// The scenario's file without the folders that it lies in, which differ from machine to machine.
  var scenarioName: String { (scenarioFile as NSString).lastPathComponent }

  /// A word as a POSIX shell reads it back.
  static func shellQuoted(_ word: String) -> String {
    let plain = word.unicodeScalars.allSatisfy {
      $0.isASCII && ($0.properties.isAlphabetic || $0.properties.numericType != nil || "-_./=:,+%@".unicodeScalars.contains($0))
    }
    if plain, !word.isEmpty { return word }
    return "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
  }

  private static func timestamp(_ date: Date) -> String { date.formatted(.iso8601) }
}
