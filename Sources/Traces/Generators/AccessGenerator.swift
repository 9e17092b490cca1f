internal import Addressing
internal import Columns

/// A generator of accesses: a state machine that takes one small step at a time.
///
/// A stream calls `fill` once a batch. Generators are not generic types, so that the steps below that call are compiled for the one
/// generator.
protocol AccessGenerator {
  /// Appends the records of the next step to a batch, at `count`; at most `AccessBatch.leastCount` of them. A step without records ends the
  /// stream.
  mutating func step(_ batch: borrowing AccessBatch, _ count: inout Int)
  /// Takes steps while the batch has room and fewer than `most` records are in it; the last step may go beyond `most`.
  mutating func fill(_ batch: borrowing AccessBatch, most: Int) -> Int
}

extension AccessGenerator {
  mutating func fill(_ batch: borrowing AccessBatch, most: Int) -> Int {
    var count = 0
    let end = min(batch.count - AccessBatch.leastCount, most - 1)
    while count <= end {
      let before = count
      step(batch, &count)
      if count == before { break }
    }
    return count
  }
}

/// Where generators put things in a process's addresses, and how they write records.
enum GeneratedLayout {
  /// The first data address: 1 TiB, as in the published golden runs.
  static let data: UInt64 = 0x100_0000_0000
  /// The first code address, where Linux puts programs that are not position-independent.
  static let code: UInt64 = 0x40_0000
  /// Where a stack begins, growing down: the end of the lower half of 48-bit addresses less Linux's guard page.
  static let stackTop: UInt64 = 0x7fff_ffff_f000
}

extension AccessBatch {
  /// Puts a record behind the others.
  @inline(__always) borrowing func put(_ record: AccessRecord, _ count: inout Int) {
    self[count] = record
    count &+= 1
  }

  /// Puts an access by a user's program behind the others.
  @inline(__always) borrowing func put(_ address: UInt64, _ kind: AccessKind, _ count: inout Int) {
    put(AccessRecord(GuestVirtualAddress(address), kind), &count)
  }

  /// Counts the accesses among the first `count` records, into `counters`, and cuts behind the access that reaches the limit.
  /// - Returns: how many records are left.
  borrowing func account(_ count: Int, _ counters: inout StreamCounters, limit: UInt64) -> Int {
    let room = limit - counters.accesses
    var (accesses, kept): (UInt64, Int) = (0, count)
    for index in 0..<count {
      if !self[index].isEvent { accesses &+= 1 }
      if accesses == room {
        kept = index + 1
        break
      }
    }
    if room == 0 { kept = 0 }
    counters.accesses += accesses
    counters.records += UInt64(kept)
    return kept
  }
}

/// The stream of a generator.
final class GeneratorStream: AccessStream {
  let name: String
  let length: UInt64?
  private(set) var counters = StreamCounters()
  let notes: [String] = []
  private var generator: any AccessGenerator
  private let limit: UInt64

  /// A stream that ends after `limit` accesses.
  init(_ name: String, _ generator: any AccessGenerator, limit: UInt64, hasEvents: Bool) {
    self.name = name
    self.generator = generator
    self.limit = limit
    length = hasEvents ? nil : limit
  }

  func fill(_ batch: borrowing AccessBatch) throws(TraceError) -> Int {
    precondition(batch.count >= AccessBatch.leastCount, "a batch must have room for \(AccessBatch.leastCount) records")
    guard counters.accesses < limit else { return 0 }
    let count = generator.fill(batch, most: Int(clamping: limit - counters.accesses))
    return batch.account(count, &counters, limit: limit)
  }
}
