import Addressing
import Guests
import Machine
import PageSharing
import Scenarios
import Testing
import Translation

@Suite("Loading a scenario")
struct LoadingTests {
  private func size(_ text: String) throws -> ByteSize { try ByteSize(parsing: text) }

  @Test("The quickstart of the repository loads, with its recordings")
  func quickstart() throws {
    let scenario = try ScenarioLoader.load(path: Samples.workloads + "/quickstart.yaml").scenario
    #expect(scenario.name == "quickstart")
    #expect(scenario.vms.map(\.name) == ["web", "database", "w1", "w2"])
    #expect(scenario.host.memory == (try size("1GiB")))
    let recorded = scenario.vms.filter { if case .recorded = $0.guest { true } else { false } }
    #expect(recorded.map(\.name) == ["w1", "w2"])
  }

  @Test("The plan's host, sharing and overcommit are what the text says")
  func host() throws {
    let scenario = try Samples.load(Samples.full).scenario
    #expect(scenario.name == "full")
    #expect(scenario.description == "Every field, none with its default.")
    #expect(scenario.seed == 42)
    #expect(scenario.durationNanoseconds == 90_000_000_000)
    #expect(scenario.sampleNanoseconds == 500_000_000)
    #expect(scenario.windowNanoseconds == 2_000_000_000)
    #expect(scenario.windowAccesses == 5000)
    #expect(scenario.captureNanoseconds == 15_000_000_000 && scenario.captureCount == 6)
    #expect(scenario.host.memory == (try size("1GiB")))
    #expect(scenario.host.swap == (try size("1.5GiB")))
    #expect(scenario.host.tlb == "l1i=32x32,l1d=64x4,l2=1536x6")
    #expect(scenario.host.cost == "adams-agesen-2006")
    #expect(scenario.sharing.scanner == .none)
    var ksm = KSMSettings()
    ksm.pagesToScan = 1500
    ksm.sleepNanoseconds = 5_000_000
    ksm.maxPageSharing = 2
    ksm.useZeroPages = true
    ksm.smartScan = false
    ksm.smartScanRemedy = .checksumPhase
    ksm.mergeAcrossNodes = false
    ksm.pruneNanoseconds = 0
    #expect(scenario.sharing.ksm == ksm)
    var advisor = ScanTimeAdvisor.Settings()
    (advisor.targetScanTime, advisor.maxCPU, advisor.minPagesToScan, advisor.maxPagesToScan) = (100, 50, 100, 20_000)
    #expect(scenario.sharing.tuner == .advisor && scenario.sharing.advisor == advisor && !scenario.sharing.salting)
    let settings = scenario.sharing.settings(seed: 5)
    #expect(settings.esx.order == .linear && settings.esx.scanTimeNanoseconds == 0 && settings.esx.maxPagesPerSecond == 1000)
    #expect(!settings.esx.isSalted && !settings.zeroOnly.isGated && settings.seed == 5)
    #expect(settings.ksm == ksm)
    #expect(scenario.host.numaNodes == 2)
    #expect(scenario.overcommit.policy == "share-proportional")
    #expect(scenario.overcommit.everyNanoseconds == 2_000_000_000)
    #expect(scenario.overcommit.hostTargetPercent == 75)
    #expect(scenario.overcommit.maxChange == (try size("50MiB")))
    #expect(
      scenario.expectations.map(\.path) == [
        "sharing.merges", "vms.web.exits.ept_violation", "host.free_min_bytes", "vms.web.slowdown", "variants.fast.sharing.first_merge_ns",
      ])
    #expect(scenario.expectations.map(\.comparison) == [.greater, .notEqual, .atLeast, .less, .less])
    #expect(scenario.expectations.map(\.value) == [0, 1.5, 104_857_600, .result("vms.w1.slowdown"), 10_000_000_000])
  }

  @Test("The plan's virtual machines are what the text says")
  func machines() throws {
    let vms = try Samples.load(Samples.full).scenario.vms
    #expect(vms.map(\.name) == ["web", "w1"])
    #expect(vms.map(\.memory) == (try ["512MiB", "256MiB"].map(size)))
    #expect(vms.map(\.minMemory) == (try ["192MiB", "96MiB"].map(size)))
    #expect(vms.map(\.shares) == [1, 500])
    #expect(vms.map(\.paging) == [.shadow, .native])
    #expect(vms.map(\.balloon) == [false, true])
    #expect(vms.map(\.mergeable) == [true, false])
    #expect(vms.map(\.tenant) == ["acme", "w1"] && vms.map(\.numaNode) == [1, 0])
    #expect(vms.map(\.startNanoseconds) == [1_000_000_000, 0] && vms.map(\.stopNanoseconds) == [80_000_000_000, nil])
    let nginx = ProcessSpec(
      name: "nginx", count: 8, text: try size("12MiB"), heap: try size("20MiB"), heapZeroPercent: 10, heapDuplicatePercent: 20,
      writesPerSecond: 300, accesses: .sequential)
    #expect(vms.map(\.hugePages) == [.always, .never] && vms.map(\.splitsHugeOnMerge) == [false, true])
    var web = SyntheticGuestSpec(
      image: "debian-12", kernel: try size("41MiB"), files: try size("260MiB"), filesOwnPercent: 30, fileReadsPerSecond: 4000,
      fileAccesses: .random, initOnFree: true, processes: [nginx],
      load: [LoadPoint(atNanoseconds: 0, levelPercent: 40), LoadPoint(atNanoseconds: 8_000_000_000, levelPercent: 100)])
    (web.aslr, web.pointerPercent) = (true, 35)
    (web.storm.atNanoseconds, web.storm.pagesPercent, web.storm.bytes) = (30_000_000_000, 50, .same)
    #expect(vms[0].guest == .synthetic(web))
    var w1 = RecordedGuestSpec(
      trace: "data/five-guests.pit.zst", guest: "w1", accesses: .random, readsPerSecond: 2000, writesPerSecond: 50,
      load: [LoadPoint(atNanoseconds: 1_000_000, levelPercent: 0)])
    (w1.storm.atNanoseconds, w1.storm.pagesPercent) = (60_000_000_000, 1)
    #expect(vms[1].guest == .recorded(w1))
  }

  @Test("What a scenario leaves out has the defaults of the documentation")
  func defaults() throws {
    let scenario = try Samples.load(Samples.least).scenario
    #expect(scenario.description == "")
    #expect(scenario.seed == 1)
    #expect(scenario.durationNanoseconds == 60_000_000_000)
    #expect(scenario.sampleNanoseconds == 1_000_000_000)
    #expect(scenario.windowNanoseconds == 1_000_000_000)
    #expect(scenario.windowAccesses == 20_000)
    #expect(scenario.captureNanoseconds == 10_000_000_000 && scenario.captureCount == 0)
    #expect(scenario.host.swap.bytes == 0)
    #expect(scenario.host.tlb == "golden")
    #expect(scenario.host.cost == "haswell-2013")
    #expect(scenario.sharing.scanner == .ksm)
    // The kernel's own defaults (mm/ksm.c).
    #expect(scenario.sharing.ksm == KSMSettings())
    #expect(scenario.overcommit.policy == "none")
    #expect(scenario.overcommit.everyNanoseconds == 10_000_000_000)
    #expect(scenario.overcommit.hostTargetPercent == 80)
    #expect(scenario.overcommit.maxChange.bytes == 100 << 20)
    let vm = try #require(scenario.vms.first)
    #expect(vm.minMemory.bytes == 256 << 20)
    #expect(vm.shares == 1000)
    #expect(vm.paging == .nested)
    #expect(vm.balloon && vm.mergeable)
    let guest = SyntheticGuestSpec(
      image: "debian", kernel: ByteSize(bytes: 40 << 20), files: ByteSize(bytes: 0), filesOwnPercent: 0, fileReadsPerSecond: 0,
      fileAccesses: .zipf, initOnFree: false, processes: [], load: [])
    #expect(vm.guest == .synthetic(guest))
    #expect(scenario.expectations.isEmpty)
  }

  @Test("A process and a recorded guest have the defaults of the documentation")
  func partDefaults() throws {
    let text =
      Samples.least + """

              processes: [{name: p, heap: 4KiB}]
          - name: b
            memory: 16MiB
            guest: {kind: recorded, trace: t.pit, guest: g}
        """
    let vms = try Samples.load(text).scenario.vms
    guard case .synthetic(let synthetic)? = vms.first?.guest else { return #expect(Bool(false)) }
    let process = ProcessSpec(
      name: "p", count: 1, text: ByteSize(bytes: 4 << 20), heap: ByteSize(bytes: 4096), heapZeroPercent: 0, heapDuplicatePercent: 0,
      writesPerSecond: 0, accesses: .zipf)
    #expect(synthetic.processes == [process])
    #expect(vms[1].minMemory.bytes == 16 << 20)
    let recorded = RecordedGuestSpec(trace: "t.pit", guest: "g", accesses: .zipf, readsPerSecond: 1000, writesPerSecond: 0, load: [])
    #expect(vms[1].guest == .recorded(recorded))
  }

  @Test(
    "What a policy leaves a machine with is half of its memory, the kernel and 16 MiB, or all, unless the scenario says",
    arguments: [("512MiB", "40MiB", 256), ("64MiB", "40MiB", 56), ("64MiB", "40964KiB", 57), ("48MiB", "40MiB", 48)]
      as [(String, String, UInt64)])
  func leastMemory(memory: String, kernel: String, mebibytes: UInt64) throws {
    let arguments = ["vms.a.memory=\(memory)", "vms.a.guest.kernel=\(kernel)"]
    #expect(try Samples.load(Samples.least, set: arguments).scenario.vms[0].minMemory.bytes == mebibytes << 20)
  }

  @Test("A count stands for so many equal machines with names and, unless one is stated, tenants of their own")
  func counts() throws {
    let text = Samples.least + "\n    count: 3\n"
    let vms = try Samples.load(text).scenario.vms
    #expect(vms.map(\.name) == ["a-1", "a-2", "a-3"] && vms.map(\.tenant) == ["a-1", "a-2", "a-3"])
    #expect(vms.allSatisfy { $0.count == 1 && $0.memory == vms[0].memory && $0.guest == vms[0].guest })
    #expect(try Samples.load(text + "    tenant: acme\n").scenario.vms.map(\.tenant) == ["acme", "acme", "acme"])
    #expect(try Samples.load(text, set: ["vms.a.count=1"]).scenario.vms.map(\.name) == ["a"])
    let expecting = text + "expect: [vms.a-3.slowdown > 0, vms.a.slowdown > 0]\n"
    #expect(Samples.diagnostics(expecting).map(\.message) == ["the scenario has no virtual machine \"a\""])
    let other = "  - {name: a-2, memory: 64MiB, min_memory: 64MiB, guest: {kind: synthetic, image: x}}\n"
    #expect(Samples.diagnostics(text + other).map(\.message) == ["two virtual machines are named \"a-2\""])
    let many = text.replacing("count: 3", with: "count: 4096") + other
    #expect(Samples.diagnostics(many, set: ["duration=10s"]).map(\.message) == ["there are 4097 virtual machines, more than 4096"])
  }
}
