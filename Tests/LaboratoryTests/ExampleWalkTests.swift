import Addressing
import Machine
import Testing
import Translation

@testable import Laboratory
@testable import Scenarios

@Suite("The walks that a run ends with")
struct ExampleWalkTests {
  private static let vms = [
    Plans.vm("nested"), Plans.vm("again"), Plans.vm("shadow", .shadow), Plans.vm("native", .native), Plans.vm("agile", .agile),
    Plans.vm("direct", .direct, balloon: false),
  ]

  @Test("are one for each way of paging, of the first machine that pages so, in the scenario's order")
  func oneForEach() throws {
    let result = try Experiment(Plans.scenario(host: 128, vms: Self.vms), recordings: [:], audited: false).run()
    #expect(result.walks.map(\.vm) == ["nested", "shadow", "native", "agile", "direct"])
    #expect(result.walks.map(\.paging) == [.nested, .shadow, .native, .agile, .direct])
  }

  @Test(
    "end at the frame that the machine's translator would give, after as many references as its way of paging makes; reading changes nothing"
  )
  func endWhereTheTranslatorLeads() throws {
    let experiment = try Experiment(Plans.scenario(host: 128, vms: Self.vms), recordings: [:], audited: false)
    let result = experiment.run()
    for walk in result.walks {
      let vm = try #require(experiment.host.vms.first { $0.name == walk.vm })
      let before = vm.translator.counters
      #expect(vm.translator.exampleWalk() == walk.transcript)
      #expect(vm.translator.counters == before)
      guard case .mapped(let target) = walk.transcript.outcome else {
        Issue.record("the walk of \(walk.vm) reaches no page")
        continue
      }
      let held = try #require(vm.translator.peek(walk.transcript.address))
      let isMachine = walk.paging == .shadow || walk.paging == .direct || (walk.paging == .agile && target.hostAddress == nil)
      let host = target.hostAddress?.page.rawValue ?? (isMachine ? target.guestAddress.page.rawValue : nil)
      if let host { #expect(host == held.hostFrame.rawValue) } else { #expect(target.guestAddress.page == held.guestFrame) }
      let references = walk.transcript.steps.count
      switch walk.paging {
      case .native, .shadow, .direct: #expect(references == 4 && walk.transcript.hostRoot == nil)
      case .nested: #expect(references == 24 && walk.transcript.distinctWords < 24)
      case .agile: #expect([4, 8, 12, 16, 20, 24].contains(references))
      }
    }
  }

  @Test("are none of a machine that has not begun, or has ended")
  func noneWithoutAMachine() throws {
    let waiting = try Experiment(Plans.scenario(duration: 0, vms: [Plans.vm("a")]), recordings: [:], audited: false).run(isInterrupted: {
      true
    })
    #expect(waiting.walks.isEmpty)
    var spec = Plans.vm("a")
    spec.stopNanoseconds = 500 * Plans.millisecond
    let ended = try Experiment(Plans.scenario(vms: [spec]), recordings: [:], audited: false).run()
    #expect(ended.walks.isEmpty)
  }
}
