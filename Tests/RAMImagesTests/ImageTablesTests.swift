import Addressing
import Foundation
import PageTables
import Testing

@testable import RAMImages

/// Page tables in images: found by guest-physical addresses whatever the format, coalesced into runs, and safe whatever the words say.
@Suite struct ImageTablesTests {
  /// A LiME dump of tables: level 4 at 0x1000, 3 at 0x2000, 2 at 0x3000, 1 at 0x4000; `leaves` fills the last by index.
  static func image(_ leaves: [Int: UInt64], upper: UInt64 = 0x7) throws -> RecordedFile {
    var words = [UInt64](repeating: 0, count: 4 * 512)
    words[0] = 0x2000 | upper
    words[512] = 0x3000 | upper
    words[1024] = 0x4000 | upper
    for (index, word) in leaves { words[1536 + index] = word }
    return try RecordedFile(Build.lime([(0x1000, words.flatMap { Build.little($0) })]))
  }

  static func open(_ file: RecordedFile) throws -> ImageTables {
    guard case .image(let image) = try file.input[0].contents else { throw ImageError(file.path, .malformed, "no image") }
    return try ImageTables(image)
  }

  static func runs(_ file: RecordedFile, _ bits: LeafBits = .common) throws -> [MappingRun] {
    let tables = try open(file)
    var runs: [MappingRun] = []
    _ = X86Mappings(root: GuestPhysicalAddress(0x1000)).forEachRun(telling: bits, word: tables.word) { runs.append($0) }
    return runs
  }

  @Test("Pages that follow one another in both spaces with equal attributes are one run; a change of either ends it")
  func coalescing() throws {
    let file = try Self.image([
      0: 0x10_0067, 1: 0x10_1067, 2: 0x10_2067,  // one run
      3: 0x10_4067,  // another place
      4: 0x10_5065,  // read-only
      6: 0x10_7065,  // a hole before it
      7: 0x10_8025,  // not dirty
      8: 0x10_9035,  // PCD: not told unless asked for
    ])
    #expect(
      try Self.runs(file).map { [$0.address.rawValue, $0.target.rawValue, $0.pages] } == [
        [0, 0x10_0000, 3], [0x3000, 0x10_4000, 1], [0x4000, 0x10_5000, 1], [0x6000, 0x10_7000, 1], [0x7000, 0x10_8000, 2],
      ])
    #expect(try Self.runs(file, .all).map(\.pages) == [3, 1, 1, 1, 1, 1])
    #expect(try Self.runs(file, .all).last?.isCacheDisabled == true)
  }

  @Test("Effective rights are those that all levels give; the leaf's are its own")
  func effectiveRights() throws {
    let run = try #require(try Self.runs(try Self.image([0: 0x10_0067], upper: 0x8000_0000_0000_0005)).first)
    #expect(!run.rights.isWritable && run.rights.isUser && !run.rights.isExecutable)
    #expect(run.leaf.isWritable && run.leaf.isUser && !run.leaf.isNoExecute)
  }

  @Test("Random pages taken for tables, and tables that contain themselves, end within the limit of visits")
  func corruptTables() throws {
    var state: UInt64 = 88_172_645_463_325_252
    for _ in 0..<8 {
      var words: [UInt64] = []
      for _ in 0..<2048 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        // Every other one points into the image.
        words.append(state & 1 == 0 ? state : state & 0x8000_0000_0000_3fff | 1)
      }
      let file = try RecordedFile(words.flatMap { Build.little($0) })
      let tables = try Self.open(file)
      for levels in [4, 5] {
        var controls = X86Controls()
        controls.levels = levels
        var pages: UInt64 = 0
        let outcome = X86Mappings(root: GuestPhysicalAddress(0), controls: controls, tableLimit: 300)
          .forEachRun(word: tables.word) { pages += $0.pages }
        #expect(outcome.tables <= 300 && pages == UInt64(outcome.mappings))
        #expect(outcome.missingWords == 0 || tables.firstMissing != nil)
      }
    }
  }

  @Test("Memory that an image does not have gives no word, and the first such address is noted")
  func holes() throws {
    let tables = try Self.open(try Self.image([:], upper: 0x67))
    #expect(tables.word(at: GuestPhysicalAddress(0x1000)) == 0x2067)
    #expect(tables.firstMissing == nil)
    #expect(tables.word(at: GuestPhysicalAddress(0x5000)) == nil && tables.word(at: GuestPhysicalAddress(0)) == nil)
    #expect(tables.firstMissing == GuestPhysicalAddress(0x5000))
    try tables.checkRoot(GuestPhysicalAddress(0x1fff))
    #expect(throws: ImageError.self) { try tables.checkRoot(GuestPhysicalAddress(0x9000)) }
  }

  @Test("A raw image with a hole below 4 GiB has its tables above it") func belowFourGiB() throws {
    var bytes = [UInt8](repeating: 0, count: 8192)
    bytes[4096] = 0x67
    let file = try RecordedFile(bytes)
    guard case .image(let image) = try RecordedMemory.open(file.path, options: .init(belowFourGiB: 4096))[0].contents else { return }
    let tables = try ImageTables(image)
    #expect(tables.word(at: GuestPhysicalAddress(1 << 32)) == 0x67)
    #expect(tables.word(at: GuestPhysicalAddress(4096)) == nil)
  }

  @Test("The pages that hold tables, saved by themselves, map what the whole memory maps") func savedPages() throws {
    let file = try Self.image([0: 0x10_0067, 9: 0x10_1067])
    guard case .image(let image) = try file.input[0].contents else { return }
    let tables = try ImageTables(image, notesPages: true)
    _ = X86Mappings(root: GuestPhysicalAddress(0x1000)).forEachRun(word: tables.word) { _ in }
    #expect(tables.pages.map(\.rawValue) == [1, 2, 3, 4])
    let saved = try RecordedFile([], name: "saved")
    try tables.writePages(to: saved.path)
    #expect(try Self.runs(saved) == Self.runs(file))
  }
}
