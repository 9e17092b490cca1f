import Addressing
import Guests
import Machine
import Overcommit
import PageSharing
import Scenarios
import Testing
import Translation

@testable import Laboratory

@Suite("A run")
struct RunTests {
  private func run(_ scenario: Scenario, audited: Bool = false) throws -> RunResult {
    try Experiment(scenario, recordings: ["two.pit": Plans.trace()], audited: audited).run()
  }

  private static let mixed = Plans.scenario(
    host: 28, swap: 64, policy: "share-proportional",
    vms: [Plans.vm("nested"), Plans.vm("shadow", .shadow), Plans.recorded("one", .native)])

  @Test("is the same each time, to the last sample, and audits change nothing but the audit")
  func isDeterministic() throws {
    let first = try run(Self.mixed)
    #expect(try run(Self.mixed) == first)
    var audited = try run(Self.mixed, audited: true)
    #expect(audited.audit.samples == 4 && audited.audit.violations == 0)
    audited.audit = AuditSummary()
    #expect(first == audited)
    #expect(try run(Self.mixed.with { $0.seed = 4 }).timeline != first.timeline)
  }

  @Test("samples at 0 and then at every interval that has passed", arguments: [0, 1, 499, 500, 1250] as [UInt64])
  func samples(milliseconds: UInt64) throws {
    let result = try run(Plans.scenario(duration: milliseconds * Plans.millisecond, vms: [Plans.vm("a")]))
    #expect(result.series(.freeBytes).count == Int(milliseconds / 500) + 1)
    #expect(result.state == .complete && result.virtualNanoseconds == milliseconds * Plans.millisecond)
    #expect(Set(result.timeline.map(\.timeNanoseconds)) == Set((0...milliseconds / 500).map { $0 * 500 * Plans.millisecond }))
  }

  @Test("begins with the guests as they booted, and ends with what its last sample shows")
  func firstAndLastSample() throws {
    let result = try run(Self.mixed)
    #expect(result.series(.guestFaults, of: "nested")[0] == 0 && result.series(.guestAnonymousBytes, of: "shadow")[0] == 0)
    #expect(result.series(.freeBytes).last == Double(result.host.freeBytes))
    #expect(result.series(.merges).last == Double(result.sharing.merges))
    for vm in result.vms {
      #expect(result.series(.privateBytes, of: vm.name).last == Double(vm.privateBytes))
      #expect(result.series(.guestFaults, of: vm.name).last == Double(vm.guestFaults))
      #expect(result.series(.balloonActualBytes, of: vm.name).last == Double(vm.balloonActualBytes))
    }
    #expect(result.host.freeMinBytes <= UInt64(result.series(.freeBytes).min() ?? 0))
  }

  @Test("does as much work in its time however the time divides into ticks")
  func workFollowsTime() throws {
    // A guest that writes 60 pages a second and does nothing else: its accesses count the writes.
    let spec = RecordedGuestSpec(trace: "two.pit", guest: "one", accesses: .sequential, readsPerSecond: 0, writesPerSecond: 60, load: [])
    let vm = Plans.vm("a", memory: 8, guest: .recorded(spec))
    for (milliseconds, writes) in [(1000, 60), (1050, 63), (500, 30), (50, 3)] as [(UInt64, UInt64)] {
      let scenario = Plans.scenario(scanner: .none, duration: milliseconds * Plans.millisecond, vms: [vm]).with { $0.windowAccesses = 0 }
      let experiment = try Experiment(scenario, recordings: ["two.pit": Plans.trace()], audited: false)
      _ = experiment.run()
      #expect(experiment.tenants[0].vm.translator.counters.references == writes)
    }
  }

  @Test("that is interrupted keeps what it found, and says that it is partial")
  func interrupted() throws {
    let whole = try run(Self.mixed)
    var asked = 0
    var times: [UInt64] = []
    let experiment = try Experiment(Self.mixed, recordings: ["two.pit": Plans.trace()], audited: false)
    let result = experiment.run(
      progress: { times.append($0) },
      isInterrupted: {
        asked += 1; return asked > 40
      })
    #expect(result.state == .partial)
    #expect(result.virtualNanoseconds < whole.virtualNanoseconds)
    #expect(!result.timeline.isEmpty && result.timeline.count < whole.timeline.count)
    #expect(whole.timeline.starts(with: result.timeline))
    #expect(times == Array(Set(result.timeline.map(\.timeNanoseconds))).sorted())
    let none = try Experiment(Self.mixed, recordings: ["two.pit": Plans.trace()], audited: true).run(isInterrupted: { true })
    #expect(none.state == .partial && none.timeline.isEmpty && none.virtualNanoseconds == 0)
  }

  @Test("of guests that do nothing, or with times beyond all measure, neither traps nor hangs")
  func extremes() throws {
    let idle = Plans.guest(load: [LoadPoint(atNanoseconds: 0, levelPercent: 0)])
    let quiet = Plans.scenario(duration: 250 * Plans.millisecond, vms: [Plans.vm("a", guest: idle), Plans.vm("b", balloon: false)]).with {
      $0.sampleNanoseconds = .max
      $0.windowNanoseconds = .max
      $0.sharing.ksm.sleepNanoseconds = .max
      $0.overcommit.everyNanoseconds = .max
      $0.overcommit.policy = "share-proportional"
    }
    let result = try run(quiet)
    #expect(result.series(.freeBytes).count == 1)
    #expect(result.vm("a").guestFaults == 0 && result.vm("b").guestFaults > 0)
    let endless = quiet.with { $0.durationNanoseconds = .max }
    var events = 0
    let partial = try Experiment(endless, recordings: [:], audited: false).run(isInterrupted: {
      events += 1; return events > 20
    })
    #expect(partial.state == .partial)
  }

  @Test("goes on under every policy, with guests that have no balloon", arguments: PolicyKind.allCases)
  func noBalloons(policy: PolicyKind) throws {
    let vms = [Plans.vm("a", balloon: false), Plans.vm("b", .shadow, balloon: false)]
    let result = try run(Plans.scenario(host: 10, scanner: .none, policy: policy.rawValue, duration: 700 * Plans.millisecond, vms: vms))
    #expect(result.state == .complete && result.host.balloonedBytes == 0)
  }

  @Test("follows its load: processes come and go at their moments")
  func followsLoad() throws {
    let points = [(500, 0), (1000, 100)].map { LoadPoint(atNanoseconds: $0.0 * Plans.millisecond, levelPercent: $0.1) }
    let result = try run(Plans.scenario(duration: 1500 * Plans.millisecond, vms: [Plans.vm("a", guest: Plans.guest(load: points))]))
    let anonymous = result.series(.guestAnonymousBytes, of: "a")
    #expect(anonymous[0] == 0 && anonymous[1] > 0 && anonymous[2] == 0 && anonymous[3] > 0)
  }
}
