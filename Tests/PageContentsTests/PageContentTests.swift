import Addressing
import PageContents
import TestSupport
import Testing

@Suite("Descriptors of pages")
struct PageContentTests {
  private static let descriptors: [PageContent] = [
    .zero, .repeated(0), .repeated(1), .repeated(0x80), .repeated(255), .synthetic(seed: 0), .synthetic(seed: 0, variant: 1),
    .synthetic(seed: 1), .synthetic(seed: (1 << 42) - 1, variant: (1 << 20) - 1), .synthetic(seed: 123_456_789, variant: 0x5a5a5),
    .repeated(7).written, PageContent.synthetic(seed: 5).written,
  ]

  @Test("A descriptor's words, hashes and bytes are those of its expansion, to the last byte", arguments: descriptors)
  func sameAsExpansion(content: PageContent) {
    let naive = NaivePage.bytes(of: content)
    let contents = FrameContents(frameCount: 2)
    let (described, written) = (HostFrame(0), HostFrame(1))
    contents.setContent(content, of: described)
    contents.fill(written, with: naive)
    #expect(NaivePage.difference(contents.shown(described), naive) == nil)
    #expect((0..<512).allSatisfy { content.word(at: $0) == NaivePage.word($0, of: naive) })
    for frame in [described, written] {
      #expect((0..<512).allSatisfy { contents.loadWord($0, of: frame) == NaivePage.word($0, of: naive) })
      #expect(contents.ksmChecksum(of: frame) == naive.ksmChecksum)
      #expect(contents.indexHash(of: frame) == naive.indexHash)
      #expect(contents.isZero(frame) == naive.allSatisfy { $0 == 0 })
      #expect(contents.holds(content, frame))
    }
    #expect(contents.areEqual(described, written))
    #expect(contents.content(of: described) == content)
    #expect(contents.content(of: written) == nil)
  }

  @Test("Expansion writes 4096 bytes, wherever they begin and however long the buffer is", arguments: descriptors)
  func expansionStaysInside(content: PageContent) {
    var buffer = [UInt8](repeating: 0xee, count: 4096 + 16)
    unsafe buffer.withUnsafeMutableBytes { unsafe content.expand(into: UnsafeMutableRawBufferPointer(rebasing: $0[3...])) }
    #expect(NaivePage.difference(Array(buffer[3..<4099]), NaivePage.bytes(of: content)) == nil)
    #expect(buffer[..<3].allSatisfy { $0 == 0xee } && buffer[4099...].allSatisfy { $0 == 0xee })
  }

  @Test("Variants of one seed differ exactly at the variant offsets")
  func variants() {
    let offsets = [PageContent.variantOffsets.0, PageContent.variantOffsets.1, PageContent.variantOffsets.2]
    let contents = FrameContents(frameCount: 2)
    contents.setContent(.synthetic(seed: 77), of: HostFrame(0))
    let base = contents.shown(HostFrame(0))
    for (variant, changed) in [(0x00001, [0]), (0x0ff00, [1]), (0x10000, [2]), (0xfffff, [0, 1, 2]), (0x100000, [])] as [(UInt64, [Int])] {
      contents.setContent(.synthetic(seed: 77, variant: variant), of: HostFrame(1))
      let bytes = contents.shown(HostFrame(1))
      #expect((0..<4096).filter { bytes[$0] != base[$0] } == changed.map { offsets[$0] })
    }
  }

  @Test("Pages of different seeds differ in their first word, also neighbours and seeds of one bit")
  func seedsDiffer() {
    var generator = SeededGenerator(seed: 1)
    let drawn = (0..<2000).map { _ in generator.next() & ((1 << 42) - 1) }
    let seeds = Set((0..<2000).map { UInt64($0) } + (0..<42).map { 1 << $0 } + drawn)
    #expect(Set(seeds.map { PageContent.synthetic(seed: $0).word(at: 0) }).count == seeds.count)
  }

  @Test("A small write gives the next variant of a seed, round after 2^20, and a repeated byte content of its own")
  func written() {
    #expect(PageContent.synthetic(seed: 9, variant: 4).written == .synthetic(seed: 9, variant: 5))
    #expect(PageContent.synthetic(seed: 9, variant: (1 << 20) - 1).written == .synthetic(seed: 9, variant: 0))
    let contents = Set((0...255).map { PageContent.repeated(UInt8($0)).written })
    #expect(contents.count == 256)
    #expect(contents.allSatisfy { $0.seed != nil && $0.variant == 1 })
  }

  @Test("A descriptor gives back the seed and variant that it was made of")
  func parameters() {
    let content = PageContent.synthetic(seed: 0x2ff_1234_5678, variant: 0xabcde)
    #expect((content.seed, content.variant) == (0x2ff_1234_5678, 0xabcde))
    #expect((PageContent.repeated(9).seed, PageContent.repeated(9).variant) == (nil, 0))
    #expect(PageContent(rawValue: content.rawValue) == content)
    #expect(PageContent.repeated(0) == .zero)
  }

  @Test("Comparison of descriptors, bytes and both is memcmp of their expansions", arguments: 0..<6 as Range<UInt64>)
  func order(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let contents = FrameContents(frameCount: 4)
    for _ in 0..<12 {
      let (a, b) = (PageContent.random(using: &generator), PageContent.random(using: &generator))
      let (left, right) = (NaivePage.bytes(of: a), NaivePage.bytes(of: b))
      let same = left == right
      contents.setContent(a, of: HostFrame(0))
      contents.fill(HostFrame(1), with: left)
      contents.setContent(b, of: HostFrame(2))
      contents.fill(HostFrame(3), with: right)
      for x in [0, 1] {
        for y in [2, 3] {
          #expect(contents.order(HostFrame(x), HostFrame(y)) == NaivePage.order(left, right))
          #expect(contents.order(HostFrame(y), HostFrame(x)) == NaivePage.order(right, left))
          #expect(contents.areEqual(HostFrame(x), HostFrame(y)) == same)
        }
        #expect(contents.holds(b, HostFrame(x)) == same)
      }
    }
  }
}
