internal import Addressing
internal import Columns
internal import Files

/// The decoder of a text format: what its lines mean.
protocol LineGrammar: TraceDecoder {
  /// Lines that are done.
  var line: UInt64 { get set }

  /// Reads the line that begins at `start`, if it is one of the usual kind and its newline lies before `count`.
  /// - Returns: where the next line begins; nil if the line must be looked at by `read`.
  mutating func readQuickly(_ bytes: RawSpan, _ start: Int, _ batch: borrowing AccessBatch, _ counts: inout DecodedCounts) -> Int?
  /// Reads any line, without its newline.
  mutating func read(_ bytes: RawSpan, _ line: Range<Int>, _ batch: borrowing AccessBatch, _ counts: inout DecodedCounts)
    throws(LineProblem)
  /// Takes leave at the end of the input.
  func end() throws(LineProblem)
}

extension LineGrammar {
  @inline(__always) mutating func readQuickly(
    _ bytes: RawSpan, _ start: Int, _ batch: borrowing AccessBatch, _ counts: inout DecodedCounts
  ) -> Int? { nil }
  func end() throws(LineProblem) {}
}

/// What is wrong with a line, and at which byte of the window.
struct LineProblem: Error {
  let offset: Int
  let text: String
  init(_ offset: Int, _ text: String) {
    self.offset = offset
    self.text = text
  }
}

/// How a text is decoded, whatever its format: lines are counted, and what is wrong with one says where.
extension LineGrammar {
  mutating func decode(_ bytes: RawSpan, _ count: Int, isLast: Bool, _ batch: borrowing AccessBatch, _ counts: inout DecodedCounts)
    throws(DecodingProblem) -> Int
  {
    var start = 0
    while start < count && counts.fits(batch) && !isDone {
      if let next = readQuickly(bytes, start, batch, &counts) {
        start = next
        line &+= 1
        continue
      }
      let end = Self.lineEnd(bytes, start, count)
      guard end < count || isLast else { break }
      let hasReturn = end > start && bytes.byte(end - 1) == 0x0d
      do throws(LineProblem) {
        try read(bytes, start..<(hasReturn ? end - 1 : end), batch, &counts)
      } catch {
        throw problem(error, bytes, start..<end)
      }
      line += 1
      start = min(end + 1, count)
    }
    return start
  }

  mutating func finish() throws(DecodingProblem) {
    do throws(LineProblem) {
      try end()
    } catch {
      throw DecodingProblem(kind: .truncated, place: .line(line + 1, column: 1), text: error.text)
    }
  }

  func tooLong(_ count: Int) -> DecodingProblem {
    DecodingProblem(kind: .malformed, place: .line(line + 1, column: count + 1), text: "the line is longer than \(count) bytes")
  }

  private func problem(_ error: LineProblem, _ bytes: RawSpan, _ range: Range<Int>) -> DecodingProblem {
    let shown = range.lowerBound..<min(range.upperBound, range.lowerBound + 120)
    return DecodingProblem(
      kind: .malformed, place: .line(line + 1, column: error.offset - range.lowerBound + 1), text: error.text,
      line: Self.ascii(bytes, shown))
  }

  /// Bytes as text of as many characters, a question mark for each that is not a printable one of ASCII.
  private static func ascii(_ bytes: RawSpan, _ range: Range<Int>) -> String {
    String(decoding: range.map { bytes.byte($0) }.map { $0 == 9 ? 32 : $0 < 32 || $0 > 126 ? 63 : $0 }, as: UTF8.self)
  }

  /// Where a line ends: the offset of its newline, or `count` if there is none.
  static func lineEnd(_ bytes: RawSpan, _ start: Int, _ count: Int) -> Int {
    var offset = start
    while offset < count {
      let before = HexDigits.beforeNewline(bytes.integer(offset))
      if before < 8 { return min(offset + before, count) }
      offset += 8
    }
    return count
  }
}
