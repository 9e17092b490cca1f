internal import Addressing
internal import Guests
internal import Machine
internal import PageSharing
internal import Translation

/// The rules that concern more than one field. A rule is skipped where a field that it looks at was not read.
struct ScenarioRules {
  /// The plan.
  let scenario: Scenario
  /// Where its values stand; gathers what is wrong.
  var reading: Reading
  /// Whether a trace's file is there.
  let traceExists: (String) -> Bool
  /// Whether the plan is a variant's, which knows no other variants.
  var isVariant = false
  /// The names of each variant's machines, which it may have other numbers of; nil where they could not be read.
  var machinesOfVariants: [[String]?] = []

  /// The most samples, windows or decisions of a run.
  static let mostSteps: UInt64 = 1_000_000
  /// The most rows of the timeline: a row for the host and one for each guest at each sample.
  static let mostRows: UInt64 = 4_000_000
  /// The most batches of the scanner.
  static let mostBatches: UInt64 = 100_000_000
  /// The most virtual machines.
  static let mostMachines = 4096
  /// The most accesses at full resolution.
  static let mostAccesses: UInt64 = 1_000_000_000_000
  /// The most pages that a guest may read and write in a second: as many as each of its rates may have, far beyond what memory can do.
  static let mostPagesPerSecond: UInt64 = 100_000_000

  /// Checks all rules.
  mutating func check() {
    checkSteps()
    checkMachines()
    checkVariants()
    checkExpectations()
  }

  /// Notes a broken rule at a path, unless that or another field that it looks at was not read.
  private mutating func require(_ holds: Bool, at path: String, with others: [String] = [], _ message: String, note: String? = nil) {
    guard !holds, reading.isSound(path), others.allSatisfy({ reading.isSound($0) }) else { return }
    reading.fail(path, message, note: note)
  }

  private mutating func checkSteps() {
    let duration = Quantity.text(nanoseconds: scenario.durationNanoseconds)
    let steps: [(path: String, every: UInt64, most: UInt64, what: String)] = [
      ("sample_every", scenario.sampleNanoseconds, Self.mostSteps, "samples"),
      ("window.every", scenario.windowNanoseconds, Self.mostSteps, "windows"),
      ("overcommit.every", scenario.overcommit.everyNanoseconds, Self.mostSteps, "decisions"),
      ("sharing.sleep", scenario.sharing.ksm.sleepNanoseconds, Self.mostBatches, "batches"),
    ]
    for step in steps where step.every > 0 {
      let count = scenario.durationNanoseconds / step.every
      require(
        count <= step.most, at: step.path, with: ["duration"],
        "\(count) \(step.what) in \(duration) are more than \(step.most)", note: "make it longer, or the run shorter")
    }
    let rows = (scenario.durationNanoseconds / max(1, scenario.sampleNanoseconds)).multipliedReportingOverflow(
      by: UInt64(machineCount) + 1)
    require(
      !rows.overflow && rows.partialValue <= Self.mostRows, at: "sample_every", with: ["duration", "vms"],
      "a sample of the host and of each guest every \(Quantity.text(nanoseconds: scenario.sampleNanoseconds)) gives a timeline of "
        + "more than \(Self.mostRows) rows", note: "make it longer, or the run shorter")
    let perWindow = UInt64(scenario.windowAccesses) * UInt64(machineCount)
    let accesses = (scenario.durationNanoseconds / max(1, scenario.windowNanoseconds)).multipliedReportingOverflow(by: perWindow)
    require(
      !accesses.overflow && accesses.partialValue <= Self.mostAccesses, at: "window.accesses", with: ["duration", "window.every", "vms"],
      "the windows of this run hold more than \(Self.mostAccesses) accesses")
    // At most 1000 times 30 days: that cannot overflow.
    let last = UInt64(max(0, scenario.captureCount)) * scenario.captureNanoseconds
    require(
      last <= scenario.durationNanoseconds, at: "captures.count", with: ["captures.every", "duration"],
      "the last of \(scenario.captureCount) captures would be taken at \(Quantity.text(nanoseconds: last)), when the run of \(duration) is over",
      note: "the first is taken after captures.every; one at the very end of the run is still taken")
  }

  /// All machines, each counted as often as it is there: at most 4096 times 4096.
  private var machineCount: Int { scenario.vms.reduce(0) { $0 + max(1, $1.count) } }

