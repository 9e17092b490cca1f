/// A question that trials answer: does the model do this as the kernel does?
public struct TrialCase: Sendable {
  /// Its name, as a user types it.
  public let name: String
  /// What is tried, in a line.
  public let line: String
  private let build: @Sendable () -> [KSMTrial]

  init(several name: String, _ line: String, trials build: @escaping @Sendable () -> [KSMTrial]) {
    self.name = name
    self.line = line
    self.build = build
  }

  init(
    _ name: String, _ line: String, _ settings: KSMSettings = KSMTrial.plain, @StepList steps: @escaping @Sendable () -> [TrialStep]
  ) {
    self.init(several: name, line) { [KSMTrial(name: name, settings: settings, steps: steps())] }
  }

  /// The trials of the case, one or several. Each is named after the case, with what is special about it behind a colon.
  public var trials: [PreparedTrial] {
    build().map { trial in
      do throws(TrialError) { return try PreparedTrial(trial) } catch {
        preconditionFailure("the built-in trial \(trial.name) is not valid: \(error)")
      }
    }
  }

  /// All cases: those that the kernel's own tests try (tools/testing/selftests/mm/ksm_tests.c and ksm_functional_tests.c), then the rules
  /// one by one, then what was found by mixtures.
  public static let all: [TrialCase] = kernelsOwn + rules + found

  /// The case of a name.
  public static func named(_ name: String) -> TrialCase? { all.first { $0.name == name } }
}

extension KSMSettings {
  /// The settings with a change.
  func with(_ change: (inout KSMSettings) -> Void) -> KSMSettings {
    var settings = self
    change(&settings)
    return settings
  }
}

/// Steps one below the other, and lists of steps among them.
@resultBuilder enum StepList {
  static func buildExpression(_ step: TrialStep) -> [TrialStep] { [step] }
  static func buildExpression(_ steps: [TrialStep]) -> [TrialStep] { steps }
  static func buildBlock(_ steps: [TrialStep]...) -> [TrialStep] { steps.flatMap(\.self) }
  static func buildArray(_ steps: [[TrialStep]]) -> [TrialStep] { steps.flatMap(\.self) }
}

extension KSMTrial {
  init(name: String, settings: KSMSettings = KSMTrial.plain, @StepList list: () -> [TrialStep]) {
    self.init(name: name, settings: settings, steps: list())
  }
}

extension TrialStep {
  /// Full scans.
  static func scans(_ count: Int) -> [TrialStep] { Array(repeating: .scan, count: count) }

  /// A new space whose first pages hold one content, all of it registered.
  static func equal(_ count: Int, content: Int = 1, space: Int = 0) -> [TrialStep] {
    [.create(pages: count), .fill(space: space, pages: 0..<count, content: content), .merge(space: space, pages: 0..<count)]
  }

  /// A new space whose pages hold contents in a row, all of it registered.
  static func distinct(_ count: Int, first: Int = 1, space: Int = 0) -> [TrialStep] {
    [.create(pages: count), .copy(space: space, pages: 0..<count, first: first), .merge(space: space, pages: 0..<count)]
  }
}
