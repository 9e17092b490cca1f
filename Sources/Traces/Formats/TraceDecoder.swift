internal import Addressing
internal import Columns
internal import Files

/// Turns the bytes of one format into records.
///
/// A decoder sees a window of the stream: whatever it consumes is dropped, and the next window begins behind it. A call decodes a whole window or fills a
/// batch. Decoders are not generic types, so that everything below such a call is compiled for the one format.
protocol TraceDecoder {
  /// What is worth telling about the recording so far.
  var notes: [String] { get }
  /// Whether the input ends here, whatever bytes follow.
  var isDone: Bool { get }

  /// Decodes as many whole records as there are and as the batch has room for.
  /// - Parameters:
  ///   - bytes: the window: `count` bytes and `StreamedFile.padding` zeros behind them.
  ///   - isLast: whether nothing follows the window, so that a record which is not whole is an error.
  /// - Returns: how many bytes of the window are done.
  mutating func decode(_ bytes: RawSpan, _ count: Int, isLast: Bool, _ batch: borrowing AccessBatch, _ counts: inout DecodedCounts)
    throws(DecodingProblem) -> Int
  /// Takes leave at the end of the input.
  mutating func finish() throws(DecodingProblem)
  /// What is wrong with a record that does not fit into a window of `count` bytes.
  func tooLong(_ count: Int) -> DecodingProblem
  /// How many records a file of `bytes` bytes holds, where the format tells before all of it is read.
  func length(of bytes: UInt64?) -> UInt64?
}

extension TraceDecoder {
  var notes: [String] { [] }
  var isDone: Bool { false }
  mutating func finish() throws(DecodingProblem) {}
  func length(of bytes: UInt64?) -> UInt64? { nil }
}

/// What is wrong with the input, and where; the stream adds its name.
struct DecodingProblem: Error {
  let kind: TraceError.Kind
  let place: TraceError.Place
  let text: String
  var line: String?
}

/// A recording that is read through a decoder.
final class RecordedStream: AccessStream {
  let name: String
  private let file: StreamedFile
  private var decoder: any TraceDecoder
  private let limit: UInt64
  private(set) var counters = StreamCounters()
  private var failure: TraceError?
  private var isDone = false

  init(_ name: String, _ file: StreamedFile, _ decoder: any TraceDecoder, limit: UInt64) {
    self.name = name
    self.file = file
    self.decoder = decoder
    self.limit = limit
  }

  var notes: [String] { decoder.notes }
  var length: UInt64? { decoder.length(of: file.length).map { min($0, limit) } }

  func fill(_ batch: borrowing AccessBatch) throws(TraceError) -> Int {
    precondition(batch.count >= AccessBatch.leastCount, "a batch must have room for \(AccessBatch.leastCount) records")
    if let failure { throw failure }
    guard !isDone, counters.accesses < limit else { return 0 }
    var counts = DecodedCounts()
    do throws(DecodingProblem) {
      try decode(batch, &counts)
    } catch {
      failure = TraceError(name, error.kind, at: error.place, error.text, line: error.line)
    }
    counters.skipped += counts.skipped
    counters.pageCrossings += counts.pageCrossings
    let delivered = batch.account(counts.records, &counters, limit: limit)
    if delivered == 0, let failure { throw failure }
    return delivered
  }

  /// Decodes until the batch is full or the input is at its end.
  private func decode(_ batch: borrowing AccessBatch, _ counts: inout DecodedCounts) throws(DecodingProblem) {
    while counts.fits(batch) {
      let consumed = try file.withWindow { bytes, count throws(DecodingProblem) in
        try decoder.decode(bytes, count, isLast: file.isAtEnd, batch, &counts)
      }
      file.drop(consumed)
      guard counts.fits(batch) else { return }
      if decoder.isDone || file.isAtEnd {
        isDone = true
        return try decoder.finish()
      }
      let hasMore: Bool
      do throws(StreamedFileError) { hasMore = try file.more() } catch { throw DecodingProblem(error) }
      if !hasMore && !file.isAtEnd { throw decoder.tooLong(StreamedFile.capacity) }
    }
  }
}

extension DecodingProblem {
  /// The failure to read or decompress a file.
  init(_ error: StreamedFileError) {
    switch error {
    case .missing: self.init(kind: .missing, place: .whole, text: "there is no such file")
    case .folder: self.init(kind: .unreadable, place: .whole, text: "it is a folder, not a file")
    case .unreadable(let error): self.init(kind: .unreadable, place: .whole, text: error.description)
    case .malformed(let offset, let problem): self.init(kind: .malformed, place: .byte(offset), text: problem)
    case .truncated(let offset, let problem): self.init(kind: .truncated, place: .byte(offset), text: problem)
    }
  }
}
