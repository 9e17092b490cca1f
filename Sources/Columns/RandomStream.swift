/// Where a run's randomness comes from: one seed, from which every stream is derived by name.
///
/// Two streams of different names are independent, and neither depends on which others exist: adding a guest to a scenario changes no
/// other guest's choices. Names are paths such as `vm/web/touch`.
public struct RandomSource: Sendable {
  /// The run's seed.
  public let seed: UInt64

  /// The source for a seed.
  public init(seed: UInt64) { self.seed = seed }

  /// The stream of a name.
  public func stream(_ name: String) -> RandomStream { RandomStream(seed: SplitMix64.mix(seed) ^ FNV1a.hash(name)) }
}

/// The finalizer of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014), a bijection of 64-bit words that scatters neighbours.
public enum SplitMix64 {
  /// The weyl increment, 2^64 divided by the golden ratio.
  public static let increment: UInt64 = 0x9e37_79b9_7f4a_7c15

  /// Scatters a word.
  @inlinable public static func mix(_ word: UInt64) -> UInt64 {
    var z = word
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}

/// A stream of random words: xoshiro256** (Blackman and Vigna, 2018), seeded through SplitMix64 as its authors advise.
///
/// Integers only: the same name and seed give the same numbers on every machine.
public struct RandomStream: Sendable, BitwiseCopyable {
  private var s0, s1, s2, s3: UInt64

  /// The stream of a seed.
  public init(seed: UInt64) {
    var state = seed
    func next() -> UInt64 {
      state &+= SplitMix64.increment
      return SplitMix64.mix(state)
    }
    s0 = next()
    s1 = next()
    s2 = next()
    s3 = next()
  }

  /// The stream from a state of the generator, which must not be all zeros: what published sequences begin with.
  init(state: (UInt64, UInt64, UInt64, UInt64)) { (s0, s1, s2, s3) = state }

  /// The next 64 random bits.
  public mutating func next() -> UInt64 {
    let multiplied = s1 &* 5
    let result = (multiplied << 7 | multiplied >> 57) &* 9
    let shifted = s1 << 17
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= shifted
    s3 = s3 << 45 | s3 >> 19
    return result
  }

  /// A number from 0 up to, not including, `bound`, each equally likely (Lemire, 2019); 0 where `bound` is 0.
  public mutating func below(_ bound: UInt64) -> UInt64 {
    guard bound > 1 else { return 0 }
    var product = next().multipliedFullWidth(by: bound)
    if product.low < bound {
      let threshold = (0 &- bound) % bound
      while product.low < threshold { product = next().multipliedFullWidth(by: bound) }
    }
    return product.high
  }

  /// An index from 0 up to, not including, `count`; 0 where `count` is 0.
  public mutating func index(below count: Int) -> Int { count > 0 ? Int(below(UInt64(count))) : 0 }

  /// True once in `period` times on average; never where `period` is 0.
  public mutating func oneIn(_ period: UInt64) -> Bool { period > 0 && below(period) == 0 }
}
