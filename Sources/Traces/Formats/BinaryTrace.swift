internal import Addressing
internal import Columns
internal import Files

/// The laboratory's own format of access streams, everything little endian:
///
///     0   magic, "mlaccess", 8 bytes
///     8   version, 4 bytes: 1
///     12  zero, 4 bytes
///     16  how many records follow, 8 bytes
///     24  the records, a word of 8 bytes each, as `AccessRecord` has them
///
/// An access is its address with bits 2:0 replaced: 0 read, 1 write, 2 fetch, plus 4 in supervisor mode. A word whose bits 1:0 are 3 is an event: bits
/// 7:2 its number in `StreamEvent`, bits 63:8 its argument.
enum BinaryTrace {
  static let magic: [UInt8] = Array("mlaccess".utf8)
  static let version: UInt32 = 1
  static let headerSize = 24
}

/// Reads the laboratory's own format.
struct BinaryDecoder: TraceDecoder {
  private var record: UInt64 = 0
  /// How many records the header promises, once it has been read.
  private var promised: UInt64?

  mutating func decode(_ bytes: RawSpan, _ count: Int, isLast: Bool, _ batch: borrowing AccessBatch, _ counts: inout DecodedCounts)
    throws(DecodingProblem) -> Int
  {
    var start = 0
    if promised == nil {
      guard count >= BinaryTrace.headerSize else {
        if isLast { throw header(.truncated, count, "the input ends inside the header") }
        return 0
      }
      try readHeader(bytes)
      start = BinaryTrace.headerSize
    }
    let promised = promised ?? 0
    while start &+ 8 <= count && counts.fits(batch) {
      guard record < promised else { throw problem(.malformed, 0, "more follows than the \(promised) records that the header tells") }
      let word = AccessRecord(rawValue: bytes.integer(start))
      if let text = Self.problem(word) { throw problem(.malformed, 0, text) }
      batch.put(word, &counts.records)
      start &+= 8
      record &+= 1
    }
    if isLast && start < count && counts.fits(batch) {
      throw problem(.truncated, count - start, "the input ends after \(count - start) of the record's 8 bytes")
    }
    return start
  }

  mutating func finish() throws(DecodingProblem) {
    guard let promised else { throw header(.truncated, 0, "the input holds no header") }
    guard record == promised else {
      throw problem(.truncated, 0, "the input ends after \(record) of the \(promised) records that the header tells")
    }
  }

  func length(of bytes: UInt64?) -> UInt64? {
    bytes.map { $0 < BinaryTrace.headerSize ? 0 : ($0 - UInt64(BinaryTrace.headerSize)) / 8 }
  }

  func tooLong(_ count: Int) -> DecodingProblem { problem(.malformed, 0, "the record is too long") }

  private mutating func readHeader(_ bytes: RawSpan) throws(DecodingProblem) {
    for (index, byte) in BinaryTrace.magic.enumerated() where bytes.byte(index) != byte {
      throw header(.malformed, index, "the input does not begin with \"mlaccess\"")
    }
    let version: UInt32 = bytes.integer(8)
    guard version == BinaryTrace.version else { throw header(.unsupported, 8, "version \(version) of the format; version 1 is read") }
    guard bytes.integer(12, as: UInt32.self) == 0 else { throw header(.malformed, 12, "four bytes that should be zero are not") }
    promised = bytes.integer(16)
  }

  private func header(_ kind: TraceError.Kind, _ offset: Int, _ text: String) -> DecodingProblem {
    DecodingProblem(kind: kind, place: .record(0, offset: UInt64(offset)), text: text)
  }

  private func problem(_ kind: TraceError.Kind, _ offset: Int, _ text: String) -> DecodingProblem {
    let place = UInt64(BinaryTrace.headerSize) + record * 8 + UInt64(offset)
    return DecodingProblem(kind: kind, place: .record(record + 1, offset: place), text: text)
  }

  @inline(__always) private static func problem(_ word: AccessRecord) -> String? {
    if word.isEvent { return word.event == nil ? "there is no event of number \(word.rawValue >> 2 & 63)" : nil }
    return RecordedAccess.isCanonical(word.rawValue) ? nil : RecordedAccess.problem(word.address.rawValue, size: 1)
  }
}
