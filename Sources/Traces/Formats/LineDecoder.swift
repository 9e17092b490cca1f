internal import Addressing
internal import Columns
internal import Files

/// What the lines of a text format mean.
protocol LineGrammar {
  /// What is worth telling about the recording so far.
  var notes: [String] { get }
  /// Whether a line has ended the recording.
  var isDone: Bool { get }

  /// Reads the line that begins at `start`, if it is one of the usual kind and its newline lies before `count`.
  /// - Returns: where the next line begins; nil if the line must be looked at by `read`.
  mutating func readQuickly(_ bytes: RawSpan, _ start: Int, _ batch: borrowing AccessBatch, _ counts: inout DecodedCounts) -> Int?
  /// Reads any line, without its newline.
  mutating func read(_ bytes: RawSpan, _ line: Range<Int>, _ batch: borrowing AccessBatch, _ counts: inout DecodedCounts)
    throws(LineProblem)
  /// Takes leave at the end of the input.
  func finish() throws(LineProblem)
}

extension LineGrammar {
  var notes: [String] { [] }
  var isDone: Bool { false }
  @inline(__always) mutating func readQuickly(
    _ bytes: RawSpan, _ start: Int, _ batch: borrowing AccessBatch, _ counts: inout DecodedCounts
  ) -> Int? { nil }
  func finish() throws(LineProblem) {}
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

/// The decoder of a text format: counts lines, and says where one is wrong.
struct LineDecoder<Grammar: LineGrammar>: TraceDecoder {
  private var grammar: Grammar
  /// Lines that are done.
  private var line: UInt64 = 0

  init(_ grammar: Grammar) { self.grammar = grammar }

  var notes: [String] { grammar.notes }
  var isDone: Bool { grammar.isDone }

  mutating func decode(_ bytes: RawSpan, _ count: Int, isLast: Bool, _ batch: borrowing AccessBatch, _ counts: inout DecodedCounts)
    throws(DecodingProblem) -> Int
  {
    var start = 0
    while start < count && counts.fits(batch) && !grammar.isDone {
      if let next = grammar.readQuickly(bytes, start, batch, &counts) {
        start = next
        line &+= 1
        continue
      }
      let end = Self.lineEnd(bytes, start, count)
      guard end < count || isLast else { break }
      let hasReturn = end > start && bytes.byte(end - 1) == 0x0d
      do throws(LineProblem) {
        try grammar.read(bytes, start..<(hasReturn ? end - 1 : end), batch, &counts)
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
      try grammar.finish()
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
