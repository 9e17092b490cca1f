import PageContents
import Testing

@testable import Guests

@Suite("Contents")
struct ContentSpaceTests {
  /// Numbers of contents on both sides of every boundary of the bits that they are put into.
  private static let edges: [UInt64] = {
    var edges: [UInt64] = [(1 << 45) - 1]
    for bit in [0, 24, 25, 26, 27, 30, 31, 32, 44] as [UInt64] {
      let power: UInt64 = 1 << bit
      edges += [power - 1, power, power + 1]
    }
    return edges
  }()
  private static let numbers: [UInt64] = [1, 2, 3, 255, 4095, 4096, 4097, 8193, ContentSpace.limit - 1]

  private func bytes(_ content: PageContent) -> [UInt64] { (0..<PageContent.wordCount).map(content.word) }

  @Test("of different spaces, kinds or numbers are different")
  func neverCollide() {
    var seen: Set<PageContent> = []
    let edges = Set(Self.edges)
    for number in Self.numbers {
      for kind in ContentSpace.Kind.allCases {
        for index in edges { seen.insert(ContentSpace(number: number).content(kind, index)) }
      }
    }
    #expect(seen.count == Self.numbers.count * ContentSpace.Kind.allCases.count * edges.count)
    #expect(!seen.contains(.zero))
    for byte in UInt8.min...UInt8.max { #expect(!seen.contains(PageContent.repeated(byte).written)) }
  }

  @Test("with different descriptors have different bytes, however near their numbers are")
  func differInBytes() {
    let space = ContentSpace(number: 9)
    let contents = Self.edges.map { space.content(.unique, $0) }
    #expect(Set(contents.map(bytes)).count == Set(contents).count)
  }

  @Test("of a recording are equal where identities are, and zero for identity 0")
  func recordedIdentities() {
    let (one, other) = (ContentSpace(number: 5), ContentSpace(number: 6))
    let identities: [UInt32] = [1, 2, 3, 1 << 25, (1 << 25) + 1, 1 << 30, (1 << 30) + 1, .max]
    #expect(one.recorded(0) == .zero && other.recorded(0) == .zero)
    #expect(Set(identities.map(one.recorded)).union(identities.map(other.recorded)).count == 2 * identities.count)
    for identity in identities { #expect(one.recorded(identity) == ContentSpace(number: 5).recorded(identity)) }
  }

  @Test("of a program's pages depend on its name and the page")
  func programs() {
    let space = ContentSpace(number: 1)
    let names = ["nginx", "postgres", "java", "sshd", "a", "b", "ab", "ba", ""]
    let pages = [0, 1, 131_071, 131_072, 131_073, 1 << 24]
    let contents = names.flatMap { name in pages.map { space.content(.common, of: name, page: $0) } }
    #expect(Set(contents).count == names.count * pages.count)
    #expect(space.content(.text, of: "nginx", page: 7) == space.content(.text, of: "nginx", page: 7))
  }

  @Test(
    "that a guest holds once never come again", arguments: [0, (1 << 25) - 50_000, (1 << 27) - 50_000, (1 << 45) - 100_000] as [UInt64])
  func neverRepeats(start: UInt64) {
    var early = UniqueContents(space: ContentSpace(number: 4))
    var unique = UniqueContents(space: ContentSpace(number: 4), taken: start)
    var seen: Set<PageContent> = []
    if start > 0 { for _ in 0..<1000 { seen.insert(early.take()) } }
    let before = seen.count
    for _ in 0..<100_000 { seen.insert(unique.take()) }
    #expect(seen.count == before + 100_000)
  }
}
