internal import CTrialProcess
internal import Files
internal import Glibc
public import PageSharing

/// A trial carried out by this machine's kernel: each space is a process with one anonymous area.
///
/// Exactly one process works at a time, and memlab waits for it, so registrations, forks and writes happen in the order of the trial. Areas
/// are kept in pages of 4 KiB.
public final class KernelTrial: TrialSubject {
  private let kernel: KernelKSM
  private var baseline = KSMCounters()
  private let layout: TrialLayout
  private var isAlive: [Bool] = []
  /// The space whose process has operations on the list that it has not been told to do yet.
  private var listed: Int?
  private var isOpen = false

  /// Starts a trial in which nothing has happened yet.
  /// - Parameters:
  ///   - kernel: this machine's KSM.
  ///   - palette: the contents that the trial's steps number, as many as `layout.contentCount` or more.
  /// - Throws: also if there is too little memory.
  public init(_ trial: KSMTrial, layout: TrialLayout, palette: some PageSource, kernel: KernelKSM) throws(KernelKSMError) {
    guard palette.pageCount >= layout.contentCount else {
      throw .tooFewContents(needed: layout.contentCount, given: palette.pageCount)
    }
    self.kernel = kernel
    self.layout = layout
    try Self.checkMemory(pages: layout.pageCount + layout.contentCount)
    try kernel.begin(trial.settings)
    let error = memlab_trial_open(UInt32(layout.contentCount), UInt32(layout.spaces.count))
    guard error == 0 else { throw .failed("the processes of the trial cannot be prepared", error) }
    isOpen = true
    for content in 0..<layout.contentCount {
      unsafe palette.withPage(content) { page in
        for word in 0..<page.count / 8 {
          // SAFETY: the page holds page.count bytes.
          memlab_trial_store(UInt32(content), UInt32(word), unsafe page.loadUnaligned(fromByteOffset: word * 8, as: UInt64.self))
        }
      }
    }
    baseline = try kernel.counters()
  }

  deinit { if isOpen { memlab_trial_close() } }

  /// Ends all processes.
  public func close() {
    if isOpen { memlab_trial_close() }
    isOpen = false
  }

  private static func checkMemory(pages: Int) throws(KernelKSMError) {
    let lines = ((try? OpenFile("/proc/meminfo").text()) ?? "").split(separator: "\n")
    guard let line = lines.first(where: { $0.hasPrefix("MemAvailable:") }),
      let kibibytes = line.split(separator: " ").dropFirst().first.flatMap({ UInt64($0) })
    else { return }
    // An eighth more for page tables and the scanner's items and nodes, and 64 MiB that others will want meanwhile.
    let needed = UInt64(pages) * 4096 / 8 * 9 + 64 << 20
    guard needed <= kibibytes << 10 else { throw .tooLittleMemory(needed: needed, available: kibibytes << 10) }
  }

  /// Does what a step says.
  public func carryOut(_ step: TrialStep) throws(KernelKSMError) {
    switch step {
    case .create(let pages):
      try finish()
      try check(memlab_trial_spawn(UInt32(isAlive.count), UInt32(pages)), "a process of \(pages) pages")
      isAlive.append(true)
    case .copy(let space, let pages, let first): try add(MEMLAB_TRIAL_COPY, space, pages, first)
    case .fill(let space, let pages, let content): try add(MEMLAB_TRIAL_FILL, space, pages, content)
    case .writeByte(let space, let page, let offset, let value):
      try add(MEMLAB_TRIAL_BYTE, space, page..<page + 1, offset | Int(value) << 12)
    case .read(let space, let pages): try add(MEMLAB_TRIAL_READ, space, pages, 0)
    case .discard(let space, let pages): try add(MEMLAB_TRIAL_DISCARD, space, pages, 0)
    case .merge(let space, let pages): try add(MEMLAB_TRIAL_MERGEABLE, space, pages, 0)
    case .unmerge(let space, let pages): try add(MEMLAB_TRIAL_UNMERGEABLE, space, pages, 0)
    case .protect(let space, let pages): try add(MEMLAB_TRIAL_PROTECT, space, pages, 0)
    case .unprotect(let space, let pages): try add(MEMLAB_TRIAL_UNPROTECT, space, pages, 0)
    case .fork(let space):
      try add(MEMLAB_TRIAL_FORK, space, 0..<1, isAlive.count)
      try finish()
      isAlive.append(true)
    case .exit(let space):
      try finish()
      memlab_trial_end(UInt32(space))
      isAlive[space] = false
    case .useZeroPages, .smartScan, .unmergeAll, .batch, .scan, .observe:
      try finish()
      try askScanner(step)
    }
  }

  private func askScanner(_ step: TrialStep) throws(KernelKSMError) {
    switch step {
    case .useZeroPages(let value): try kernel.setUseZeroPages(value)
    case .smartScan(let value): try kernel.setSmartScan(value)
    case .unmergeAll:
      try kernel.unmergeAll()
      baseline.fullScans = 0
    case .batch(let pages): try kernel.scanBatch(pages: UInt32(clamping: pages))
    case .scan: try kernel.scanFull()
    default: return
    }
  }

  /// Reads all counters.
  public func observe(after step: Int) throws(KernelKSMError) -> TrialObservation {
    var counters = try kernel.counters()
    counters.fullScans -= baseline.fullScans
    counters.pagesScanned -= baseline.pagesScanned
    counters.pagesSkipped -= baseline.pagesSkipped
    var spaces: [KSMProcessStatistics?] = []
    for (number, lives) in isAlive.enumerated() {
      spaces.append(lives ? try KernelKSM.space(pid: memlab_trial_pid(UInt32(number))) : nil)
    }
    return TrialObservation(step: step, counters: counters, spaces: spaces)
  }

  // MARK: Operations of processes

  private func add(_ code: memlab_trial_operation, _ space: Int, _ pages: Range<Int>, _ value: Int) throws(KernelKSMError) {
    if listed != space { try finish() }
    listed = space
    if memlab_trial_add(code.rawValue, UInt32(pages.lowerBound), UInt32(pages.count), UInt32(value)) == 0 { try finish() }
  }

  private func finish() throws(KernelKSMError) {
    guard let space = listed else { return }
    listed = nil
    try check(memlab_trial_perform(UInt32(space)), "space \(space)")
  }

  private func check(_ error: CInt, _ what: String) throws(KernelKSMError) {
    guard error == 0 else { throw .failed("\(what) of the trial", error) }
  }
}
