import Foundation
import Testing

/// Whatever a user gets wrong ends in a sentence and an exit code: no trap, no words of a framework, nothing written.
@Suite struct BrokenInputTests {
  @Test("Wrong usage is refused in one line with a way to help", arguments: BrokenInput.usages) func usages(row: BrokenInput) throws {
    try check(row)
  }

  @Test("Broken scenarios are refused before anything is written", arguments: BrokenInput.scenarios)
  func scenarios(row: BrokenInput) throws { try check(row) }

  @Test("Broken files of memory are refused", arguments: BrokenInput.files) func files(row: BrokenInput) throws { try check(row) }

  @Test("Broken access streams are refused", arguments: BrokenInput.streams) func streams(row: BrokenInput) throws { try check(row) }

  @Test("Missing and unreadable inputs, and outputs that cannot be written, are told apart", arguments: BrokenInput.places)
  func places(row: BrokenInput) throws { try check(row) }

  @Test("An output never takes an input's place", arguments: BrokenInput.outputsOverInputs)
  func outputsOverInputs(row: BrokenInput) throws { try check(row) }

  @Test("An input that standard output goes to is refused, and is as it was")
  func inputAsResult() throws {
    let shop = try Workshop()
    try shop.write("t.csv", "address\n8\n")
    let file = try FileHandle(forUpdating: shop.url.appendingPathComponent("t.csv"))
    try file.seekToEnd()
    let outcome = try MemlabProcess(["trace", "t.csv"], in: shop, output: file).outcome()
    #expect(outcome.status == 64)
    #expect(outcome.errors.contains("the input t.csv is also where standard output goes"), "\(outcome.errors)")
    #expect(shop.listing == ["t.csv 10"])
  }

  @Test("Memory that the system does not give ends in a sentence and 71, not in a trap")
  func noMemory() throws {
    let memlab = try #require(MemlabProcess.executable?.path)
    let shop = try Workshop()
    let arguments = ["-c", "ulimit -v 2000000; exec \"$0\" \"$@\"", memlab, "trace", "gen:zipf:accesses=1000", "--memory", "1TiB"]
    let outcome = try MemlabProcess(arguments, in: shop, executable: URL(filePath: "/bin/sh")).outcome()
    #expect(!outcome.endedBySignal)
    #expect(outcome.status == 71)
    #expect(outcome.errors.hasPrefix("error: the system gives no "), "\(outcome.errors)")
    #expect(outcome.output.isEmpty)
  }

  @Test("What a symbolic link leads to is replaced, with the rights that it had, and the link stays")
  func throughLink() throws {
    let shop = try Workshop()
    try shop.write("f", [UInt8](repeating: 0, count: 8192))
    try shop.write("old.pit", "old")
    try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: shop.path("old.pit"))
    try FileManager.default.createSymbolicLink(atPath: shop.path("l.pit"), withDestinationPath: "old.pit")
    #expect(try MemlabProcess.run(["fingerprint", "f", "-o", "l.pit"], in: shop).status == 0)
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: shop.path("l.pit")) == "old.pit")
    #expect(try Data(contentsOf: shop.url.appendingPathComponent("old.pit")).starts(with: Bytes.pitMagic))
    #expect(try FileManager.default.attributesOfItem(atPath: shop.path("old.pit"))[.posixPermissions] as? Int == 0o640)
    #expect(shop.listing.count == 3)
  }

  private func check(_ row: BrokenInput) throws {
    let shop = try Workshop()
    try row.setUp(shop)
    let before = shop.listing
    let outcome = try MemlabProcess.run(row.arguments, in: shop)
    #expect(!outcome.endedBySignal, "ended by signal \(outcome.status): \(outcome.errors)")
    #expect(outcome.status == row.status, "\(outcome.errors)")
    #expect(outcome.errors.contains(row.told), "\(outcome.errors)")
    #expect(outcome.output.isEmpty)
    for word in ["NSError", "NSCocoa", "Error Domain", "Fatal error", "Swift."] {
      #expect(!outcome.errors.contains(word), "\(outcome.errors)")
    }
    if row.status == 64 { #expect(outcome.errors.contains("help: memlab"), "\(outcome.errors)") }
    #expect(shop.listing == before)
  }
}
