/// What sets KSM's knobs on a host, from what it can see of memory: a daemon beside the kernel.
///
/// A tuner is called once every `intervalNanoseconds` of virtual time, beginning one interval after the start, and answers with the knobs
/// that hold until the next call. It remembers what the real one remembers, in its own variables or in the kernel's knobs. Its arithmetic
/// is the real one's: whole kilobytes, and division rounds down.
///
/// Every tuner is a file with a type of this protocol and a case of `TunerKind`. (The kernel's own advisor is called at the end of a full
/// scan instead: see `ScanTimeAdvisor`.)
public protocol SharingTuner: Sendable {
  /// How often it looks, in nanoseconds of virtual time.
  var intervalNanoseconds: UInt64 { get }
  /// Looks once and sets the knobs.
  mutating func tune(_ statistics: TunerStatistics) -> TunerDecision
}

/// What a tuner sees of a host.
public struct TunerStatistics: Hashable, Sendable {
  /// The host's memory, in bytes (`MemTotal`).
  public var totalBytes: UInt64
  /// What of it is free, in bytes: `MemFree` with buffers and cache, or `MemAvailable`. A host of this laboratory has no page cache, so
  /// that the two agree.
  public var freeBytes: UInt64
  /// The memory that all running guests were given, in bytes: the virtual size of their processes.
  public var committedBytes: UInt64
  /// What of it is resident, in bytes: pages that are backed, a shared one counted once for each guest that maps it, those of the zero page
  /// not at all.
  public var residentBytes: UInt64

  /// All fields.
  public init(totalBytes: UInt64, freeBytes: UInt64, committedBytes: UInt64, residentBytes: UInt64) {
    self.totalBytes = totalBytes
    self.freeBytes = freeBytes
    self.committedBytes = committedBytes
    self.residentBytes = residentBytes
  }

  var totalKilobytes: UInt64 { totalBytes >> 10 }
  var freeKilobytes: UInt64 { freeBytes >> 10 }
  var committedKilobytes: UInt64 { committedBytes >> 10 }
  var residentKilobytes: UInt64 { residentBytes >> 10 }
}

/// The knobs as a tuner sets them (/sys/kernel/mm/ksm).
public struct TunerDecision: Hashable, Sendable {
  /// Whether the scanner runs (`run` is 1); where it does not, merged pages stay merged.
  public var runs: Bool
  /// Pages in a batch (`pages_to_scan`).
  public var pagesToScan: UInt64
  /// The pause between batches, in nanoseconds of virtual time (`sleep_millisecs`); at least a millisecond.
  public var sleepNanoseconds: UInt64

  /// All fields.
  public init(runs: Bool, pagesToScan: UInt64, sleepNanoseconds: UInt64) {
    self.runs = runs
    self.pagesToScan = pagesToScan
    self.sleepNanoseconds = sleepNanoseconds
  }

  /// What the kernel boots with, KSM not running: 100 pages, then 20 ms.
  static let kernelDefault = TunerDecision(runs: false, pagesToScan: 100, sleepNanoseconds: 20_000_000)

  /// Nanoseconds of a pause in milliseconds.
  ///
  /// A pause of 0, which makes ksmd yield and go on, becomes a millisecond: in virtual time the scanner would otherwise never let anything
  /// else happen.
  static func nanoseconds(milliseconds: UInt64) -> UInt64 { max(1, min(milliseconds, UInt64(UInt32.max))) * 1_000_000 }
}

/// The tuners that there are, by the names that scenarios use.
public enum TunerKind: String, CaseIterable, Sendable {
  /// The knobs stay as the scenario sets them.
  case none
  /// The daemon of Red Hat's and Debian's ksmtuned package; Proxmox VE's too.
  case ksmtuned
  /// The KSM rules of oVirt's Memory Overcommitment Manager.
  case mom
  /// KubeVirt's node agent.
  case kubevirt
  /// The kernel's scan-time advisor, at the end of each full scan.
  case advisor

  /// What it does, in a line.
  public var summary: String {
    switch self {
    case .none: "the knobs stay as they are set"
    case .ksmtuned: "ksmtuned: every 60 s, more pages while less than 20 % of memory is free, off while guests fit with room to spare"
    case .mom: "oVirt MoM: every 10 s, the same thresholds, free memory averaged over 50 s"
    case .kubevirt: "KubeVirt: every 180 s, by available memory alone"
    case .advisor: "the kernel's scan-time advisor: a full scan in 200 s, within 10 to 70 % of a processor"
    }
  }

  /// A tuner of this kind with its defaults; nil for `none`, and for `advisor`, which is not called by time but at the end of a
  /// full scan (`ScanTimeAdvisor`).
  public func makeTuner() -> (any SharingTuner)? {
    switch self {
    case .none, .advisor: nil
    case .ksmtuned: KsmtunedTuner()
    case .mom: MomTuner()
    case .kubevirt: KubeVirtTuner()
    }
  }
}
