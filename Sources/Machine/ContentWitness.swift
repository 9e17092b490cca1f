internal import Addressing
internal import Columns
internal import PageContents

/// What guests wrote last, page by page, kept beside the machine so that an audit can tell whether a page changed behind its guest's back.
///
/// A page that was filled as a whole is remembered by its descriptor. A page that was written word by word is remembered by a sum over
/// its words of a hash of (index, word), which a store updates in constant time. Bits 5 and 6 of words are left out of the sum: they
/// are where page walks set accessed and dirty in tables, which is the processor's work and not a change behind anybody's back.
final class ContentWitness {
  private let values: Column<UInt64>
  private let kinds: Column<UInt8>

  private enum Kind: UInt8 {
    case unknown = 0
    case filled = 1
    case stored = 2
  }

  init(pageCapacity: Int) {
    values = Column(count: pageCapacity)
    kinds = Column(count: pageCapacity)
  }

  func forget(_ page: PageOrdinal) { kinds[page.index] = Kind.unknown.rawValue }

  func filled(_ page: PageOrdinal, with content: PageContent) {
    kinds[page.index] = Kind.filled.rawValue
    values[page.index] = content.rawValue
  }

  /// A word is about to be stored over another.
  func willStore(_ value: UInt64, over old: UInt64, at index: Int, of page: PageOrdinal, in contents: FrameContents, _ frame: HostFrame) {
    if kinds[page.index] != Kind.stored.rawValue {
      kinds[page.index] = Kind.stored.rawValue
      values[page.index] = Self.sum { contents.loadWord($0, of: frame) }
    }
    values[page.index] = values[page.index] &- Self.term(old, index) &+ Self.term(value, index)
  }

  /// Whether a frame holds what the guest wrote to the page; true where nothing is known.
  func agrees(_ page: PageOrdinal, _ frame: HostFrame, in contents: FrameContents) -> Bool {
    if kinds[page.index] == Kind.filled.rawValue { return contents.holds(PageContent(rawValue: values[page.index]), frame) }
    return agrees(page) { contents.loadWord($0, of: frame) }
  }

  /// The same for a page on the swap device.
  func agrees(_ page: PageOrdinal, _ content: DetachedContent, in contents: FrameContents) -> Bool {
    agrees(page) { contents.loadWord($0, of: content) }
  }

  private func agrees(_ page: PageOrdinal, word: (Int) -> UInt64) -> Bool {
    switch Kind(rawValue: kinds[page.index]) {
    case .filled:
      let content = PageContent(rawValue: values[page.index])
      return (0..<PageContent.wordCount).allSatisfy { word($0) == content.word(at: $0) }
    case .stored: return Self.sum(word) == values[page.index]
    case .unknown, nil: return true
    }
  }

  /// Whether anything but zeros was written to the page and not given up since.
  func expectsContent(_ page: PageOrdinal) -> Bool {
    switch Kind(rawValue: kinds[page.index]) {
    case .filled: values[page.index] != PageContent.zero.rawValue
    case .stored: true
    case .unknown, nil: false
    }
  }

  private static func term(_ word: UInt64, _ index: Int) -> UInt64 {
    SplitMix64.mix((word & ~0x60) ^ SplitMix64.mix(UInt64(index) &+ SplitMix64.increment))
  }

  private static func sum(_ word: (Int) -> UInt64) -> UInt64 {
    (0..<PageContent.wordCount).reduce(0) { $0 &+ term(word($1), $1) }
  }
}
