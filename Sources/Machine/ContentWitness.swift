internal import Addressing
internal import Columns
internal import PageContents

/// What guests wrote last, page by page, kept beside the machine so that an audit can tell whether a page changed behind its guest's back.
///
/// A page that was filled as a whole is remembered by its descriptor, and so is one that was never written or was given up: it holds zeros.
/// A page that was written word by word is remembered by a sum over its words of a hash of (index, word), which a store updates in constant
/// time. Bits 5 and 6 of words are left out of every comparison: they are where page walks set accessed and dirty in tables, which is the
/// processor's work and not a change behind anybody's back.
final class ContentWitness {
  private let values: Column<UInt64>
  private let isSum: BitColumn

  private static let accessedDirty: UInt64 = 0x60

  init(pageCapacity: Int) {
    values = Column(count: pageCapacity)
    isSum = BitColumn(count: pageCapacity)
  }

  /// A page was given up: it holds zeros when it comes back.
  func forget(_ page: PageOrdinal) { filled(page, with: .zero) }

  func filled(_ page: PageOrdinal, with content: PageContent) {
    isSum[page.index] = false
    values[page.index] = content.rawValue
  }

  /// A word is about to be stored over another.
  func willStore(_ value: UInt64, over old: UInt64, at index: Int, of page: PageOrdinal) {
    if !isSum[page.index] {
      let content = PageContent(rawValue: values[page.index])
      isSum[page.index] = true
      values[page.index] = Self.sum { content.word(at: $0) }
    }
    values[page.index] = values[page.index] &- Self.term(old, index) &+ Self.term(value, index)
  }

  /// Whether a frame holds what the guest wrote to the page.
  func agrees(_ page: PageOrdinal, _ frame: HostFrame, in contents: FrameContents) -> Bool {
    if !isSum[page.index], contents.content(of: frame)?.rawValue == values[page.index] { return true }
    return agrees(page) { contents.loadWord($0, of: frame) }
  }

  /// The same for a page on the swap device.
  func agrees(_ page: PageOrdinal, _ content: DetachedContent, in contents: FrameContents) -> Bool {
    agrees(page) { contents.loadWord($0, of: content) }
  }

  /// The same for a page of these words.
  func agrees(_ page: PageOrdinal, word: (Int) -> UInt64) -> Bool {
    if isSum[page.index] { return Self.sum(word) == values[page.index] }
    let content = PageContent(rawValue: values[page.index])
    return (0..<PageContent.wordCount).allSatisfy { (word($0) ^ content.word(at: $0)) & ~Self.accessedDirty == 0 }
  }

  /// Whether anything but zeros was written to the page and not given up since.
  func expectsContent(_ page: PageOrdinal) -> Bool { isSum[page.index] || values[page.index] != PageContent.zero.rawValue }

  private static func term(_ word: UInt64, _ index: Int) -> UInt64 {
    SplitMix64.mix((word & ~accessedDirty) ^ SplitMix64.mix(UInt64(index) &+ SplitMix64.increment))
  }

  private static func sum(_ word: (Int) -> UInt64) -> UInt64 {
    (0..<PageContent.wordCount).reduce(0) { $0 &+ term(word($1), $1) }
  }
}
