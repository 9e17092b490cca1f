public import Laboratory
internal import Scenarios

/// What a run's expectations say of its summary.
public enum RunVerdict {
  /// The expectations that do not hold, each with the value that was found.
  public static func failedExpectations(of result: RunResult) -> [String] {
    let summary = result.summary
    return result.scenario.expectations.compactMap { expectation in
      let asked = "\(expectation.path) \(expectation.comparison.rawValue) \(text(expectation.value))"
      guard let actual = summary.number(at: expectation.path) else { return "\(asked): the summary has no such number" }
      return expectation.holds(for: actual) ? nil : "\(asked): it is \(text(actual))"
    }
  }

  /// A number as people write it: whole ones without a fraction.
  private static func text(_ number: Double) -> String {
    Int64(exactly: number).map(String.init) ?? JSONValue.real(number).text(.line)
  }
}
