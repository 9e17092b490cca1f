import Foundation
import RAMImages
import Testing

/// Whatever the bytes, a reader answers with an error that names the byte at fault; nothing traps, hangs or takes memory by a header's
/// word.
@Suite("Malformed files are refused at the byte that is wrong") struct MalformedFileTests {
  struct Row: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let bytes: [UInt8]
    let kind: ImageError.Kind
    let offset: UInt64?

    init(_ description: String, _ bytes: [UInt8], _ kind: ImageError.Kind, _ offset: UInt64?) {
      testDescription = description
      self.bytes = bytes
      self.kind = kind
      self.offset = offset
    }
  }

  static let trace = Build.trace([("a", [1, 0, 1]), ("b", [2, 1])])
  static let maximum = UInt64.max

  static let traces: [Row] = [
    Row("a trace cut in its magic", Array(trace[..<6]), .truncated, 6),
    Row("a trace cut in its page size", Array(trace[..<10]), .truncated, 8),
    Row("a trace cut in its number of guests", Array(trace[..<15]), .truncated, 12),
    Row("a trace cut in the length of a name", Array(trace[..<17]), .truncated, 16),
    Row("a trace cut in a page count", Array(trace[..<20]), .truncated, 18),
    Row("a trace cut in a name", Build.summary("MLPIT1", [("abc", 0, [])]).dropLast(), .truncated, 26),
    Row("a trace cut in its identities", trace.dropLast(), .truncated, 41),
    Row("a trace of more guests than it holds", Array("MLPIT1".utf8) + [0, 0, 0, 16, 0, 0, 255, 255, 255, 255], .truncated, 16),
    Row("a trace with 2^64 - 1 pages", Build.summary("MLPIT1", [("a", maximum, [])]), .tooLarge, 18),
    Row("a trace with 2^31 pages in a few bytes", Build.summary("MLPIT1", [("a", 1 << 31, [0])]), .truncated, 18),
    Row("a trace whose page counts overflow together", Build.summary("MLPIT1", [("a", 0, []), ("b", maximum, [])]), .tooLarge, 29),
    Row("a trace with pages of 0 bytes", Build.summary("MLPIT1", pageSize: 0, []), .malformed, 8),
    Row("a trace with pages of 4095 bytes", Build.summary("MLPIT1", pageSize: 4095, []), .malformed, 8),
    Row("a trace with pages of 2^31 bytes", Build.summary("MLPIT1", pageSize: 1 << 31, []), .malformed, 8),
    Row("a trace with an identity above its number of pages", Build.trace([("a", [1, 3])]), .malformed, 31),
    Row("a trace with a name that is not UTF-8", trace.prefix(26) + [0xff] + trace.dropFirst(27), .malformed, 26),
    Row("a trace with bytes behind its last guest", trace + [0], .malformed, UInt64(trace.count)),
    Row("a trace of version 2", Array("MLPIT2".utf8) + [0, 0] + trace.dropFirst(8), .unsupported, 5),
    Row("fingerprints cut in a hash", Build.summary("MLMFP1", [("a", 1, [1, 2, 3])]), .truncated, 18),
    Row("fingerprints of 2^60 pages", Build.summary("MLMFP1", [("a", 1 << 60, [])]), .tooLarge, 18),
    Row("fingerprints of version 9", Array("MLMFP9".utf8) + [0, 0], .unsupported, 5),
    Row("a zstd stream cut in its header", [0x28, 0xb5, 0x2f, 0xfd, 0x04], .truncated, 5),
    Row("a zstd stream of garbage", [0x28, 0xb5, 0x2f, 0xfd] + [UInt8](repeating: 0xff, count: 64), .malformed, 0),
  ]

  static let elf = Build.core([Build.Segment()], body: Build.page(7))

  static func patched(_ offset: Int, _ bytes: [UInt8]) -> [UInt8] {
    Build.core([Build.Segment()], body: Build.page(7)) { $0.replaceSubrange(offset..<offset + bytes.count, with: bytes) }
  }

  static let cores: [Row] = [
    Row("an ELF file cut in its header", Array(elf[..<40]), .truncated, 40),
    Row("a 32-bit ELF file", patched(4, [1]), .unsupported, 4),
    Row("a big-endian ELF file", patched(5, [2]), .unsupported, 5),
    Row("an ELF file of version 7", patched(6, [7]), .malformed, 6),
    Row("an ELF program", patched(16, [2]), .unsupported, 16),
    Row("a core whose program headers are beyond its end", patched(32, Build.little(UInt64(1 << 40))), .truncated, 32),
    Row("a core whose program headers overflow", patched(32, Build.little(maximum)), .truncated, 32),
    Row("a core with program headers of 32 bytes", patched(54, [32]), .malformed, 54),
    Row("a core whose extended count is missing", patched(56, [0xff, 0xff]), .truncated, 40),
    Row("a core without memory", Build.core([], body: []), .empty, nil),
    Row("a core of notes only", Build.core([Build.Segment(type: 4)], body: Build.page(1)), .empty, nil),
    Row("a core whose segment is beyond its end", Build.core([Build.Segment(offset: 1 << 50)], body: Build.page(1)), .truncated, 64),
    Row("a core whose segment's offset overflows", Build.core([Build.Segment(offset: maximum)], body: Build.page(1)), .truncated, 64),
    Row(
      "a core whose segment is longer than the file", Build.core([Build.Segment(fileBytes: 1 << 62)], body: Build.page(1)), .truncated, 64),
    Row(
      "a core with more bytes in the file than in memory", Build.core([Build.Segment(memoryBytes: 1)], body: Build.page(1)), .malformed, 96),
    Row("a core whose segment begins inside a page", Build.core([Build.Segment(virtual: 0x1800)], body: Build.page(1)), .malformed, 80),
    Row(
      "a core whose physical segment begins inside a page", Build.core([Build.Segment(physical: 0x1800)], body: Build.page(1)), .malformed,
      88),
    Row("a core whose segment ends inside a page", Build.core([Build.Segment(fileBytes: 100)], body: Build.page(1)), .malformed, 96),
    Row(
      "a core whose segment runs beyond the address space",
      Build.core([Build.Segment(virtual: maximum - 4095, fileBytes: 8192)], body: Build.page(1) + Build.page(2)), .malformed, 64),
    Row(
      "a core whose segments overlap",
      Build.core(
        [Build.Segment(virtual: 0x1000, fileBytes: 8192), Build.Segment(offset: 4096, virtual: 0x2000)], body: Build.page(1) + Build.page(2)
      ),
      .malformed, 120),
  ]

  static let others: [Row] = [
    Row("an empty file", [], .empty, nil),
    Row("one byte", [1], .malformed, 0),
    Row("a page and a byte", Build.page(1) + [1], .malformed, 4096),
    Row("a LiME header cut short", Array(Build.limeHeader(0, 4095)[..<20]), .truncated, 0),
    Row("a LiME range cut short", Build.limeHeader(0, 4095) + [1, 2, 3], .truncated, 8),
    Row("a LiME range of the whole address space", Build.limeHeader(0, maximum), .truncated, 8),
    Row("a LiME range that ends before it begins", Build.limeHeader(4096, 0) + Build.page(1), .malformed, 8),
    Row("a LiME dump of version 2", Build.limeHeader(0, 4095, version: 2) + Build.page(1), .unsupported, 4),
    Row("a LiME dump with garbage for a second header", Build.lime([(0, Build.page(1))]) + Build.page(2), .malformed, 4128),
    Row("a LiME dump with overlapping ranges", Build.lime([(0, Build.page(1)), (0, Build.page(2))]), .malformed, 4136),
    Row("a LiME dump without a whole page", Build.lime([(0, [1, 2, 3])]), .empty, nil),
    Row("a kdump-compressed dump", Array("KDUMP   ".utf8) + Build.page(0), .unsupported, 0),
    Row("a gzip stream", [0x1f, 0x8b, 8, 0] + Build.page(0), .unsupported, 0),
    Row("a QEMU migration stream", Array("QEVM".utf8) + Build.page(0), .unsupported, 0),
  ]

  @Test("Each malformed file gives its error, at its byte", arguments: traces + cores + others) func errorNamesTheByte(row: Row) throws {
    let file = try RecordedFile(row.bytes)
    let error = #expect(throws: ImageError.self) { _ = try RecordedMemory.open(file.path) }
    #expect(error?.kind == row.kind, "\(error?.description ?? "")")
    #expect(error?.offset == row.offset, "\(error?.description ?? "")")
    #expect(error?.path == file.path)
  }

  @Test("A missing file, a folder and a pipe are errors") func thingsThatAreNoFiles() throws {
    #expect(throws: ImageError("/nowhere/at/all", .missing, "there is no such file")) { _ = try RecordedMemory.open("/nowhere/at/all") }
    #expect(throws: ImageError("/tmp", .unreadable, "it is a folder, not a file")) { _ = try RecordedMemory.open("/tmp") }
    let pipe = FileManager.default.temporaryDirectory.path + "/memlab-\(UUID().uuidString)-pipe"
    let made = unsafe mkfifo(pipe, 0o600)
    #expect(made == 0)
    defer { try? FileManager.default.removeItem(atPath: pipe) }
    let error = #expect(throws: ImageError.self) { _ = try RecordedMemory.open(pipe) }
    #expect(error?.kind == .unreadable)
  }

  @Test("A trace cut at any byte is refused, never misread") func everyPrefixIsRefused() throws {
    for length in 1..<Self.trace.count {
      let file = try RecordedFile(Array(Self.trace[..<length]))
      let error = #expect(throws: ImageError.self) { _ = try RecordedMemory.open(file.path) }
      #expect(error?.kind == .truncated)
    }
  }
}
