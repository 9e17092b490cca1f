public import PageSharing
public import Scenarios
public import Translation

/// What a run found: the state at its end, and how it got there.
public struct RunResult: Equatable, Sendable {
  /// The plan that was carried out.
  public var scenario: Scenario
  /// Whether the run reached its end.
  public var state: RunState
  /// How far virtual time got, in nanoseconds.
  public var virtualNanoseconds: UInt64
  /// The host at the end.
  public var host: HostSummary
  /// Sharing at the end.
  public var sharing: SharingSummary
  /// Each virtual machine at the end, in the scenario's order.
  public var vms: [VMSummary]
  /// What the audit of the laws found.
  public var audit: AuditSummary
  /// Every metric at every sample, in order of time, then of virtual machine, then of metric.
  public var timeline: [Sample]
  /// The scenario's expectations that did not hold, each in words.
  public var failedExpectations: [String]
  /// What repeated captures of the guests showed; nil where the scenario wants none.
  public var captures: CaptureSummary?
  /// What comparing each access with the truth found, all virtual machines together; nil where nobody compared.
  public var stale: StaleSummary?
  /// One walk at the end for each way of paging, of the first machine that pages so and has something mapped.
  public var walks: [MachineWalk] = []
}

/// A walk of one machine's tables, from the entries that were read.
public struct MachineWalk: Hashable, Sendable {
  /// The machine's name.
  public var vm: String
  /// How its addresses are translated.
  public var paging: PagingMode
  /// The walk.
  public var transcript: WalkTranscript
}

/// How a run ended.
public enum RunState: String, Sendable {
  /// It reached the scenario's end.
  case complete
  /// It was interrupted; what was finished is kept.
  case partial
}

/// The host's memory at the end of a run, in bytes.
public struct HostSummary: Hashable, Sendable {
  /// Physical memory.
  public var totalBytes: UInt64 = 0
  /// Free frames.
  public var freeBytes: UInt64 = 0
  /// The least free memory that there was.
  public var freeMinBytes: UInt64 = 0
  /// Frames that one guest alone has, page tables of its translation included.
  public var privateBytes: UInt64 = 0
  /// Frames that were made shareable, each counted once.
  public var sharedBytes: UInt64 = 0
  /// Guest pages that balloons hold.
  public var balloonedBytes: UInt64 = 0
  /// Guest pages on the host's swap device.
  public var swappedBytes: UInt64 = 0
}

/// What sharing saves at the end of a run.
public struct SharingSummary: Hashable, Sendable {
  /// Guest pages that need no frame of their own.
  public var savedPages: UInt64 = 0
  /// Of them, pages of zeros.
  public var savedZero: UInt64 = 0
  /// Of them, pages equal to another of the same guest.
  public var savedSelf: UInt64 = 0
  /// Of them, pages equal to another guest's.
  public var savedInter: UInt64 = 0
  /// Guest pages that would need no frame of their own if every content were kept once: what a scanner could save that missed nothing. Only
  /// memory that the scanner was given counts, and of it pages that lie in frames.
  public var shareablePages: UInt64 = 0
  /// Pages merged since the start.
  public var merges: UInt64 = 0
  /// Shared pages copied because a guest wrote to them, since the start.
  public var cowBreaks: UInt64 = 0
  /// Pages that trapped at any access for the scanner's sake and were copied for it, since the start.
  public var accessBreaks: UInt64 = 0
  /// Guest pages that the scanner stores in a form of its own.
  public var storedPages: UInt64 = 0
  /// What those take, in bytes.
  public var storedBytes: UInt64 = 0
  /// What the scanner saves in bytes: the saved pages and the stored ones, less what the stores take.
  public var savedBytes: UInt64 = 0
  /// The scanner's own counters.
  public var ksm = KSMCounters()
  /// When the first page was merged, in nanoseconds of virtual time; nil if none was.
  public var firstMergeNanoseconds: UInt64?
  /// All that the scanner did.
  public var work = ScanWork()
  /// The processor time that it took, in nanoseconds.
  public var scannerNanoseconds: UInt64 = 0
}

/// What repeated captures of all guests showed: how much of the sharing that one of them shows lasts over all.
public struct CaptureSummary: Hashable, Sendable {
  /// Captures that were taken.
  public var count: UInt64 = 0
  /// Pages that any capture showed to hold something.
  public var pages: UInt64 = 0
  /// Of them, pages that held one content in all captures.
  public var stablePages: UInt64 = 0
  /// Of each capture, the pages that would need no frame of their own if every content in it were kept once.
  public var savedPagesSnapshot: [UInt64] = []
  /// The same of the stable pages alone, as the last capture shows them.
  public var savedPagesStable: UInt64 = 0
  /// The stable pages of all; 0 where there are none.
  public var stableFraction: Double { pages == 0 ? 0 : Double(stablePages) / Double(pages) }
}

/// How a virtual machine fares.
public enum VMState: String, Sendable {
  /// It runs.
  case running
  /// The host stopped it for want of memory.
  case stopped
  /// The scenario starts it later.
  case waiting
  /// The scenario shut it down.
  case shutDown = "shut_down"
}

