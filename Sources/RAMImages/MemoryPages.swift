public import PageSharing
public import Files

/// The pages of images, one image after the other: what a scanner of page sharing walks over.
///
/// Bytes are shown where the files are mapped; nothing is copied.
public final class ImagePages: PageSource {
  /// Pages in a row, with the number of the first one over all images.
  private struct Row {
    let first: Int
    let offset: Int
    let file: MappedFile
  }

  /// How many pages there are.
  public let pageCount: Int
  private let rows: [Row]
  /// The row in which the last page was found: scanners mostly go on from there.
  private var latest = 0

  /// The pages of these images.
  public init(_ images: [MemoryImage]) {
    var rows: [Row] = []
    var first = 0
    for image in images {
      for run in image.runs {
        rows.append(Row(first: first, offset: run.offset, file: image.file))
        first += run.pageCount
      }
    }
    self.rows = rows
    pageCount = first
  }

  /// Shows a page's 4096 bytes to `body`; the buffer is valid during the call only.
  @inlinable public func withPage<Result>(_ index: Int, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    let (file, start) = place(of: index)
    // SAFETY: the file shows the page during the call, and checks its range.
    return unsafe file.withBytes(start..<start + ImagePages.pageBytes, body)
  }

  @usableFromInline static let pageBytes = MemoryImage.pageSize

  @usableFromInline func place(of index: Int) -> (file: MappedFile, start: Int) {
    precondition(index >= 0 && index < pageCount, "page index out of bounds")
    let row = rows[rowIndex(of: index)]
    return (row.file, row.offset + (index - row.first) * MemoryImage.pageSize)
  }

  /// Checks that every page that was shown was the file's.
  /// - Throws: if a file became shorter, or the disk failed, meanwhile.
  func checkIntact() throws(ImageError) {
    for row in rows where !row.file.isIntact { throw .changed(row.file.path) }
  }

  private func rowIndex(of index: Int) -> Int {
    if rows[latest].first <= index && (latest + 1 == rows.count || index < rows[latest + 1].first) { return latest }
    var (low, high) = (0, rows.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if rows[middle].first <= index { low = middle } else { high = middle }
    }
    latest = low
    return low
  }
}

/// Inputs as a scanner of page sharing takes them: one source of pages, in which each input is a range.
public struct MemoryPages {
  /// Where the pages are.
  public enum Source {
    /// In images, as bytes.
    case images(ImagePages)
    /// Known by their identities, which expand into bytes.
    case identities(IdentityPages)
  }

  /// Where the pages are.
  public let source: Source
  /// The name of each input and how many pages it has, in order.
  public let inputs: [(name: String, pages: Int)]

  /// Prepares inputs for a scanner.
  ///
  /// A live process changes while a scanner goes over it again and again; so where one is among the inputs, all of them are reduced once to
  /// identities.
  /// - Throws: if the inputs cannot be compared, or hold only hashes: a scanner compares bytes.
  public init(_ inputs: [MemoryInput], scanner: ExactScanner = ExactScanner()) throws(ImageError) {
    switch try InputKinds.comparison(of: inputs, pageSize: MemoryImage.pageSize) {
    case .fingerprints:
      let name = inputs.first { if case .fingerprints = $0.contents { true } else { false } }?.name ?? ""
      throw ImageError(name, .incompatible, "fingerprints are hashes; this scanner compares bytes: only the exact scanner counts them")
    case .identities: self.init(try Self.recorded(inputs))
    case .bytes:
      let images = inputs.compactMap { if case .image(let image) = $0.contents { image } else { nil } }
      guard images.count == inputs.count else {
        self.init(try scanner.identities(of: inputs).guests)
        return
      }
      self.init(.images(ImagePages(images)), inputs.indices.map { (inputs[$0].name, images[$0].pageCount) })
    }
  }

  private init(_ source: Source, _ inputs: [(name: String, pages: Int)]) {
    self.source = source
    self.inputs = inputs
  }

  private init(_ guests: [IdentityTrace.Guest]) {
    self.init(.identities(IdentityPages(guests.flatMap(\.identities))), guests.map { ($0.name, $0.identities.count) })
  }

  private static func recorded(_ inputs: [MemoryInput]) throws(ImageError) -> [IdentityTrace.Guest] {
    var guests: [IdentityTrace.Guest] = []
    for input in inputs {
      guard case .identities(let trace, let pageSize, let identities) = input.contents else { continue }
      guard pageSize == MemoryImage.pageSize else {
        throw ImageError(trace, .incompatible, "it has pages of \(pageSize) bytes; this scanner merges pages of 4 KiB")
      }
      guests.append(IdentityTrace.Guest(name: input.name, identities: identities))
    }
    return guests
  }
}
