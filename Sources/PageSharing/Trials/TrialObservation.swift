/// What the counters said at one moment of a trial.
///
/// Two are not compared as a whole: they hold a wall time, which no two runs share.
public struct TrialObservation: Sendable {
  /// After which step, from 0.
  public let step: Int
  /// The counters of the machine. Those that only grow are counted from the beginning of the trial; `fullScans` is too, and run = 2 sets it
  /// to 0.
  public let counters: KSMCounters
  /// The counters of each space, in the order of creation; nil for one that has ended or is not born yet.
  public let spaces: [KSMProcessStatistics?]
  /// Seconds of wall time that the full scan or the batch took which the step was; 0 after other steps.
  public var scanSeconds = 0.0

  /// An observation.
  public init(step: Int, counters: KSMCounters, spaces: [KSMProcessStatistics?]) {
    self.step = step
    self.counters = counters
    self.spaces = spaces
  }
}

/// A number that a trial compares.
public struct TrialCounter: Sendable {
  /// The kernel's name of it, with the number of the space where it is one's own: "space 2 ksm_rmap_items".
  public let name: String
  /// The number.
  public let value: Int64
}

extension TrialObservation {
  /// Every number of the observation, in a fixed order.
  public var all: [TrialCounter] {
    let c = counters
    let own: [(String, UInt64)] = [
      ("full_scans", c.fullScans), ("pages_scanned", c.pagesScanned), ("pages_skipped", c.pagesSkipped), ("pages_shared", c.pagesShared),
      ("pages_sharing", c.pagesSharing), ("pages_unshared", c.pagesUnshared), ("pages_volatile", c.pagesVolatile),
      ("ksm_zero_pages", c.ksmZeroPages), ("stable_node_chains", c.stableNodeChains), ("stable_node_dups", c.stableNodeDups),
    ]
    var numbers = own.map { TrialCounter(name: $0.0, value: Int64(clamping: $0.1)) }
    numbers.append(TrialCounter(name: "general_profit", value: c.generalProfit))
    for (number, space) in spaces.enumerated() {
      guard let space else { continue }
      let its: [(String, Int64)] = [
        ("ksm_rmap_items", Int64(clamping: space.rmapItems)), ("ksm_zero_pages", Int64(clamping: space.zeroPages)),
        ("ksm_merging_pages", Int64(clamping: space.mergingPages)), ("ksm_process_profit", space.profit),
      ]
      numbers += its.map { TrialCounter(name: "space \(number) \($0.0)", value: $0.1) }
    }
    return numbers
  }
}
