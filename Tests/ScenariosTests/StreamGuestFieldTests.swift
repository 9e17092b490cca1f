import Addressing
import Guests
import PageTables
import Scenarios
import Testing
import Translation

@Suite("Guests with access streams in scenarios")
struct StreamGuestFieldTests {
  private func load(_ guest: String, memory: String = "64MiB", paging: String = "nested") throws -> Scenario {
    try Samples.load(Samples.least + "\n  - {name: s, memory: \(memory), paging: \(paging), guest: {kind: stream, \(guest)}}\n").scenario
  }

  private func stream(_ scenario: Scenario) throws -> StreamGuestSpec {
    guard case .stream(let spec) = try #require(scenario.vms.last).guest else { throw Unexpected() }
    return spec
  }

  private struct Unexpected: Error {}

  @Test("A stream has the defaults of the documentation")
  func defaults() throws {
    let spec = try stream(try load("source: \"gen:random\""))
    #expect(spec.accessesPerSecond == 1_000_000 && spec.accesses == 0 && spec.warmUp == 0 && spec.format == "auto")
    #expect(spec.options == StreamGuestOptions())
  }

  @Test("Page sizes, levels and contents are read")
  func values() throws {
    let spec = try stream(try load("source: \"gen:random\", page: 2M, levels: 5, pcid: true, zero: 10%, duplicate: 40%"))
    #expect(spec.options.pageSize == .size2M && spec.options.levels == 5 && spec.options.usesPCIDs)
    #expect(spec.options.zeroPercent == 10 && spec.options.duplicatePercent == 40)
  }

  @Test(
    "The format of nested tables, their accessed and dirty bits, and the log are read; by default the tables are Intel's, with both bits, without a log"
  )
  func nestedTables() throws {
    #expect(try #require(try load("source: \"gen:random\"").vms.last).translation.nested == NestedOptions())
    let text = Samples.least + "\n  - {name: s, memory: 64MiB, translation: {%}, guest: {kind: stream, source: \"gen:random\"}}\n"
    let amd = try Samples.load(text.replacing("%", with: "nested_format: npt, vpid: false")).scenario
    #expect(amd.vms.last?.translation.nested.format == .npt && amd.vms.last?.translation.usesVPID == false)
    let logging = try Samples.load(text.replacing("%", with: "pml: true")).scenario
    #expect(logging.vms.last?.translation.nested.modificationLog == true)
  }

  @Test(
    "Choices that no processor offers together are refused at the key, with the reason; a way of paging that passes them over takes them",
    arguments: [
      ("translation: {pml: true, nested_format: npt}", "pml"), ("translation: {pml: true, ept_accessed_dirty: false}", "pml"),
      ("translation: {ept_accessed_dirty: false, nested_format: npt}", "ept_accessed_dirty"),
      ("huge_pages: always, translation: {pml: true}", "pml"),
    ])
  func conflicts(fields: String, key: String) throws {
    let text = Samples.least + "\n  - {name: s, memory: 64MiB, paging: %, \(fields), guest: {kind: stream, source: \"gen:random\"}}\n"
    let error = #expect(throws: ScenarioErrors.self) { try Samples.load(text.replacing("%", with: "nested")) }
    let diagnostic = try #require(error?.diagnostics.first)
    #expect(error?.diagnostics.count == 1 && diagnostic.message.hasPrefix("\(key) does not go with this"))
    #expect(diagnostic.note != nil && diagnostic.line != nil)
    #expect(try Samples.load(text.replacing("%", with: "shadow")).scenario.vms.count > 1)
  }

  @Test(
    "A source that does not exist, contents beyond 100 %, a warm-up without an end and large pages paged directly are refused",
    arguments: [
      ("source: \"gen:nosuch\"", "nested"), ("source: \"-\"", "nested"), ("source: \"gen:random:pages=0\"", "nested"),
      ("source: \"gen:random\", zero: 80%, duplicate: 40%", "nested"), ("source: \"gen:random\", accesses: 10, warm_up: 10", "nested"),
      ("source: \"gen:random\", page: 1G", "nested"), ("source: \"gen:random\", page: 2M", "direct"),
    ])
  func refused(guest: String, paging: String) {
    #expect(throws: ScenarioErrors.self) { try load(guest, paging: paging) }
  }
}
