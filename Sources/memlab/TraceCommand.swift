internal import Addressing
internal import ArgumentParser
internal import Guests
internal import Laboratory
internal import PageTables
internal import Reporting
internal import Scenarios
internal import Traces
internal import Translation
internal import TranslationCaching

/// `memlab trace`.
struct TraceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "trace", abstract: "Replay an access stream through one or more ways of paging, and compare what it costs.",
    discussion: """
      TRACE is a recording (lackey, ChampSim, drmemtrace, pinatrace, CSV, memlab's own; compressed or not; the format is told by the content), - for \
      standard input, or gen:NAME[:key=value,...], a generator (memlab list names them). It is read once, however many ways of paging are compared: each \
      has a host and a guest of its own, whose kernel makes processes, builds page tables by demand paging, and copies after forks, as Linux does.

      Streams begin at once, but for zipf and graph, which first make tables of what they draw from: 16 bytes and about 0.15 us a page or vertex.

      \(TLBGeometry.grammar.joined(separator: " "))

      References are counted once for each access that completes; a page fault is one more. cycles are counts times the figures of --cost.

      Example:  memlab trace gen:random:pages=65536 --paging native,nested,shadow --limit 10000000
      """)

  @Argument(help: ArgumentHelp("The access stream.", valueName: "trace"), completion: .file()) var trace: String
  @Option(help: ArgumentHelp("Ways of paging, separated by commas: \(Self.modeNames) (guest pages of 4K only).", valueName: "modes"))
  var paging = "nested"
  @Option(
    help: ArgumentHelp(
      "The TLB: a preset, or levels with entries x ways, as l1i=32x32,l1d=64x4,l2=1536x6: see above.", valueName: "preset|spec"))
  var tlb = TLBPreset.golden.name
  @Option(
    help: ArgumentHelp(
      "Count the data accesses on these TLBs of one level too, all in the same pass: entries x ways, separated by commas, as 64x4,64x64. They hold pages of 4 KiB, tagged by process, and nothing is dropped from them: no invalidations, no context switches.",
      valueName: "specs"))
  var sweep: String?
  @Option(help: "Caches for walks, of typical sizes unless --tlb gives others; default: what --tlb gives.") var walkCaches: Switch?
  @Option(help: "The size of the pages that the guest's kernel gives to programs; with direct paging 4K.")
  var guestPage: TablePage = .size4K
  @Option(help: "The size of the pages that the host backs the guest with; native: at least --guest-page, as bare hardware has no host.")
  var hostPage: TablePage = .size4K
  @Option(parsing: .unconditional, help: ArgumentHelp("Levels of the guest's page tables, 4 or 5.", valueName: "n")) var levels = 4
  @Option(parsing: .unconditional, help: ArgumentHelp("Levels of the host's tables for the guest, 4 or 5.", valueName: "n"))
  var hostLevels = 4
  @Option(help: ArgumentHelp("What events cost: \(CostPreset.all.map(\.name).joined(separator: ", ")).", valueName: "preset"))
  var cost = CostPreset.haswell2013.name
  @Option(parsing: .unconditional, help: ArgumentHelp("End after so many accesses.", valueName: "n")) var limit: UInt64?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Do not count the first so many accesses; what they map and cache stays.", valueName: "n"))
  var warmUp: UInt64 = 0
  @Option(
    help: ArgumentHelp("The recording's format: \(TraceFormat.allCases.map(\.rawValue).joined(separator: ", ")).", valueName: "format"))
  var traceFormat: String?
  @Option(
    parsing: .unconditional, help: ArgumentHelp("The guest's memory, as 4GiB. Default: 4GiB, 16GiB with pages of 1G.", valueName: "size"))
  var memory: String?
  @Option(
    help:
      "nested, shadow, agile: whether the processor tags the guest's translations (VPID, AMD's ASID), so that exits drop none. Default: on."
  )
  var vpid: Switch?
  @Option(help: "Whether the guest's kernel tags the translations of its processes.") var pcid: Switch = .off
  @Option(
    help: ArgumentHelp(
      "shadow, agile: which guest tables may run out of step: \(Self.names(UnsyncPolicy.self)). Default: kvm.", valueName: "policy"))
  var unsync: String?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("agile: stores to a table that make it nested, at least 1. Default: \(PagingOptions().agileStores).", valueName: "n")
  )
  var agileStores: Int?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "agile: the interval for these stores, in walks, at least 1. Default: \(PagingOptions().agileInterval).", valueName: "n"))
  var agileInterval: UInt64?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("direct: page-table updates in a hypercall, 1 to 1024. Default: \(PagingOptions().updateBatch).", valueName: "n"))
  var updateBatch: Int?
  @Option(
    help: ArgumentHelp("direct: where the hypervisor lives: \(Self.names(MonitorSpace.self)). Default: segment-limits.", valueName: "place")
  )
  var monitor: String?
  @Option(help: "nested: the host's tables, Intel's extended page tables or AMD's nested ones. Default: ept.")
  var nestedFormat: NestedTables?
  @Option(help: "nested: whether the host's tables have accessed and dirty bits; AMD's always have. Default: on.")
  var eptAccessedDirty: Switch?
  @Option(help: "nested: whether the processor logs each page whose dirty bit it sets, and exits when 512 are logged. Default: off.")
  var pml: Switch?
  @Flag(help: "Compare each access with the truth and report those that went wrong; slow.") var checkStale = false
  @OptionGroup var output: OutputOptions

  private static let modeNames = PagingMode.allCases.map(\.rawValue).joined(separator: ", ")

  private static func names<Value: CaseIterable & RawRepresentable>(_ type: Value.Type) -> String where Value.RawValue == String {
    type.allCases.map(\.rawValue).joined(separator: ", ")
  }

  func validate() throws {
    guard !trace.isEmpty else { throw ValidationError("the name of the trace is empty") }
    _ = try plan()
    guard limit != 0 else { throw ValidationError("--limit is at least 1") }
    if let limit, warmUp >= limit { throw ValidationError("--warm-up is less than --limit") }
    _ = try format()
    try OutputName.checkResult(reading: [trace])
  }

  func run() throws {
    let plan = try plan()
    do {
      let stream = try AccessStreams.open(trace, format: try format(), limit: limit)
      let run = try TraceRun(plan, stream: stream)
      Interrupt.watch()
      let progress = RecordProgress(total: stream.length, options: output)
      let result = try run.run(progress: { progress.update($0) }, isInterrupted: { Interrupt.isSet })
      progress.end()
      if warmUp > 0 && result.counters.accesses <= warmUp && !output.quiet {
        Diagnostics.print(
          "note: the stream ended after \(result.counters.accesses) accesses, within --warm-up \(warmUp): nothing was counted")
      }
      let summary = TraceSummary(result)
      switch output.format {
      case .text: try StandardOutput.write(summary.text)
      case .json: try StandardOutput.write(summary.json.text())
      case .csv: try StandardOutput.write(summary.csv)
      }
      if result.state == .partial { throw ExitStatus.interrupted.code }
      if result.modes.contains(where: { ($0.stale?.byHypervisor ?? 0) > 0 }) { throw ExitStatus.brokenInvariant.code }
    } catch let error as TraceError {
      throw Diagnostics.fail(error, hint: NameHint.text(forSource: trace, error))
    } catch let error as TraceRunError {
      // A host that cannot be built is nothing that the stream can help.
      switch error {
      case .stream(let stream): throw Diagnostics.fail(stream)
      case .host: throw Diagnostics.fail(.badInput, error.description)
      case .guest: throw Diagnostics.fail(.badInput, "\(trace == "-" ? "standard input" : trace): \(error)")
      }
    }
  }

  private func plan() throws -> TracePlan {
    var modes: [PagingMode] = []
    for name in paging.split(separator: ",", omittingEmptySubsequences: false) {
      guard let mode = PagingMode(rawValue: String(name)) else {
        throw ValidationError(
          "\"\(name)\" is no way of paging; there are \(Self.modeNames)"
            + NameHint.text(for: String(name), among: PagingMode.allCases.map(\.rawValue)))
      }
      guard !modes.contains(mode) else { throw ValidationError("--paging names \(name) twice") }
      modes.append(mode)
    }
    var geometry: TLBGeometry
    do throws(TLBGeometryError) { geometry = try TLBGeometry(parsing: tlb) } catch {
      throw ValidationError("--tlb: \(error.problem)" + NameHint.text(for: tlb, among: TLBPreset.all.map(\.name)))
    }
    if walkCaches == .off { geometry.walkCaches = .none }
    if walkCaches == .on && geometry.walkCaches.isEmpty { geometry.walkCaches = .typical }
    guard let preset = CostPreset(named: cost) else {
      let names = CostPreset.all.map(\.name)
      throw ValidationError(
        "\"\(cost)\" is no cost preset; there are \(names.joined(separator: ", "))" + NameHint.text(for: cost, among: names))
    }
    var plan = TracePlan(modes: modes, tlb: geometry, cost: preset, memory: try size())
    plan.guest.pageSize = guestPage.size
    plan.guest.levels = levels
    plan.guest.usesPCIDs = pcid == .on
    plan.hostPage = hostPage.size
    plan.hostLevels = hostLevels
    plan.warmUp = warmUp
    plan.sweep = try sweptSizes()
    plan.checksStale = checkStale
    try checkApplicable(modes)
    plan.paging = try pagingOptions()
    for levels in [levels, hostLevels] where levels != 4 && levels != 5 { throw ValidationError("page tables have 4 or 5 levels") }
    guard !modes.contains(.direct) || guestPage == .size4K else {
      throw ValidationError(
        "--guest-page \(guestPage.rawValue) does not go with --paging direct: a guest whose memory is paged directly has pages of 4K only; leave out "
          + (modes.count > 1 ? "direct" : "--guest-page"))
    }
    if let problem = plan.problem { throw ValidationError(problem) }
    return plan
  }

  private func sweptSizes() throws -> [TLBGeometry.Level] {
    guard let sweep else { return [] }
    guard guestPage == .size4K else {
      throw ValidationError("--sweep counts on TLBs of pages of 4K; the guest's are of \(guestPage.rawValue): leave --guest-page out")
    }
    let parts = sweep.split(separator: ",", omittingEmptySubsequences: false)
    guard parts.count <= 256 else { throw ValidationError("--sweep counts on 256 TLBs at most") }
    return try parts.map { part in
      let numbers = part.split(separator: "x", omittingEmptySubsequences: false)
      guard numbers.count == 2, let entries = Int(numbers[0]), let ways = Int(numbers[1]) else {
        throw ValidationError("--sweep: \"\(part)\" is not ENTRIESxWAYS, such as 64x4")
      }
      do throws(TLBGeometryError) { return try TLBGeometry.Level(entries: entries, ways: ways) } catch {
        throw ValidationError("--sweep: \(error.problem)")
      }
    }
  }

  private func pagingOptions() throws -> PagingOptions {
    var options = PagingOptions()
    options.usesVPID = vpid != .off
    options.nested.format = nestedFormat?.format ?? .ept
    options.nested.accessedDirty = eptAccessedDirty != .off
    options.nested.modificationLog = pml == .on
    if let conflict = options.nested.conflicts(hostPage: hostPage.size).first {
      throw ValidationError("\(Self.option(conflict.choice)) does not go with this \(Self.option(conflict.other)): \(conflict.reason)")
    }
    options.unsync = try Self.choice(unsync, "--unsync") ?? options.unsync
    options.monitor = try Self.choice(monitor, "--monitor") ?? options.monitor
    options.agileStores = agileStores ?? options.agileStores
    options.agileInterval = agileInterval ?? options.agileInterval
    guard options.agileStores >= 1, options.agileInterval >= 1 else {
      throw ValidationError("--agile-stores and --agile-interval are at least 1")
    }
    options.updateBatch = updateBatch ?? options.updateBatch
    guard (1...1024).contains(options.updateBatch) else { throw ValidationError("--update-batch is 1 to 1024") }
    return options
  }

  private static func option(_ choice: NestedOptions.Choice) -> String {
    choice == .hostPage ? "--host-page" : "--" + choice.rawValue.map { $0 == "_" ? "-" : String($0) }.joined()
  }

  /// Refuses options that no way of paging which was asked for has: they would change nothing without a word.
  private func checkApplicable(_ modes: [PagingMode]) throws {
    let options: [(name: String, isGiven: Bool, modes: [PagingMode])] = [
      ("--vpid", vpid != nil, [.nested, .shadow, .agile]),
      ("--unsync", unsync != nil, [.shadow, .agile]), ("--agile-stores", agileStores != nil, [.agile]),
      ("--agile-interval", agileInterval != nil, [.agile]), ("--update-batch", updateBatch != nil, [.direct]),
      ("--monitor", monitor != nil, [.direct]), ("--ept-accessed-dirty", eptAccessedDirty != nil, [.nested]),
      ("--nested-format", nestedFormat != nil, [.nested]), ("--pml", pml != nil, [.nested]),
    ]
    for option in options where option.isGiven && !option.modes.contains(where: modes.contains) {
      let ways = option.modes.map(\.rawValue).joined(separator: " or ")
      throw ValidationError("\(option.name) is for --paging \(ways), not for \(paging)")
    }
  }

  /// The value that a word names; nil for no word.
  private static func choice<Value: CaseIterable & RawRepresentable>(_ word: String?, _ option: String) throws -> Value?
  where Value.RawValue == String {
    guard let word else { return nil }
    guard let value = Value(rawValue: word) else {
      throw ValidationError(
        "\(option) is one of \(names(Value.self)), not \"\(word)\"" + NameHint.text(for: word, among: Value.allCases.map(\.rawValue)))
    }
    return value
  }

  private func size() throws -> ByteSize {
    guard let memory else { return TracePlan.usualMemory(for: [guestPage.size, hostPage.size].contains(.size1G) ? .size1G : .size4K) }
    do throws(ByteSizeError) { return try ByteSize(parsing: memory) } catch { throw ValidationError("--memory: \(error)") }
  }

  private func format() throws -> TraceFormat? {
    guard let traceFormat else { return nil }
    guard !trace.hasPrefix(GeneratorKind.prefix) else { throw ValidationError("--trace-format is for recordings; \(trace) is a generator") }
    guard let format = TraceFormat(rawValue: traceFormat) else {
      let names = TraceFormat.allCases.map(\.rawValue)
      throw ValidationError(
        "\"\(traceFormat)\" is no trace format; there are \(names.joined(separator: ", "))" + NameHint.text(for: traceFormat, among: names))
    }
    return format
  }
}

/// The host's tables for a guest, on the command line.
enum NestedTables: String, ExpressibleByArgument, CaseIterable {
  case ept, npt

  var format: NestedFormat { self == .ept ? .ept : .npt }
}

/// On or off.
enum Switch: String, ExpressibleByArgument, CaseIterable {
  case on, off
}

/// The size of a page that a table maps.
enum TablePage: String, ExpressibleByArgument, CaseIterable {
  case size4K = "4K"
  case size2M = "2M"
  case size1G = "1G"

  var size: PageSize {
    switch self {
    case .size4K: .size4K
    case .size2M: .size2M
    case .size1G: .size1G
    }
  }
}
