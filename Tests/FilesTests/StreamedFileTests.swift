import Files
import Foundation
import Glibc
import Testing

@Suite("Files and pipes read through a window") struct StreamedFileTests {
  private func withFile(_ bytes: [UInt8], _ body: (String) throws -> Void) throws {
    let path = FileManager.default.temporaryDirectory.appending(path: "memlab-\(UUID().uuidString)").path
    try Data(bytes).write(to: URL(filePath: path))
    defer { try? FileManager.default.removeItem(atPath: path) }
    try body(path)
  }

  /// Reads to the end, dropping `step` bytes at a time, and checks that the window is the part of `bytes` that it says.
  private func check(_ file: StreamedFile, _ bytes: [UInt8], step: Int) throws {
    var isSame = true
    while try file.more() || file.count > 0 {
      let place = Int(file.offset)
      file.withWindow { window, count in
        isSame = isSame && count <= StreamedFile.capacity && window.byteCount == count + StreamedFile.padding
        for index in stride(from: 0, to: count, by: 97) { isSame = isSame && window.byte(index) == bytes[place + index] }
        for index in count..<window.byteCount { isSame = isSame && window.byte(index) == 0 }
      }
      file.drop(min(step, file.count))
    }
    #expect(isSame)
    #expect(file.isAtEnd)
    #expect(file.offset == UInt64(bytes.count))
  }

  @Test("The window shows the bytes in order, with zeros behind them, whatever is dropped", arguments: [999, 65_536, 131_072])
  func window(step: Int) throws {
    let bytes = (0..<400_001).map { UInt8(truncatingIfNeeded: $0 * 31 + $0 / 256 | 1) }
    try withFile(bytes) { path in
      let file = try StreamedFile(path)
      #expect(file.compression == .none)
      #expect(file.length == 400_001)
      try check(file, bytes, step: step)
      #expect(try !file.more())
    }
  }

  @Test("A pipe that gives its bytes one by one is read as a file is")
  func pipe() throws {
    let path = FileManager.default.temporaryDirectory.appending(path: "memlab-\(UUID().uuidString)").path
    // SAFETY: reads a C string.
    #expect(unsafe mkfifo(path, 0o600) == 0)
    defer { try? FileManager.default.removeItem(atPath: path) }
    let writer = Process()
    writer.executableURL = URL(filePath: "/bin/sh")
    writer.arguments = ["-c", "exec >\"$0\"; for i in 1 2 3 4 5 6 7 8 9; do printf $i; sleep 0.01; done", path]
    try writer.run()
    let file = try StreamedFile(path)
    #expect(file.length == nil)
    try check(file, Array("123456789".utf8), step: 1)
    writer.waitUntilExit()
  }

  @Test("Integers are loaded at any offset, little endian")
  func integers() throws {
    try withFile([1, 2, 3, 4, 5, 6, 7, 8, 9]) { path in
      let file = try StreamedFile(path)
      #expect(try file.more())
      let (word, half, end) = file.withWindow { window, _ in
        (window.integer(1, as: UInt64.self), window.integer(3, as: UInt16.self), window.integer(8, as: UInt32.self))
      }
      #expect(word == 0x0908_0706_0504_0302)
      #expect(half == 0x0504)
      #expect(end == 9)
    }
  }

  @Test("What cannot be opened says why")
  func opening() {
    #expect(throws: StreamedFileError.missing) { _ = try StreamedFile("/nowhere/file") }
    #expect(throws: StreamedFileError.folder) { _ = try StreamedFile("/") }
  }

  @Test("The first bytes tell the compression")
  func compressions() {
    #expect(Compression([0x1f, 0x8b, 8]) == .gzip)
    #expect(Compression([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 9]) == .xz)
    #expect(Compression([0x28, 0xb5, 0x2f, 0xfd]) == .zstd)
    #expect(Compression([0x5e, 0x2a, 0x4d, 0x18]) == .zstd)
    #expect(Compression([0x50, 0x4b, 3, 4]) == .zip)
    #expect(Compression(Array("I  1000,4".utf8)) == .none)
    #expect(Compression([]) == .none)
  }
}
