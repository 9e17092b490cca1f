/// The knobs of UKSM, with the defaults of mm/uksm.c (release 0.1.2.6).
public struct UKSMSettings: Hashable, Sendable {
  /// A preset of processor shares: `/sys/kernel/mm/uksm/cpu_governor`.
  public enum Governor: String, CaseIterable, Hashable, Sendable {
    /// Up to 95 % of a processor.
    case full
    /// Up to 50 %.
    case medium
    /// Up to 20 %.
    case low
    /// Less than 1 %.
    case quiet

    /// The most that any rung may take, in percent of a processor.
    var maxPercent: UInt64 {
      switch self {
      case .full: 95
      case .medium: 50
      case .low: 20
      case .quiet: 1
      }
    }

    /// What each rung may take, from the poorest, in ten-thousandths of a processor (`uksm_cpu_preset`): the two upper rungs of the first
    /// three presets are given there as parts of the most that is allowed.
    var shares: [UInt64] {
      switch self {
      case .full: [20, 40, maxPercent * 25, maxPercent * 100]
      case .medium: [20, 30, maxPercent * 25, maxPercent * 100]
      case .low: [10, 20, maxPercent * 50, maxPercent * 100]
      case .quiet: [10, 20, 40, 75]
      }
    }

    /// In which time a round of each rung is to be over, in milliseconds: what does not fit into it is sampled.
    var coverMilliseconds: [UInt64] {
      switch self {
      case .full: [1000, 500, 200, 50]
      case .medium: [1000, 500, 400, 100]
      case .low: [1500, 1000, 1000, 250]
      case .quiet: [2000, 1000, 1000, 1000]
      }
    }
  }

  /// The preset of processor shares.
  public var governor = Governor.full
  /// The pause between two wake-ups, in nanoseconds: `sleep_millisecs`, 100.
  public var sleepNanoseconds: UInt64 = 100_000_000
  /// A region of which so many percent of the sampled pages were merged is abundant in duplicates and climbs: `abundant_threshold`.
  public var abundantPercent: UInt64 = 10
  /// A region in which more than so many merged pages in a hundred were written to thrashes, and counts as one without duplicates:
  /// `thrash_threshold`. 0 for no such rule.
  public var thrashPercent: UInt64 = 50
  /// How many pages a region has; 0 makes each address space one, as the memory of a virtual machine is one mapping of its process.
  public var regionPages = 0
  /// The first strength of the sampled hash, in words of four bytes: a sixteenth of a page. From 1 to 1024.
  public var initialStrength = 64

  /// The defaults.
  public init() {}
}
