internal import Addressing
internal import Columns
internal import Files

/// DynamoRIO's drmemtrace: packed records of 12 bytes, little endian: a type (2 bytes), a size (2) and an address or a value (8).
///
/// The format is not a stable interface: its header tells a version, and versions other than those listed here are refused. Types, as its
/// documentation names them: 0 read, 1 write, 10 to 16 and 31 instructions, 48 and 49 conditional branches that were taken and not, 22 a thread's number,
/// 23 a thread's end, 24 a process's number, 25 header, 26 footer. The others stand for no access of the processor's own (flushes, bundles, prefetches,
/// markers, encodings, instructions without a fetch) and are skipped.
///
/// Threads of one process share its address space: a `run` event is delivered when a record of another process follows.
struct DrmemtraceDecoder: TraceDecoder {
  /// The versions whose records mean the same: since kernel events have no program counter (2), up to frequent timestamps (6).
  static let versions: ClosedRange<UInt64> = 2...6
  static let size = 12
  /// More threads than a recording has; a damaged one may name as many as it has records.
  private static let mostThreads = 1 << 20

  private var record: UInt64 = 0
  private var version: UInt64?
  /// Whether a header must come next: at the beginning, and behind a footer.
  private var needsHeader = true
  private var processes: [UInt64: UInt64] = [:]
  private var thread: UInt64?
  private var process: UInt64?

  var notes: [String] {
    guard let version else { return [] }
    let accepted = "versions \(Self.versions.lowerBound) to \(Self.versions.upperBound) are accepted"
    return ["drmemtrace version \(version); \(accepted), and DynamoRIO promises no stability between versions"]
  }

  mutating func decode(_ bytes: RawSpan, _ count: Int, isLast: Bool, _ batch: borrowing AccessBatch, _ counts: inout DecodedCounts)
    throws(DecodingProblem) -> Int
  {
    var start = 0
    while start &+ Self.size <= count && counts.fits(batch) {
      let type: UInt16 = bytes.integer(start)
      let size: UInt16 = bytes.integer(start &+ 2)
      let value: UInt64 = bytes.integer(start &+ 4)
      if let (offset, text) = deliver(type, UInt64(size), value, batch, &counts) {
        throw problem(offset == nil ? .unsupported : .malformed, offset ?? 4, text)
      }
      start &+= Self.size
      record &+= 1
    }
    if isLast && start < count && counts.fits(batch) {
      throw problem(.truncated, count - start, "the input ends after \(count - start) of the record's \(Self.size) bytes")
    }
    return start
  }

  mutating func finish() throws(DecodingProblem) {
    if record == 0 { throw problem(.truncated, 0, "the input holds no header") }
  }

  func tooLong(_ count: Int) -> DecodingProblem { problem(.malformed, 0, "the record is too long") }

  private func problem(_ kind: TraceError.Kind, _ offset: Int, _ text: String) -> DecodingProblem {
    DecodingProblem(kind: kind, place: .record(record + 1, offset: record * UInt64(Self.size) + UInt64(offset)), text: text)
  }

  /// Delivers a record; or else where in it something is wrong (nil for a version that is not known), and what.
  @inline(__always) private mutating func deliver(
    _ type: UInt16, _ size: UInt64, _ value: UInt64, _ batch: borrowing AccessBatch, _ counts: inout DecodedCounts
  ) -> (Int?, String)? {
    if needsHeader && type != 25 { return (0, "a header (type 25) should stand here; this record has type \(type)") }
    let kind: AccessKind
    switch type {
    case 0: kind = .read
    case 1: kind = .write
    case 10...16, 31, 48, 49: kind = .fetch
    case 22...26: return change(type, value, batch, &counts)
    case 2...9, 17...21, 27...30, 32...47:
      counts.skipped &+= 1
      return nil
    default: return (0, "there are no records of type \(type)")
    }
    guard batch.deliver(value, size: size, kind, &counts) else {
      let isAddress = (1...RecordedAccess.largestSize).contains(size)
      return (isAddress ? 4 : 2, RecordedAccess.problem(value, size: size) ?? "the access is impossible")
    }
    return nil
  }

  /// A record about the recording itself.
  private mutating func change(_ type: UInt16, _ value: UInt64, _ batch: borrowing AccessBatch, _ counts: inout DecodedCounts) -> (
    Int?, String
  )? {
    counts.skipped += 1
    switch type {
    case 22:
      thread = value
      if let known = processes[value] { run(known, batch, &counts) }
    case 23: processes[value] = nil
    case 24:
      guard value >> 56 == 0 else { return (4, "\(value) is no number of a process") }
      if let thread {
        processes[thread] = value
        guard processes.count <= Self.mostThreads else { return (4, "more than \(Self.mostThreads) threads run at once") }
      }
      run(value, batch, &counts)
    case 25:
      guard Self.versions.contains(value) else {
        return (nil, "drmemtrace version \(value); versions \(Self.versions.lowerBound) to \(Self.versions.upperBound) are read")
      }
      version = value
      needsHeader = false
    default: needsHeader = true
    }
    return nil
  }

  private mutating func run(_ next: UInt64, _ batch: borrowing AccessBatch, _ counts: inout DecodedCounts) {
    guard next != process else { return }
    process = next
    batch.put(AccessRecord(.run, next), &counts.records)
  }
}
