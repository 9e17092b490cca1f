internal import CTrialProcess
internal import Files
internal import Glibc
internal import PageSharing

/// # This machine's KSM, for a while
///
/// KSM is one per machine. Whoever tries something with it takes a lock (/run/lock/memlab-ksm.lock), begins only where it rests (`run` is
/// 0, nothing is shared, nobody has registered memory), and leaves it as it was.
///
/// The invariant: *the knobs are put back on every way out*: at `close`, when the last reference goes, at an error, at a signal, even when
/// this process is killed. A watchdog process waits for our end, whatever it is, and puts them back (Sources/CTrialProcess/ksm_session.c);
/// there is no other way by which it is done. It fails only where the watchdog itself is killed with SIGKILL.
///
/// How the scanner is made to do exactly one batch: it sleeps for `sleep_millisecs` after every one, and wakes early when that number
/// changes. So the number is set to another very long one, and `run` to 1, in this order: if the scanner sleeps between batches the first
/// wakes it and the second does nothing; if it rests because `run` was 0 the first does nothing. Setting `run` back to 0 waits for the
/// batch to end, since both take the kernel's `ksm_thread_mutex`. A batch ends with a full scan, so one of more pages than there are is the
/// rest of a full scan.
public final class KernelKSM {
  /// Where the kernel shows KSM.
  public static let folder = "/sys/kernel/mm/ksm"

  private var isOpen = true
  private var longSleep: UInt64 = 0
  private let scannerPID: Int32?

  /// Whether this kernel has KSM.
  public static var isPresent: Bool { (try? OpenFile("\(folder)/run")) != nil }

  /// This kernel's release, such as "6.18.0".
  public static var release: String {
    ((try? OpenFile("/proc/sys/kernel/osrelease").text()) ?? "").split(separator: "\n").first.map(String.init) ?? "unknown"
  }

  /// Takes KSM.
  /// - Parameter patience: how many seconds to wait for somebody else to be done with it.
  /// - Throws: if it is not there, not ours to set, or in use.
  public init(patience: Double = 0) throws(KernelKSMError) {
    guard Self.isPresent else { throw .missing }
    try Self.lock(patience)
    scannerPID = Self.findScanner()
    do throws(KernelKSMError) {
      try Self.checkRest()
      let error = memlab_ksm_guard()
      guard error == 0 else { throw KernelKSM.failure("the knobs of KSM cannot be read", error) }
      longSleep = try Self.counter("sleep_millisecs")
    } catch {
      memlab_ksm_end()
      throw error
    }
  }

  deinit { if isOpen { memlab_ksm_end() } }

  /// Puts everything back and gives KSM to others.
  /// - Throws: if a knob could not be put back.
  public func close() throws(KernelKSMError) {
    guard isOpen else { return }
    isOpen = false
    let error = memlab_ksm_end()
    guard error == 0 else { throw .notRestored(error) }
  }

  // MARK: Beginning

  private static func lock(_ patience: Double) throws(KernelKSMError) {
    let clock = ContinuousClock()
    let end = clock.now + .seconds(patience)
    while true {
      let error = memlab_ksm_lock()
      if error == 0 { return }
      guard error == EWOULDBLOCK else { throw failure("the lock /run/lock/memlab-ksm.lock cannot be taken", error) }
      guard clock.now < end else { throw .busy("another trial holds the lock /run/lock/memlab-ksm.lock") }
      usleep(50_000)
    }
  }

  /// KSM must rest, or the trial would count somebody else's pages.
  private static func checkRest() throws(KernelKSMError) {
    let run = memlab_ksm_get(Int32(MEMLAB_KSM_RUN.rawValue))
    guard run == 0 else { throw .busy("\(folder)/run is \(run); stop it with: echo 0 > \(folder)/run") }
    for name in ["pages_shared", "ksm_zero_pages"] {
      let pages = try counter(name)
      guard pages == 0 else { throw .busy("\(pages) pages are merged (\(folder)/\(name)); let go of them with: echo 2 > \(folder)/run") }
    }
    for pid in Folder.names(in: "/proc").compactMap({ Int32($0) }).sorted() {
      guard let statistics = try? OpenFile("/proc/\(pid)/ksm_stat").text() else { continue }
      guard !statistics.contains("ksm_mergeable: yes") && !statistics.contains("ksm_merge_any: yes") else {
        throw .busy("process \(pid) has registered memory with it, which the scanner would visit too")
      }
    }
    // Ended processes of an earlier, interrupted trial stay on the scanner's list until it comes by; letting go of everything drops them.
    let error = memlab_ksm_set(Int32(MEMLAB_KSM_RUN.rawValue), 2)
    guard error == 0 else { throw failure("\(folder)/run cannot be set", error) }
    _ = memlab_ksm_set(Int32(MEMLAB_KSM_RUN.rawValue), 0)
  }

