internal import Columns

/// # Sampling by content: which contents are counted, and what they say of the rest
///
/// To know how many contents there are, one need not remember all of them. A content is taken if a mix of its hash and a seed falls into
/// the lowest 1/N of all values; so equal pages are taken together or not at all, wherever they lie, and every content with probability
/// 1/N, independently of the others. Every page is still read and hashed, but only 1/N of the contents have to be remembered and compared.
///
/// *The estimate.* Pages are counted exactly, and so are zero pages. Of the T others, held as D contents, T - D are saved. The number n of
/// contents taken is binomial: D trials of 1/N. So nN estimates D without bias, and T - nN what is saved, with variance D(N - 1): *how
/// often contents repeat does not matter*, though adding up the copies of the contents taken, which estimates the same, would vary with the
/// squares of the multiplicities, sum (c - 1)^2 (N - 1), and one content held by a tenth of all pages would spoil it.
///
/// *The interval* is Wilson's: all D that n does not contradict at the level of 1.96 standard deviations, |n - D/N| <= 1.96 sqrt(D/N (1 -
/// 1/N)). It holds the true value 95 times in 100, also where few contents are taken. Both ends are cut to what is possible: at least as
/// many contents as were seen, at most as many as pages; only where nearly nothing repeats does the cut move the estimate itself.
///
/// *Shares.* With K = the sum over the contents taken of the guests that hold each, N(K - n) estimates what is saved between guests, and
/// the rest inside them.
///
/// When it may not hold: whoever knows the seed can choose contents that all fall into the sample or outside it; a scan that meets far too
/// many stops.
///
/// Why nothing cheaper is offered: a sample of *pages*, which would read less, tells nothing certain about distinct contents. A pair of
/// equal pages is seen with the square of the rate only, and for every estimator there are memories on which it is wrong by a factor of
/// about the root of the rate's inverse (Charikar, Chaudhuri, Motwani, Narasayya: Towards Estimation Error Guarantees for Distinct Values,
/// PODS 2000).
public struct ContentSampling: Hashable, Sendable {
  /// N: one content in so many is taken; from 1 to `largestOneIn`.
  public let oneIn: UInt64
  /// From which the choice is derived.
  public let seed: UInt64
  private let salt: UInt64
  private let limit: UInt64

  /// The largest N.
  public static let largestOneIn: UInt64 = 1 << 20

  /// One content in `oneIn`.
  public init(oneIn: UInt64, seed: UInt64 = 1) {
    precondition(oneIn >= 1 && oneIn <= Self.largestOneIn, "one in 1 to 2^20")
    self.oneIn = oneIn
    self.seed = seed
    salt = SplitMix64.mix(seed)
    limit = UInt64.max / oneIn
  }

  /// Whether the content of a hash is taken.
  @inline(__always) public func takes(_ hash: UInt64) -> Bool { SplitMix64.mix(hash ^ salt) <= limit }
}

/// What a sample of contents says of all of them.
public struct SampleEstimate: Hashable, Sendable {
  /// The estimate of how many non-zero contents there are: n times N, at most as many as pages.
  public let contents: UInt64
  /// The interval that holds the true number 95 times in 100.
  public let low, high: UInt64

  /// 97.5 % of the standard normal distribution lie below it.
  private static let normalQuantile = 1.959963984540054

  /// - Parameters:
  ///   - taken: n, contents in the sample.
  ///   - oneIn: N.
  ///   - pages: T, pages that are not zero; at least `taken`.
  public init(taken: UInt64, oneIn: UInt64, pages: UInt64) {
    let (n, rate) = (Double(taken), 1 / Double(oneIn))
    let z = Self.normalQuantile
    let spread = z * z * (1 - rate)
    // The roots of (n - D p)^2 = z^2 D p (1 - p) in D.
    let root = (4 * n * spread + spread * spread).squareRoot()
    let least = max(taken, min(pages, 1))
    func whole(_ value: Double) -> UInt64 { min(max(UInt64(exactly: value.rounded()) ?? pages, least), pages) }
    contents = min(max(taken.multipliedReportingOverflow(by: oneIn).overflow ? pages : taken * oneIn, least), pages)
    low = min(whole((2 * n + spread - root) / (2 * rate)), contents)
    high = max(whole((2 * n + spread + root) / (2 * rate)), contents)
  }
}
