internal import PageSharing
internal import Synchronization

/// # The exact count: how many pages would remain if every content were kept once
///
/// Every page is looked at once. A zero page is counted and forgotten. Any other is hashed and looked up in one index over all inputs; a
/// candidate of the same hash is compared to the last byte while the page is still in the cache. So the number of distinct pages is exact,
/// with no assumption on the hash.
///
/// Threads share an input; inputs follow one another. Of each content the index remembers the last guest that held it: when a page meets
/// its own guest there, that is a page saved by sharing inside the guest; another guest, one saved between guests; nobody, a new content.
/// Since no two guests are scanned at a time, a content held by k guests meets another guest k - 1 times, whichever thread comes first: the
/// counts do not depend on the number of threads.
///
/// When it may not hold: a file that somebody writes during the scan is counted as it was when each page was read; two copies of a page
/// that changes in between may count as different.
public struct ExactScanner: Sendable {
  /// The sizes of page that can be counted: 4 KiB and, of whole aligned pages only, larger ones.
  public static let pageSizes = [4096, 16384, 65536, 2 << 20]

  /// How many threads share an input.
  public let threads: Int

  /// A scanner of as many threads as this machine has processors for it, or of a number given.
  public init(threads: Int? = nil) { self.threads = max(1, threads ?? ProcessorCount.available) }

  /// Counts the inputs, in the order given.
  /// - Throws: if the inputs cannot be compared, or one of them cannot be read to its end.
  public func scan(_ inputs: [MemoryInput], pageSize: Int = 4096) throws(ImageError) -> ExactScan {
    let start = ContinuousClock.now
    let (counts, compared) = try counts(of: inputs, pageSize: pageSize)
    return ExactScan(counts.map(\.input), counts.map(\.tally), compared, pageSize: pageSize, seconds: start.duration(to: .now).seconds)
  }

  /// What was counted of one input.
  typealias Count = (input: ExactScan.Input, tally: Tally)

  private func counts(of inputs: [MemoryInput], pageSize: Int) throws(ImageError) -> (counts: [Count], compared: ExactScan.Comparison) {
    if let direct = try IdentityCount.counts(of: inputs, pageSize: pageSize) { return direct }
    let prepared = try PreparedScan(inputs, pageSize: pageSize, threads: threads)
    let index = try ContentIndex(pages: prepared.pages, for: inputs.first?.name ?? "")
    var base: UInt32 = 0
    var counts: [Count] = []
    for (guest, units) in prepared.units.enumerated() {
      var tally = try count(units, guest: UInt32(guest), base: base, index, prepared)
      tally.vanished += UInt64(units.vanished)
      counts.append((tally.input(units.name, bytesLeftOut: units.bytesLeftOut), tally))
      base += UInt32(units.count)
    }
    try prepared.checkIntact()
    return (counts, prepared.compared)
  }

  /// What one thread, and then all of them, counted of one input.
  struct Tally: Sendable {
    var pages: UInt64 = 0
    var zero: UInt64 = 0
    var singleByte: UInt64 = 0
    /// Pages that met their own guest.
    var again: UInt64 = 0
    /// Pages whose content another guest held.
    var elsewhere: UInt64 = 0
    /// Pages whose content nobody held.
    var new: UInt64 = 0
    var vanished: UInt64 = 0

    mutating func add(_ other: Tally) {
      pages += other.pages
      zero += other.zero
      singleByte += other.singleByte
      again += other.again
      elsewhere += other.elsewhere
      new += other.new
      vanished += other.vanished
    }

    func input(_ name: String, bytesLeftOut: UInt64) -> ExactScan.Input {
      ExactScan.Input(
        name: name, pages: pages, zeroPages: zero, distinctPages: new + elsewhere + (zero > 0 ? 1 : 0), bytesLeftOut: bytesLeftOut,
        pagesVanished: vanished)
    }
  }

  private func count(
    _ units: ScanUnits, guest: UInt32, base: UInt32, _ index: ContentIndex, _ prepared: PreparedScan
  ) throws(ImageError) -> Tally {
    let sums = Mutex(Tally())
    try ParallelChunks.forEach(units.count, chunk: max(1, (2 << 20) / units.unitBytes), threads: threads) { range throws(ImageError) in
      var tally = Tally()
      let vanished = try prepared.visit(units, range, base: base, index) { _, content in
        tally.pages += 1
        switch content {
        case .zero:
          tally.zero += 1
          tally.singleByte += 1
        case .same(let representative, _, let isSingleByte):
          if isSingleByte { tally.singleByte += 1 }
          let before = index.note(guest: guest, holds: Int(representative))
          if before == guest { tally.again += 1 } else if before == nil { tally.new += 1 } else { tally.elsewhere += 1 }
        case .notTaken: break
        }
      }
      tally.vanished = UInt64(vanished)
      sums.withLock { $0.add(tally) }
    }
    return sums.withLock { $0 }
  }
}
