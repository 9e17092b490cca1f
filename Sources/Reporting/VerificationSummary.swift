public import PageSharing

/// What `memlab verify ksm` found, as text for a terminal, as JSON and as CSV: the kernel's counters and the model's, side by side.
public struct VerificationSummary: Sendable {
  /// The answer to one question: all trials of a case.
  public struct Answer: Sendable {
    let name: String
    let line: String
    let trials: [TrialComparison]

    /// The trials of a case.
    public init(_ name: String, _ line: String, _ trials: [TrialComparison]) {
      self.name = name
      self.line = line
      self.trials = trials
    }

    var isEqual: Bool { trials.allSatisfy(\.isEqual) }
  }

  private let kernel: String
  private let model: String
  private let showsEverything: Bool
  private var answers: [Answer] = []

  /// A summary without answers.
  /// - Parameters:
  ///   - kernel: the running kernel's release.
  ///   - model: the release that the model copies.
  ///   - showsEverything: whether equal trials are shown counter by counter too.
  public init(kernel: String, model: String, showsEverything: Bool) {
    self.kernel = kernel
    self.model = model
    self.showsEverything = showsEverything
  }

  /// Adds an answer.
  public mutating func add(_ answer: Answer) { answers.append(answer) }

  /// Whether every counter was equal.
  public var isEqual: Bool { answers.allSatisfy(\.isEqual) }

  private var trialCount: Int { answers.reduce(0) { $0 + $1.trials.count } }
  private var comparedCount: Int { answers.reduce(0) { $0 + $1.trials.reduce(0) { $0 + $1.comparedCount } } }
  private var differing: Int { answers.count { !$0.isEqual } }

  // MARK: Text

  /// The built-in cases, a line each.
  public static func list(_ cases: [TrialCase]) -> String {
    TextTable.lines(["case", ""], cases.map { [$0.name, $0.line] }).joined(separator: "\n") + "\n"
  }

  /// The built-in cases as JSON.
  public static func listJSON(_ cases: [TrialCase]) -> JSONValue {
    let listed: [JSONValue] = cases.map { ["name": .string($0.name), "description": .string($0.line)] }
    return .object([.init("schema", "memlab.verify-list/1"), .init("cases", .array(listed))])
  }

  /// One line, and where something differs, or everything is to be shown, tables.
  public func text(of answer: Answer) -> String {
    let numbers = answer.trials.reduce(0) { $0 + $1.comparedCount }
    let name = answer.name + String(repeating: " ", count: max(0, 22 - answer.name.count))
    let counts = Self.counts(numbers, answer.trials.count)
    var text = "\(answer.isEqual ? "equal  " : "DIFFERS")  \(name)  \(counts): \(Wording.line(answer.line, limit: 120))\n"
    for trial in answer.trials where trial.kernelSeconds >= Self.notable {
      let (kernel, model) = (Wording.fixed(trial.kernelSeconds, decimals: 2), Wording.fixed(trial.modelSeconds, decimals: 2))
      text += "         scans took the kernel \(kernel) s and the model \(model) s\n"
    }
    for trial in answer.trials where showsEverything || !trial.isEqual { text += tables(of: trial) }
    return text
  }

  /// From how many seconds of the kernel's on the times are worth a line; below, most of them is waiting.
  private static let notable = 1.0

  /// How many moments of a trial that differs are shown where not everything is.
  private static let shownMoments = 3

  private func tables(of trial: TrialComparison) -> String {
    var text = ""
    let chosen = showsEverything ? trial.rows : trial.rows.filter { !$0.isEqual }
    for row in showsEverything ? chosen[...] : chosen.prefix(Self.shownMoments) {
      let lines = TextTable.lines(
        ["\(trial.name), \(row.moment)", "kernel", "model", "difference"],
        row.counters.map { [$0.name, String($0.kernel), String($0.model), $0.difference == 0 ? "" : signed($0.difference)] })
      text += "\n" + lines.map { "  \($0)\n" }.joined()
    }
    let rest = chosen.count - Self.shownMoments
    if !showsEverything && rest > 0 { text += "\n  \(rest) more moments differ; --watch shows all\n" }
    return text + "\n"
  }

  private static func counts(_ numbers: Int, _ trials: Int) -> String {
    "\(Wording.grouped(UInt64(numbers))) numbers in \(trials) trial\(trials == 1 ? "" : "s")"
  }

  private func signed(_ number: Int64) -> String { number > 0 ? "+\(number)" : String(number) }

  /// The last line.
  public var verdict: String {
    let who = "Linux \(kernel) and memlab's model of \(model)"
    let what = Self.counts(comparedCount, trialCount)
    guard !isEqual else { return "\(who) agree on all of \(what)\n" }
    return "\(who) differ in \(differing) of \(answers.count) cases (\(what))\n"
  }

  // MARK: JSON

  /// The result under the names that scripts use. The moments of trials that are equal are left out unless everything is to be shown.
  public var json: JSONValue {
    [
      "schema": "memlab.verify/1", "kernel": .string("linux-\(kernel)"), "model": .string("linux-\(model)"),
      "equal": .bool(isEqual), "cases_differing": .count(UInt64(differing)), "trials": .count(UInt64(trialCount)),
      "numbers_compared": .count(UInt64(comparedCount)), "cases": .array(answers.map { json(of: $0) }),
    ]
  }

  private func json(of answer: Answer) -> JSONValue {
    let trials = answer.trials.map { trial -> JSONValue in
      let rows = showsEverything ? trial.rows : trial.rows.filter { !$0.isEqual }
      return [
        "name": .string(trial.name), "equal": .bool(trial.isEqual), "numbers_compared": .count(UInt64(trial.comparedCount)),
        "kernel_seconds": .real(trial.kernelSeconds), "model_seconds": .real(trial.modelSeconds),
        "moments": .array(rows.map { json(of: $0) }),
      ]
    }
    return [
      "name": .string(answer.name), "meaning": .string(answer.line), "equal": .bool(answer.isEqual), "trials": .array(trials),
    ]
  }

  private func json(of row: TrialComparison.Row) -> JSONValue {
    let counters = row.counters.map { counter -> JSONValue in
      ["name": .string(counter.name), "kernel": .integer(counter.kernel), "model": .integer(counter.model)]
    }
    return ["moment": .string(row.moment), "equal": .bool(row.isEqual), "counters": .array(counters)]
  }

  // MARK: CSV

  /// Every number that was compared.
  public var csv: String {
    var table = CSVTable(["case", "trial", "moment", "counter", "kernel", "model", "difference"])
    for answer in answers {
      for trial in answer.trials {
        for row in trial.rows {
          for counter in row.counters {
            table.append([
              answer.name, trial.name, row.moment, counter.name, String(counter.kernel), String(counter.model), String(counter.difference),
            ])
          }
        }
      }
    }
    return table.text
  }
}
