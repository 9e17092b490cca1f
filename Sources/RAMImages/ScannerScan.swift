internal import Addressing
internal import Columns
public import PageSharing

/// # What any page sharer would make of recorded memories
///
/// Each input is an address space, and a tenant of its own unless the caller says otherwise, registered in the order given before the first
/// scan; every recorded page is present, and nobody writes, reads or accesses anything. The sharer is driven at its own pace, or else in
/// batches of `pages_to_scan` with the pause of KSM between them, in virtual time, until two full scans in a row have changed nothing, and
/// three have been made; or for a number of full scans.
///
/// What is saved is not asked of the sharer but counted in the memory: pages less the different frames that back them. Pages on the zero
/// frame need none; of pages that are stored elsewhere, what they take there is subtracted.
///
/// When it may not tell: a trace knows which pages are equal and no bytes, so nothing in it is similar or compresses. Sharers that live on
/// what guests do, on reads from a disk or on which pages are idle, find a recorded memory at rest. Those that do nothing without reads are
/// refused.
public struct ScannerScan: Sendable {
  /// Which sharer.
  public let kind: ScannerKind
  /// Pages of all inputs.
  public let pages: UInt64
  /// Pages that need no frame of their own any more.
  public let savedPages: UInt64
  /// Of them, those on the host's zero frame.
  public let zeroFramePages: UInt64
  /// Of them, those that the sharer has stored elsewhere, as patches or compressed.
  public let storedPages: UInt64
  /// The bytes that these take; `savedPages` is less by as many whole pages.
  public let storedBytes: UInt64
  /// Full scans made.
  public let fullScans: UInt64
  /// Whether the last two changed nothing.
  public let isSettled: Bool
  /// What was done for it.
  public let work: ScanWork
  /// Wall time, in seconds.
  public let seconds: Double

  /// Why a sharer cannot show anything on recorded memories; nil if it can.
  public static func reasonAgainst(_ kind: ScannerKind) -> String? {
    switch kind {
    case .none: "it shares nothing"
    case .xlh: "it goes by what guests read from disks, and a recorded memory reads nothing"
    case .satori: "it shares what guests read from a disk's same block, and a recorded memory reads nothing"
    case .ksm, .esx, .uksm, .zeroOnly, .sameVM, .vusion, .differenceEngine: nil
    }
  }

  /// Lets a sharer scan inputs.
  /// - Parameters:
  ///   - inputs: one address space each, in the order of registration. Live processes have to be reduced to identities before.
  ///   - isOneTenant: whether all inputs belong to one tenant; otherwise each is its own.
  ///   - fullScans: how many full scans are made; nil to stop when nothing changes.
  ///   - afterFullScan: told after each full scan how many there were and what is saved.
  /// - Throws: if the sharer is one that recorded memories tell nothing, or the inputs cannot be compared, hold no bytes, or are too many.
  public init(
    _ inputs: [MemoryInput], kind: ScannerKind, settings: ScannerSettings, isOneTenant: Bool = false, fullScans: UInt64? = nil,
    afterFullScan: (_ fullScans: UInt64, _ savedPages: UInt64) -> Void = { _, _ in }
  ) throws(ImageError) {
    let name = inputs.first?.name ?? ""
    if let reason = Self.reasonAgainst(kind) { throw ImageError(name, .incompatible, "\(kind.rawValue) cannot scan it: \(reason)") }
    let pages = try MemoryPages(inputs)
    let total = pages.inputs.reduce(0) { $0 + $1.pages }
    guard total <= KSMScan.largestPageTotal else {
      throw ImageError(
        inputs.last?.name ?? "", .tooLarge,
        "the inputs hold more than \(KSMScan.largestPageTotal) pages, the most that \(kind.rawValue) can number here")
    }
    let start = ContinuousClock.now
    let plan = Plan(kind: kind, settings: settings, sizes: pages.inputs.map(\.pages), isOneTenant: isOneTenant, fullScans: fullScans)
    let result: Outcome?
    switch pages.source {
    case .images(let source):
      result = plan.run(in: ImageMemory(source), afterFullScan)
      try source.checkIntact()
    case .identities(let source): result = plan.run(in: ImageMemory(source), afterFullScan)
    }
    guard let result else { throw ImageError(name, .incompatible, "\(kind.rawValue) is no scanner") }
    self.kind = kind
    self.pages = UInt64(total)
    savedPages = result.savedPages
    (zeroFramePages, storedPages, storedBytes) = (result.census.onZeroFrame, result.census.stored, result.storedBytes)
    (self.fullScans, isSettled, work) = (result.fullScans, result.isSettled, result.work)
    seconds = start.duration(to: .now).seconds
  }