  private mutating func checkMachines() {
    var pages = 0
    require(
      machineCount <= Self.mostMachines, at: "vms", with: scenario.vms.indices.map { "vms.\($0).count" },
      "there are \(machineCount) virtual machines, more than \(Self.mostMachines)")
    require(
      scenario.host.numaNodes == 1 || scenario.host.memory.bytes / UInt64(max(1, scenario.host.numaNodes)) >= 16 << 20,
      at: "host.numa_nodes",
      with: ["host.memory"],
      "\(scenario.host.memory) in \(scenario.host.numaNodes) NUMA nodes are less than 16MiB each")
    let engine = scenario.sharing.differenceEngine
    require(
      engine.compressAfter >= engine.patchAfter, at: "sharing.difference_engine.compress_after",
      with: ["sharing.difference_engine.patch_after"],
      "compress_after (\(engine.compressAfter)) is less than patch_after (\(engine.patchAfter))")
    checkNames()
    for (index, vm) in scenario.vms.enumerated() {
      let path = "vms.\(index)"
      checkPlace(vm, at: path)
      checkTranslation(vm, at: path)
      require(
        vm.minMemory <= vm.memory, at: "\(path).min_memory", with: ["\(path).memory"],
        "min_memory (\(vm.minMemory)) is more than memory (\(vm.memory))")
      // Each amount is at most 2^43, and there are at most 4096 entries of 4096 machines: the sum cannot overflow.
      if reading.isSound("\(path).memory"), reading.isSound("\(path).count") { pages += Self.pages(of: vm) * vm.count }
      require(
        pages <= HostConfiguration.mostGuestPages, at: "\(path).memory",
        "up to here the guests have \(pages) pages, more than the \(HostConfiguration.mostGuestPages) that a host can number",
        note: "all guests together have up to 2 TiB")
      switch vm.guest {
      case .synthetic(let guest): checkSynthetic(guest, of: vm, at: path)
      case .recorded(let guest): checkRecorded(guest, at: path)
      case .stream(let guest): checkStream(guest, of: vm, at: path)
      }
    }
  }

  /// No two machines have one name, those that an entry with a count stands for included.
  private mutating func checkNames() {
    guard machineCount <= Self.mostMachines else { return }
    var owners: [String: Int] = [:]
    for (index, vm) in scenario.vms.enumerated() {
      require(
        vm.machineNames.last?.utf8.count ?? 0 <= 64, at: "vms.\(index).name", with: ["vms.\(index).count"],
        "with a number behind it, the name is longer than 64 characters")
      for name in vm.machineNames {
        guard let first = owners.updateValue(index, forKey: name) else { continue }
        require(
          false, at: "vms.\(index).name", with: ["vms.\(first).name", "vms.\(first).count", "vms.\(index).count"],
          "two virtual machines are named \"\(name)\"")
        break
      }
    }
  }

  /// Where a machine lies, and when it is there.
  private mutating func checkPlace(_ vm: VMSpec, at path: String) {
    require(
      vm.numaNode < scenario.host.numaNodes, at: "\(path).numa_node", with: ["host.numa_nodes"],
      "the host has \(scenario.host.numaNodes == 1 ? "one NUMA node" : "\(scenario.host.numaNodes) NUMA nodes")",
      note: "nodes are counted from 0")
    let (start, duration) = (Quantity.text(nanoseconds: vm.startNanoseconds), Quantity.text(nanoseconds: scenario.durationNanoseconds))
    require(
      vm.startNanoseconds < scenario.durationNanoseconds, at: "\(path).start", with: ["duration"],
      "the machine starts at \(start), when the run of \(duration) is over")
    guard let stop = vm.stopNanoseconds else { return }
    require(
      stop > vm.startNanoseconds, at: "\(path).stop", with: ["\(path).start"],
      "\(Quantity.text(nanoseconds: stop)) is not after the start (\(start))")
  }

  /// Choices about the way of paging that no processor offers together. What the machine's way of paging passes over may be anything.
  private mutating func checkTranslation(_ vm: VMSpec, at path: String) {
    guard vm.paging == .nested else { return }
    func place(_ choice: NestedOptions.Choice) -> String {
      choice == .hostPage ? "\(path).\(choice.rawValue)" : "\(path).translation.\(choice.rawValue)"
    }
    let hostPage = vm.hugePages == .never ? PageSize.size4K : vm.hugePages == .always ? .size2M : .size1G
    for conflict in vm.translation.nested.conflicts(hostPage: hostPage) {
      require(
        false, at: place(conflict.choice), with: ["\(path).paging", place(conflict.other)],
        "\(conflict.choice.rawValue) does not go with this \(conflict.other.rawValue)", note: conflict.reason)
    }
  }

