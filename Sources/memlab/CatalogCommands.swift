internal import ArgumentParser
internal import Scenarios

/// `memlab check`.
struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Check a scenario without running it: every mistake at once, with its place.")

  @Argument(help: ArgumentHelp("The scenario, a YAML file.", valueName: "scenario"), completion: .file(extensions: ["yaml", "yml"])) var scenario: String
  @OptionGroup var changes: ScenarioChanges

  func run() throws {
    let loaded = try changes.load(scenario)
    print("\(scenario): correct (\(loaded.scenario.vms.count) virtual machines)")
  }
}

/// `memlab list`.
struct ListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "list", abstract: "List scenarios.")
  func run() throws {}
}

/// `memlab version`.
struct VersionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "version", abstract: "Print the version.")
  func run() { print("memlab \(Version.current)") }
}
