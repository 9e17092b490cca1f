/// # Trials: one program, carried out by a kernel and by a model
///
/// Whether the model is the kernel cannot be argued, only tried: the same pages, in the same order, with the same writes between scans,
/// through both, and every counter compared after every scan. A trial is the program for that. It names contents by number and spaces by
/// the order of their birth, so that it says all that the outcome depends on and nothing else: no addresses, no process numbers, no time.
///
/// The invariant: *a valid trial can be carried out to its end*. `layout()` checks every step once, before anybody begins; whoever carries
/// the trial out need not ask whether a space still lives or a page exists.
public struct KSMTrial: Hashable, Sendable {
  /// What the trial is called.
  public var name: String
  /// The knobs at the start: `useZeroPages`, `smartScan`, `maxPageSharing` and `mergeAcrossNodes`. The pace is the trial's own, and chains
  /// are pruned whenever they are looked at.
  public var settings: KSMSettings
  /// What is done, in order.
  public var steps: [TrialStep]

  /// A trial with no steps.
  public init(name: String, settings: KSMSettings = KSMTrial.plain, steps: [TrialStep] = []) {
    self.name = name
    self.settings = settings
    self.steps = steps
  }

  /// A trial in which spaces are filled once and nobody writes: each takes the next contents in a row and is registered, and then there are
  /// full scans.
  /// - Parameter pageCounts: the pages of each space; one without pages is left out.
  public init(filledOnce pageCounts: [Int], settings: KSMSettings, scans: Int) {
    self.init(name: "inputs", settings: settings)
    var first = 0
    for (space, count) in pageCounts.filter({ $0 > 0 }).enumerated() {
      steps += [.create(pages: count), .copy(space: space, pages: 0..<count, first: first), .merge(space: space, pages: 0..<count)]
      first += count
    }
    steps += Array(repeating: .scan, count: scans)
  }

  /// The kernel's knobs, without `smart_scan` and without a time to the next pruning.
  public static var plain: KSMSettings {
    var settings = KSMSettings()
    settings.smartScan = false
    settings.pruneNanoseconds = 0
    return settings
  }
}

/// A thing that is done in a trial.
///
/// Spaces are numbered in the order of their creation, forked ones included; contents are numbers into the trial's table of pages; pages
/// are numbered inside their space.
public enum TrialStep: Hashable, Sendable {
  /// A new process with an area of so many untouched pages, which are not yet registered.
  case create(pages: Int)
  /// The pages take the contents `first`, `first + 1`, ...
  case copy(space: Int, pages: Range<Int>, first: Int)
  /// The pages all take one content.
  case fill(space: Int, pages: Range<Int>, content: Int)
  /// One byte is written.
  case writeByte(space: Int, page: Int, offset: Int, value: UInt8)
  /// One byte of each page is read: an untouched one comes to map the zero page.
  case read(space: Int, pages: Range<Int>)
  /// The pages are given back (MADV_DONTNEED).
  case discard(space: Int, pages: Range<Int>)
  /// The pages may be merged from now on (MADV_MERGEABLE). The first time, the space is put on the scanner's list.
  case merge(space: Int, pages: Range<Int>)
  /// The pages may not be merged any more, and those that are get copies at once (MADV_UNMERGEABLE).
  case unmerge(space: Int, pages: Range<Int>)
  /// Nobody may access the pages (PROT_NONE).
  case protect(space: Int, pages: Range<Int>)
  /// The pages may be accessed again.
  case unprotect(space: Int, pages: Range<Int>)
  /// The space forks: the child is a space of its own, with the next number.
  case fork(space: Int)
  /// The space ends.
  case exit(space: Int)
  /// `use_zero_pages` is set.
  case useZeroPages(Bool)
  /// `smart_scan` is set.
  case smartScan(Bool)
  /// All that was merged is let go of (run = 2), and then scanning may go on.
  case unmergeAll
  /// The scanner looks at so many pages, or at fewer up to the end of the full scan; then the counters are read.
  case batch(pages: UInt64)
  /// The scanner goes on to the end of the full scan; then the counters are read.
  case scan
  /// The counters are read.
  case observe
}

/// Why a trial cannot be carried out.
public struct TrialError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Which step is wrong, from 0.
  public let step: Int
  /// What is wrong with it.
  public let problem: String

  /// A problem with a step.
  public init(step: Int, problem: String) {
    self.step = step
    self.problem = problem
  }

  /// The step and the problem.
  public var description: String { "step \(step): \(problem)" }
}
