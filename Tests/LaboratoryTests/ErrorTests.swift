import Addressing
import Guests
import Machine
import Scenarios
import Testing

@testable import Laboratory

@Suite("A plan that cannot be carried out")
struct ErrorTests {
  private func description(_ scenario: Scenario, pageSize: Int = 4096, hasTrace: Bool = true) -> String {
    do throws(ExperimentError) {
      _ = try Experiment(scenario, recordings: hasTrace ? ["two.pit": Plans.trace(pageSize: pageSize)] : [:], audited: false)
      return "no error"
    } catch { return error.description }
  }

  private func recorded(_ change: (inout VMSpec) -> Void = { _ in }) -> Scenario {
    var vm = Plans.recorded("one")
    change(&vm)
    return Plans.scenario(vms: [vm])
  }

  @Test("for its recording says so in plain words")
  func recordings() {
    #expect(description(recorded()) == "no error")
    #expect(description(recorded(), hasTrace: false) == "virtual machine \"one\": two.pit was not read")
    #expect(
      description(recorded { $0.memory = Plans.mebibytes(9) })
        == "virtual machine \"one\": guest \"one\" was recorded with 8MiB, not 9MiB")
    #expect(
      description(recorded(), pageSize: 16384)
        == "virtual machine \"one\": two.pit holds pages of 16384 bytes; a guest needs pages of 4096")
    let other = RecordedGuestSpec(trace: "two.pit", guest: "three", accesses: .zipf, readsPerSecond: 0, writesPerSecond: 0, load: [])
    #expect(
      description(recorded { $0.guest = .recorded(other) })
        == "virtual machine \"one\": two.pit holds no guest \"three\"; it holds one, two")
  }

  @Test("for a name that nothing answers to names it")
  func names() {
    #expect(description(Plans.scenario().with { $0.host.cost = "zen" }) == "there is no cost preset named \"zen\"")
    #expect(description(Plans.scenario().with { $0.overcommit.policy = "greedy" }) == "there is no policy named \"greedy\"")
    let tlb = description(Plans.scenario().with { $0.host.tlb = "l1i=3y" })
    #expect(tlb.hasPrefix("the host's TLB cannot be built: ") && tlb.count > 40)
  }

  @Test("for its sizes says which one does not fit")
  func sizes() {
    #expect(description(Plans.scenario(host: 1)) == "1MiB of memory are less than a host needs")
    #expect(description(Plans.scenario(host: 1 << 24)).contains("more pages than memlab can number"))
    #expect(
      description(Plans.scenario(vms: [Plans.vm("none", memory: 0)]))
        == "virtual machine \"none\" has more memory than memlab can number, or none")
  }
}
