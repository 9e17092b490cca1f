/// A generator of choices for tests that compare something with a naive twin "by seed": Knuth's MMIX linear congruential generator, the
/// high half of each state.
///
/// It shares nothing with the generators under test. Which choices a seed gives may change with Swift's own `random(in:using:)`, so tests
/// must hold for every seed.
public struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  /// The generator of a seed.
  public init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 &+ 1 }

  private mutating func half() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return state >> 32
  }

  /// The next 64 bits.
  public mutating func next() -> UInt64 {
    let high = half()
    return high << 32 | half()
  }
}
