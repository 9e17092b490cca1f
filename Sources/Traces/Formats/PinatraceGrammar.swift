internal import Addressing
internal import Columns
internal import Files

/// What Pin's example tool `pinatrace` prints: "0x7f4c1b2d8e70: R 0x7ffd2a10" (the instruction's address, R or W, the data's), and "#eof" at the end.
///
/// It records the instructions that touch data and no others, so that a stream of their fetches would be neither all nor none: only the data accesses
/// are delivered. It tells no sizes: none of them crosses a page. Other lines that begin with # are comments.
struct PinatraceGrammar: LineGrammar {
  var line: UInt64 = 0
  private(set) var isDone = false

  mutating func read(_ bytes: RawSpan, _ line: Range<Int>, _ batch: borrowing AccessBatch, _ counts: inout DecodedCounts)
    throws(LineProblem)
  {
    guard let first = line.first, bytes.byte(first) != 0x23 else {
      isDone = line.count == 4 && bytes.integer(line.lowerBound, as: UInt32.self) == 0x666f_6523
      counts.skipped += 1
      return
    }
    guard let colon = line.first(where: { bytes.byte($0) == 0x3a }), HexDigits.hasPrefix(bytes, first..<colon),
      HexDigits.hexadecimal(bytes, first + 2..<colon) != nil
    else { throw LineProblem(first, "the line does not begin with an instruction's address and a colon, such as \"0x401000:\"") }
    let place = Self.skipBlanks(bytes, colon + 1..<line.upperBound)
    let letter = place < line.upperBound ? bytes.byte(place) : 0
    guard letter == 0x52 || letter == 0x57 else { throw LineProblem(place, "R or W should stand here") }
    let start = Self.skipBlanks(bytes, place + 1..<line.upperBound)
    guard start > place + 1, HexDigits.hasPrefix(bytes, start..<line.upperBound),
      let address = HexDigits.hexadecimal(bytes, start + 2..<line.upperBound)
    else { throw LineProblem(start, "the address is not a hexadecimal number of at most 64 bits that begins with 0x") }
    guard batch.deliver(address, size: 1, letter == 0x52 ? .read : .write, &counts) else {
      throw LineProblem(start, RecordedAccess.problem(address, size: 1) ?? "the access is impossible")
    }
  }

  private static func skipBlanks(_ bytes: RawSpan, _ range: Range<Int>) -> Int {
    range.first { bytes.byte($0) != 0x20 && bytes.byte($0) != 9 } ?? range.upperBound
  }
}