  static func failure(_ what: String, _ code: CInt) -> KernelKSMError {
    switch code {
    case EACCES, EPERM, EROFS: .notPermitted("\(what): \(SystemError(code).description)")
    default: .failed(what, code)
    }
  }

  // MARK: Knobs

  private func set(_ knob: memlab_ksm_knob, _ value: UInt64) throws(KernelKSMError) {
    let error = memlab_ksm_set(Int32(knob.rawValue), value)
    guard error == 0 else { throw Self.failure("a knob of \(Self.folder) cannot be set to \(value)", error) }
  }

  /// Sets a knob that older kernels do not have, where the kernel's own behaviour without it is `absent`.
  private func set(_ knob: memlab_ksm_knob, _ value: UInt64, absent: UInt64) throws(KernelKSMError) {
    let error = memlab_ksm_set(Int32(knob.rawValue), value)
    guard error == ENOENT && value == absent else {
      guard error == 0 else { throw Self.failure("a knob of \(Self.folder) cannot be set to \(value)", error) }
      return
    }
  }

  /// Lets go of everything that is merged and sets the knobs of a trial.
  func begin(_ settings: KSMSettings) throws(KernelKSMError) {
    try unmergeAll()
    try set(MEMLAB_KSM_ADVISOR, 0, absent: 0)
    try set(MEMLAB_KSM_MAX_PAGE_SHARING, UInt64(settings.maxPageSharing))
    // Kernels without NUMA do not have this one.
    try set(MEMLAB_KSM_MERGE_ACROSS_NODES, settings.mergeAcrossNodes ? 1 : 0, absent: settings.mergeAcrossNodes ? 1 : 0)
    try set(MEMLAB_KSM_PRUNE_MILLISECS, 0)
    try set(MEMLAB_KSM_USE_ZERO_PAGES, settings.useZeroPages ? 1 : 0)
    try set(MEMLAB_KSM_SMART_SCAN, settings.smartScan ? 1 : 0, absent: 0)
  }

  func setUseZeroPages(_ value: Bool) throws(KernelKSMError) { try set(MEMLAB_KSM_USE_ZERO_PAGES, value ? 1 : 0) }
  func setSmartScan(_ value: Bool) throws(KernelKSMError) { try set(MEMLAB_KSM_SMART_SCAN, value ? 1 : 0, absent: 0) }

  /// Lets go of everything that is merged, at once.
  func unmergeAll() throws(KernelKSMError) {
    try set(MEMLAB_KSM_RUN, 2)
    try set(MEMLAB_KSM_RUN, 0)
  }

  // MARK: Scanning

  /// Lets the scanner look at so many pages, or at fewer up to the end of the full scan, and rest again.
  /// - Returns: false if it had nothing to scan: no memory is registered.
  @discardableResult func scanBatch(pages: UInt32) throws(KernelKSMError) -> Bool {
    let before = (try Self.counter("pages_scanned"), try Self.counter("full_scans"))
    try set(MEMLAB_KSM_PAGES_TO_SCAN, UInt64(pages))
    // Another number than the one that is there, be that the last batch's or one that somebody else left: only a change wakes the scanner.
    longSleep = longSleep == 3_600_000 ? 3_600_001 : 3_600_000
    let sleeps = scannerSleeps()
    try set(MEMLAB_KSM_SLEEP_MILLISECS, longSleep)
    try set(MEMLAB_KSM_RUN, 1)
    let didScan = try waitForBatch(of: pages, since: before, sleeps: sleeps)
    // Waits for the end of the batch, whose counters change while it goes on.
    try set(MEMLAB_KSM_RUN, 0)
    return didScan
  }

  /// Lets the scanner go on to the end of the full scan.
  @discardableResult func scanFull() throws(KernelKSMError) -> Bool { try scanBatch(pages: .max) }

