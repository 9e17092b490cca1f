import Addressing
import Foundation
import Testing
import Traces

@Suite("Compressed traces are the traces that they hold") struct CompressionTests {
  /// What a program makes of bytes given to its standard input.
  private func run(_ program: String, _ arguments: [String], _ bytes: [UInt8]) throws -> [UInt8] {
    try TraceFile.with(bytes) { path throws in
      let process = Process()
      process.executableURL = URL(filePath: "/usr/bin/env")
      process.arguments = [program] + arguments
      process.standardInput = try FileHandle(forReadingFrom: URL(filePath: path))
      let pipe = Pipe()
      process.standardOutput = pipe
      try process.run()
      let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
      process.waitUntilExit()
      #expect(process.terminationStatus == 0)
      return Array(output)
    }
  }

  /// A zip file, from gzip's output: the deflated bytes stand between a header of 10 bytes and the checksum and the length.
  private func zip(_ members: [(name: String, bytes: [UInt8])], stored: Bool = false, descriptor: Bool = false) throws -> [UInt8] {
    var (file, directory): ([UInt8], [UInt8]) = ([], [])
    for (name, bytes) in members {
      let gzip = try run("gzip", ["-nc"], bytes)
      let checksum = Array(gzip.suffix(8).prefix(4))
      let data = stored ? bytes : Array(gzip.dropFirst(10).dropLast(8))
      let lengths = TraceFile.bytes(UInt32(data.count)) + TraceFile.bytes(UInt32(bytes.count))
      let zero = [UInt8](repeating: 0, count: 12)
      let kind: [UInt8] = [20, 0, descriptor ? 8 : 0, 0, stored ? 0 : 8, 0, 0, 0, 0, 0]
      let nameLength = TraceFile.bytes(UInt16(name.utf8.count))
      directory += [0x50, 0x4b, 1, 2, 20, 0] + kind + checksum + lengths + nameLength + zero.prefix(12)
      directory += TraceFile.bytes(UInt32(file.count)) + Array(name.utf8)
      file += [0x50, 0x4b, 3, 4] + kind + (descriptor ? zero : checksum + lengths) + nameLength + [0, 0] + Array(name.utf8) + data
      if descriptor { file += [0x50, 0x4b, 7, 8] + checksum + lengths }
    }
    let count = TraceFile.bytes(UInt16(members.count))
    let end = [0x50, 0x4b, 5, 6, 0, 0, 0, 0] + count + count + TraceFile.bytes(UInt32(directory.count))
    return file + directory + end + TraceFile.bytes(UInt32(file.count)) + [3, 0] + Array("end".utf8)
  }

  private static let trace = NaiveTrace(seed: 11, count: 20_000)

  private func withTrace(_ body: ([UInt8], [AccessRecord]) throws -> Void) throws {
    let text = Array(Self.trace.lackey().utf8)
    try body(text, try TraceFile.records(text, batch: 8192))
  }

