import Guests
import PageSharing
import Scenarios
import Testing
import Translation

@testable import Laboratory

@Suite("A machine that comes or goes in a run")
struct ColdStartTests {
  /// A machine that is there from one moment to another, in milliseconds.
  private func vm(_ name: String, from start: UInt64 = 0, to stop: UInt64? = nil) -> VMSpec {
    var vm = Plans.vm(name)
    vm.startNanoseconds = start * Plans.millisecond
    vm.stopNanoseconds = stop.map { $0 * Plans.millisecond }
    return vm
  }

  private func run(_ vms: [VMSpec], duration: UInt64 = 3000, policy: String = "none") throws -> RunResult {
    let scenario = Plans.scenario(policy: policy, duration: duration * Plans.millisecond, vms: vms)
    let result = try Experiment(scenario, recordings: [:], audited: true).run()
    #expect(result.audit.violations == 0, "\(result.audit.messages)")
    return result
  }

  @Test("has nothing before its start and nothing after its stop")
  func presence() throws {
    let result = try run([vm("whole"), vm("late", from: 1200), vm("early", to: 1200), vm("next", from: 5000)])
    #expect(result.vms.map(\.state) == [.running, .running, .shutDown, .waiting])
    // Samples are taken at 0, 500, ... 3000 ms.
    let late = result.series(.guestAnonymousBytes, of: "late")
    #expect(late.prefix(3).allSatisfy { $0 == 0 } && late.dropFirst(3).allSatisfy { $0 > 0 })
    let early = result.series(.guestAnonymousBytes, of: "early")
    #expect(early[2] > 0 && early.dropFirst(3).allSatisfy { $0 == 0 })
    #expect(result.series(.privateBytes, of: "early").dropFirst(3).allSatisfy { $0 == 0 })
    #expect(result.series(.balloonActualBytes, of: "late").map { $0 > 0 } == [false, false, false, true, true, true, true])
    #expect(result.vm("next").references == 0 && result.vm("next").guestFaults == 0)
    #expect(result.series(.slowdown, of: "late").count == 4)
  }

  @Test("is scanned from its start on, and no more after its stop")
  func scanning() throws {
    let alone = try run([vm("a")])
    let both = try run([vm("a"), vm("b", from: 1000)])
    #expect(both.sharing.savedInter > 0 && alone.sharing.savedInter == 0)
    #expect(both.series(.savedInterPages).prefix(2).allSatisfy { $0 == 0 })
    let gone = try run([vm("a"), vm("b", to: 1000)])
    #expect(gone.sharing.savedInter == 0 && gone.series(.savedInterPages)[1] > 0)
    #expect(gone.sharing.ksm.rmapItems < both.sharing.ksm.rmapItems)
  }

  @Test("is asked for memory only while it is there", arguments: ["share-proportional", "squeeze"])
  func policies(policy: String) throws {
    let result = try run([vm("a", from: 700, to: 1700), vm("b")], policy: policy)
    #expect(result.vms.map(\.state) == [.shutDown, .running] && result.vm("a").balloonActualBytes == 0)
  }

  @Test("leaves a run that another one is in unchanged by its mere name")
  func independence() throws {
    let alone = try run([vm("a")])
    let beside = try run([vm("a"), vm("never", from: 4000)])
    #expect(alone.series(.guestFaults, of: "a") == beside.series(.guestFaults, of: "a"))
    #expect(alone.sharing == beside.sharing)
  }
}

@Suite("The scanner of a run")
struct ScannerTests {
  @Test("of every kind runs, is audited, and takes processor time exactly if it works", arguments: ScannerKind.allCases)
  func everyKind(kind: ScannerKind) throws {
    let scenario = Plans.scenario(scanner: kind, duration: Plans.second, vms: [Plans.vm("a"), Plans.vm("b", .shadow)]).with {
      // ESX would take an hour.
      $0.sharing.esx.scanTimeNanoseconds = 0
    }
    let result = try Experiment(scenario, recordings: [:], audited: true).run()
    #expect(result.state == .complete && result.audit.violations == 0, "\(result.audit.messages)")
    #expect((result.sharing.scannerNanoseconds > 0) == (kind != .none))
    #expect((result.sharing.firstMergeNanoseconds != nil) == (result.sharing.merges > 0))
    #expect(result.series(.scannerCPUNanoseconds).last == Double(result.sharing.scannerNanoseconds))
    let again = try Experiment(scenario, recordings: [:], audited: false).run()
    #expect(again.timeline == result.timeline)
  }

  @Test("has shares of a processor that add up to its processor time")
  func shares() throws {
    let result = try Experiment(Plans.scenario(), recordings: [:], audited: false).run()
    let sum = result.series(.scannerCPU).reduce(0) { $0 + $1 * 0.5e9 }
    #expect(result.series(.scannerCPU).count == 3 && (sum - Double(result.sharing.scannerNanoseconds)).magnitude < 1)
    #expect(result.series(.generalProfit).count == 4)
  }

  @Test("tells the moment of the first merge, between the samples around it")
  func firstMerge() throws {
    let result = try Experiment(Plans.scenario(), recordings: [:], audited: false).run()
    let first = Double(try #require(result.sharing.firstMergeNanoseconds))
    for (index, merges) in result.series(.merges).enumerated() {
      if merges == 0 { #expect(first >= Double(index) * 0.5e9) } else { #expect(first <= Double(index) * 0.5e9) }
    }
  }
}

@Suite("A tuner of a run")
struct TunerTests {
  private func run(_ tuner: TunerKind, host: UInt64, level: Int = 10, seconds: UInt64) throws -> RunResult {
    let vms = [Plans.vm("a", guest: Plans.guest(load: [LoadPoint(atNanoseconds: 0, levelPercent: level)]))]
    let scenario = Plans.scenario(host: host, swap: 64, duration: seconds * Plans.second, vms: vms).with {
      $0.sharing.tuner = tuner
      ($0.sharing.advisor.minPagesToScan, $0.sharing.advisor.targetScanTime) = (700, 1)
      ($0.sampleNanoseconds, $0.windowNanoseconds) = (10 * Plans.second, 100 * Plans.second)
    }
    return try Experiment(scenario, recordings: [:], audited: false).run()
  }

  @Test("that finds memory short lets the scanner run from its first look on; before, it does not run")
  func ksmtuned() throws {
    // A guest that uses 12 MiB on a host of 14 leaves less than a fifth free: the rules add 300 pages to none.
    let result = try run(.ksmtuned, host: 14, level: 100, seconds: 80)
    #expect(result.series(.pagesToScan) == [0, 0, 0, 0, 0, 0, 300, 300, 300])
    // The pause is 10 ms on a host of 16 GiB, and as much longer as the host is smaller: 11.7 s.
    #expect(result.series(.pagesScanned)[7] == 0 && result.series(.pagesScanned)[8] > 0)
  }

  @Test("that finds memory plenty never starts it")
  func plenty() throws {
    let result = try run(.mom, host: 64, seconds: 20)
    #expect(result.series(.pagesToScan) == [0, 0, 0] && result.sharing.scannerNanoseconds == 0)
  }

  @Test("of the kernel begins with its least pages, and changes them after a full scan")
  func advisor() throws {
    let result = try run(.advisor, host: 64, seconds: 20)
    #expect(result.series(.pagesToScan)[0] == 700 && result.series(.pagesToScan)[2] != 700)
    #expect(result.sharing.ksm.fullScans > 0)
  }
}