  /// The pages that a machine takes on its host: a recorded guest has a little more memory than was recorded.
  private static func pages(of vm: VMSpec) -> Int {
    guard case .recorded = vm.guest else { return Host.ordinals(for: vm.memory) }
    let added = RecordedGuest.addedMemory(recordedPages: Int(vm.memory.bytes >> 12))
    return Host.ordinals(for: ByteSize(bytes: vm.memory.bytes + added.bytes))
  }

  private mutating func checkSynthetic(_ guest: SyntheticGuestSpec, of vm: VMSpec, at path: String) {
    let inside = "\(path).guest"
    require(
      guest.kernel < vm.memory, at: "\(inside).kernel", with: ["\(path).memory"],
      "the kernel (\(guest.kernel)) leaves nothing of the guest's memory (\(vm.memory))")
    require(
      guest.kernel < vm.minMemory || guest.kernel >= vm.memory, at: "\(path).min_memory", with: ["\(path).memory", "\(inside).kernel"],
      "min_memory (\(vm.minMemory)) leaves nothing beside the kernel (\(guest.kernel))")
    var needed = guest.kernel.bytes
    var isKnown = ["\(path).memory", "\(inside).kernel", "\(inside).processes"].allSatisfy { reading.isSound($0) }
    for (index, process) in guest.processes.enumerated() {
      let place = "\(inside).processes.\(index)"
      if let first = guest.processes[..<index].firstIndex(where: { $0.name == process.name }) {
        require(
          false, at: "\(place).name", with: ["\(inside).processes.\(first).name"], "two groups of processes are named \"\(process.name)\"")
      }
      require(
        process.heapZeroPercent + process.heapDuplicatePercent <= 100, at: "\(place).heap_duplicate", with: ["\(place).heap_zero"],
        "heap_zero and heap_duplicate are \(process.heapZeroPercent + process.heapDuplicatePercent)% together, more than the heap")
      isKnown = isKnown && ["count", "text", "heap"].allSatisfy { reading.isSound("\(place).\($0)") }
      // At most 256 groups of 10^5 processes of 2^44 bytes can overflow 64 bits: then they surely do not fit.
      let heaps = process.heap.bytes.multipliedReportingOverflow(by: UInt64(process.count))
      for part in [heaps.overflow ? UInt64.max : heaps.partialValue, process.text.bytes] {
        needed = needed.addingReportingOverflow(part).overflow ? UInt64.max : needed + part
      }
    }
    if isKnown, guest.kernel < vm.memory {
      require(
        needed <= vm.memory.bytes, at: "\(path).memory",
        "the guest's kernel and processes need \(ByteSize(bytes: needed).rounded) at full load, more than its memory (\(vm.memory))",
        note: "a guest has no swap of its own")
    }
    checkRates(guest, at: inside)
    checkLoad(guest.load, at: "\(inside).load")
  }

  /// Each rate has its own limit, but a group of processes has as many as it has processes.
  private mutating func checkRates(_ guest: SyntheticGuestSpec, at inside: String) {
    var pages = UInt64(max(0, guest.fileReadsPerSecond))
    for (index, process) in guest.processes.enumerated() {
      let place = "\(inside).processes.\(index)"
      // At most 256 groups of 10^5 processes of 10^8 pages: the sum cannot overflow.
      pages += UInt64(max(0, process.writesPerSecond)) * UInt64(max(0, process.count))
      require(
        pages <= Self.mostPagesPerSecond, at: "\(place).writes", with: ["\(place).count", "\(inside).file_reads"],
        "up to here the guest reads and writes \(pages) pages a second at full load, more than \(Self.mostPagesPerSecond)",
        note: "writes is the rate of each process")
      if pages > Self.mostPagesPerSecond { return }
    }
  }

  private mutating func checkRecorded(_ guest: RecordedGuestSpec, at path: String) {
    let trace = "\(path).guest.trace"
    if reading.isSound(trace) {
      require(
        traceExists(guest.trace), at: trace, "there is no file \"\(guest.trace.quotable)\"",
        note: "it is looked for from the scenario's folder")
    }
    checkLoad(guest.load, at: "\(path).guest.load")
  }

