import Addressing
import Machine
import PageSharing
import PageTables
import Scenarios
import Testing
import Translation

@testable import Laboratory

@Suite("A run that compares each access with the truth")
struct StaleRunTests {
  /// What happens to pages behind their guests' backs.
  enum Trouble: CaseIterable {
    case sharing, swapping

    var scenario: Scenario {
      let scenario =
        switch self {
        case .sharing: Plans.scenario(host: 48)
        case .swapping: Plans.scenario(host: 12, swap: 64, scanner: .none)
        }
      return scenario.with { $0.windowNanoseconds = 50 * Plans.millisecond }
    }

    func happened(in result: RunResult) -> Bool {
      switch self {
      case .sharing: result.sharing.merges > 0 && result.sharing.cowBreaks > 0
      case .swapping: result.vms.contains { $0.swapIns > 0 }
      }
    }
  }

  @Test("finds nothing wrong while pages are merged or swapped, and changes nothing else", arguments: Trouble.allCases)
  func nothingStale(trouble: Trouble) throws {
    let plain = try Experiment(trouble.scenario, recordings: [:], audited: false).run()
    #expect(plain.stale == nil && trouble.happened(in: plain))
    var compared = try Experiment(trouble.scenario, recordings: [:], audited: false, checksStale: true).run()
    let stale = try #require(compared.stale)
    #expect(stale.compared > 0 && stale == StaleSummary(compared: stale.compared), "\(stale)")
    compared.stale = nil
    #expect(compared == plain)
  }

  @Test("tells of a page that was made read-only without an invalidation, by its machine's name")
  func forgotten() throws {
    let scenario = Plans.scenario(scanner: .none, vms: [Plans.vm("whole"), Plans.vm("broken", .shadow)]).with {
      $0.windowNanoseconds = 50 * Plans.millisecond
    }
    // Under nested paging the next write that misses would break the sharing that it sees, and flush all with it.
    let experiment = try Experiment(scenario, recordings: [:], audited: false, checksStale: true)
    let vm = experiment.tenants[1].vm
    let result = experiment.run(isInterrupted: {
      // After each window of accesses the rights go, and the translator is not told.
      vm.map.forEachLeaf(in: GuestFrame(0)..<GuestFrame(vm.pageCount)) { frame, leaf in
        if leaf.hasFrame && leaf.isWritable { _ = vm.map.setLeaf(leaf.without(EPTEntry.write), of: frame) }
      }
      return false
    })
    let stale = try #require(result.stale)
    #expect(stale.byHypervisor > 0 && stale.byGuest == 0)
    #expect(stale.findings.count == min(20, Int(stale.byHypervisor)))
    for finding in stale.findings {
      #expect(finding.hasPrefix("broken: access ") && finding.contains(": write at ") && finding.contains(", read-only: "), "\(finding)")
      #expect(finding.hasSuffix("the hypervisor did not invalidate"))
    }
  }
}
