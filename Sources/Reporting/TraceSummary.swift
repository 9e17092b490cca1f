public import Laboratory
internal import Addressing
internal import Guests
internal import PageTables
internal import Traces
internal import Translation
internal import TranslationCaching

/// What `memlab trace` found, as text for a terminal, as JSON and as CSV.
///
/// Every value but the wall times is a function of the stream and the options.
public struct TraceSummary: Sendable {
  let result: TraceResult

  /// The summary of a result.
  public init(_ result: TraceResult) { self.result = result }

  // MARK: JSON

  /// The result under the names that scripts use.
  public var json: JSONValue {
    let plan = result.plan
    return .object([
      .init("schema", "memlab.trace/1"),
      .init("trace", .string(result.name)),
      .init("state", .string(result.state.rawValue)),
      .init("accesses", .count(result.counters.accesses)),
      .init("events", .count(result.counters.events)),
      .init("skipped", .count(result.counters.skipped)),
      .init("page_crossings", .count(result.counters.pageCrossings)),
      .init("warm_up", .count(plan.warmUp)),
      .init("tlb", .string(plan.tlb.description)),
      .init("cost", .string(plan.cost.name)),
      .init("guest_page", .string(plan.guest.pageSize.description)),
      .init("host_page", .string(plan.hostPage.description)),
      .init("levels", .count(UInt64(plan.guest.levels))),
      .init("host_levels", .count(UInt64(plan.hostLevels))),
      .init("memory_bytes", .count(plan.memory.bytes)),
      .init("vpid", .bool(plan.paging.usesVPID)),
      .init("nested_format", .string(plan.paging.nested.format.rawValue)),
      .init("ept_accessed_dirty", .bool(plan.paging.nested.accessedDirty)),
      .init("pml", .bool(plan.paging.nested.modificationLog)),
      .init("pcid", .bool(plan.guest.usesPCIDs)),
      .init("unsync", .string(plan.paging.unsync.rawValue)),
      .init("update_batch", .count(UInt64(max(0, plan.paging.updateBatch)))),
      .init("monitor", .string(plan.paging.monitor.rawValue)),
      .init("notes", .array(result.notes.map { .string($0) })),
      .init(
        "sweep",
        .array(
          result.sweep.map {
            [
              "entries": .count(UInt64($0.size.entries)), "ways": .count(UInt64($0.size.ways)), "hits": .count($0.hits),
              "misses": .count($0.misses),
            ]
          })),
      .init("modes", .object(result.modes.map { .init($0.mode.rawValue, .object(members($0))) })),
    ])
  }

  private func members(_ mode: TraceResult.Mode) -> [JSONValue.Member] {
    var members = counts(mode).map { JSONValue.Member($0.name, .count($0.value)) }
    let place = members.firstIndex { $0.key == "page_faults" } ?? members.count
    members.insert(.init("references_per_walk", .real(mode.counters.referencesPerWalk)), at: place)
    members += [
      .init("exits", .object(ExitReason.allCases.map { .init($0.rawValue, .count(mode.exits[$0])) })),
      .init("operations", .object(KernelOperation.allCases.map { .init($0.name, .count(mode.guest.operations[Int($0.rawValue)])) })),
      .init("cycles", .count(mode.cost.total)),
      .init("cycles_per_reference", .real(mode.cyclesPerReference)),
      .init("cycles_by_cause", .object(mode.cost.causes.map { .init($0.name, .count($0.cycles)) })),
      .init("ratio_to_native", result.ratioToNative(mode).map { .real($0) } ?? .null),
    ]
    if let stale = mode.stale { members.append(.init("stale", stale.summary)) }
    members += [
      .init("seconds", .real(mode.seconds)),
      .init("references_per_second", .real(mode.seconds > 0 ? Double(mode.counters.references) / mode.seconds : 0)),
    ]
    return members
  }

  /// The plain counts of a way of paging, in the order of every form of the result.
  private func counts(_ mode: TraceResult.Mode) -> [(name: String, value: UInt64)] {
    let (tlb, guest) = (mode.counters.tlb, mode.guest)
    return [
      ("references", mode.counters.references), ("l1i_hits", tlb.l1iHits), ("l1i_misses", tlb.l1iMisses), ("l1d_hits", tlb.l1dHits),
      ("l1d_misses", tlb.l1dMisses), ("l2_hits", tlb.l2Hits), ("l2_misses", tlb.l2Misses), ("walks", mode.counters.walks),
      ("walk_references", mode.counters.walkReferences), ("page_faults", mode.counters.guestFaults),
      ("pages_touched", guest.pagesTouched), ("copies_on_write", guest.copiesOnWrite), ("protection_faults", guest.protectionFaults),
      ("table_stores", guest.tableStores), ("table_updates", mode.counters.tableUpdates), ("checked_entries", mode.counters.checkedEntries),
      ("rewrites", guest.rewrites), ("cr3_loads", guest.cr3Loads),
      ("invlpgs", guest.pageInvalidations), ("context_switches", guest.contextSwitches), ("world_switches", guest.worldSwitches),
      ("processes", guest.processes),
    ] + log(mode)
  }

  /// What a page-modification log told; nothing where none is kept.
  private func log(_ mode: TraceResult.Mode) -> [(name: String, value: UInt64)] {
    guard let dirtyPages = mode.dirtyPages else { return [] }
    return [("logged_pages", mode.counters.loggedPages), ("dirty_pages", dirtyPages)]
  }

  // MARK: CSV

  /// The result as a table of mode, metric and value.
  public var csv: String {
    var table = CSVTable(["mode", "metric", "value"])
    for mode in result.modes {
      let name = mode.mode.rawValue
      for (metric, value) in counts(mode) { table.append([name, metric, String(value)]) }
      table.append([name, "references_per_walk", mode.counters.referencesPerWalk.description])
      for reason in ExitReason.allCases { table.append([name, "exits.\(reason.rawValue)", String(mode.exits[reason])]) }
      for operation in KernelOperation.allCases {
        table.append([name, "operations.\(operation.name)", String(mode.guest.operations[Int(operation.rawValue)])])
      }
      table.append([name, "cycles", String(mode.cost.total)])
      table.append([name, "cycles_per_reference", mode.cyclesPerReference.description])
      for cause in mode.cost.causes { table.append([name, "cycles_by_cause.\(cause.name)", String(cause.cycles)]) }
      if let ratio = result.ratioToNative(mode) { table.append([name, "ratio_to_native", ratio.description]) }
      if let stale = mode.stale {
        table.append([name, "stale.hypervisor", String(stale.byHypervisor)])
        table.append([name, "stale.guest", String(stale.byGuest)])
      }
      table.append([name, "seconds", mode.seconds.description])
    }
    return table.text
  }
}
