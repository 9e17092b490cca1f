import Addressing
import Foundation
import Guests
import PageSharing
import Scenarios
import Testing

@Suite("Arguments that change a scenario")
struct OverrideTests {
  @Test("A value is replaced, added or made none, in a list by the element's name or index")
  func values() throws {
    let loaded = try Samples.load(
      BrokenScenario.sound,
      set: [
        "host.memory=2GiB", "vms.b.memory=128MiB", "vms.a.guest.processes.p.count=3", "vms.a.guest.load.1.level=7%",
        "sharing.smart_scan=false", "host.swap=none", "expect.0=audit.violations == 0", "vms.0.shares=5", "seed=9", "vms.b.guest.load=[]",
      ])
    let scenario = loaded.scenario
    #expect(scenario.host.memory.bytes == 2 << 30)
    #expect(scenario.vms[1].memory.bytes == 128 << 20)
    #expect(!scenario.sharing.ksm.smartScan)
    #expect(scenario.vms[0].shares == 5)
    #expect(scenario.seed == 9)
    #expect(scenario.expectations.map(\.path) == ["audit.violations"])
    guard case .synthetic(let guest) = scenario.vms[0].guest else { return #expect(Bool(false)) }
    #expect(guest.processes.map(\.count) == [3])
    #expect(guest.load.map(\.levelPercent) == [40, 7])
    #expect(loaded.overrides.count == 10)
  }

  @Test("A section that the file does not have is made, and of two arguments the later holds")
  func sections() throws {
    let scenario = try Samples.load(Samples.least, set: ["window.accesses=5", "window.accesses=6", "overcommit.every=1s"]).scenario
    #expect(scenario.windowAccesses == 6)
    #expect(scenario.overcommit.everyNanoseconds == 1_000_000_000)
  }

  @Test("The seed argument holds over the file and over other arguments")
  func seed() throws {
    #expect(try Samples.load(BrokenScenario.sound, set: ["seed=3"], seed: .max).scenario.seed == .max)
  }

  @Test(
    "A wrong argument is told by its own text",
    arguments: [
      ("host.memory", "a value is set by path=value", "such as host.memory=2GiB"), ("=1", "is not the path of a field", nil),
      ("host..memory=1GiB", "is not the path of a field", nil), ("host.memroy=1GiB", "unknown field \"memroy\" in host", "\"memory\"?"),
      ("host.memory=1", "a size needs a unit", nil), ("host.memory=", "\"memory\" has no value", "a size"),
      ("host.memory.x=1", "\"x\" cannot be set in a single value", nil), ("vms.c.memory=1GiB", "the list has no element \"c\"", "\"a\"?"),
      ("vms.9.memory=1GiB", "the list has no element \"9\"", nil), ("vms=[]", "\"vms\" has 0 elements, not 1 to 4096", nil),
      ("vms={", "this is not YAML", nil), ("duration=1ns", "1ns is not within 1ms to 720h", nil),
      ("hosts.memory=1GiB", "unknown field \"hosts\"", "\"host\"?"),
      ("vms.a.min_memory=1GiB", "min_memory (1GiB) is more than memory", nil),
      ("a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q=1", "deeper than any field", nil),
    ] as [(String, String, String?)])
  func wrong(argument: String, message: String, note: String?) {
    let diagnostics = Samples.diagnostics(BrokenScenario.sound, set: [argument])
    #expect(diagnostics.map(\.origin) == [.argument("--set \(argument)")])
    #expect(diagnostics.first?.message.contains(message) == true, "\(diagnostics)")
    #expect(diagnostics.first?.description.hasPrefix("--set \(argument): error: ") == true)
    if let note { #expect(diagnostics.first?.note?.contains(note) == true, "\(diagnostics)") }
  }

  @Test("Faults of the file stand before those of arguments, which stand in their order")
  func order() {
    let text = BrokenScenario.sound.replacingOccurrences(of: "sharing.merges > 0", with: "sharing.merges")
    let diagnostics = Samples.diagnostics(text, set: ["seed=x", "duration=y"])
    #expect(diagnostics.map { $0.line ?? 0 } == [52, 0, 0])
    #expect(diagnostics.map(\.origin).dropFirst() == [.argument("--set seed=x"), .argument("--set duration=y")])
  }
}
