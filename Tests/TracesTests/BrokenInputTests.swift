import Addressing
import Foundation
import TestSupport
import Testing
import Traces

@Suite("Broken input is an error that names the place, after the records before it") struct BrokenInputTests {
  struct Text: CustomTestStringConvertible, Sendable {
    let format: TraceFormat
    let text: String
    /// Records before the error.
    let records: Int
    /// ":line:column: error: " and how the problem begins.
    let error: String
    var testDescription: String { "\(format): \(text.debugDescription)" }

    init(_ format: TraceFormat, _ text: String, _ records: Int, _ error: String) {
      (self.format, self.text, self.records, self.error) = (format, text, records, error)
    }
  }

  static let texts: [Text] = [
    Text(.lackey, "I  1000,4\ngarbage\n", 1, ":2:1: error: the line is neither an access"),
    Text(.lackey, "I  1000,4\nI 1000,4\n", 1, ":2:1: error: the line is neither"),
    Text(.lackey, "I  1000,4\n L 10", 1, ":2:6: error: the size is missing"),
    Text(.lackey, "I  1000,4\n L ,8\n", 1, ":2:4: error: the address is not a hexadecimal number"),
    Text(.lackey, "I  1000,4\n L 0x10,8\n", 1, ":2:4: error: the address is not a hexadecimal number"),
    Text(.lackey, "I  1000,4\n L 10g0,8\n", 1, ":2:4: error: the address is not a hexadecimal number"),
    Text(.lackey, " L 10000000000000000,8\n", 0, ":1:4: error: the address is not a hexadecimal number of at most 64"),
    Text(.lackey, " S 1000,\n", 0, ":1:9: error: the size is not a decimal number"),
    Text(.lackey, " S 1000,8 \n", 0, ":1:9: error: the size is not a decimal number"),
    Text(.lackey, " S 1000,-8\n", 0, ":1:9: error: the size is not a decimal number"),
    Text(.lackey, " S 1000,99999999999999999999\n", 0, ":1:9: error: the size is not a decimal number"),
    Text(.lackey, " M 1000,0\n", 0, ":1:9: error: the access has size 0"),
    Text(.lackey, " M 1000,4097\n", 0, ":1:9: error: the access has size 4097; the largest is 4096"),
    Text(.lackey, " L 0100000000000000,8\n", 0, ":1:4: error: 0x100000000000000 is no canonical address"),
    Text(.lackey, " L 8000000000000000,8\n", 0, ":1:4: error: 0x8000000000000000 is no canonical address"),
    Text(.lackey, " L 00fffffffffffffc,8\n", 0, ":1:4: error: the access at 0xfffffffffffffc goes beyond"),
    Text(.lackey, " L ffffffffffffffff,2\n", 0, ":1:4: error: the access at 0xffffffffffffffff goes beyond"),
    Text(.lackey, " L 8,8\n\u{1b}[2J L 8,8\n", 1, ":2:1: error: the line is neither"),
    Text(.pinatrace, "0x1: R 0x8\n0x1 R 0x8\n", 1, ":2:1: error: the line does not begin with an instruction's address and a colon"),
    Text(.pinatrace, "0x1: R 0x8\n1: R 0x8\n", 1, ":2:1: error: the line does not begin"),
    Text(.pinatrace, "0x1: X 0x8\n", 0, ":1:6: error: R or W should stand here"),
    Text(.pinatrace, "0x1:\n", 0, ":1:5: error: R or W should stand here"),
    Text(.pinatrace, "0x1: R 8\n", 0, ":1:8: error: the address is not a hexadecimal number"),
    Text(.pinatrace, "0x1: R", 0, ":1:7: error: the address is not a hexadecimal number"),
    Text(.pinatrace, "0x1: W 0xff00000000000000\n0x1: W 0xfe00000000000000\n", 1, ":2:8: error: 0xfe00000000000000 is no canonical"),
    Text(.csv, "adress,kind\n1,read\n", 0, ":1:1: error: there is no column \"adress\"; known here: address, kind, size"),
    Text(.csv, "kind,size\nread,1\n", 0, ":1:1: error: the header has neither a column address nor a column event"),
    Text(.csv, "address,addr\n1,2\n", 0, ":1:9: error: the column address stands here twice"),
    Text(.csv, "address,kind\n8,read\n8\n", 1, ":3:2: error: the line has fewer than the header's 2 values"),
    Text(.csv, "address,kind\n8,read,1\n", 0, ":2:7: error: the line has more than the header's 2 values"),
    Text(.csv, "address\nten\n", 0, ":2:1: error: the address is not a number"),
    Text(.csv, "address,kind\n8,jump\n", 0, ":2:3: error: there is no such kind of access; known here: read"),
    Text(.csv, "address,kind\n,read\n", 0, ":2:1: error: the address is missing"),
    Text(.csv, "address,size\n8,0\n", 0, ":2:3: error: the access has size 0"),
    Text(.csv, "address,mode\n8,root\n", 0, ":2:3: error: the mode is neither user nor supervisor"),
    Text(.csv, "event,argument\nforks,1\n", 0, ":2:1: error: there is no such event; known here: run, fork"),
    Text(.csv, "event,argument\nfork,0x100000000000000\n", 0, ":2:6: error: the argument is not below 2^56"),
    Text(.csv, "address,process\n8,72057594037927936\n", 0, ":2:3: error: the process's number is not below 2^56"),
    Text(.csv, "address,event,argument\n8,,\n16,fork,2\n", 1, ":3:1: error: the line has an event and a value for address"),
    Text(.csv, "event,argument,kind\nfork,2,read\n", 0, ":2:8: error: the line has an event and a value for kind"),
    Text(.csv, "event,size,argument\nfork, 8,2\n", 0, ":2:7: error: the line has an event and a value for size"),
    Text(.csv, "mode,event\nuser,exec\n", 0, ":2:1: error: the line has an event and a value for mode"),
    Text(.csv, "address,process,event\n8,1,\n8,2,run\n", 2, ":3:1: error: the line has an event and a value for address"),
    Text(.csv, "address,event,argument\n8,,3\n", 0, ":2:4: error: the line has an argument and no event"),
    Text(.csv, "# only a comment\n", 0, ":2:1: error: the header is missing"),
  ]

