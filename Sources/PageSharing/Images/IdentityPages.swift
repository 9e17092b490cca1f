internal import Columns
public import PageContents

/// Pages of which only equality is known: a page identity trace. Identity 0 is the page of zeros, every other one a synthetic page of its
/// own.
///
/// A page's bytes are written out before anybody looks at them, so a scanner hashes and compares real bytes. The two pages that were
/// written out last are kept, since a scanner looks at a page several times in a row.
public final class IdentityPages: PageSource {
  /// The identities, in page order.
  public let identities: [UInt32]
  private let bytes = Column<UInt64>(count: 2 * PageContent.wordCount)
  private let zeros = Column<UInt64>(count: PageContent.wordCount)
  /// The identities of the pages in the two halves of `bytes`; 0 where there is none yet.
  private let held = Column<UInt32>(count: 2)
  /// How many pages are being shown now, and in which half the outer one is.
  private var depth = 0
  private var outerHalf = 0
  private var freshHalf = 0

  /// The pages of these identities.
  public init(_ identities: [UInt32]) { self.identities = identities }

  /// How many pages there are.
  public var pageCount: Int { identities.count }

  /// The content that an identity stands for.
  public static func content(of identity: UInt32) -> PageContent { identity == 0 ? .zero : .synthetic(seed: UInt64(identity)) }

  /// Shows a page's 4096 bytes to `body`; the buffer is valid during the call only. At most two pages are shown at a time.
  public func withPage<Result>(_ index: Int, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    let identity = identities[index]
    guard identity != 0 else { return unsafe zeros.withBuffer { unsafe body(UnsafeRawBufferPointer($0)) } }
    let half = writeOut(identity)
    depth += 1
    outerHalf = depth == 1 ? half : outerHalf
    defer { depth -= 1 }
    return unsafe bytes.withBuffer { buffer in
      // SAFETY: half is 0 or 1 and the column holds two pages of words.
      unsafe body(
        UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: buffer[half * PageContent.wordCount..<(half + 1) * PageContent.wordCount])))
    }
  }

  /// Writes a page out, into the half that nobody is looking at, and returns the half.
  private func writeOut(_ identity: UInt32) -> Int {
    precondition(depth < 2, "no more than two pages are shown at a time")
    for half in 0...1 where held[half] == identity { return half }
    let half = depth == 1 ? 1 - outerHalf : 1 - freshHalf
    freshHalf = half
    held[half] = identity
    unsafe bytes.withBuffer { buffer in
      // SAFETY: half is 0 or 1 and the column holds two pages of words.
      let page = unsafe UnsafeMutableBufferPointer(rebasing: buffer[half * PageContent.wordCount..<(half + 1) * PageContent.wordCount])
      unsafe IdentityPages.content(of: identity).expand(into: UnsafeMutableRawBufferPointer(page))
    }
    return half
  }
}
