import Columns
import PageSharing

/// Pages of an identity trace as pages of zeros that begin with their identity: cheap to make, and apart in four bytes at most.
final class MarkedPages: PageSource {
  let identities: [UInt32]
  /// Two pages of 512 words: the one that is shown, and the one that is shown inside its call.
  private let words = Column<UInt64>(count: 2 * 512)
  private var depth = 0

  init(_ identities: [UInt32]) { self.identities = identities }

  var pageCount: Int { identities.count }

  func withPage<Result>(_ index: Int, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    precondition(depth < 2, "no more than two pages are shown at a time")
    let start = depth * 512
    depth += 1
    defer { depth -= 1 }
    words[start] = UInt64(identities[index])
    return unsafe words.withBuffer { buffer in
      // SAFETY: start is 0 or 512 and the column holds two pages of words.
      unsafe body(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: buffer[start..<start + 512])))
    }
  }
}
