internal import Columns
public import PageContents

/// A family of synthetic contents: everything that an image, a recording or one guest can put into pages.
///
/// Synthetic content is chosen by a seed of 42 bits and a variant of 20. From the seed's upper end, 14 bits are the space's number and 3
/// the kind; the 45 bits below number the contents of the kind, the last 20 of them in the variant. So a number of a kind of a space names
/// one content and no other does: contents of two spaces never agree, and guests share exactly what comes from a space that they share.
public struct ContentSpace: Hashable, Sendable {
  /// The space's number, from 1 to `limit - 1`; 0 belongs to content that pages are given by name elsewhere. (The seeds that
  /// `PageContent.written` gives to repeated bytes are of a kind that no space uses.)
  public let number: UInt64

  /// How many space numbers there are: enough for an image and a space of its own for each of 4096 guests.
  public static let limit: UInt64 = 1 << 14

  /// The space of a number; numbers beyond the limit wrap around.
  public init(number: UInt64) { self.number = number % ContentSpace.limit }

  /// What a content is for; each kind has 2^45 contents of its own.
  enum Kind: UInt64, CaseIterable {
    /// The kernel and what it sets up at boot.
    case kernel
    /// A file's page.
    case file
    /// A page of a program's text.
    case text
    /// What every process of a program holds in its heap.
    case common
    /// What only one page ever holds.
    case unique
    /// A page of a recording.
    case recorded
  }

  private static let indexBits: UInt64 = 25

  /// The content of a page of a recording.
  public func recorded(_ identity: UInt32) -> PageContent { identity == 0 ? .zero : content(.recorded, UInt64(identity)) }

  /// A content by its number, from 0 to 2^45 - 1.
  func content(_ kind: Kind, _ index: UInt64) -> PageContent {
    let low = index & ((1 << Self.indexBits) - 1)
    return .synthetic(seed: (number << 3 | kind.rawValue) << Self.indexBits | low, variant: index >> Self.indexBits)
  }

  /// A page of the kernel, of which there are at most 2^25.
  func kernel(_ page: Int, layout: AddressLayout = .fixed) -> PageContent {
    content(.kernel, layout.variant << Self.indexBits | UInt64(page))
  }

  /// A page of a program, by the program's name. Pages of one program all differ; those of two programs differ unless 20 bits of a hash
  /// of their names agree.
  ///
  /// The name chooses the variant, and the seeds as well: variants of one seed differ in three bytes only, and nobody should find the pages
  /// of two programs alike but for those. What a page holds under another layout, however, is just such a variant.
  func content(_ kind: Kind, of program: String, page: Int, layout: AddressLayout = .fixed) -> PageContent {
    let hash = FNV1a.hash(program)
    let name = (hash ^ hash >> 20 ^ hash >> 40) & 0xf_ffff
    let page = UInt64(page)
    let index = (page ^ SplitMix64.mix(hash)) & ((1 << Self.indexBits) - 1)
    return content(kind, (name ^ page >> Self.indexBits ^ layout.variant) << Self.indexBits | index)
  }
}

/// Contents that one guest never holds twice: 2^45 of them.
struct UniqueContents {
  private let space: ContentSpace
  /// How many were taken.
  private(set) var taken: UInt64

  init(space: ContentSpace, taken: UInt64 = 0) {
    self.space = space
    self.taken = taken
  }

  mutating func take() -> PageContent {
    defer { taken += 1 }
    return space.content(.unique, taken)
  }
}
