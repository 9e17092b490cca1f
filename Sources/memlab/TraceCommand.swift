internal import Addressing
internal import ArgumentParser
internal import Guests
internal import Laboratory
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

      References are counted once for each access that completes; a page fault is one more. cycles are counts times the figures of --cost.

      Example:  memlab trace gen:random:pages=65536 --paging native,nested,shadow --limit 10000000
      """)

  @Argument(help: ArgumentHelp("The access stream.", valueName: "trace"), completion: .file()) var trace: String
  @Option(help: ArgumentHelp("Ways of paging, separated by commas: \(Self.modeNames).", valueName: "modes")) var paging = "nested"
  @Option(
    help: ArgumentHelp("The TLB: a preset, or levels with entries x ways, as l1i=32x32,l1d=64x4,l2=1536x6.", valueName: "preset|spec"))
  var tlb = TLBPreset.golden.name
  @Option(
    help: ArgumentHelp(
      "Count the data accesses on these TLBs of one level too, all in the same pass: entries x ways, separated by commas, as 64x4,64x64.",
      valueName: "specs"))
  var sweep: String?
  @Option(help: "Caches for walks, of typical sizes unless --tlb gives others; default: what --tlb gives.") var walkCaches: Switch?
  @Option(help: "The size of the pages that the guest's kernel gives to programs.") var guestPage: TablePage = .size4K
  @Option(help: "The size of the pages that the host backs the guest with.") var hostPage: TablePage = .size4K
  @Option(help: ArgumentHelp("Levels of the guest's page tables, 4 or 5.", valueName: "n")) var levels = 4
  @Option(help: ArgumentHelp("Levels of the host's tables for the guest, 4 or 5.", valueName: "n")) var hostLevels = 4
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
  @Option(help: ArgumentHelp("The guest's memory, as 4GiB. Default: 4GiB, 16GiB with pages of 1G.", valueName: "size")) var memory: String?
  @Option(help: "Whether the processor tags the guest's translations, so that exits drop none.") var vpid: Switch = .on
  @Option(help: "Whether the guest's kernel tags the translations of its processes.") var pcid: Switch = .off
  @Option(
    help: ArgumentHelp("shadow, agile: which guest tables may run out of step: \(Self.names(UnsyncPolicy.self)).", valueName: "policy"))
  var unsync = UnsyncPolicy.kvm.rawValue
  @Option(parsing: .unconditional, help: ArgumentHelp("agile: stores to a table that make it nested, at least 1.", valueName: "n"))
  var agileStores = PagingOptions().agileStores
  @Option(parsing: .unconditional, help: ArgumentHelp("agile: the interval for these stores, in walks, at least 1.", valueName: "n"))
  var agileInterval = PagingOptions().agileInterval
  @Option(parsing: .unconditional, help: ArgumentHelp("direct: page-table updates in a hypercall, 1 to 1024.", valueName: "n"))
  var updateBatch = PagingOptions().updateBatch
  @Option(help: ArgumentHelp("direct: where the hypervisor lives: \(Self.names(MonitorSpace.self)).", valueName: "place"))
  var monitor = MonitorSpace.segmentLimits.rawValue
  @Option(help: "nested: whether the host's tables have accessed and dirty bits.") var eptAccessedDirty: Switch = .on
  @Flag(help: "Compare each access with the truth and report those that went wrong; slow.") var checkStale = false
  @OptionGroup var output: OutputOptions

  private static let modeNames = PagingMode.allCases.map(\.rawValue).joined(separator: ", ")

  private static func names<Value: CaseIterable & RawRepresentable>(_ type: Value.Type) -> String where Value.RawValue == String {
    type.allCases.map(\.rawValue).joined(separator: ", ")
  }

  func validate() throws {
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
      let summary = TraceSummary(result)
      switch output.format {
      case .text: try StandardOutput.write(summary.text)
      case .json: try StandardOutput.write(summary.json.text())
      case .csv: try StandardOutput.write(summary.csv)
      }
      if result.state == .partial { throw ExitStatus.interrupted.code }
      if result.modes.contains(where: { ($0.stale?.byHypervisor ?? 0) > 0 }) { throw ExitStatus.brokenInvariant.code }
    } catch let error as TraceError {
      throw Diagnostics.fail(error)
    } catch let error as TraceRunError {
      if case .stream(let stream) = error { throw Diagnostics.fail(stream) }
      throw Diagnostics.fail(.badInput, error.description)
    }
  }

  private func plan() throws -> TracePlan {
    var modes: [PagingMode] = []
    for name in paging.split(separator: ",", omittingEmptySubsequences: false) {
      guard let mode = PagingMode(rawValue: String(name)) else {
        throw ValidationError(
          "\"\(name)\" is no way of paging; there are \(Self.modeNames)"
            + Self.hint(String(name), PagingMode.allCases.map(\.rawValue)))
      }
      guard !modes.contains(mode) else { throw ValidationError("--paging names \(name) twice") }
      modes.append(mode)
    }
    var geometry: TLBGeometry
    do throws(TLBGeometryError) { geometry = try TLBGeometry(parsing: tlb) } catch { throw ValidationError("--tlb: \(error.problem)") }
    if walkCaches == .off { geometry.walkCaches = .none }
    if walkCaches == .on && geometry.walkCaches.isEmpty { geometry.walkCaches = .typical }
    guard let preset = CostPreset(named: cost) else {
      let names = CostPreset.all.map(\.name)
      throw ValidationError("\"\(cost)\" is no cost preset; there are \(names.joined(separator: ", "))" + Self.hint(cost, names))
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
    plan.paging = try pagingOptions()
    for levels in [levels, hostLevels] where levels != 4 && levels != 5 { throw ValidationError("page tables have 4 or 5 levels") }
    if let problem = plan.problem { throw ValidationError(problem) }
    return plan
  }

  private func sweptSizes() throws -> [TLBGeometry.Level] {
    guard let sweep else { return [] }
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
    options.usesVPID = vpid == .on
    options.eptAccessedDirty = eptAccessedDirty == .on
    guard let policy = UnsyncPolicy(rawValue: unsync) else {
      throw ValidationError("--unsync is one of \(Self.names(UnsyncPolicy.self)), not \"\(unsync)\"")
    }
    options.unsync = policy
    guard agileStores >= 1, agileInterval >= 1 else { throw ValidationError("--agile-stores and --agile-interval are at least 1") }
    (options.agileStores, options.agileInterval) = (agileStores, agileInterval)
    guard (1...1024).contains(updateBatch) else { throw ValidationError("--update-batch is 1 to 1024") }
    options.updateBatch = updateBatch
    guard let place = MonitorSpace(rawValue: monitor) else {
      throw ValidationError("--monitor is one of \(Self.names(MonitorSpace.self)), not \"\(monitor)\"")
    }
    options.monitor = place
    return options
  }

  private func size() throws -> ByteSize {
    guard let memory else { return TracePlan.usualMemory(for: [guestPage.size, hostPage.size].contains(.size1G) ? .size1G : .size4K) }
    do throws(ByteSizeError) { return try ByteSize(parsing: memory) } catch { throw ValidationError("--memory: \(error)") }
  }

  private func format() throws -> TraceFormat? {
    guard let traceFormat else { return nil }
    guard let format = TraceFormat(rawValue: traceFormat) else {
      let names = TraceFormat.allCases.map(\.rawValue)
      throw ValidationError(
        "\"\(traceFormat)\" is no trace format; there are \(names.joined(separator: ", "))" + Self.hint(traceFormat, names))
    }
    return format
  }

  private static func hint(_ name: String, _ names: [String]) -> String {
    NearestName.nearest(to: name, among: names).map { "; did you mean \"\($0)\"?" } ?? ""
  }
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
