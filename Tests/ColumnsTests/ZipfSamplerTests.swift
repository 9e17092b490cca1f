import Columns
import Testing

@Suite("Ranks by Zipf's law")
struct ZipfSamplerTests {
  @Test("A draw is the inverse of the cumulative distribution, rank by rank", arguments: [1, 2, 3, 10, 1000, 4097])
  func naiveTwin(count: Int) {
    let sampler = ZipfSampler(count: count)
    var cumulative: [Double] = []
    var total = 0.0
    for rank in 1...count {
      total += 1 / Double(rank)
      cumulative.append(total)
    }
    var stream = RandomStream(seed: UInt64(count))
    var words = stream
    for _ in 0..<1000 {
      let target = Double(words.next() >> 11) * 0x1p-53 * total
      let expected = cumulative.firstIndex { $0 > target } ?? count - 1
      #expect(sampler.rank(from: &stream) == expected)
    }
  }

  @Test("Rank r is drawn in proportion to 1 / (r + 1)")
  func frequencies() {
    let (count, draws) = (100, 50_000)
    let sampler = ZipfSampler(count: count)
    var stream = RandomStream(seed: 1)
    var drawn = [Int](repeating: 0, count: count)
    for _ in 0..<draws { drawn[sampler.rank(from: &stream)] += 1 }
    let harmonic = (1...count).reduce(0.0) { $0 + 1 / Double($1) }
    let chiSquare = (0..<count).reduce(0.0) { sum, rank in
      let expected = Double(draws) / (Double(rank + 1) * harmonic)
      return sum + (Double(drawn[rank]) - expected) * (Double(drawn[rank]) - expected) / expected
    }
    // 99 degrees of freedom, p = 0.0001.
    #expect(chiSquare < 161.3, "\(drawn)")
  }
}
