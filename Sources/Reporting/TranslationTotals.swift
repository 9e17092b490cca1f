internal import Guests
internal import Laboratory
internal import PageSharing
internal import Scenarios
internal import Translation

/// What the accesses of some machines took, of all together.
struct TranslationTotals {
  private(set) var references: UInt64 = 0
  private(set) var misses: UInt64 = 0
  private(set) var exits: UInt64 = 0
  private(set) var cycles: UInt64 = 0
  /// Hypercalls of direct paging, and the updates of tables that they carried.
  private(set) var hypercalls: UInt64 = 0
  private(set) var updates: UInt64 = 0
  private var walks: UInt64 = 0
  private var walkReferences: UInt64 = 0
  /// Cycles by group, in the order of `CycleGroup.all`.
  private var groups = [UInt64](repeating: 0, count: CycleGroup.all.count)
  /// The slowdown on average over the machines that accessed anything; nil where none did.
  private(set) var slowdown: Double?

  init(_ vms: [VMSummary]) {
    for vm in vms {
      references += vm.references
      misses += vm.tlbMisses
      exits += vm.exits.reduce(0) { $0 + $1.count }
      walks += vm.walks
      walkReferences += vm.walkReferences
      cycles += vm.cycles
      hypercalls += vm.exits.first { $0.reason == ExitReason.hypercall.rawValue }?.count ?? 0
      updates += vm.tableUpdates
      for (index, group) in CycleGroup.all.enumerated() {
        for cause in vm.cyclesByCause where group.holds(cause.cause) { groups[index] += cause.cycles }
      }
    }
    let slowdowns = vms.filter { $0.references > 0 }.map(\.slowdown)
    slowdown = slowdowns.isEmpty ? nil : slowdowns.reduce(0, +) / Double(slowdowns.count)
  }

  var referencesPerWalk: Double { walks == 0 ? 0 : Double(walkReferences) / Double(walks) }
  var cyclesPerAccess: Double { references == 0 ? 0 : Double(cycles) / Double(references) }

  // MARK: Tables

  /// The headings of `counts`.
  static func countHeadings(hypercalls: Bool) -> [String] {
    ["accesses", "TLB misses", "miss %", "refs/walk", "cycles/access", "exits"] + (hypercalls ? ["hypercalls", "updates"] : [])
  }

  /// The main numbers as people read them.
  /// - Parameter hypercalls: whether some machine makes any.
  func counts(hypercalls shown: Bool) -> [String] {
    let shared = [
      Wording.grouped(references), Wording.grouped(misses), references == 0 ? "–" : Wording.fixed(100 * part(misses), decimals: 2),
      walks == 0 ? "–" : Wording.fixed(referencesPerWalk, decimals: 2),
      references == 0 ? "–" : Wording.fixed(cyclesPerAccess, decimals: 1), Wording.grouped(exits),
    ]
    return shared + (shown ? [Wording.grouped(hypercalls), Wording.grouped(updates)] : [])
  }

  /// Cycles of an access by cause, for some groups.
  func causes(_ shown: [Int]) -> [String] {
    shown.map { references == 0 ? "–" : Wording.fixed(part(groups[$0]), decimals: 1) }
  }

  private func part(_ count: UInt64) -> Double { Double(count) / Double(references) }

  /// The groups that took anything in any of some totals.
  static func groups(in totals: [TranslationTotals]) -> [Int] {
    CycleGroup.all.indices.filter { index in totals.contains { $0.groups[index] > 0 } }
  }

  /// Two tables as plain text, each row headed by a name: the main numbers, and cycles of an access by cause.
  static func text(_ heading: String, _ rows: [(name: String, totals: TranslationTotals)]) -> [String] {
    let shown = groups(in: rows.map(\.totals))
    let hypercalls = rows.contains { $0.totals.hypercalls > 0 }
    let causes = ["cycles an access"] + shown.map { CycleGroup.all[$0].heading }
    return TextTable.lines(
      [heading] + countHeadings(hypercalls: hypercalls), rows.map { [$0.name] + $0.totals.counts(hypercalls: hypercalls) }) + [""]
      + TextTable.lines(causes, rows.map { [$0.name] + $0.totals.causes(shown) })
  }
}

extension Scenario {
  /// Whether all that runs are access streams: then every access is measured, and translation is what a reader looks for.
  var runsStreams: Bool { !vms.isEmpty && vms.allSatisfy { if case .stream = $0.guest { true } else { false } } }

  /// Whether there is anything to say about sharing: a scanner, or guests whose translation is not the point.
  var showsSharing: Bool { sharing.scanner != .none || !runsStreams }
}