  @Test("A text's error names line and column and shows the line", arguments: texts)
  func text(_ broken: Text) throws {
    let (records, error) = try TraceFile.until(Array(broken.text.utf8), format: broken.format)
    #expect(records.count == broken.records)
    let description = try #require(error).description
    let start = try #require(description.range(of: broken.error)?.lowerBound, "\(description)")
    #expect(description[..<start].hasPrefix("/") && !description[..<start].contains(":"))
    #expect(!description.contains("\u{1b}"))
    if let line = error?.line, case .line(_, let column) = error?.place {
      let rows = description.split(separator: "\n", omittingEmptySubsequences: false)
      #expect(rows.count == 3)
      #expect(rows[1] == "  " + line && rows[2].count == column + 2 && rows[2].last == "^")
    }
  }

  @Test("A binary format's error names record and byte")
  func binaryFormats() throws {
    func record(_ type: UInt16, _ size: UInt16 = 0, _ value: UInt64 = 0) -> [UInt8] { TraceFile.drmemtrace(type, size, value) }
    func header(version: UInt32 = 1, zero: UInt32 = 0, count: UInt64) -> [UInt8] {
      Array("mlaccess".utf8) + TraceFile.bytes(version) + TraceFile.bytes(zero) + TraceFile.bytes(count)
    }
    func word(_ value: UInt64) -> [UInt8] { TraceFile.bytes(value) }
    let good = TraceFile.champsim(0x40_1000, loads: [8])
    let begin = record(25, 8, 5)
    let cases: [(TraceFormat, [UInt8], Int, String)] = [
      (.champsim, good + good.dropLast(), 2, ": record 2 (byte 0x7f): error: the input ends after 63 of the record's 64 bytes"),
      (.champsim, good + TraceFile.champsim(0), 2, ": record 2 (byte 0x40): error: the instruction pointer is 0"),
      (.champsim, good + TraceFile.champsim(1 << 60), 2, ": record 2 (byte 0x40): error: 0x1000000000000000 is no canonical address"),
      (.champsim, good + TraceFile.champsim(8, branch: 2), 2, ": record 2 (byte 0x48): error: the branch flags are 2 and 0"),
      (.champsim, good + TraceFile.champsim(8, loads: [0, 1 << 63]), 3, ": record 2 (byte 0x68): error: 0x8000000000000000 is no"),
      (.champsim, good + TraceFile.champsim(8, stores: [1 << 62]), 3, ": record 2 (byte 0x50): error: 0x4000000000000000 is no"),
      (.drmemtrace, record(10, 4, 8), 0, ": record 1 (byte 0x0): error: a header (type 25) should stand here; this record has type 10"),
      (.drmemtrace, record(25, 8, 7), 0, ": record 1 (byte 0x4): error: drmemtrace version 7; versions 2 to 6 are read"),
      (.drmemtrace, record(25, 8, 1), 0, ": record 1 (byte 0x4): error: drmemtrace version 1"),
      (.drmemtrace, begin + record(0, 8, 8) + record(50, 8, 8), 1, ": record 3 (byte 0x18): error: there are no records of type 50"),
      (.drmemtrace, begin + record(0, 0, 8), 0, ": record 2 (byte 0xe): error: the access has size 0"),
      (.drmemtrace, begin + record(1, 5000, 8), 0, ": record 2 (byte 0xe): error: the access has size 5000"),
      (.drmemtrace, begin + record(1, 8, 1 << 57), 0, ": record 2 (byte 0x10): error: 0x200000000000000 is no canonical"),
      (.drmemtrace, begin + record(24, 4, 1 << 57), 0, ": record 2 (byte 0x10): error: 144115188075855872 is no number of a process"),
      (.drmemtrace, begin + [1, 2, 3], 0, ": record 2 (byte 0xf): error: the input ends after 3 of the record's 12 bytes"),
      (.drmemtrace, begin + record(26) + record(0, 8, 8), 0, ": record 3 (byte 0x18): error: a header (type 25) should stand here"),
      (.binary, Array("mlaccesS".utf8) + header(count: 0).dropFirst(8), 0, ": record 0 (byte 0x7): error: the input does not begin"),
      (.binary, header(count: 1).dropLast(), 0, ": record 0 (byte 0x17): error: the input ends inside the header"),
      (.binary, header(version: 2, count: 0), 0, ": record 0 (byte 0x8): error: version 2 of the format; version 1 is read"),
      (.binary, header(zero: 1, count: 0), 0, ": record 0 (byte 0xc): error: four bytes that should be zero are not"),
      (.binary, header(count: 2) + word(8), 1, ": record 2 (byte 0x20): error: the input ends after 1 of the 2 records"),
      (.binary, header(count: 1) + word(8) + word(8), 1, ": record 2 (byte 0x20): error: more follows than the 1 records"),
      (.binary, header(count: 2) + word(8) + [1], 1, ": record 2 (byte 0x21): error: the input ends after 1 of the record's 8 bytes"),
      (.binary, header(count: 2) + word(8) + word(12 << 2 | 3), 1, ": record 2 (byte 0x20): error: there is no event of number 12"),
      (.binary, header(count: 1) + word(1 << 59), 0, ": record 1 (byte 0x18): error: 0x800000000000000 is no canonical"),
    ]
    for (format, bytes, count, expected) in cases {
      let (records, error) = try TraceFile.until(Array(bytes), format: format)
      #expect(records.count == count, "\(expected)")
      let description = try #require(error, "\(expected)").description
      #expect(description.contains(expected), "\(description) is not \(expected)")
    }
  }

