import Files
import Foundation
import PageSharing
import RAMImages
import Testing

/// Files that somebody makes shorter between the opening and the scan: an error that names the file, never the end of the process.
@Suite("A file that became shorter after it was opened is an error") struct ShortenedFileTests {
  /// Inputs of two files of distinct pages, the first of which has been cut to half its length since.
  private func shortened() throws -> (files: [RecordedFile], inputs: [MemoryInput]) {
    let files = try (0..<2).map { guest in
      try RecordedFile((0..<64).flatMap { page in Build.page(UInt8(guest * 64 + page + 1)) })
    }
    let inputs = try files.flatMap { try $0.input }
    try FileHandle(forWritingTo: URL(filePath: files[0].path)).truncate(atOffset: 32 * 4096)
    return (files, inputs)
  }

  @Test("for the exact scanner") func exact() throws {
    let (files, inputs) = try shortened()
    let error = #expect(throws: ImageError.self) { _ = try ExactScanner().scan(inputs) }
    #expect(error?.kind == .changed)
    #expect(error?.path == files[0].path)
  }

  @Test("for the KSM scanner") func ksm() throws {
    let (files, inputs) = try shortened()
    let error = #expect(throws: ImageError.self) { _ = try KSMScan(inputs, settings: KSMSettings()) }
    #expect(error?.kind == .changed)
    #expect(error?.path == files[0].path)
  }

  @Test("for who reads single words") func words() throws {
    let file = try RecordedFile((0..<64).flatMap { Build.page(UInt8($0 + 1)) })
    let image = try RecordedMemory.openImage(file.path)
    try FileHandle(forWritingTo: URL(filePath: file.path)).truncate(atOffset: 32 * 4096)
    #expect(image.file.integer(at: 8 * 4096, as: UInt8.self) == 9)
    #expect(image.file.integer(at: 40 * 4096, as: UInt8.self) == nil)
  }
}
