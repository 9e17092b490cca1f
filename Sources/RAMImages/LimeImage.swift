internal import Files

extension MemoryImage {
  /// The magic of a LiME range header, 0x4c694d45 in little endian.
  static let limeMagic: [UInt8] = Array("EMiL".utf8)
  /// Bytes in a range header (LiME, doc/README: `lime_mem_range_header`, packed).
  static let limeHeaderBytes = 32

  /// Reads a LiME dump: ranges of physical memory, each behind a header with magic, version 1, first and last address, and 8 reserved
  /// bytes.
  convenience init(lime file: MappedFile) throws(ImageError) {
    var extents: [Extent] = []
    var offset = 0
    while offset < file.count {
      let header = UInt64(offset)
      guard let magic = file.bytes(offset..<min(offset + 4, file.count)), magic == Self.limeMagic.prefix(magic.count).map({ $0 }) else {
        throw ImageError(file.path, .malformed, at: header, "a LiME range header should begin here")
      }
      guard let version: UInt32 = file.integer(at: offset + 4), let first: UInt64 = file.integer(at: offset + 8),
        let last: UInt64 = file.integer(at: offset + 16), file.count - offset >= Self.limeHeaderBytes
      else { throw ImageError(file.path, .truncated, at: header, "the file ends inside a LiME range header") }
      guard version == 1 else {
        let hint = version == 2 ? "; version 2 is AVML's compressed format: convert it with avml-convert" : ""
        throw ImageError(file.path, .unsupported, at: header + 4, "LiME version \(version): only version 1 is read" + hint)
      }
      guard last >= first else { throw ImageError(file.path, .malformed, at: header + 8, "the range ends before it begins") }
      let (bytes, overflow) = (last - first).addingReportingOverflow(1)
      guard !overflow && bytes <= UInt64(file.count - offset - Self.limeHeaderBytes) else {
        let problem = "the range \(Self.hex(first)) to \(Self.hex(last)) is longer than the rest of the file"
        throw ImageError(file.path, .truncated, at: header + 8, problem)
      }
      extents.append(Extent(address: first, bytes: bytes, offset: header + UInt64(Self.limeHeaderBytes), header: header + 8))
      offset += Self.limeHeaderBytes + Int(bytes)
    }
    try self.init(file, .lime, .physical, extents)
  }
}