  @Test("What cannot be opened says why: missing, a folder, empty, no known format")
  func opening() throws {
    func error(_ path: String) throws -> TraceError? {
      do throws(TraceError) {
        _ = try AccessStreams.open(path)
        return nil
      } catch { return error }
    }
    #expect(try error("/nowhere/trace")?.description == "/nowhere/trace: error: there is no such file")
    #expect(try error("/nowhere/trace")?.kind == .missing)
    #expect(try error("/")?.description == "/: error: it is a folder, not a file")
    #expect(try TraceFile.until([]).error?.kind == .empty)
    #expect(try TraceFile.until([0xff, 1, 2]).error?.kind == .unsupported)
    #expect(try TraceFile.until(Array("hello\nworld\n".utf8)).error?.kind == .unsupported)
    #expect(try TraceFile.until([0x1f, 0x8b]).error?.kind == .truncated)
  }

  @Test("An error stays: asked again, the stream says the same")
  func stays() throws {
    try TraceFile.with(Array("I  1000,4\nx\nI  2000,4\n".utf8)) { path in
      let stream = try AccessStreams.open(path)
      let first = Recorded.until(stream)
      let second = Recorded.until(stream)
      #expect(first.0 == [.fetch(0x1000)] && second.0 == [])
      #expect(first.1 != nil && first.1 == second.1)
    }
  }

