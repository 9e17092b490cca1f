import Addressing
import Columns
import Foundation
import Testing

@testable import Traces

@Suite("Decoders and their naive twins agree on random recordings") struct TwinTests {
  @Test("lackey, CSV and drmemtrace tell the same recording", arguments: 0..<8 as Range<UInt64>)
  func sameRecords(seed: UInt64) throws {
    let trace = NaiveTrace(seed: seed, count: 400)
    let expected = trace.records
    var parsed = trace
    parsed.accesses = NaiveTrace.parse(lackey: trace.lackey())
    #expect(parsed.records == expected)
    let batch = [16, 17, 100, 8192][Int(seed % 4)]
    #expect(try TraceFile.records(Array(trace.lackey().utf8), batch: batch) == expected)
    #expect(try TraceFile.records(Array(trace.lackey(newline: "\r\n").utf8), batch: batch) == expected)
    #expect(try TraceFile.records(Array(trace.csv.utf8), batch: batch) == expected)
    #expect(try TraceFile.records(trace.drmemtrace, batch: batch) == expected)
  }

  @Test("What TraceWriter writes is read back, whatever the stream was", arguments: 0..<4 as Range<UInt64>)
  func binaryRoundTrip(seed: UInt64) throws {
    let trace = NaiveTrace(seed: seed, count: 300)
    try TraceFile.with(Array(trace.lackey().utf8)) { path throws in
      let copy = path + ".mla"
      defer { try? FileManager.default.removeItem(atPath: copy) }
      let stream = try AccessStreams.open(path)
      let batch = AccessBatch(count: 333)
      let writer = try TraceWriter(copy)
      while case let count = try stream.fill(batch), count > 0 { try writer.append(batch, count: count) }
      try writer.commit()
      #expect(try Recorded.all(copy) == trace.records)
      let length = try AccessStreams.open(copy).length
      #expect(length == UInt64(trace.records.count))
      #expect(writer.count == UInt64(trace.records.count))
    }
  }

  @Test("Eight hexadecimal digits at a time are the number that Swift reads, for every byte and every length")
  func digits() {
    for byte in 0...255 as ClosedRange<UInt8> {
      for place in 0..<8 {
        var text: [UInt8] = Array("0aF91b7C".utf8)
        text[place] = byte
        for count in [max(place, 1), place + 1, 8] {
          var word = text.prefix(count).reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
          // What stands behind the digits does not count.
          if count < 8 { word |= 0x7a2c << UInt64(count * 8) }
          let valid = text.prefix(count).allSatisfy { Character(UnicodeScalar($0)).isASCII && Character(UnicodeScalar($0)).isHexDigit }
          let expected = valid ? UInt64(String(decoding: text.prefix(count), as: UTF8.self), radix: 16) : nil
          let value = HexDigits.value(word, count)
          if value != expected { Issue.record("byte \(byte) at \(place) of \(count): \(String(describing: value))") }
        }
      }
    }
    #expect(HexDigits.beforeComma(0x2c) == 0)
    #expect(HexDigits.beforeComma(0x2c2c_2c2b) == 1)
    #expect(HexDigits.beforeComma(0x2d2d_2d2d_2d2d_2d2d) == 8)
    #expect(HexDigits.beforeComma(0x2c00_0000_0000_0000) == 7)
    #expect(HexDigits.beforeNewline(0x0a_0a0b) == 1)
  }
}
