public import Laboratory
internal import PageSharing
internal import Scenarios

extension RaceResult {
  /// The content of `summary.json`: of each variant what its own summary says, under the names that expectations and scripts use.
  public var summary: JSONValue {
    [
      "schema": "memlab.run/1",
      "scenario": .string(scenario.name),
      "seed": .count(scenario.seed),
      "state": .string(state.rawValue),
      "variants": .array(entries.map(\.summary)),
      "failed_expectations": .array(failedExpectations.map(JSONValue.string)),
    ]
  }
}

extension Race.Entry {
  fileprivate var summary: JSONValue {
    var members: [JSONValue.Member] = [
      .init("name", .string(spec.name)), .init("description", .string(spec.description)),
      .init("set", .object(spec.settings.map { .init($0.path, .string($0.value)) })),
    ]
    guard let result, case .object(let inner) = result.summary else { return .object(members + [.init("state", "missing")]) }
    // What every run's summary begins with is said once, for all.
    members += inner.filter { !["schema", "scenario"].contains($0.key) }
    return .object(members)
  }
}

/// A variant's main numbers: a row of every table that compares variants.
struct RaceRow {
  /// The columns, with what they mean.
  static let columns: [(name: String, unit: String, meaning: String)] = [
    ("saved_pages", "pages", "Guest pages that need no frame of their own, at the end."),
    ("saved_zero", "pages", "Of them, pages of zeros."),
    ("saved_self", "pages", "Of them, pages equal to another of the same guest."),
    ("saved_inter", "pages", "Of them, pages equal to another guest's."),
    ("shareable_pages", "pages", "Guest pages that would need no frame of their own if every content were kept once, at the end."),
    ("stored_pages", "pages", "Guest pages that the scanner stores as patches or compressed, at the end."),
    ("saved_bytes", "bytes", "What all of this saves at the end, less what the stores take."),
    ("saved_mean_bytes", "bytes", "What sharing saved on average over the samples."),
    ("merges", "merges", "Pages merged since the start."),
    ("cow_breaks", "copies", "Shared pages copied because a guest wrote to them, since the start."),
    ("access_breaks", "copies", "Pages that trapped at any access for the scanner's sake and were copied for it."),
    ("first_merge_ns", "ns", "When the first page was merged; empty if none was."),
    ("full_scans", "scans", "Full scans of all registered memory."),
    ("scanner_visits", "visits", "Visits of the scanner to pages."),
    ("scanner_cpu_ns", "ns", "Processor time that the scanner's work took."),
    ("general_profit", "bytes", "Bytes saved less what the kernel's bookkeeping takes, as KSM counts."),
    ("free_min_bytes", "bytes", "The least free memory of the host after any event."),
    ("swapped_bytes", "bytes", "Guest pages on the host's swap device, at the end."),
    ("slowdown_mean", "ratio", "The slowdown of the machines, on average."),
    ("slowdown_max", "ratio", "The slowdown of the slowest machine."),
    ("references", "accesses", "Accesses at full resolution, of all machines."),
    ("references_per_walk", "references", "Table entries read per page walk, over all machines."),
    ("tlb_misses", "accesses", "Accesses that missed every level of the TLB, of all machines."),
    ("exits", "exits", "Exits of all machines, for whatever reason, since the start; of access streams since the end of the warm-up."),
    ("cycles_per_access", "cycles", "Cycles of an access at full resolution on average over all machines."),
    ("audit_violations", "breaches", "Breaches of the laws."),
    ("failed_expectations", "expectations", "Expectations that did not hold."),
  ]

  /// The values of `columns`; nil for none.
  let values: [MetricValue?]

  init(_ result: RunResult) {
    let sharing = result.sharing
    let all = TranslationTotals(result.vms)
    let slowdowns = result.vms.filter { $0.references > 0 }.map(\.slowdown)
    values = [
      .count(sharing.savedPages), .count(sharing.savedZero), .count(sharing.savedSelf), .count(sharing.savedInter),
      .count(sharing.shareablePages), .count(sharing.storedPages), .count(sharing.savedBytes), .count(Self.meanSavedBytes(result)),
      .count(sharing.merges), .count(sharing.cowBreaks), .count(sharing.accessBreaks),
      sharing.firstMergeNanoseconds.map { .count($0) }, .count(sharing.ksm.fullScans), .count(sharing.work.visits),
      .count(sharing.scannerNanoseconds), .integer(sharing.ksm.generalProfit), .count(result.host.freeMinBytes),
      .count(result.host.swappedBytes), all.slowdown.map { .real($0) }, slowdowns.max().map { .real($0) }, .count(all.references),
      .real(all.referencesPerWalk),
      .count(all.misses), .count(all.exits),
      .real(all.cyclesPerAccess), .count(result.audit.violations),
      .count(UInt64(result.failedExpectations.count)),
    ]
  }

  /// A value by its column's name.
  subscript(name: String) -> MetricValue? { Self.columns.firstIndex { $0.name == name }.flatMap { values[$0] } }

  /// What was saved on average over the samples, in bytes; 0 without any.
  private static func meanSavedBytes(_ result: RunResult) -> UInt64 {
    var (sum, moments) = (UInt128(0), UInt128(0))
    for sample in result.timeline where sample.vm.isEmpty && sample.metric == .savedBytes {
      guard case .count(let count) = sample.value else { continue }
      (sum, moments) = (sum + UInt128(count), moments + 1)
    }
    return moments == 0 ? 0 : UInt64(sum / moments)
  }
}

extension RaceResult {
  /// The content of `variants.csv`: a row a variant, empty where it did not run. What captures show has columns only where there are any.
  var table: CSVTable {
    let captured = hasCaptures ? CaptureSummary.columns.map(\.name) : []
    var table = CSVTable(["name", "state"] + RaceRow.columns.map(\.name) + captured)
    for entry in entries {
      let fields = entry.result.map { RaceRow($0).values.map { $0?.field ?? "" } } ?? RaceRow.columns.map { _ in "" }
      let shown = entry.result?.captures?.columnValues.map { $0?.field ?? "" } ?? captured.map { _ in "" }
      table.append([entry.spec.name, entry.result?.state.rawValue ?? "missing"] + fields + shown)
    }
    return table
  }
}
