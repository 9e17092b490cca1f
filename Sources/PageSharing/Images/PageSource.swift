/// Where the pages of a recorded memory are read from: an image, or identities that expand into bytes.
public protocol PageSource {
  /// How many pages there are.
  var pageCount: Int { get }

  /// Shows a page's bytes to `body`. The buffer is valid during the call only, and the same bytes are shown at every call.
  ///
  /// To compare two pages the scanner calls this for one page inside the call for another, and no deeper.
  func withPage<Result>(_ index: Int, _ body: (UnsafeRawBufferPointer) -> Result) -> Result
}