/// One virtual machine at the end of a run.
public struct VMSummary: Hashable, Sendable {
  /// Its name.
  public var name: String
  /// How its addresses were translated.
  public var paging: String
  /// How it fares.
  public var state = VMState.running
  /// Whether it runs.
  public var isRunning: Bool { state == .running }
  /// Memory accesses that went through its TLB.
  public var references: UInt64 = 0
  /// Table entries read per page walk.
  public var referencesPerWalk: Double = 0
  /// Accesses that missed every level of the TLB, of all accesses.
  public var tlbMissRate: Double = 0
  /// VM exits by reason, in the order of the reasons: since the start, or of a guest that runs a stream since the end of its warm-up.
  public var exits: [ExitCount] = []
  /// What the policy last asked it to have, in bytes.
  public var balloonTargetBytes: UInt64 = 0
  /// Its memory less what its balloon holds, in bytes.
  public var balloonActualBytes: UInt64 = 0
  /// The least and the greatest of that, in bytes, while the guest ran.
  public var balloonActualMinBytes: UInt64 = 0
  /// See `balloonActualMinBytes`.
  public var balloonActualMaxBytes: UInt64 = 0
  /// Host frames that its balloon freed since the start, in bytes.
  public var balloonFreedBytes: UInt64 = 0
  /// Frames that it alone has, in bytes.
  public var privateBytes: UInt64 = 0
  /// Its pages that map shared frames, in bytes.
  public var sharedBytes: UInt64 = 0
  /// Its pages on the host's swap device, in bytes.
  public var swappedBytes: UInt64 = 0
  /// Pages that the host had to read back from swap for it.
  public var swapIns: UInt64 = 0
  /// Huge mappings of 2 MiB that it has, and those that were split since the start.
  public var hugeMappings: UInt64 = 0
  /// See `hugeMappings`.
  public var hugeSplits: UInt64 = 0
  /// What the scanner counts of it; zeros where the scanner does not count so, and once it has ended.
  public var ksm = KSMProcessStatistics()
  /// Page faults that its own kernel handled.
  public var guestFaults: UInt64 = 0
  /// Page walks, table entries that they read, and accesses that missed every level of the TLB, of what was measured at full resolution.
  public var walks: UInt64 = 0
  /// See `walks`.
  public var walkReferences: UInt64 = 0
  /// See `walks`.
  public var tlbMisses: UInt64 = 0
  /// Updates of a direct guest's tables that hypercalls carried, of what was measured at full resolution.
  public var tableUpdates: UInt64 = 0
  /// Cycles that the measured accesses took, by cause, always the same causes in the same order.
  public var cyclesByCause: [CauseCycles] = []
  /// All causes together.
  public var cycles: UInt64 { cyclesByCause.reduce(0) { $0 + $1.cycles } }
  /// Cycles of a measured access on average; 0 where there was none.
  public var cyclesPerAccess: Double { references == 0 ? 0 : Double(cycles) / Double(references) }
  /// Pages that it had written to at each sample since the one before, all samples together: what a migration would have to send again; nil where no
  /// page-modification log is kept.
  public var dirtyPages: UInt64?
  /// Pages that the processor wrote to the log; the others the hypervisor knew itself.
  public var loggedPages: UInt64 = 0
  /// Why its guest could not go on with an access stream; nil where nothing is wrong.
  public var problem: String?
  /// Cycles that its accesses took, over the cycles of the same accesses on bare hardware: see `WindowMeasure.slowdown`.
  public var slowdown: Double = 1
}

/// Cycles that one cause took.
public struct CauseCycles: Hashable, Sendable {
  /// The cause, `walk`, `exit_ept_violation` and others.
  public var cause: String
  /// The cycles.
  public var cycles: UInt64
  /// A cause and its cycles.
  public init(cause: String, cycles: UInt64) {
    self.cause = cause
    self.cycles = cycles
  }
}

/// How often a virtual machine left for one reason.
public struct ExitCount: Hashable, Sendable {
  /// The reason, `ept_violation` and others.
  public var reason: String
  /// How often.
  public var count: UInt64
  /// A reason and a count.
  public init(reason: String, count: UInt64) {
    self.reason = reason
    self.count = count
  }
}

/// What the audit of the laws found.
public struct AuditSummary: Hashable, Sendable {
  /// How often all laws were checked.
  public var samples: UInt64 = 0
  /// How many breaches were found.
  public var violations: UInt64 = 0
  /// The first breaches, in words.
  public var messages: [String] = []
}

/// One metric's value at one moment.
public struct Sample: Hashable, Sendable {
  /// When, in nanoseconds of virtual time.
  public var timeNanoseconds: UInt64
  /// The virtual machine; empty for the host.
  public var vm: String
  /// Which metric.
  public var metric: Metric
  /// Its value.
  public var value: MetricValue
}

/// A metric's value: a count, exact, or a rate.
public enum MetricValue: Hashable, Sendable {
  /// An exact count or an amount in the metric's unit.
  case count(UInt64)
  /// An exact amount that may be negative.
  case integer(Int64)
  /// A ratio or a rate.
  case real(Double)

  /// The value as a number to draw.
  public var number: Double {
    switch self {
    case .count(let count): Double(count)
    case .integer(let integer): Double(integer)
    case .real(let real): real
    }
  }
}
