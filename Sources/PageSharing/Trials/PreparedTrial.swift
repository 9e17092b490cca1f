public import PageContents

/// A trial that was checked, with the contents that it numbers.
public struct PreparedTrial: Sendable {
  /// The trial.
  public let trial: KSMTrial
  /// Where its spaces lie.
  public let layout: TrialLayout
  /// The table of contents.
  public let contents: [PageContent]

  /// Checks a trial.
  /// - Parameter contents: the table of contents; nil for the page of zeros and synthetic pages, all different.
  /// - Throws: the first step that cannot be carried out, as far as it is the trial's fault.
  public init(_ trial: KSMTrial, contents: [PageContent]? = nil) throws(TrialError) {
    self.trial = trial
    layout = try trial.layout()
    self.contents = contents ?? (0..<layout.contentCount).map { $0 == 0 ? .zero : .synthetic(seed: UInt64($0)) }
    guard self.contents.count >= layout.contentCount else {
      throw TrialError(step: 0, problem: "the table of contents holds \(self.contents.count) of \(layout.contentCount) pages")
    }
  }
}
