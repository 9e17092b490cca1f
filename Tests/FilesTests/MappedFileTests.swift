import Files
import Foundation
import Testing

@Suite("Files mapped for reading")
struct MappedFileTests {
  /// Runs `body` with the path of a file of these bytes, which is gone afterwards.
  private func withFile(_ bytes: [UInt8], _ body: (String) throws -> Void) throws {
    let path = FileManager.default.temporaryDirectory.appending(path: "memlab-\(UUID().uuidString)").path
    try Data(bytes).write(to: URL(filePath: path))
    defer { try? FileManager.default.removeItem(atPath: path) }
    try body(path)
  }

  @Test("A mapped file shows the bytes that were written, at any offset and width")
  func readsBytes() throws {
    let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 * 31 + $0 / 256) }
    try withFile(bytes) { path in
      let file = try MappedFile(path: path)
      #expect(file.count == bytes.count)
      #expect(file.path == path)
      let same = file.bytes(0..<bytes.count) == bytes
      #expect(same)
      for offset in [0, 1, 4093, 9992] {
        let expected = bytes[offset..<offset + 8].reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        #expect(file.integer(at: offset) == expected)
      }
      #expect(file.integer(at: 9999, as: UInt8.self) == bytes[9999])
      #expect(file.starts(with: Array(bytes.prefix(5))))
      #expect(!file.starts(with: [1]))
    }
  }

  @Test("What does not lie inside the file is nil, not a trap")
  func outside() throws {
    try withFile([1, 2, 3]) { path in
      let file = try MappedFile(path: path)
      #expect(file.integer(at: 0, as: UInt32.self) == nil)
      #expect(file.integer(at: 2, as: UInt16.self) == nil)
      #expect(file.integer(at: -1, as: UInt8.self) == nil)
      #expect(file.integer(at: .max, as: UInt8.self) == nil)
      #expect(file.bytes(1..<4) == nil)
      #expect(file.bytes(-1..<1) == nil)
      #expect(!file.starts(with: [1, 2, 3, 4]))
    }
  }

  @Test("An empty file maps as no bytes")
  func empty() throws {
    try withFile([]) { path in
      let file = try MappedFile(path: path)
      #expect(file.count == 0)
      #expect(file.bytes(0..<0) == [])
      #expect(file.integer(at: 0, as: UInt8.self) == nil)
    }
  }

  @Test(
    "What cannot be mapped is an error that says why",
    arguments: [
      ("/no such file", .missing), ("/etc/passwd/x", .missing), ("", .missing), ("/", .folder), ("/dev/null", .notRegular),
    ] as [(String, MappedFileError)])
  func refused(path: String, error: MappedFileError) {
    #expect(throws: error) { try MappedFile(path: path) }
    #expect(!error.description.isEmpty)
  }

  @Test("What is read of a file that became shorter is zeros behind its end, and no longer taken for the file's")
  func readBehindTheEnd() throws {
    try withFile([UInt8](repeating: 1, count: 100_000)) { path in
      let (file, other) = (try MappedFile(path: path), try MappedFile(path: path))
      try FileHandle(forWritingTo: URL(filePath: path)).truncate(atOffset: 5000)
      #expect(file.bytes(0..<4096) == [UInt8](repeating: 1, count: 4096))
      #expect(file.isIntact)
      let sum = file.withSpan(0..<100_000) { bytes in
        (0..<bytes.byteCount).reduce(0) { $0 + Int(unsafe bytes.unsafeLoad(fromByteOffset: $1, as: UInt8.self)) }
      }
      #expect(sum == 5000)
      #expect(!file.isIntact)
      #expect(file.integer(at: 0, as: UInt8.self) == nil)
      #expect(other.isIntact)
      #expect(other.bytes(90_000..<90_001) == nil)
      #expect(throws: SequentialFileError.changed) { _ = try SequentialFile(other).read(upTo: 8, as: UInt8.self) }
    }
  }
}