  private mutating func checkStream(_ guest: StreamGuestSpec, of vm: VMSpec, at path: String) {
    let inside = "\(path).guest"
    let problem = StreamSource.problem(guest.source, fileExists: traceExists)
    require(
      problem == nil, at: "\(inside).source", problem ?? "",
      note: StreamSource.isGenerator(guest.source) ? nil : "it is looked for from the scenario's folder")
    require(
      guest.options.zeroPercent + guest.options.duplicatePercent <= 100, at: "\(inside).duplicate", with: ["\(inside).zero"],
      "zero and duplicate pages are more than 100% of all", note: "zero is 100% unless it is given")
    let unit = guest.options.pageSize.bytes
    require(
      vm.memory.bytes.isMultiple(of: unit) && vm.memory.bytes >= 4 * unit, at: "\(path).memory", with: ["\(inside).page"],
      "the memory (\(vm.memory)) is not a multiple, at least four times, of the guest's pages of \(guest.options.pageSize)")
    require(
      vm.paging != .direct || guest.options.pageSize == .size4K, at: "\(path).paging", with: ["\(inside).page"],
      "a guest whose memory is paged directly has pages of 4K only, not of \(guest.options.pageSize)")
    require(
      guest.accesses == 0 || guest.warmUp < guest.accesses, at: "\(inside).warm_up", with: ["\(inside).accesses"],
      "warm_up (\(guest.warmUp)) leaves nothing of \(guest.accesses) accesses to be counted")
    let accesses = scenario.durationNanoseconds.multipliedFullWidth(by: UInt64(max(0, guest.accessesPerSecond)))
    require(
      UInt128(accesses.high) << 64 + UInt128(accesses.low) <= UInt128(Self.mostAccesses) * 1_000_000_000, at: "\(inside).rate",
      with: ["duration"], "the run would hold more than \(Self.mostAccesses) accesses of this guest")
  }

  private mutating func checkLoad(_ load: [LoadPoint], at path: String) {
    for (index, pair) in zip(load, load.dropFirst()).enumerated() {
      require(
        pair.0.atNanoseconds < pair.1.atNanoseconds, at: "\(path).\(index + 1).at", with: ["\(path).\(index).at"],
        "\(Quantity.text(nanoseconds: pair.1.atNanoseconds)) is not after the point before it (\(Quantity.text(nanoseconds: pair.0.atNanoseconds)))",
        note: "the points of a load stand in order of time")
    }
  }

  private mutating func checkVariants() {
    for (index, variant) in scenario.variants.enumerated() {
      guard let first = scenario.variants[..<index].firstIndex(where: { $0.name == variant.name }) else { continue }
      require(
        false, at: "variants.\(index).name", with: ["variants.\(first).name"], "two variants are named \"\(variant.name)\"")
    }
  }

  private mutating func checkExpectations() {
    let variants = scenario.variants.map(\.name)
    for (index, expectation) in scenario.expectations.enumerated() {
      for path in expectation.paths { check(path, at: "expect.\(index)", variants: variants) }
    }
    for (number, variant) in scenario.variants.enumerated() {
      for (index, expectation) in variant.expectations.enumerated() {
        for path in expectation.paths { check(path, at: "variants.\(number).expect.\(index)", variants: [], of: number) }
      }
    }
  }

  /// The names of all machines; nil where they could not be read.
  var machineNames: [String]? {
    guard reading.isSound("vms"),
      scenario.vms.indices.allSatisfy({ reading.isSound("vms.\($0).name") && reading.isSound("vms.\($0).count") })
    else { return nil }
    return scenario.vms.flatMap(\.machineNames)
  }

  /// Checks the path of a result that an expectation at a place names.
  /// - Parameter number: which variant's results it is about; nil for those that all have.
  private mutating func check(_ path: String, at place: String, variants: [String], of number: Int? = nil) {
    guard reading.isSound(place) else { return }
    var number = number
    var parts = path.split(separator: ".").map(String.init)[...]
    if parts.first == "variants", isVariant || !variants.isEmpty {
      // Which variants there are, the whole scenario knows.
      guard !isVariant, reading.isSound("variants") else { return }
      let name = parts.dropFirst().first ?? ""
      require(
        variants.contains(name), at: place, "the scenario has no variant \"\(name.quotable)\"",
        note: NearestName.note(for: name, among: variants))
      number = variants.firstIndex(of: name)
      parts = parts.dropFirst(2)
    }
    guard reading.isSound(place), let section = parts.first else { return }
    require(
      KnownNames.summarySections.contains(section), at: place, "a run's summary has no \"\(section.quotable)\"",
      note: NearestName.note(for: section, among: KnownNames.summarySections))
    guard section == "vms", reading.isSound(place) else { return }
    var (owner, known) = ("the scenario", machineNames)
    if let number, machinesOfVariants.indices.contains(number) {
      (owner, known) = ("variant \"\(scenario.variants[number].name.quotable)\"", machinesOfVariants[number])
    }
    guard let names = known else { return }
    let name = parts.dropFirst().first ?? ""
    require(
      names.contains(name), at: place, "\(owner) has no virtual machine \"\(name.quotable)\"",
      note: NearestName.note(for: name, among: names))
  }
}
