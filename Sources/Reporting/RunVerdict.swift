public import Laboratory
internal import Scenarios

/// What a run's expectations say of its summary.
public enum RunVerdict {
  /// The expectations that do not hold, each with the value that was found.
  public static func failedExpectations(of result: RunResult) -> [String] {
    failed(result.scenario.expectations, of: result.summary)
  }

  /// Judges a race: notes in each variant's result its own expectations that do not hold, and in the race's these and those between variants.
  public static func judge(_ race: RaceResult) -> RaceResult {
    var race = race
    for index in race.entries.indices {
      guard var result = race.entries[index].result else { continue }
      result.failedExpectations = failedExpectations(of: result)
      race.entries[index].result = result
      race.failedExpectations += result.failedExpectations.map { "variant \(race.entries[index].spec.name): \($0)" }
    }
    // What an interrupted race has not run is missing, not wrong.
    let missing = race.entries.filter { $0.result == nil }.map { "variants.\($0.spec.name)." }
    let between = race.scenario.expectations.filter { expectation in
      expectation.looksAtVariants && !expectation.paths.contains { path in missing.contains { path.hasPrefix($0) } }
    }
    race.failedExpectations += failed(between, of: race.summary)
    return race
  }

  /// Those of some expectations that do not hold of a summary.
  static func failed(_ expectations: [Expectation], of summary: JSONValue) -> [String] {
    expectations.compactMap { expectation in
      let asked = "\(expectation.path) \(expectation.comparison.rawValue) \(text(expectation.value))"
      guard let actual = summary.number(at: expectation.path) else { return "\(asked): \(missing(expectation.path, summary))" }
      switch expectation.value {
      case .number(let number): return expectation.holds(for: actual, against: number) ? nil : "\(asked): it is \(text(actual))"
      case .result(let path):
        guard let other = summary.number(at: path) else { return "\(asked): \(missing(path, summary))" }
        return expectation.holds(for: actual, against: other) ? nil : "\(asked): they are \(text(actual)) and \(text(other))"
      }
    }
  }

  /// Why there is no number at a path.
  private static func missing(_ path: String, _ summary: JSONValue) -> String {
    if case .null? = summary.value(at: path) { return "\(path) has no value, since it never came about" }
    return "the summary has no number \(path)"
  }

  private static func text(_ operand: Expectation.Operand) -> String {
    switch operand {
    case .number(let number): text(number)
    case .result(let path): path
    }
  }

  /// A number as people write it: whole ones without a fraction.
  private static func text(_ number: Double) -> String {
    Int64(exactly: number).map(String.init) ?? JSONValue.real(number).text(.line)
  }
}
