internal import Addressing
internal import Columns
internal import Files

/// ChampSim's traces: a record an instruction, little endian, without a header.
///
///     64 bytes                                    96 bytes (cloudsuite)
///     0   instruction pointer, 8                  0   instruction pointer, 8
///     8   is it a branch, 1; was it taken, 1      8   is it a branch, 1; was it taken, 1
///     10  destination registers, 2 x 1            10  destination registers, 4 x 1
///     12  source registers, 4 x 1                 14  source registers, 4 x 1
///     16  destination memory, 2 x 8               24  destination memory, 4 x 8 (18: not used)
///     32  source memory, 4 x 8                    56  source memory, 4 x 8
///                                                 88  address space, 2; 90: not used
///
/// A record becomes the fetch, the loads from source memory, then the stores to destination memory; an address of 0 is none. Sizes are not told, so
/// that no access crosses a page. A new number of the address space becomes a `run` event.
struct ChampSimDecoder: TraceDecoder {
  /// The record's layout.
  enum Layout: Int {
    case plain = 64
    case cloudsuite = 96

    var stores: Range<Int> { self == .plain ? 16..<32 : 24..<56 }
    var loads: Range<Int> { self == .plain ? 32..<64 : 56..<88 }
  }

  private let layout: Layout
  private var record: UInt64 = 0
  private var space: UInt16?

  init(_ layout: Layout) { self.layout = layout }

  var notes: [String] { ["ChampSim records of \(layout.rawValue) bytes" + (layout == .plain ? "" : " (cloudsuite)")] }

  func length(of bytes: UInt64?) -> UInt64? { nil }

  mutating func decode(_ bytes: RawSpan, _ count: Int, isLast: Bool, _ batch: borrowing AccessBatch, _ counts: inout DecodedCounts)
    throws(DecodingProblem) -> Int
  {
    let size = layout.rawValue
    var start = 0
    while start &+ size <= count && counts.fits(batch) {
      if let (offset, text) = deliver(bytes, start, batch, &counts) { throw problem(.malformed, offset, text) }
      start &+= size
      record &+= 1
    }
    if isLast && start < count && counts.fits(batch) {
      throw problem(.truncated, count - start, "the input ends after \(count - start) of the record's \(size) bytes")
    }
    return start
  }

  func tooLong(_ count: Int) -> DecodingProblem { problem(.malformed, 0, "the record is too long") }

  private func problem(_ kind: TraceError.Kind, _ offset: Int, _ text: String) -> DecodingProblem {
    let place = record * UInt64(layout.rawValue) + UInt64(offset)
    return DecodingProblem(kind: kind, place: .record(record + 1, offset: place), text: text)
  }

  /// Delivers a record; or else, where in it something is wrong, and what.
  @inline(__always) private mutating func deliver(
    _ bytes: RawSpan, _ start: Int, _ batch: borrowing AccessBatch, _ counts: inout DecodedCounts
  )
    -> (Int, String)?
  {
    let pointer: UInt64 = bytes.integer(start)
    let flags: UInt16 = bytes.integer(start + 8)
    guard flags & 0xfefe == 0 else {
      return (8, "the branch flags are \(flags & 255) and \(flags >> 8); each is 0 or 1")
    }
    guard pointer != 0 else { return (0, "the instruction pointer is 0") }
    if layout == .cloudsuite {
      let number: UInt16 = bytes.integer(start + 88)
      if number != space {
        space = number
        batch.put(AccessRecord(.run, UInt64(number)), &counts.records)
      }
    }
    guard batch.deliver(pointer, size: 1, .fetch, &counts) else { return (0, Self.reason(pointer)) }
    for offset in stride(from: layout.loads.lowerBound, to: layout.loads.upperBound, by: 8) {
      let address: UInt64 = bytes.integer(start + offset)
      guard address == 0 || batch.deliver(address, size: 1, .read, &counts) else { return (offset, Self.reason(address)) }
    }
    for offset in stride(from: layout.stores.lowerBound, to: layout.stores.upperBound, by: 8) {
      let address: UInt64 = bytes.integer(start + offset)
      guard address == 0 || batch.deliver(address, size: 1, .write, &counts) else { return (offset, Self.reason(address)) }
    }
    return nil
  }

  private static func reason(_ address: UInt64) -> String { RecordedAccess.problem(address, size: 1) ?? "the access is impossible" }
}