  @Test("gzip, xz and zstd, in one piece and in two", arguments: [("gzip", "-c"), ("xz", "-c"), ("zstd", "-cq")])
  func streams(program: String, option: String) throws {
    try withTrace { text, expected throws in
      let whole = try run(program, [option], text)
      #expect(whole.count < text.count / 2)
      #expect(try TraceFile.records(whole, batch: 8192) == expected)
      let half = text.count / 2
      let pieces = try run(program, [option], Array(text[..<half])) + run(program, [option], Array(text[half...]))
      #expect(try TraceFile.records(pieces, batch: 8192) == expected)
      if program != "zstd" { #expect(try TraceFile.records(pieces + [0, 0, 0, 0], batch: 8192) == expected) }
    }
  }

  @Test("A compressed trace that is cut or damaged gives the records before the place and an error", arguments: ["gzip", "xz", "zstd"])
  func damaged(program: String) throws {
    try withTrace { text, expected throws in
      let whole = try run(program, ["-c"], text)
      let cut = try TraceFile.until(Array(whole.prefix(whole.count * 3 / 4)))
      #expect(cut.error?.kind == .truncated)
      #expect(cut.error?.problem.contains("\(program) stream ends too early") == true)
      #expect(cut.records == Array(expected.prefix(cut.records.count)))
      // gzip's checksum comes last, so that records of damaged bytes may have been delivered: the error is what counts.
      var broken = whole
      for index in whole.count / 2..<whole.count / 2 + 40 { broken[index] ^= 0x5a }
      let damage = try TraceFile.until(broken)
      #expect(damage.error != nil)
      #expect(try TraceFile.until(whole + [UInt8](repeating: 1, count: 16)).error?.kind == .malformed)
    }
  }

  @Test("zip: one member of any name, or chunks in order; stored or deflated; lengths before the data or behind it")
  func zips() throws {
    try withTrace { text, expected throws in
      for stored in [false, true] {
        #expect(try TraceFile.records(zip([("any", text)], stored: stored), batch: 8192) == expected)
        let pieces = stride(from: 0, to: text.count, by: 100_000).enumerated().map { index, start in
          (name: "chunk.000\(index)", bytes: Array(text[start..<min(text.count, start + 100_000)]))
        }
        #expect(pieces.count > 2)
        #expect(try TraceFile.records(zip(pieces, stored: stored), batch: 8192) == expected)
      }
      #expect(try TraceFile.records(zip([("any", text)], descriptor: true), batch: 8192) == expected)
    }
    let drmemtrace = NaiveTrace(seed: 2, count: 100)
    #expect(try TraceFile.records(zip([("chunk.0000", drmemtrace.drmemtrace)])) == drmemtrace.records)
  }

  @Test("zip: what is not read says why")
  func brokenZips() throws {
    let line = Array("I  1000,4\n".utf8)
    func problem(_ bytes: [UInt8]) throws -> String { try TraceFile.until(bytes).error?.problem ?? "none" }
    #expect(try problem(zip([("a", line), ("b", line)])).contains("several members"))
    #expect(try problem(zip([("chunk.0000", line), ("chunk.0002", line)])) == "the zip file has \"chunk.0002\" where chunk.0001 should be")
    #expect(try TraceFile.until(zip([("chunk.0000", line), ("chunk.0002", line)])).records == [.fetch(0x1000)])
    let good = try zip([("a", line)], stored: true)
    func changed(_ place: Int, _ value: UInt8) -> [UInt8] {
      var bytes = good
      bytes[place] = value
      return bytes
    }
    #expect(try problem(changed(6, 1)) == "the zip file is encrypted")
    #expect(try problem(changed(8, 12)).contains("compressed by method 12"))
    #expect(try problem(changed(14, good[14] ^ 1)).contains("checksum"))
    #expect(try problem(changed(22, good[22] ^ 1)).contains("length"))
    #expect(try problem(changed(26, 0)).contains("has no name"))
    #expect(try problem(Array(good.prefix(35))).contains("ends too early"))
    #expect(try TraceFile.until([0x50, 0x4b, 5, 6] + [UInt8](repeating: 0, count: 18)).error?.kind == .empty)
  }

  @Test("zip: the directory at the end lists the members that were read, whole and with nothing behind it")
  func zipDirectories() throws {
    let lines = ["I  1000,4\n", "I  2000,4\n"].map { Array($0.utf8) }
    let good = try zip([("chunk.0000", lines[0]), ("chunk.0001", lines[1])], stored: true)
    #expect(try TraceFile.records(good) == [.fetch(0x1000), .fetch(0x2000)])
    let directory = good.count - 25 - 2 * 56
    func found(_ bytes: [UInt8]) throws -> String {
      let (records, error) = try TraceFile.until(bytes)
      #expect(records == [.fetch(0x1000), .fetch(0x2000)])
      return error?.problem ?? "none"
    }
    for cut in directory..<good.count { #expect(try found(Array(good.prefix(cut))).contains("the zip stream ends too early")) }
    let others = "does not list the members that are in the file"
    func changed(_ place: Int, _ value: UInt8) -> [UInt8] {
      var bytes = good
      bytes[place] ^= value
      return bytes
    }
    // Its checksum, lengths, offset and name; the number of members, and the directory's length and place.
    for place in [16, 20, 24, 42, 46] { #expect(try found(changed(directory + place, 1)).contains(others)) }
    #expect(try found(changed(good.count - 15, 1)).contains(others))
    for place in [13, 9] { #expect(try found(changed(good.count - place, 1)).contains("not where, or not as long as")) }
    #expect(try found(changed(directory + 56, 1)).contains("bytes that are no record"))
    #expect(try found(good + [0]).contains("bytes follow the end of the zip file's directory"))
    #expect(try found(Array(good[..<(directory + 56)] + good[(directory + 112)...])).contains(others))
    #expect(try found(Array(good[..<directory]) + [UInt8](repeating: 7, count: 90)).contains("no member where one should begin"))
  }

  @Test("zip: what other programs write, with 64-bit lengths too, is read")
  func foreignZips() throws {
    let line = Array("I  1000,4\n".utf8)
    // From front to back python3 writes lengths behind the data; force_zip64 gives the member an extra field of 64-bit lengths.
    let program = """
      import sys, zipfile
      with zipfile.ZipFile(sys.stdout.buffer, 'w', zipfile.ZIP_DEFLATED) as z:
        z.comment = b'a comment'
        with z.open('t', 'w', force_zip64=%s) as f: f.write(sys.stdin.buffer.read())
      """
    for wide in ["False", "True"] {
      #expect(try TraceFile.records(run("python3", ["-c", program.replacing("%s", with: wide)], line)) == [.fetch(0x1000)])
    }
  }
}
