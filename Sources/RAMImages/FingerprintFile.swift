internal import Files
internal import PageContents

/// # Fingerprints: pages that can be compared across files and machines
///
/// A file of fingerprints (`.mfp`) keeps of every page a 128-bit hash of its bytes: 16 bytes for 4096. Two hosts that cannot show each
/// other their memory can still find out what they would share. Its format, little endian, plain or inside a zstd stream (the magic
/// decides, never the name):
///
///     magic "MLMFP1\0\0" · u32 page size · u32 number of guests
///     per guest: u16 length of the name · u64 pages · the name, UTF-8 · 16 bytes a page: XXH3-128 (seed 0) of its bytes, low half first
///
/// No flag marks zero pages: the hash of a zero page of the file's page size is known, and any reader computes it.
///
/// The invariant: *equal bytes have equal fingerprints*. The reverse is an assumption: two different pages are taken for equal once in
/// 2^128 pairs if nobody searches for such a pair. XXH3 is no cryptographic hash: who can choose contents can make two that collide, and
/// who can guess a page's content can confirm the guess. A result says that fingerprints were compared.
public struct FingerprintFile: Sendable {
  /// One guest's memory.
  public struct Guest: Sendable {
    /// The name it was recorded by.
    public let name: String
    /// One hash a page, in page order.
    public let fingerprints: [UInt128]

    /// A guest of a name whose pages have these hashes.
    public init(name: String, fingerprints: [UInt128]) {
      self.name = name
      self.fingerprints = fingerprints
    }
  }

  /// The first eight bytes of such a file.
  static let magic: [UInt8] = Array("MLMFP1".utf8) + [0, 0]

  /// The file it was read from.
  public let path: String
  /// Bytes in a page.
  public let pageSize: Int
  /// The guests, in the file's order.
  public let guests: [Guest]

  /// Fingerprints of guests, not yet written to any file.
  init(path: String, pageSize: Int, guests: [Guest]) {
    self.path = path
    self.pageSize = pageSize
    self.guests = guests
  }

  /// Reads a file of fingerprints.
  /// - Throws: what the file contradicts, and at which byte.
  public init(path: String) throws(ImageError) {
    let file: MappedFile
    do throws(MappedFileError) { file = try MappedFile(path: path) } catch { throw ImageError(path, error) }
    try self.init(file)
  }

  init(_ file: MappedFile) throws(ImageError) {
    let read = try RecordedPages<UInt128>(file, magic: Self.magic, kind: "file of fingerprints", values: "fingerprints")
    let guests = read.guests.map { Guest(name: $0.name, fingerprints: $0.values) }
    self.init(path: file.path, pageSize: read.pageSize, guests: guests)
  }

  /// The fingerprint of a page of zeros.
  static func zeroFingerprint(pageSize: Int) -> UInt128 { PageBytes.zeroFingerprint(count: pageSize) }
}
