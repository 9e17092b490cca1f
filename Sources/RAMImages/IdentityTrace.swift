internal import Files

/// # Page identity traces: which pages are equal, and nothing else
///
/// A page identity trace (`.pit`) says of every page of some guests, in page order, which other pages are equal to it: one 32-bit identity
/// a page. It can be published where memory cannot. Its format, little endian, plain or inside a zstd stream (the magic decides, never the
/// name):
///
///     magic "MLPIT1\0\0" · u32 page size · u32 number of guests
///     per guest: u16 length of the name · u64 pages · the name, UTF-8 · one u32 identity a page
///
/// The invariant: *equal identities stand for equal bytes, different ones for different bytes*; 0 is the all-zero page and the others are
/// numbered from 1 in order of first appearance. So no identity exceeds the number of pages in the file, which the reader checks. The order
/// of the numbers itself it does not check: a trace cut out of a larger one still counts right.
///
/// When it may not help: identities mean nothing outside their file. Two traces can never be compared.
public struct IdentityTrace: Sendable {
  /// One guest's memory.
  public struct Guest: Sendable {
    /// The name it was recorded by.
    public let name: String
    /// One identity a page, in page order.
    public let identities: [UInt32]

    /// A guest of a name whose pages have these identities.
    public init(name: String, identities: [UInt32]) {
      self.name = name
      self.identities = identities
    }
  }

  /// The first eight bytes of such a file.
  static let magic: [UInt8] = Array("MLPIT1".utf8) + [0, 0]

  /// The file it was read from.
  public let path: String
  /// Bytes in a page.
  public let pageSize: Int
  /// The guests, in the file's order.
  public let guests: [Guest]

  /// A trace of guests, not yet written to any file.
  init(path: String, pageSize: Int, guests: [Guest]) {
    self.path = path
    self.pageSize = pageSize
    self.guests = guests
  }

  /// Reads a trace.
  /// - Throws: what the file contradicts, and at which byte.
  public init(path: String) throws(ImageError) {
    let file: MappedFile
    do throws(MappedFileError) { file = try MappedFile(path: path) } catch { throw ImageError(path, error) }
    try self.init(file)
  }

  init(_ file: MappedFile) throws(ImageError) {
    let read = try RecordedPages<UInt32>(file, magic: Self.magic, kind: "page identity trace", values: "identities")
    for guest in read.guests {
      for (page, identity) in guest.values.enumerated() where UInt64(identity) > read.total {
        let problem = "page \(page) of guest \"\(guest.name)\" has identity \(identity), but the file holds only \(read.total) pages"
        throw ImageError(file.path, .malformed, at: guest.start + UInt64(page) * 4, problem)
      }
    }
    let guests = read.guests.map { Guest(name: $0.name, identities: $0.values) }
    self.init(path: file.path, pageSize: read.pageSize, guests: guests)
  }

  /// The identities of the pages of a recorded guest, in page order; nil if the trace holds no guest of that name.
  public func guest(named name: String) -> [UInt32]? { guests.first { $0.name == name }?.identities }
}
