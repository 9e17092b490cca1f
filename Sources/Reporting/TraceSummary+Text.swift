internal import Addressing
internal import Guests
internal import Laboratory
internal import Traces
internal import Translation
internal import TranslationCaching

extension TraceSummary {
  /// The result for people: a column for each way of paging, counts above, cycles of an access by cause below.
  public var text: String {
    var lines = head
    lines += [""] + TextTable.lines([""] + result.modes.map(\.mode.rawValue), countRows)
    lines += [""] + TextTable.lines(["cycles an access"] + result.modes.map(\.mode.rawValue), costRows)
    if !result.sweep.isEmpty {
      let rows = result.sweep.map { tlb in
        ["\(tlb.size.entries) x \(tlb.size.ways)", Wording.grouped(tlb.hits), Wording.grouped(tlb.misses)]
      }
      lines += [""] + TextTable.lines(["data TLB of one level", "hits", "misses"], rows)
    }
    for mode in result.modes {
      guard let stale = mode.stale else { continue }
      lines += [
        "",
        "\(mode.mode.rawValue): of \(Wording.grouped(stale.compared)) accesses \(Wording.grouped(stale.byHypervisor)) went wrong for want of an invalidation by the hypervisor, \(Wording.grouped(stale.byGuest)) by the guest",
      ]
      lines += stale.findings.prefix(5).map { "  " + Wording.line($0, limit: 120) }
    }
    let assumed = result.plan.cost.figures.count { $0.figure.isAssumed }
    lines += [
      "",
      "cycles: counts times the figures of \(result.plan.cost.name), \(assumed) of which are assumed (memlab list --format json); counts are exact",
    ]
    return lines.map { $0.replacing("\u{a0}", with: " ") }.joined(separator: "\n") + "\n"
  }

  private var head: [String] {
    let (plan, counters) = (result.plan, result.counters)
    var lines = [
      Wording.line(result.name, limit: 100),
      "  \(Wording.grouped(counters.accesses)) accesses"
        + (counters.events > 0 ? ", \(Wording.grouped(counters.events)) events" : "")
        + (counters.pageCrossings > 0 ? ", \(Wording.grouped(counters.pageCrossings)) crossed a page and count twice" : "")
        + (plan.warmUp > 0 ? "; the first \(Wording.grouped(plan.warmUp)) are not counted" : ""),
      "  guest: \(plan.memory), pages of \(plan.guest.pageSize), \(plan.guest.levels) levels; host: pages of \(plan.hostPage), \(plan.hostLevels) levels",
      "  \(Wording.line(plan.tlb.description, limit: 160))",
    ]
    lines += result.notes.map { "  note: " + Wording.line($0, limit: 160) }
    if result.state == .partial { lines.append("  interrupted: this is what was counted so far") }
    return lines
  }

  private func row(_ name: String, _ value: (TraceResult.Mode) -> UInt64) -> [String] {
    [name] + result.modes.map { Wording.grouped(value($0)) }
  }

  /// Counts; those that are zero everywhere are left out where they are not what every reader looks for.
  private var countRows: [[String]] {
    var rows = [
      row("references") { $0.counters.references },
      row("L1I hits") { $0.counters.tlb.l1iHits },
      row("L1I misses") { $0.counters.tlb.l1iMisses },
      row("L1D hits") { $0.counters.tlb.l1dHits },
      row("L1D misses") { $0.counters.tlb.l1dMisses },
      row("L2 hits") { $0.counters.tlb.l2Hits },
      row("L2 misses") { $0.counters.tlb.l2Misses },
      row("walks") { $0.counters.walks },
      row("walk references") { $0.counters.walkReferences },
      ["references/walk"] + result.modes.map { Wording.fixed($0.counters.referencesPerWalk, decimals: 2) },
      row("page faults") { $0.counters.guestFaults },
      row("pages touched") { $0.guest.pagesTouched },
      row("exits") { $0.exits.total },
    ]
    for reason in ExitReason.allCases where result.modes.contains(where: { $0.exits[reason] > 0 }) {
      rows.append(row("  " + reason.rawValue) { $0.exits[reason] })
    }
    let others: [(String, (TraceResult.Mode) -> UInt64)] = [
      ("copies on write", { $0.guest.copiesOnWrite }), ("table stores", { $0.guest.tableStores }),
      ("updates in hypercalls", { $0.counters.tableUpdates }), ("entries checked", { $0.counters.checkedEntries }),
      ("CR3 loads", { $0.guest.cr3Loads }),
      ("INVLPGs", { $0.guest.pageInvalidations }), ("context switches", { $0.guest.contextSwitches }),
      ("world switches", { $0.guest.worldSwitches }), ("pages logged", { $0.counters.loggedPages }),
      ("dirty pages", { $0.dirtyPages ?? 0 }),
    ]
    for (name, value) in others where result.modes.contains(where: { value($0) > 0 }) { rows.append(row(name, value)) }
    return rows
  }

  private var costRows: [[String]] {
    let names = result.modes.first?.cost.causes.map(\.name) ?? []
    func each(_ cycles: UInt64, _ mode: TraceResult.Mode) -> String {
      mode.counters.references == 0 ? "–" : Wording.fixed(Double(cycles) / Double(mode.counters.references), decimals: 3)
    }
    var rows: [[String]] = []
    for (index, name) in names.enumerated() where result.modes.contains(where: { $0.cost.causes[index].cycles > 0 }) {
      rows.append([name] + result.modes.map { each($0.cost.causes[index].cycles, $0) })
    }
    rows.append(["all"] + result.modes.map { each($0.cost.total, $0) })
    if result.modes.contains(where: { result.ratioToNative($0) != nil }) {
      rows.append(["over native"] + result.modes.map { result.ratioToNative($0).map { Wording.fixed($0, decimals: 3) } ?? "–" })
    }
    rows.append(
      ["million accesses/s here"]
        + result.modes.map { $0.seconds > 0 ? Wording.fixed(Double($0.counters.references) / $0.seconds / 1e6, decimals: 1) : "–" })
    return rows
  }
}
