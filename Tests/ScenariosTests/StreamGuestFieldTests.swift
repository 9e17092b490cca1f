import Addressing
import Guests
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
