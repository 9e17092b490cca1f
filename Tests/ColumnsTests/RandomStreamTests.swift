import Testing

@testable import Columns

@Suite("Streams of random numbers")
struct RandomStreamTests {
  @Test("SplitMix64 gives its reference implementation's numbers")
  func splitMixVectors() {
    let published: [UInt64] = [
      6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423, 4_593_380_528_125_082_431,
      16_408_922_859_458_223_821,
    ]
    #expect((1...5).map { SplitMix64.mix(1_234_567 &+ UInt64($0) &* SplitMix64.increment) } == published)
  }

  @Test("A stream gives the numbers of xoshiro256**'s reference implementation")
  func xoshiroVectors() {
    var stream = RandomStream(state: (1, 2, 3, 4))
    #expect((0..<5).map { _ in stream.next() } == [11520, 0, 1_509_978_240, 1_215_971_899_390_074_240, 1_216_172_134_540_287_360])
  }

  @Test("A stream's state is the first four numbers of SplitMix64 from its seed")
  func seeding() {
    var seeded = RandomStream(seed: 1_234_567)
    var stated = RandomStream(
      state: (6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423, 4_593_380_528_125_082_431))
    #expect((0..<10).map { _ in seeded.next() } == (0..<10).map { _ in stated.next() })
  }

  @Test(
    "A name enters a stream by its published FNV-1a hash",
    arguments: [("", 0xcbf2_9ce4_8422_2325), ("a", 0xaf63_dc4c_8601_ec8c), ("foobar", 0x8594_4171_f739_67e8)] as [(String, UInt64)])
  func names(name: String, hash: UInt64) {
    var named = RandomSource(seed: 42).stream(name)
    var direct = RandomStream(seed: SplitMix64.mix(42) ^ hash)
    #expect((0..<4).map { _ in named.next() } == (0..<4).map { _ in direct.next() })
  }

  @Test("A stream does not depend on which others were drawn from, and streams of different names agree in half their bits")
  func independence() {
    let source = RandomSource(seed: 9)
    var first = source.stream("vm/a/touch")
    let expected = (0..<1000).map { _ in first.next() }
    var other = source.stream("vm/b/touch")
    let others = (0..<1000).map { _ in other.next() }
    var again = source.stream("vm/a/touch")
    let same = expected.allSatisfy { $0 == again.next() }
    #expect(same)
    // 64,000 fair coins: mean 32,000, standard deviation 126.
    let agreeing = zip(expected, others).reduce(0) { $0 + (~($1.0 ^ $1.1)).nonzeroBitCount }
    #expect(abs(agreeing - 32_000) < 5 * 126)
  }

  @Test("Seeds that differ in one bit give streams that agree in half their bits")
  func neighbouringSeeds() {
    var (a, b) = (RandomSource(seed: 1).stream("x"), RandomSource(seed: 0).stream("x"))
    let agreeing = (0..<1000).reduce(0) { total, _ in total + (~(a.next() ^ b.next())).nonzeroBitCount }
    #expect(abs(agreeing - 32_000) < 5 * 126)
  }

  @Test(
    "Every number below a bound is equally likely, also where bounds do not divide 2^64",
    // Chi-square limits at p = 0.0001 for bins - 1 degrees of freedom (tables).
    arguments: [(2, 2, 15.14), (3, 3, 18.42), (10, 10, 33.72), (1000, 10, 33.72), (3 << 62, 3, 18.42), (0xffff_ffff_ffff_ffff, 10, 33.72)]
      as [(UInt64, Int, Double)])
  func unbiased(bound: UInt64, bins: Int, limit: Double) {
    var stream = RandomStream(seed: bound)
    // By place in the range, and by remainder: a draw that rejects nothing is even in the first and not in the second.
    var (places, remainders) = ([Int](repeating: 0, count: bins), [Int](repeating: 0, count: bins))
    let draws = 20_000
    for _ in 0..<draws {
      let drawn = stream.below(bound)
      guard drawn < bound else {
        Issue.record("\(drawn) is not below \(bound)")
        return
      }
      places[Int(bound.dividingFullWidth(drawn.multipliedFullWidth(by: UInt64(bins))).quotient)] += 1
      remainders[Int(drawn % UInt64(bins))] += 1
    }
    let expected = Double(draws) / Double(bins)
    for counts in [places, remainders] {
      let chiSquare = counts.reduce(0.0) { $0 + (Double($1) - expected) * (Double($1) - expected) / expected }
      #expect(chiSquare < limit, "\(counts)")
    }
  }

  @Test("Bounds of 0 and 1 leave one answer; nothing happens once in 0")
  func smallBounds() {
    var stream = RandomStream(seed: 5)
    let belows = (0..<10).flatMap { _ in [stream.below(0), stream.below(1)] }
    #expect(belows.allSatisfy { $0 == 0 })
    let indices = (0..<10).flatMap { _ in [stream.index(below: 0), stream.index(below: -3), stream.index(below: 1)] }
    #expect(indices.allSatisfy { $0 == 0 })
    let never = (0..<10).map { _ in stream.oneIn(0) }
    #expect(!never.contains(true))
    let always = (0..<10).map { _ in stream.oneIn(1) }
    #expect(!always.contains(false))
  }
}
