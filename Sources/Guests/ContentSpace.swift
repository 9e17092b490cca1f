public import PageContents

/// A family of synthetic contents: everything that an image, a recording or one guest can put into pages.
///
/// Synthetic content is chosen by a 42-bit seed. A space owns the seeds with its number in their upper 12 bits, so contents of two spaces
/// never agree, and guests share exactly what comes from a space that they share.
public struct ContentSpace: Hashable, Sendable {
  /// The space's number, from 1 to 4095; 0 belongs to content that pages are given by name elsewhere.
  public let number: UInt64

  /// How many spaces there are.
  public static let limit: UInt64 = 4096

  /// The space of a number; numbers beyond the limit wrap around.
  public init(number: UInt64) { self.number = number % ContentSpace.limit }

  /// What a content is for; each kind has 2^27 contents of its own.
  enum Kind: UInt64 {
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
  }

  /// The content of a page of a recording.
  public func recorded(_ identity: UInt32) -> PageContent {
    identity == 0 ? .zero : .synthetic(seed: number << 30 | UInt64(identity) & 0x3fff_ffff)
  }

  func content(_ kind: Kind, _ index: UInt64) -> PageContent {
    .synthetic(seed: number << 30 | kind.rawValue << 27 | index & 0x7ff_ffff)
  }

  /// A page of a program, by the program's name.
  func content(_ kind: Kind, of program: String, page: Int) -> PageContent {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325  // FNV-1a, as the named streams use
    for byte in program.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    return content(kind, (hash ^ hash >> 32) & 0x3ff << 17 | UInt64(page) & 0x1_ffff)
  }
}

/// Contents that one guest never holds twice.
struct UniqueContents {
  let space: ContentSpace
  private var next: UInt64 = 0

  init(space: ContentSpace) { self.space = space }

  mutating func take() -> PageContent {
    next += 1
    // Past 2^27 contents the seeds repeat; the variant then keeps them apart for another 2^20 rounds.
    guard let seed = space.content(.unique, next).seed else { return .zero }
    return .synthetic(seed: seed, variant: next >> 27)
  }
}