  @Test("A line that never ends is refused without being held in memory")
  func longLine() throws {
    let error = try TraceFile.until(Array("I  1000,4\n".utf8) + [UInt8](repeating: 0x3d, count: 300_000)).error
    #expect(error?.problem == "the line is longer than 131072 bytes")
    let line = Array("==1== ".utf8) + [UInt8](repeating: 0x41, count: 100_000) + Array("\nI  1000,4\n".utf8)
    #expect(try TraceFile.records(line + line + line).count == 3)
  }

  @Test("Random changes of any format's bytes never trap, and an error names a place", arguments: 0..<6 as Range<UInt64>)
  func mutations(seed: UInt64) throws {
    let trace = NaiveTrace(seed: seed, count: 40)
    var bytes: [UInt8] =
      switch seed {
      case 0: Array(trace.lackey().utf8)
      case 1: Array(trace.csv.utf8)
      case 2: trace.drmemtrace
      case 3: (1...40 as ClosedRange<UInt64>).flatMap { TraceFile.champsim(0x40_0000 + $0, stores: [$0 * 64], loads: [$0 * 4096]) }
      case 4: Array(((1...40).map { "0x\($0)0: R 0x\($0)f0" } + ["#eof\n"]).joined(separator: "\n").utf8)
      default: (1...40 as ClosedRange<UInt64>).flatMap { TraceFile.cloudsuite(0x40_0000 + $0, stores: [$0 * 64], space: UInt16($0 / 8)) }
      }
    var random = SeededGenerator(seed: seed)
    let original = bytes
    for _ in 0..<150 {
      bytes = original
      for _ in 0...Int.random(in: 0..<4, using: &random) {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<5, using: &random) {
        case 0: bytes[place] = UInt8(Int.random(in: 0..<256, using: &random))
        case 1: bytes.remove(at: place)
        case 2: bytes.insert(UInt8(Int.random(in: 0..<256, using: &random)), at: place)
        case 3: bytes.removeLast(min(bytes.count - 1, Int.random(in: 0..<20, using: &random)))
        default: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + 30)], at: place)
        }
      }
      let (records, error) = try TraceFile.until(bytes)
      for record in records where !record.isEvent {
        #expect(record.address.rawValue &+ 1 << 56 < 1 << 57)
      }
      if let error, error.kind != .unsupported { #expect(error.place != .whole, "\(error)") }
    }
  }
}
