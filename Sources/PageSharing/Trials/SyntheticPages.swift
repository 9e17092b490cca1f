internal import Columns
public import PageContents

/// Pages of synthetic content, written out once: a trial's table of contents.
public final class SyntheticPages: PageSource, Sendable {
  /// How many pages there are.
  public let pageCount: Int
  private let words: Column<UInt64>

  /// The pages of these descriptors.
  public init(_ contents: [PageContent]) {
    pageCount = contents.count
    words = Column(count: contents.count * PageContent.wordCount)
    for (index, content) in contents.enumerated() {
      unsafe words.withBuffer { buffer in
        // SAFETY: the column holds 512 words for each of the pages.
        let page = unsafe UnsafeMutableBufferPointer(rebasing: buffer[index * PageContent.wordCount..<(index + 1) * PageContent.wordCount])
        unsafe content.expand(into: UnsafeMutableRawBufferPointer(page))
      }
    }
  }

  /// Shows a page's 4096 bytes to `body`; the buffer is valid during the call only.
  public func withPage<Result>(_ index: Int, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    precondition(index >= 0 && index < pageCount, "page index out of bounds")
    return unsafe words.withBuffer { buffer in
      // SAFETY: the index was just checked, and slicing checks it again.
      unsafe body(
        UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: buffer[index * PageContent.wordCount..<(index + 1) * PageContent.wordCount])))
    }
  }
}
