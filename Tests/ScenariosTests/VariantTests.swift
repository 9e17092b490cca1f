import Addressing
import PageSharing
import Scenarios
import Testing

@Suite("The variants of a scenario")
struct VariantTests {
  private static let text =
    BrokenScenario.sound + """
      variants:
        - name: none
          set: {sharing.scanner: none}
        - name: large
          description: More of everything.
          set:
            vms.*.shares: 7
            vms.a.memory: 256MiB
            overcommit: {policy: squeeze}
          expect:
            - sharing.merges > 1

      """

  @Test("are the scenario with their values changed, and nothing else")
  func plans() throws {
    let loaded = try Samples.load(Self.text)
    #expect(loaded.variants.map(\.name) == ["none", "large"] && loaded.scenario.variants.map(\.name) == ["none", "large"])
    let base = try Samples.load(BrokenScenario.sound).scenario
    var none = base
    none.sharing.scanner = .none
    #expect(loaded.variants[0].scenario == none)
    let large = loaded.variants[1].scenario
    #expect(large.vms.map(\.shares) == [7, 7] && large.vms.map(\.memory.bytes) == [256 << 20, 64 << 20])
    // A section that is set is set as a whole.
    #expect(large.overcommit.policy == "squeeze" && large.overcommit.everyNanoseconds == 10_000_000_000)
    #expect(large.expectations.map(\.description) == ["sharing.merges > 0", "sharing.merges > 1"])
    #expect(loaded.scenario.expectations.map(\.description) == ["sharing.merges > 0"])
  }

  @Test("are what arguments of the same paths and values give")
  func arguments() throws {
    let loaded = try Samples.load(Self.text, set: ["host.memory=2GiB"], seed: 3)
    for variant in loaded.variants {
      let arguments = ["host.memory=2GiB"] + variant.settings.map { "\($0.path)=\($0.value)" } + ["variants=[]"]
      var alone = try Samples.load(Self.text, set: arguments, seed: 3).scenario
      alone.expectations = variant.scenario.expectations
      #expect(alone == variant.scenario)
    }
  }

  @Test("keep expectations that look at variants out of themselves")
  func expectations() throws {
    let both = "variants.none.sharing.merges < variants.large.sharing.merges"
    let loaded = try Samples.load(Self.text, set: ["expect=[audit.violations == 0, \(both)]"])
    #expect(loaded.scenario.expectations.filter(\.looksAtVariants).map(\.description) == [both])
    #expect(loaded.variants.allSatisfy { $0.scenario.expectations.allSatisfy { !$0.looksAtVariants } })
  }

  @Test("are expected to have the machines that they have, not those that the scenario has")
  func machines() throws {
    let text = BrokenScenario.sound + "variants: [{name: v, set: {vms.a.count: 2}}]\n"
    let own = text.replacing("{name: v, ", with: "{name: v, expect: [vms.a-2.shared_bytes >= 0], ")
    #expect(try Samples.load(own).variants[0].scenario.expectations.map(\.path).contains("vms.a-2.shared_bytes"))
    let missing = text.replacing("{name: v, ", with: "{name: v, expect: [vms.a.shared_bytes >= 0], ")
    #expect(Samples.diagnostics(missing).map(\.message) == ["variant \"v\" has no virtual machine \"a\""])
  }

  @Test(
    "are checked like the scenario; a fault is told once, with the variant's name, where it stands",
    arguments: [
      ("sharing.scanner: none", "sharing.scanner: kms", "55:28", "variant \"none\": scanner: \"kms\" is not a scanner"),
      ("sharing.scanner: none", "sharing.scaner: ksm", "55:11", "variant \"none\": unknown field \"scaner\" in sharing"),
      ("sharing.scanner: none", "vms.c.shares: 1", "55:11", "variant \"none\": the list has no element \"c\""),
      ("sharing.scanner: none", "host.memory: 1MiB", "55:24", "variant \"none\": memory: 1MiB is not within 16MiB to 8TiB"),
      ("sharing.scanner: none", "name: other", "55:11", "variant \"none\": a variant cannot set \"name\""),
      ("sharing.scanner: none", "variants: []", "55:11", "variant \"none\": a variant cannot set \"variants\""),
      ("sharing.scanner: none", "a..b: 1", "55:11", "variant \"none\": \"a..b\" is not the path of a field"),
      ("vms.a.memory: 256MiB", "vms.a.memory: 96MiB", "25:17", "variant \"large\": min_memory (128MiB) is more than memory"),
      ("name: large", "name: none", "56:11", "two variants are named \"none\""),
      ("    set: {sharing.scanner: none}", "    sett: {}", "55:5", "unknown field \"sett\" in variants"),
      ("  - sharing.merges > 1", "  - vms.x.exits > 1", "63:9", "variant \"large\" has no virtual machine \"x\""),
      ("  - sharing.merges > 1", "  - variants.none.sharing.merges > 1", "63:9", "a run's summary has no \"variants\""),
      ("  - sharing.merges > 0", "  - variants.non.sharing.merges > 0", "52:5", "the scenario has no variant \"non\""),
      ("  - sharing.merges > 0", "  - variants.none.sharin.merges > 0", "52:5", "a run's summary has no \"sharin\""),
      ("name: sound", "name: So", "1:7", "name: \"So\" is not a name of small letters"),
    ])
  func faults(old: String, new: String, place: String, message: String) throws {
    #expect(Self.text.contains(old))
    let diagnostics = Samples.diagnostics(Self.text.replacing(old, with: new, maxReplacements: 1))
    #expect(diagnostics.map { "\($0.line ?? 0):\($0.column ?? 0)" } == [place], "\(diagnostics)")
    #expect(diagnostics.first?.message.hasPrefix(message) == true, "\(diagnostics)")
  }
}
