/// A trial's counters by the kernel and by the model, side by side.
public struct TrialComparison: Sendable {
  /// The trial's name.
  public let name: String
  /// What was observed, in order.
  public let rows: [Row]
  /// Seconds of wall time that all scans took, by the kernel and by the model.
  public let kernelSeconds, modelSeconds: Double

  /// One moment of the trial.
  public struct Row: Sendable {
    /// What was done just before: "scan 3", "batch of 17", "observe".
    public let moment: String
    /// Every counter, in a fixed order.
    public let counters: [Counter]

    /// Whether all counters are equal.
    public var isEqual: Bool { counters.allSatisfy { $0.difference == 0 } }
  }

  /// A counter by both.
  public struct Counter: Sendable {
    /// Its name.
    public let name: String
    /// The kernel's value.
    public let kernel: Int64
    /// The model's value.
    public let model: Int64

    /// The model's value less the kernel's.
    public var difference: Int64 { model.subtractingReportingOverflow(kernel).partialValue }
  }

  /// Sets two runs of one trial side by side.
  public init(trial: KSMTrial, kernel: [TrialObservation], model: [TrialObservation]) {
    precondition(kernel.count == model.count, "a trial is observed at the same moments by both")
    name = trial.name
    kernelSeconds = kernel.reduce(0) { $0 + $1.scanSeconds }
    modelSeconds = model.reduce(0) { $0 + $1.scanSeconds }
    var scans = 0
    rows = zip(kernel, model).map { kernel, model in
      let moment: String
      switch trial.steps[kernel.step] {
      case .scan:
        scans += 1
        moment = "scan \(scans)"
      case .batch(let pages): moment = "batch of \(pages)"
      default: moment = "step \(kernel.step)"
      }
      let counters = zip(kernel.all, model.all).map { Counter(name: $0.name, kernel: $0.value, model: $1.value) }
      return Row(moment: moment, counters: counters)
    }
  }

  /// Whether every counter was equal at every moment.
  public var isEqual: Bool { rows.allSatisfy(\.isEqual) }

  /// How many numbers were compared.
  public var comparedCount: Int { rows.reduce(0) { $0 + $1.counters.count } }
}
