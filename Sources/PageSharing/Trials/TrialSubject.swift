/// Who can carry out a trial: a kernel, or a model of one.
public protocol TrialSubject: AnyObject {
  associatedtype Failure: Error
  /// Does what a step says. Steps come in the order of a valid trial.
  func carryOut(_ step: TrialStep) throws(Failure)
  /// Reads all counters.
  func observe(after step: Int) throws(Failure) -> TrialObservation
}

extension TrialSubject {
  /// Carries a whole trial out.
  /// - Parameter observed: told each observation as soon as there is one.
  /// - Returns: the counters after each full scan, each batch, and wherever else the trial asks for them.
  public func run(_ trial: KSMTrial, observed: (TrialObservation) -> Void = { _ in }) throws(Failure) -> [TrialObservation] {
    var observations: [TrialObservation] = []
    for (index, step) in trial.steps.enumerated() {
      let start = ContinuousClock.now
      try carryOut(step)
      let elapsed = start.duration(to: .now).components
      switch step {
      case .scan, .batch, .observe:
        var observation = try observe(after: index)
        if case .observe = step {} else { observation.scanSeconds = Double(elapsed.seconds) + Double(elapsed.attoseconds) * 1e-18 }
        observed(observation)
        observations.append(observation)
      default: continue
      }
    }
    return observations
  }
}
