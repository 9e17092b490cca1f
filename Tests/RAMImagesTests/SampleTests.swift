import Columns
import PageSharing
import RAMImages
import Testing

/// Estimates from a sample of contents, against the exact count.
@Suite("Sampling by content") struct SampleTests {
  /// How often the interval of a population of contents holds the true number, over seeds, and the mean of the estimates.
  static func coverage(contents: Int, oneIn: UInt64, seeds: Range<UInt64>) -> (held: Double, mean: Double) {
    var hashes = RandomSource(seed: 1).stream("hashes")
    let population = (0..<contents).map { _ in hashes.next() }
    var held = 0
    var sum = 0.0
    for seed in seeds {
      let sampling = ContentSampling(oneIn: oneIn, seed: seed)
      var taken: UInt64 = 0
      for hash in population where sampling.takes(hash) { taken += 1 }
      let estimate = SampleEstimate(taken: taken, oneIn: oneIn, pages: 1 << 40)
      if estimate.low <= UInt64(contents) && UInt64(contents) <= estimate.high { held += 1 }
      sum += Double(estimate.contents)
    }
    return (Double(held) / Double(seeds.count), sum / Double(seeds.count))
  }

  @Test(
    "Over many seeds the interval holds the true number 95 times in 100, and the estimates' mean is the true number",
    arguments: [(42_530, 64), (4_000, 16), (1_000, 2), (300, 100)] as [(Int, UInt64)])
  func coverage(contents: Int, oneIn: UInt64) {
    let seeds: UInt64 = contents > 10_000 ? 80 : 500
    let (held, mean) = Self.coverage(contents: contents, oneIn: oneIn, seeds: 0..<seeds)
    // Four standard deviations of so many trials.
    let margin = 4 * (0.95 * 0.05 / Double(seeds)).squareRoot()
    #expect(abs(held - 0.95) < margin + 0.02, "the binomial's steps move an interval's coverage by a little: \(held)")
    let deviation = (Double(contents) * Double(oneIn - 1) / Double(seeds)).squareRoot()
    #expect(abs(mean - Double(contents)) < 4 * deviation, "\(mean)")
  }

  @Test(
    "The interval is all numbers that the sample does not contradict",
    arguments: [(0, 10), (1, 10), (7, 3), (100, 50)] as [(UInt64, UInt64)])
  func wilson(taken: UInt64, oneIn: UInt64) {
    let found = SampleEstimate(taken: taken, oneIn: oneIn, pages: 1_000_000)
    let rate = 1 / Double(oneIn)
    func contradicts(_ contents: UInt64) -> Bool {
      let mean = Double(contents) * rate
      return abs(Double(taken) - mean) > 1.96 * (mean * (1 - rate)).squareRoot()
    }
    #expect(!contradicts(found.contents) || taken == 0)
    #expect(!contradicts(found.low + 1) && !contradicts(found.high - 1) && contradicts(found.high + 2))
    #expect(found.low < 3 || contradicts(found.low - 2))
  }

  @Test("One content in one is the exact count, and the interval is the number itself", arguments: 0..<4 as Range<UInt64>)
  func everything(seed: UInt64) throws {
    let files = try ExactScannerTests.guests(seed).map { try RecordedFile($0) }
    let inputs = try files.flatMap { try $0.input }
    for threads in [1, 3] {
      let scanner = ExactScanner(threads: threads)
      let exact = try scanner.scan(inputs)
      let sample = try scanner.scan(inputs, sampling: ContentSampling(oneIn: 1, seed: seed))
      #expect(sample.scan.totals == exact.totals && sample.scan.inputs == exact.inputs)
      #expect(sample.scan.singleBytePages == exact.singleBytePages)
      #expect(sample.savedPagesLow == exact.totals.savedPages && sample.savedPagesHigh == exact.totals.savedPages)
      #expect(sample.pagesTaken == exact.totals.pages - exact.totals.zeroPages)
    }
  }

  @Test(
    "Of real guests, pages and zero pages stay exact, equal pages are taken together, and the parts add up", arguments: [5, 6] as [UInt64])
  func realGuests(seed: UInt64) throws {
    let inputs = try RecordedMemory.open(FiveGuestsTests.path + "#w1,db")
    let exact = try ExactScanner().scan(inputs).totals
    let sampling = ContentSampling(oneIn: 32, seed: seed)
    let sample = try ExactScanner(threads: 1).scan(inputs, sampling: sampling)
    let totals = sample.scan.totals
    #expect(totals.pages == exact.pages && totals.zeroPages == exact.zeroPages && totals.savedZero == exact.savedZero)
    #expect(totals.savedPages == totals.savedZero + totals.savedSelf + totals.savedInter)
    #expect(
      sample.savedPagesLow < sample.savedPagesHigh && sample.savedPagesLow <= totals.savedPages
        && totals.savedPages <= sample.savedPagesHigh)
    #expect(totals.distinctPages == sample.contentsTaken * 32 + 1)
    #expect(try ExactScanner(threads: 3).scan(inputs, sampling: sampling).scan.totals == totals, "threads do not matter")
    let wide = Double(sample.distinctPagesHigh - sample.distinctPagesLow)
    #expect(abs(Double(totals.distinctPages) - Double(exact.distinctPages)) < 1.5 * wide, "three standard deviations")
  }

  @Test("What nearly never repeats has no negative savings") func distinct() throws {
    let file = try RecordedFile(Build.trace([("a", (1...4000).map { UInt32($0) })]))
    for seed in 0..<10 as Range<UInt64> {
      let sample = try ExactScanner().scan(try file.input, sampling: ContentSampling(oneIn: 8, seed: seed))
      #expect(sample.scan.totals.distinctPages <= 4000 && sample.savedPagesLow == 0 || sample.savedPagesLow > 0)
      #expect(sample.distinctPagesHigh <= 4000 && sample.contentsTaken <= sample.distinctPagesLow)
    }
  }
}
