internal import Files

/// What a page identity trace and a file of fingerprints have in common, read and checked: of each guest a name and a value a page.
struct RecordedPages<Value: FixedWidthInteger & BitwiseCopyable> {
  /// Bytes in a page.
  let pageSize: Int
  /// Pages of all guests.
  let total: UInt64
  /// The guests, and at which byte the values of each begin.
  let guests: [(name: String, values: [Value], start: UInt64)]

  /// Reads a file.
  /// - Parameters:
  ///   - magic: what such a file begins with, six letters and two zeros.
  ///   - kind: what it is called.
  ///   - values: what its values are called.
  init(_ file: MappedFile, magic: [UInt8], kind: String, values: String) throws(ImageError) {
    let stream = ByteStream(file)
    guard try stream.bytes(upTo: magic.count) == magic else {
      let letters = String(decoding: magic.prefix(6), as: UTF8.self)
      throw ImageError(file.path, .malformed, at: 0, "no \(kind): it does not begin with \(letters)")
    }
    pageSize = try RecordedHeader.pageSize(stream)
    let count = try stream.integer(UInt32.self, "the number of guests")
    var guests: [(name: String, values: [Value], start: UInt64)] = []
    var total: UInt64 = 0
    for number in 0..<count {
      let header = try RecordedHeader(stream, guest: number, bytesPerPage: UInt64(MemoryLayout<Value>.size), total: &total)
      let start = stream.offset
      var read: [Value] = []
      try stream.append(header.pages, to: &read, "the \(values) of guest \"\(header.name)\"")
      guests.append((header.name, read, start))
    }
    try stream.end()
    self.guests = guests
    self.total = total
  }
}
