internal import Columns
internal import PageSharing
internal import Synchronization

/// What a sample of the inputs' contents says of all of them. See `ContentSampling`.
public struct SampledScan: Sendable {
  /// The estimates, in the form of an exact count: pages, zero pages and what is saved of these are exact; distinct pages, self and inter
  /// are estimated.
  public let scan: ExactScan
  /// Which contents were taken.
  public let sampling: ContentSampling
  /// Contents in the sample.
  public let contentsTaken: UInt64
  /// Pages in the sample.
  public let pagesTaken: UInt64
  /// The interval of all distinct pages, the zero page included.
  public let distinctPagesLow, distinctPagesHigh: UInt64

  /// The interval of all pages that are saved.
  public var savedPagesLow: UInt64 { scan.totals.pages - distinctPagesHigh }
  /// The interval of all pages that are saved.
  public var savedPagesHigh: UInt64 { scan.totals.pages - distinctPagesLow }
}

extension ExactScanner {
  /// Estimates the count of the inputs by a sample of their contents: every page is read, but only the contents taken are remembered, in
  /// about 30/N bytes a page.
  /// - Throws: as `scan` does; and if so many contents fall into the sample that somebody must have chosen them.
  public func scan(_ inputs: [MemoryInput], pageSize: Int = 4096, sampling: ContentSampling) throws(ImageError) -> SampledScan {
    let start = ContinuousClock.now
    let prepared = try PreparedScan(inputs, pageSize: pageSize, threads: threads)
    let index = try SampleIndex(prepared, sampling, threads: threads)
    var base: UInt32 = 0
    var tallies: [SampleIndex.Tally] = []
    for (guest, units) in prepared.units.enumerated() {
      var tally = try index.count(units, guest: UInt32(guest), base: base, prepared, threads: threads)
      tally.all.vanished += UInt64(units.vanished)
      tallies.append(tally)
      base += UInt32(units.count)
    }
    try prepared.checkIntact()
    func sum(_ field: KeyPath<SampleIndex.Tally, UInt64>) -> UInt64 { tallies.reduce(0) { $0 + $1[keyPath: field] } }
    let (pages, zeroPages, n) = (sum(\.all.pages), sum(\.all.zero), sum(\.all.new))
    let all = SampleEstimate(taken: n, oneIn: sampling.oneIn, pages: pages - zeroPages)
    let saved = pages - zeroPages - all.contents
    let inter = min(sum(\.all.elsewhere) * sampling.oneIn, saved)
    let zeroContent: UInt64 = zeroPages > 0 ? 1 : 0
    return SampledScan(
      scan: ExactScan(
        inputs: zip(prepared.units, tallies).map { units, tally in tally.input(units, oneIn: sampling.oneIn) },
        totals: SharingBreakdown(pages: pages, zeroPages: zeroPages, savedSelf: saved - inter, savedInter: inter),
        singleBytePages: prepared.compared == .bytes ? sum(\.all.singleByte) : nil, compared: prepared.compared, pageSize: pageSize,
        seconds: start.duration(to: .now).seconds),
      sampling: sampling, contentsTaken: n, pagesTaken: sum(\.pagesTaken), distinctPagesLow: all.low + zeroContent,
      distinctPagesHigh: all.high + zeroContent)
  }
}

/// The contents taken: an index of about as many slots as there can be of them.
private final class SampleIndex: Sendable {
  /// What was counted of one input: of the contents, those taken only.
  struct Tally: Sendable {
    var all = ExactScanner.Tally()
    var pagesTaken: UInt64 = 0

    /// The input's counts, its distinct pages estimated from the contents taken that it holds.
    func input(_ units: ScanUnits, oneIn: UInt64) -> ExactScan.Input {
      let own = SampleEstimate(taken: all.new + all.elsewhere, oneIn: oneIn, pages: all.pages - all.zero)
      var whole = all
      (whole.new, whole.elsewhere) = (own.contents, 0)
      return whole.input(units.name, bytesLeftOut: units.bytesLeftOut)
    }
  }

  private let index: ContentIndex
  private let sampling: ContentSampling
  private let name: String
  /// How many contents may be taken: eight standard deviations more than there can be if nobody chose them.
  private let limit: UInt64
  private let taken = Atomic<UInt64>(0)

  init(_ prepared: PreparedScan, _ sampling: ContentSampling, threads: Int) throws(ImageError) {
    let expected = Double(prepared.pages) / Double(sampling.oneIn)
    limit = UInt64(expected + 8 * expected.squareRoot()) + 64
    name = prepared.units.first?.name ?? ""
    self.sampling = sampling
    // While one thread finds out that there are too many, each has a chunk in hand.
    let inHand = UInt64(threads) * UInt64(Self.chunk(prepared.units.first?.unitBytes ?? 4096))
    index = try ContentIndex(slots: Int(limit + limit / 2 + inHand), for: name)
  }

  private static func chunk(_ unitBytes: Int) -> Int { max(1, min(512, (2 << 20) / unitBytes)) }

  /// Counts one input.
  func count(_ units: ScanUnits, guest: UInt32, base: UInt32, _ prepared: PreparedScan, threads: Int) throws(ImageError) -> Tally {
    let sums = Mutex(Tally())
    try ParallelChunks.forEach(units.count, chunk: Self.chunk(units.unitBytes), threads: threads) { range throws(ImageError) in
      var tally = Tally()
      let vanished = try prepared.visit(units, range, base: base, index, takes: sampling.takes) { _, content in
        tally.all.pages += 1
        switch content {
        case .zero:
          tally.all.zero += 1
          tally.all.singleByte += 1
        case .notTaken(let isSingleByte): tally.all.singleByte += isSingleByte ? 1 : 0
        case .same(_, let slot, let isSingleByte):
          tally.all.singleByte += isSingleByte ? 1 : 0
          tally.pagesTaken += 1
          let before = index.note(guest: guest, holds: slot)
          if before == nil { tally.all.new += 1 } else if before != guest { tally.all.elsewhere += 1 }
        }
      }
      tally.all.vanished = UInt64(vanished)
      guard taken.wrappingAdd(tally.all.new, ordering: .relaxed).newValue <= limit else {
        throw ImageError(
          name, .tooLarge, "far more contents fall into the sample than one in \(sampling.oneIn): take another --seed, or count exactly")
      }
      sums.withLock {
        $0.all.add(tally.all)
        $0.pagesTaken += tally.pagesTaken
      }
    }
    return sums.withLock { $0 }
  }
}
