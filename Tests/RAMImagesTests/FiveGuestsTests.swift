import Foundation
import PageSharing
import RAMImages
import Testing

/// The recorded RAM of five real guests, against the table that was made when it was recorded.
@Suite("The exact count of five recorded guests") struct FiveGuestsTests {
  static let path = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined() + "/Workloads/data/five-guests.pit.zst"

  struct Row: Sendable, CustomTestStringConvertible {
    let guests: [String]
    let pages, zero, distinct, saved, savedZero, savedSelf, savedInter: UInt64
    var testDescription: String { guests.joined(separator: "+") }
  }

  static let table = [
    Row(guests: ["w1"], pages: 65536, zero: 42145, distinct: 19013, saved: 46523, savedZero: 42144, savedSelf: 4379, savedInter: 0),
    Row(
      guests: ["w1", "w2"], pages: 131072, zero: 84292, distinct: 23168, saved: 107904, savedZero: 84291, savedSelf: 8757, savedInter: 14856
    ),
    Row(
      guests: ["w1", "w2", "db", "idle", "perl"], pages: 327680, zero: 208883, distinct: 42531, saved: 285149, savedZero: 208882,
      savedSelf: 19805,
      savedInter: 56462),
  ]

  @Test("The count is the recorded table's, row by row", arguments: table) func countIsTheTables(row: Row) throws {
    let trace = try IdentityTrace(path: Self.path)
    let inputs = try row.guests.map { name in
      MemoryInput(name: name, contents: .identities(trace: Self.path, pageSize: trace.pageSize, try #require(trace.guest(named: name))))
    }
    let scan = try ExactScanner().scan(inputs)
    #expect(scan.totals.pages == row.pages)
    #expect(scan.totals.zeroPages == row.zero)
    #expect(scan.totals.distinctPages == row.distinct)
    #expect(scan.totals.savedPages == row.saved)
    #expect(scan.totals.savedZero == row.savedZero)
    #expect(scan.totals.savedSelf == row.savedSelf)
    #expect(scan.totals.savedInter == row.savedInter)
    #expect(scan.singleBytePages == nil)
    #expect(scan.compared == .identities)
  }

  @Test("The compressed trace, cut anywhere or with bytes behind it, is refused") func damagedTraceIsRefused() throws {
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: Self.path)))
    for length in [5, 9, 100, 30_000, bytes.count - 4, bytes.count - 1] {
      let file = try RecordedFile(Array(bytes[..<length]))
      let error = #expect(throws: ImageError.self) { _ = try RecordedMemory.open(file.path) }
      #expect(error?.kind == .truncated)
    }
    let longer = try RecordedFile(bytes + [1, 2, 3, 4])
    #expect(throws: ImageError.self) { _ = try RecordedMemory.open(longer.path) }
    var damaged = bytes
    damaged[bytes.count - 1] ^= 1
    let flipped = try RecordedFile(damaged)
    let error = #expect(throws: ImageError.self) { _ = try RecordedMemory.open(flipped.path) }
    #expect(error?.kind == .malformed, "the stream's checksum is wrong")
  }

  @Test("The general count, of bytes, agrees with the count of identities") func countsAgree() throws {
    let inputs = try RecordedMemory.open(Self.path + "#w1,db")
    let written = try ExactScanner().identities(of: inputs)
    let direct = try ExactScanner().scan(inputs).totals
    let again = written.guests.map { MemoryInput(name: $0.name, contents: .identities(trace: "again", pageSize: 4096, $0.identities)) }
    #expect(try ExactScanner().scan(again).totals == direct)
  }
}
