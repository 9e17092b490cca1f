import Columns
import Testing

@testable import Guests

@Suite("The choice of pages")
struct PagePickerTests {
  private func stream() -> RandomStream { RandomSource(seed: 3).stream("test") }

  @Test("is one page after the other, and from the start again, where it is sequential")
  func sequential() {
    var stream = stream()
    var picker = PagePicker(.sequential, count: 5, stream: &stream)
    #expect((0..<12).map { _ in picker.next(&stream) } == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1])
  }

  @Test("is even where it is random")
  func uniform() {
    var stream = stream()
    var picker = PagePicker(.random, count: 50, stream: &stream)
    var counts = Array(repeating: 0, count: 50)
    for _ in 0..<20_000 { counts[picker.next(&stream)] += 1 }
    // 400 each, with a standard deviation of 20.
    #expect(counts.allSatisfy { (280...520).contains($0) })
  }

  @Test("follows Zipf's law, the ranks scattered over the pages")
  func zipf() {
    var stream = stream()
    var picker = PagePicker(.zipf, count: 100, stream: &stream)
    let hottestFirst = Array(picker.coldestFirst.reversed())
    #expect(hottestFirst != Array(0..<100))
    var twin = stream
    let sampler = ZipfSampler(count: 100)
    var counts = Array(repeating: 0, count: 100)
    for _ in 0..<20_000 {
      let page = picker.next(&stream)
      #expect(page == Int(hottestFirst[sampler.rank(from: &twin)]))
      counts[page] += 1
    }
    let harmonic = (1...100).reduce(0) { $0 + 1 / Double($1) }
    for rank in 0..<5 {
      let expected = 20_000 / harmonic / Double(rank + 1)
      #expect(abs(Double(counts[Int(hottestFirst[rank])]) - expected) < 6 * expected.squareRoot())
    }
  }

  @Test("names every page once from the coldest to the hottest", arguments: AccessPattern.allCases)
  func coldestFirst(pattern: AccessPattern) {
    var stream = stream()
    for count in [0, 1, 2, 77] {
      let picker = PagePicker(pattern, count: count, stream: &stream)
      #expect(picker.coldestFirst.sorted() == (0..<UInt32(count)).map { $0 })
    }
  }

  @Test("is 0 where there are no pages", arguments: AccessPattern.allCases)
  func none(pattern: AccessPattern) {
    var stream = stream()
    var picker = PagePicker(pattern, count: 0, stream: &stream)
    #expect(picker.next(&stream) == 0)
  }
}
