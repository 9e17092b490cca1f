/// What stands before a guest's pages in a page identity trace and in a file of fingerprints, read and checked.
struct RecordedHeader {
  /// The guest's name.
  let name: String
  /// How many pages follow.
  let pages: UInt64

  /// The most pages that one scan can number: ordinals are 32 bits, and the two largest mean something else.
  static let largestPageTotal = UInt64(UInt32.max) - 1

  /// Reads the header of guest `number`, and refuses a page count that the file cannot hold.
  init(_ stream: ByteStream, guest number: UInt32, bytesPerPage: UInt64, total: inout UInt64) throws(ImageError) {
    let length = try stream.integer(UInt16.self, "the length of the name of guest \(number)")
    let countOffset = stream.offset
    pages = try stream.integer(UInt64.self, "the page count of guest \(number)")
    let nameOffset = stream.offset
    let bytes = try stream.bytes(Int(length), "the name of guest \(number)")
    guard let name = String(validating: bytes, as: UTF8.self) else {
      throw ImageError(stream.path, .malformed, at: nameOffset, "the name of guest \(number) is not UTF-8")
    }
    self.name = name
    let (sum, overflow) = total.addingReportingOverflow(pages)
    guard !overflow && sum <= Self.largestPageTotal else {
      throw ImageError(
        stream.path, .tooLarge, at: countOffset, "\(pages) pages of guest \"\(name)\" exceed what can be counted, 2^32 - 2 in all")
    }
    guard pages <= stream.largestRest / bytesPerPage else {
      throw ImageError(stream.path, .truncated, at: countOffset, "the file is too small for the \(pages) pages of guest \"\(name)\"")
    }
    total = sum
  }

  /// Reads a page size: a power of two from 4 KiB to 1 GiB.
  static func pageSize(_ stream: ByteStream) throws(ImageError) -> Int {
    let offset = stream.offset
    let size = try stream.integer(UInt32.self, "the page size")
    guard size.nonzeroBitCount == 1 && size >= 4096 && size <= 1 << 30 else {
      throw ImageError(stream.path, .malformed, at: offset, "a page size of \(size) bytes: it must be a power of two from 4096 to 2^30")
    }
    return Int(size)
  }
}