  private func waitForBatch(
    of pages: UInt32, since before: (scanned: UInt64, fullScans: UInt64), sleeps: UInt64?
  ) throws(KernelKSMError) -> Bool {
    let clock = ContinuousClock()
    let start = clock.now
    var lastChange = start
    var latest = before.scanned
    var pause: UInt32 = 20
    while true {
      let (scanned, fullScans) = (try Self.counter("pages_scanned"), try Self.counter("full_scans"))
      if fullScans != before.fullScans || scanned - before.scanned >= UInt64(pages) { return true }
      if scanned != latest { (latest, lastChange) = (scanned, clock.now) }
      // With nothing on its list the scanner wakes and rests again without a scan.
      let isAsleep = clock.now - start > .milliseconds(250) && scanned == before.scanned && isScannerAsleep()
      if isAsleep, let sleeps, let now = scannerSleeps(), now > sleeps { return false }
      guard clock.now - lastChange < .seconds(60) else { throw .stuck("no page was scanned for a minute") }
      usleep(pause)
      pause = min(pause * 2, 2_000)
    }
  }

  // MARK: Reading

  /// The number in a file of the folder.
  static func counter(_ name: String) throws(KernelKSMError) -> UInt64 {
    UInt64(clamping: try signedCounter(name))
  }

  private static func signedCounter(_ name: String) throws(KernelKSMError) -> Int64 {
    do throws(SystemError) {
      let text = try OpenFile("\(folder)/\(name)").text()
      guard let number = Int64(text.prefix { $0 != "\n" }) else { throw SystemError(EINVAL) }
      return number
    } catch { throw failure("\(folder)/\(name) cannot be read", error.code) }
  }

  /// All counters. Only exact while the scanner rests.
  func counters() throws(KernelKSMError) -> KSMCounters {
    var counters = KSMCounters()
    counters.fullScans = try Self.counter("full_scans")
    counters.pagesScanned = try Self.counter("pages_scanned")
    counters.pagesSkipped = (try? Self.counter("pages_skipped")) ?? 0
    counters.pagesShared = try Self.counter("pages_shared")
    counters.pagesSharing = try Self.counter("pages_sharing")
    counters.pagesUnshared = try Self.counter("pages_unshared")
    counters.pagesVolatile = try Self.counter("pages_volatile")
    counters.ksmZeroPages = (try? Self.counter("ksm_zero_pages")) ?? 0
    counters.stableNodeChains = try Self.counter("stable_node_chains")
    counters.stableNodeDups = try Self.counter("stable_node_dups")
    // The number of items is shown as a part of the profit alone: (sharing + zero) * 4096 - items * 64.
    let profit = try Self.signedCounter("general_profit")
    counters.rmapItems = UInt64(clamping: (Int64(counters.pagesSharing + counters.ksmZeroPages) * 4096 - profit) / 64)
    return counters
  }

  /// What the kernel says of one process.
  static func space(pid: Int32) throws(KernelKSMError) -> KSMProcessStatistics {
    do throws(SystemError) {
      var counters = KSMProcessStatistics()
      for line in try OpenFile("/proc/\(pid)/ksm_stat").text().split(separator: "\n") {
        let words = line.split(separator: " ")
        guard words.count == 2, let number = UInt64(words[1]) else { continue }
        switch words[0] {
        case "ksm_rmap_items": counters.rmapItems = number
        case "ksm_zero_pages": counters.zeroPages = number
        case "ksm_merging_pages": counters.mergingPages = number
        default: continue
        }
      }
      return counters
    } catch { throw failure("/proc/\(pid)/ksm_stat cannot be read", error.code) }
  }

  // MARK: The scanner's thread

  private static func findScanner() -> Int32? {
    Folder.names(in: "/proc").compactMap { Int32($0) }.sorted().first { pid in
      ((try? OpenFile("/proc/\(pid)/comm").text()) ?? "") == "ksmd\n" && ((try? OpenFile("/proc/\(pid)/cmdline").text()) ?? "x").isEmpty
    }
  }

  private func status(_ key: String) -> Substring? {
    guard let scannerPID, let text = try? OpenFile("/proc/\(scannerPID)/status").text() else { return nil }
    return text.split(separator: "\n").first { $0.hasPrefix(key) }?.split(separator: "\t").last
  }

  private func isScannerAsleep() -> Bool { status("State:").map { $0.hasPrefix("S") || $0.hasPrefix("I") } ?? false }

  /// How often the scanner's thread went to sleep by itself.
  private func scannerSleeps() -> UInt64? { status("voluntary_ctxt_switches:").flatMap { UInt64($0) } }
}