  /// What a sharer has come to.
  private struct Outcome {
    var census = Census()
    var fullScans: UInt64 = 0
    var isSettled = false
    var work = ScanWork()
    var storedBytes: UInt64 = 0

    /// What is saved, less the pages that what is stored elsewhere takes.
    var savedPages: UInt64 {
      let taken = (storedBytes + 4095) / 4096
      return census.saved > taken ? census.saved - taken : 0
    }
  }

  /// What the memory says of it.
  private struct Census: Equatable {
    var saved: UInt64 = 0
    var onZeroFrame: UInt64 = 0
    var stored: UInt64 = 0

    init() {}

    init<Source: PageSource>(_ memory: ImageMemory<Source>) {
      let frames = BitColumn(count: memory.pageCount)
      for page in 0..<memory.pageCount {
        switch memory.backing(of: PageOrdinal(UInt32(truncatingIfNeeded: page))) {
        case .absent:
          saved += 1
          stored += 1
        case .zeroFrame:
          saved += 1
          onZeroFrame += 1
        case .private(let frame), .stable(let frame):
          if frames[frame.index] { saved += 1 } else { frames[frame.index] = true }
        }
      }
    }
  }

  private struct Plan {
    let kind: ScannerKind
    let settings: ScannerSettings
    let sizes: [Int]
    let isOneTenant: Bool
    let fullScans: UInt64?

    /// Full scans before which nothing can be said to rest: Difference Engine compresses what was idle for some of them.
    private var leastScans: UInt64 { kind == .differenceEngine ? UInt64(settings.differenceEngine.compressAfter) + 3 : 3 }

    func run<Source: PageSource>(in memory: ImageMemory<Source>, _ afterFullScan: (UInt64, UInt64) -> Void) -> Outcome? {
      let count = memory.pageCount
      guard let scanner = kind.makeScanner(settings, for: memory, capacity: count, frameCount: count) else { return nil }
      var first = 0
      for (input, size) in sizes.enumerated() {
        _ = scanner.register(first..<first + size, tenant: isOneTenant ? 0 : UInt32(input))
        first += size
      }
      var outcome = Outcome()
      var unchanged = 0
      var now: UInt64 = 0
      while fullScans.map({ outcome.fullScans < $0 }) ?? (unchanged < 2 || outcome.fullScans < leastScans) {
        guard fullScan(scanner, at: &now) else {
          outcome.isSettled = true
          break
        }
        let merges = outcome.work.merges
        outcome.work = scanner.work
        outcome.fullScans += 1
        let census = Census(memory)
        unchanged = census == outcome.census && outcome.work.merges == merges ? unchanged + 1 : 0
        outcome.census = census
        outcome.isSettled = unchanged >= 2 && outcome.fullScans >= leastScans
        outcome.storedBytes = scanner.storedBytes
        afterFullScan(outcome.fullScans, outcome.savedPages)
      }
      outcome.work = scanner.work
      return outcome
    }

    /// One full scan.
    /// - Returns: false if there was nothing to scan: without pages no full scan ever ends.
    private func fullScan<Memory: ScannableMemory>(_ scanner: any PageScanner<Memory>, at now: inout UInt64) -> Bool {
      var idleBatches = 0
      while true {
        let pace = scanner.pace ?? ScanPace(pages: settings.ksm.pagesToScan, pauseNanoseconds: settings.ksm.sleepNanoseconds)
        let batch = scanner.scanBatch(pages: pace.pages, at: now)
        now = now.addingReportingOverflow(pace.pauseNanoseconds).partialValue
        if batch.completedFullScan { return true }
        // A batch may pass over pages that need no look; many in a row that find nothing have nowhere to go.
        idleBatches = batch.pagesScanned == 0 ? idleBatches + 1 : 0
        if idleBatches >= 64 { return false }
      }
    }
  }
}
