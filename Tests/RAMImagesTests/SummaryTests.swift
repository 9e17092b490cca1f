import Foundation
import PageSharing
import RAMImages
import Testing

/// What is written can be read back, and says of the pages what the pages say themselves.
@Suite("Summaries keep what the count needs") struct SummaryTests {
  static let guests = ExactScannerTests.guests(77)

  func inputs() throws -> (files: [RecordedFile], inputs: [MemoryInput]) {
    let files = try Self.guests.map { try RecordedFile($0) }
    return (files, try files.flatMap { try $0.input })
  }

  @Test("A trace of images is equal to the one that a dictionary makes") func traceOfImages() throws {
    let (files, inputs) = try inputs()
    var numbers: [[UInt8]: UInt32] = [Build.page(0): 0]
    let expected = Self.guests.map { bytes in
      stride(from: 0, to: bytes.count, by: 4096).map { start -> UInt32 in
        let page = Array(bytes[start..<start + 4096])
        if numbers[page] == nil { numbers[page] = UInt32(numbers.count) }
        return numbers[page] ?? 0
      }
    }
    for threads in [1, 4] {
      let output = try RecordedFile([1, 2, 3])
      try ExactScanner(threads: threads).identities(of: inputs).write(to: output.path)
      let trace = try IdentityTrace(path: output.path)
      #expect(trace.guests.map(\.identities) == expected)
      let (direct, read) = (try ExactScanner().scan(inputs), try ExactScanner().scan(try output.input))
      #expect(direct.totals == read.totals && read.singleBytePages == nil)
    }
    #expect(files.count == 3)
  }

  @Test("Fingerprints count as the pages do, alone and together with images") func fingerprintsOfImages() throws {
    let (files, inputs) = try inputs()
    let output = try RecordedFile([])
    try ExactScanner().fingerprints(of: inputs).write(to: output.path)
    let direct = try ExactScanner().scan(inputs)
    let read = try ExactScanner().scan(try output.input)
    #expect(direct.totals == read.totals && read.compared == .fingerprints && read.singleBytePages == nil)
    let mixed = try ExactScanner().scan([try output.input[0], inputs[1], try output.input[2]])
    #expect(mixed.totals == direct.totals && mixed.compared == .fingerprints)
    #expect(throws: ImageError.self) { _ = try ExactScanner().scan([try output.input[0], inputs[1]], pageSize: 16384) }
    #expect(files.count == 3)
  }

  @Test("The fingerprint of a page of zeros is XXH3-128 of 4096 zero bytes, low half first") func fingerprintLayout() throws {
    let raw = try RecordedFile(Build.page(0) + Build.page(1))
    let output = try RecordedFile([])
    try ExactScanner().fingerprints(of: try raw.input).write(to: output.path)
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: output.path)))
    let name = raw.path.split(separator: "/").last.map(String.init) ?? ""
    #expect(Array(bytes.prefix(16)) == Array("MLMFP1".utf8) + [0, 0, 0, 16, 0, 0, 1, 0, 0, 0])
    #expect(bytes.count == 16 + 10 + name.utf8.count + 32)
    let recorded = try FingerprintFile(path: output.path)
    // What libxxhash's plain XXH3_128bits says of 4096 zero bytes, as one number.
    #expect(recorded.guests[0].fingerprints[0] == 0x3ee8_dc4f_9e7e_e495_93d7_6fe1_48c6_89ba)
    #expect(recorded.guests[0].fingerprints[0] != recorded.guests[0].fingerprints[1])
    #expect(Array(bytes.suffix(32).prefix(16)) == Build.little(recorded.guests[0].fingerprints[0]))
  }

  @Test("Neither summary is made of what cannot tell it") func impossibleSummaries() throws {
    let trace = try RecordedFile(Build.trace([("a", [1])]))
    let fingerprints = try RecordedFile(Build.summary("MLMFP1", [("a", 1, [UInt8](repeating: 1, count: 16))]))
    #expect(throws: ImageError.self) { _ = try ExactScanner().fingerprints(of: try trace.input) }
    #expect(throws: ImageError.self) { _ = try ExactScanner().identities(of: try fingerprints.input) }
    #expect(throws: ImageError.self) { _ = try MemoryPages(try fingerprints.input) }
  }

  @Test("A failed write leaves the older file as it was, and nothing beside it") func failedWrites() throws {
    let (files, inputs) = try inputs()
    let trace = try ExactScanner().identities(of: inputs)
    for path in ["/nowhere/at/all.pit", FileManager.default.temporaryDirectory.path] {
      let error = #expect(throws: ImageError.self) { try trace.write(to: path) }
      #expect(error?.kind == .cannotWrite)
    }
    #expect(files.count == 3)
  }

  @Test("Guests of the same name are told apart in the file") func uniqueNames() throws {
    let file = try RecordedFile(Build.trace([("a", [1]), ("b,c", [2])]))
    let output = try RecordedFile([])
    try ExactScanner().identities(of: try file.input + file.input).write(to: output.path)
    #expect(try output.input.map(\.name) == ["a", "b_c", "a-2", "b_c-2"])
  }

  @Test("A scanner of page sharing sees each page's bytes, in the order of the inputs") func pagesForScanners() throws {
    let (files, inputs) = try inputs()
    let pages = try MemoryPages(inputs)
    guard case .images(let images) = pages.source else { throw ImageError("", .malformed, "no images") }
    let all = Self.guests.flatMap { $0 }
    #expect(pages.inputs.map(\.pages) == Self.guests.map { $0.count / 4096 } && images.pageCount == all.count / 4096)
    for page in [0, 23, 24, 71, 5, 50] {
      #expect(unsafe images.withPage(page) { unsafe Array($0) } == Array(all[page * 4096..<page * 4096 + 4096]))
    }
    let trace = try RecordedFile(Build.trace([("a", [0, 1]), ("b", [1])]))
    guard case .identities(let identities) = try MemoryPages(try trace.input).source else {
      throw ImageError("", .malformed, "no identities")
    }
    #expect(identities.identities == [0, 1, 1])
    #expect(files.count == 3)
  }

  @Test("Linux KSM's counters are the same over images and over their trace, and all guests' pages count") func ksmCannotTell() throws {
    let (files, inputs) = try inputs()
    let trace = try RecordedFile([])
    try ExactScanner().identities(of: inputs).write(to: trace.path)
    guard case .images(let images) = try MemoryPages(inputs).source,
      case .identities(let identities) = try MemoryPages(try trace.input).source
    else { throw ImageError("", .malformed, "other sources") }
    var settings = KSMSettings()
    settings.smartScan = false
    func counters<Source: PageSource>(_ source: Source) -> KSMCounters {
      let scanner = KSMScanner(settings: settings, capacity: source.pageCount, frameCount: source.pageCount)
      scanner.register(0..<source.pageCount)
      let memory = ImageMemory(source)
      for _ in 0..<4 { scanner.scanFull(in: memory) }
      return scanner.counters
    }
    let (ofImages, ofTrace) = (counters(images), counters(identities))
    let exact = try ExactScanner().scan(inputs).totals
    #expect(ofImages == ofTrace)
    #expect(ofImages.pagesSharing == exact.savedPages, "few copies of each page: max_page_sharing does not matter")
    #expect(files.count == 3)
  }
}
