public import Addressing
public import Ballooning
public import Machine

/// # Guests: who uses the memory
///
/// Two kinds of guest run on a host. A *synthetic* one is a small operating system: it allocates frames, builds page tables for its
/// processes with stores into its own memory, faults pages in on demand, keeps a page cache, and gives pages to its balloon. A *recorded*
/// one begins with the memory of a real guest, page for page, and is then driven by a stream of reads and writes.
///
/// Both live in two resolutions of time. `step` carries out the page events of a stretch of virtual time: touches, writes, file reads.
/// `window` runs a burst of single accesses through the MMU, at full resolution, from which rates are measured. What a guest does
/// depends on its specification, its name and the seed, and on nothing else.
///
/// The invariant: a guest reaches memory only through its virtual machine, and remembers about a page only what a real kernel would (which
/// frames are free, what is cached where), never its content. So whatever the hypervisor does behind its back is as invisible here as
/// it is to a real guest.
public protocol Guest: BalloonPageSource {
  /// The virtual machine that it runs in.
  var vm: VirtualMachine { get }
  /// Fills memory as a boot would.
  func boot()
  /// Carries out the page events of a stretch of virtual time, at a level of load in percent.
  func step(nanoseconds: UInt64, levelPercent: Int)
  /// Runs a burst of accesses through the MMU.
  func window(accesses: Int)
  /// Writes to all its memory at once, as its specification says.
  func storm()
  /// What its kernel would report of its memory.
  var statistics: GuestMemoryStatistics { get }
  /// Pages that it keeps for the balloon's queues, in its own memory.
  var balloonQueueFrames: [GuestFrame] { get }
}

/// A guest's memory as its own kernel counts it, in pages.
public struct GuestMemoryStatistics: Hashable, Sendable {
  /// Pages that nobody uses.
  public var free = 0
  /// Pages of files in the page cache.
  public var cached = 0
  /// Anonymous pages of processes.
  public var anonymous = 0
  /// Page faults handled so far.
  public var faults: UInt64 = 0
  /// Allocations that failed because nothing was left to reclaim.
  public var failedAllocations: UInt64 = 0

  /// All zero.
  public init() {}
}

/// How many events of a rate fall into stretches of time, the remainder carried over: no event is lost however short the stretches are.
struct EventRate {
  private var carried: UInt128 = 0

  /// An event takes 100 % of a rate of one a second for 10^9 ns.
  private static let whole: UInt128 = 100_000_000_000

  /// Events in the next stretch, at a percentage of a rate per second.
  mutating func events(perSecond rate: Int, percent: Int, nanoseconds: UInt64) -> Int {
    // 10^5 processes of 10^8 writes a second each, at 100 %, for a tick are 10^23 parts of an event: more than 64 bits hold. With any
    // three numbers of 64 bits the product may overflow 128; it is then as many events as can be counted.
    let speed = UInt128(max(0, rate)) * UInt128(max(0, percent))
    let due = speed.multipliedReportingOverflow(by: UInt128(nanoseconds))
    let sum = due.partialValue.addingReportingOverflow(carried)
    guard !due.overflow, !sum.overflow else { return Int.max }
    carried = sum.partialValue % Self.whole
    return Int(clamping: sum.partialValue / Self.whole)
  }
}
