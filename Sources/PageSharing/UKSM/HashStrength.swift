/// How many words of a page UKSM hashes: the state machine of mm/uksm.c (`rshash_adjust`), fed with what sampling gained and what it cost.
///
/// A weak hash is cheap and collides. Every hashed page gains the words that were not read; every collision costs a comparison, or the
/// words read after all. When a round ends the machine looks at both. Costs above nine tenths of the gains make the hash stronger, no costs
/// for three rounds make it weaker, each time by twice as much as the time before. In between it rests where the gain a page was best, and
/// tries both directions when that gain has changed by half, and now and then without a reason.
struct HashStrength {
  /// What the machine is doing.
  private enum Phase { case new, still, tryingDown, tryingUp, settling }
  private enum Direction { case up, down, unclear, still }

  /// The strength now, from 1 to `SampledHash.full`.
  private(set) var words: Int
  private var phase = Phase.new
  private var last = Direction.still
  /// The next change is by 2 to the power of this.
  private var delta = 0
  private var noCostRounds = 0
  private var unclearRounds = 0
  private var window = 0
  private var below = 0
  private var stableBenefit: UInt64 = 0
  private var stablePoint = 0
  private var best = (down: (words: 0, benefit: UInt64(0)), up: (words: 0, benefit: UInt64(0)))

  /// Words that were not read, words' worth of work that collisions cost, and pages hashed, since the last adjustment.
  var gained: UInt64 = 0
  var wasted: UInt64 = 0
  var pages: UInt64 = 0

  /// The kernel's `HASH_STRENGTH_DELTA_MAX`.
  private static let maxDelta = 5

  init(words: Int) { self.words = min(max(words, 1), SampledHash.full) }

  /// Words gained for each page, less those wasted.
  private var benefit: UInt64 { wasted > gained ? 0 : (gained - wasted) / max(pages, 1) }

  private var wastedPercent: UInt64 {
    if wasted == 0 { return 0 }
    if gained == 0 || wasted > gained { return 100 }
    let scaled = wasted.multipliedReportingOverflow(by: 100)
    return scaled.overflow ? wasted / max(gained / 100, 1) : scaled.partialValue / gained
  }

  private mutating func strengthen() {
    words = min(words + 1 << delta, SampledHash.full)
    delta = min(delta + 1, Self.maxDelta)
  }

  private mutating func weaken() {
    words = max(words - 1 << delta, 1)
    delta = min(delta + 1, Self.maxDelta)
  }

  /// Where the costs point to.
  private mutating func judge(round: UInt64) -> Direction {
    if round & 0xff != 10 {
      guard wastedPercent > 0 else {
        noCostRounds += 1
        return noCostRounds > 2 ? .down : .still
      }
      noCostRounds = 0
      if wastedPercent <= 90 && stableBenefit > 0 {
        let (low, high) = (min(benefit, stableBenefit), max(benefit, stableBenefit))
        if (high - low) * 100 / stableBenefit > 50 {
          unclearRounds += 1
          return unclearRounds > 2 ? .unclear : .still
        }
        unclearRounds = 0
        return .still
      }
    }
    unclearRounds = 0
    return round & 0xff != 10 && wastedPercent > 90 ? .up : .unclear
  }

  /// Adjusts the strength at the end of a round of a quarter of all pages.
  /// - Returns: whether it has changed.
  mutating func adjust(round: UInt64) -> Bool {
    guard pages > 0 else { return false }
    let before = words
    switch phase {
    case .still: rest(round: round)
    case .tryingDown: tryDown(round: round)
    case .tryingUp: tryUp(round: round)
    case .new, .settling: (stableBenefit, phase, delta) = (benefit, .still, 0)
    }
    (gained, wasted, pages) = (0, 0, 0)
    return words != before
  }

  private mutating func rest(round: UInt64) {
    let direction = judge(round: round)
    switch direction {
    case .up, .down:
      if last != direction { delta = 0 }
      if direction == .up { strengthen() } else { weaken() }
      (stableBenefit, last) = (benefit, direction)
    case .unclear:
      stablePoint = words
      best = ((words, benefit), (words, benefit))
      (window, phase) = (0, .tryingDown)
      weaken()
    case .still: break
    }
  }

  /// Counts how often in a window of five rounds the benefit was below what it should beat.
  private mutating func countBelow(_ isBelow: Bool) {
    if window % 5 == 0 { below = 0 }
    window += 1
    if isBelow { below += 1 }
  }

  private mutating func tryDown(round: UInt64) {
    countBelow(benefit < stableBenefit)
    if benefit >= stableBenefit && benefit > best.down.benefit { best.down = (words, benefit) }
    guard below >= 3 || judge(round: round) == .up || words == 1 else { return weaken() }
    (words, delta) = (stablePoint, 0)
    strengthen()
    (window, delta, phase) = (0, 0, .tryingUp)
  }

  private mutating func tryUp(round: UInt64) {
    countBelow(benefit < best.down.benefit)
    if benefit >= best.down.benefit && benefit > best.up.benefit { best.up = (words, benefit) }
    guard below >= 3 || judge(round: round) == .down || words == SampledHash.full else { return strengthen() }
    words = best.up.benefit > best.down.benefit ? best.up.words : best.down.words
    phase = .settling
  }
}
