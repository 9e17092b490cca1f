import Guests
import PageSharing
import RAMImages
import Scenarios
import Testing

@testable import Laboratory

@Suite("Captures in a run")
struct CaptureTests {
  /// Recorded guests that nobody writes to but for a storm at 1.5 s in the first, captured at 1, 2 and 3 s.
  private func run(
    _ names: [String] = ["one", "two"], scanner: ScannerKind = .none, useZeroPages: Bool = false, stormPercent: Int? = nil,
    change: (inout Scenario) -> Void = { _ in }
  ) throws -> RunResult {
    var vms = names.map { Plans.recorded($0) }
    for index in vms.indices {
      guard case .recorded(var spec) = vms[index].guest else { continue }
      (spec.readsPerSecond, spec.writesPerSecond) = (0, 0)
      if index == 0, let stormPercent {
        (spec.storm.atNanoseconds, spec.storm.pagesPercent, spec.storm.bytes) = (1500 * Plans.millisecond, stormPercent, .own)
      }
      (vms[index].guest, vms[index].balloon) = (.recorded(spec), false)
    }
    let scenario = Plans.scenario(scanner: scanner, duration: 3 * Plans.second, vms: vms).with {
      $0.windowAccesses = 0
      $0.sharing.ksm.smartScan = false
      $0.sharing.ksm.useZeroPages = useZeroPages
      ($0.captureNanoseconds, $0.captureCount) = (Plans.second, 3)
      change(&$0)
    }
    let result = try Experiment(scenario, recordings: ["two.pit": Plans.trace()], audited: true).run()
    #expect(result.audit.violations == 0, "\(result.audit.messages)")
    return result
  }

  private func captures(_ result: RunResult) throws -> CaptureSummary { try #require(result.captures) }

  private let contents = Plans.trace().guests.map(\.identities)

  /// Pages less contents.
  private func saved(_ identities: some Sequence<UInt32>) -> UInt64 {
    let all = Array(identities)
    return UInt64(all.count - Set(all).count)
  }

  @Test("find every page of guests that never write stable, whatever a scanner does", arguments: [ScannerKind.none, .ksm])
  func still(scanner: ScannerKind) throws {
    let found = try captures(run(scanner: scanner))
    let pages = UInt64(contents.joined().count)
    #expect(found.count == 3 && found.pages == pages && found.stablePages == pages && found.stableFraction == 1)
    #expect(found.savedPagesSnapshot == Array(repeating: saved(contents.joined()), count: 3))
    #expect(found.savedPagesStable == saved(contents.joined()))
  }

  @Test("take a page of zeros for unchanged when the scanner takes its frame, and for saved")
  func zeros() throws {
    let found = try captures(run(scanner: .ksm, useZeroPages: true))
    #expect(found.stableFraction == 1)
    // The one that is kept otherwise.
    #expect(found.savedPagesStable == saved(contents.joined()) + 1)
    #expect(found.savedPagesSnapshot.last == found.savedPagesStable)
  }

  @Test("find the pages stable that a storm spared, and count what those share", arguments: [50, 100])
  func storm(percent: Int) throws {
    let found = try captures(run(["one"], stormPercent: percent))
    let spared = contents[0].enumerated().filter { ($0.offset + 1) * percent / 100 == $0.offset * percent / 100 }.map(\.element)
    #expect(found.pages == 2048 && found.stablePages == UInt64(spared.count))
    #expect(found.stableFraction == Double(100 - percent) / 100)
    // What was written is the guest's own, and equal to nothing.
    #expect(found.savedPagesSnapshot == [saved(contents[0]), saved(spared), saved(spared)])
    #expect(found.savedPagesStable == saved(spared))
  }

  @Test("count pages as seen, but not as stable, of guests that were not there each time")
  func comings() throws {
    let late = try captures(run { $0.vms[1].startNanoseconds = 1500 * Plans.millisecond })
    let early = try captures(run { $0.vms[1].stopNanoseconds = 2500 * Plans.millisecond })
    let (one, both) = (saved(contents[0]), saved(contents.joined()))
    #expect(late.savedPagesSnapshot == [one, both, both] && early.savedPagesSnapshot == [both, both, one])
    for found in [late, early] {
      #expect(found.pages == 4096 && found.stablePages == 2048 && found.savedPagesStable == one)
    }
  }

  @Test("see guests that no scanner may share from as well")
  func unregistered() throws {
    let found = try captures(run(scanner: .ksm) { $0.vms[1].mergeable = false })
    #expect(found.savedPagesSnapshot.last == saved(contents.joined()))
  }

  @Test("that of the end shows what could be shared at the end, and none saves less than its stable pages")
  func busy() throws {
    let scenario = Plans.scenario(duration: 2 * Plans.second).with {
      ($0.captureNanoseconds, $0.captureCount) = (500 * Plans.millisecond, 4)
    }
    let result = try Experiment(scenario, recordings: [:], audited: false).run()
    let found = try captures(result)
    #expect(found.savedPagesSnapshot.count == 4 && found.savedPagesSnapshot.last == result.sharing.shareablePages)
    #expect(found.savedPagesSnapshot.allSatisfy { $0 >= found.savedPagesStable } && found.savedPagesStable > 0)
    #expect(found.stablePages < found.pages)
    // Looking changes nothing.
    var without = try Experiment(scenario.with { $0.captureCount = 0 }, recordings: [:], audited: false).run()
    #expect(without.captures == nil)
    (without.scenario, without.captures) = (result.scenario, result.captures)
    #expect(without == result)
  }

  @Test("that were not taken when a run is interrupted are not made up")
  func interrupted() throws {
    let scenario = Plans.scenario(scanner: .none).with { $0.captureCount = 3 }
    let result = try Experiment(scenario, recordings: [:], audited: false).run(isInterrupted: { true })
    #expect(result.state == .partial && result.captures == CaptureSummary())
  }
}
