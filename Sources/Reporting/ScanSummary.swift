public import PageSharing
public import RAMImages

/// What `memlab scan` found, as text for a terminal, as JSON and as CSV: one exact count, or its estimate, and whatever else was asked of
/// the same pages.
///
/// Counts, and so every value but the times, are a function of the inputs and the knobs.
public struct ScanSummary: Sendable {
  let scan: ExactScan
  let ksm: KSMScan?
  let other: ScannerScan?
  let kinds: KindBreakdown?
  let sample: SampledScan?
  let captures: CaptureComparison?

  /// The results of an exact count, and of KSM or another page sharer, by kinds of page, or over captures of the same pages.
  public init(
    _ scan: ExactScan, ksm: KSMScan? = nil, scanner: ScannerScan? = nil, kinds: KindBreakdown? = nil, captures: CaptureComparison? = nil
  ) {
    (self.scan, self.ksm, other, self.kinds, sample, self.captures) = (scan, ksm, scanner, kinds, nil, captures)
  }

  /// The results of a sample.
  public init(_ sample: SampledScan) {
    (scan, ksm, other, kinds, self.sample, captures) = (sample.scan, nil, nil, nil, sample, nil)
  }

  /// The wall time of the scanner that was asked for, in seconds.
  var seconds: Double { ksm?.seconds ?? other?.seconds ?? scan.seconds }
  var wholeBytesPerSecond: UInt64 {
    let scanned: Double? =
      if let other { other.seconds > 0 ? Double(other.work.visits) * 4096 / other.seconds : 0 } else { ksm?.bytesPerSecond }
    return UInt64(exactly: (scanned ?? scan.bytesPerSecond).rounded()) ?? 0
  }

  // MARK: JSON

  /// The result under the names that scripts use.
  public var json: JSONValue {
    var members: [JSONValue.Member] = [
      .init("schema", "memlab.scan/1"),
      .init("scanner", .object([.init("name", .string(scannerName))] + scannerFields.map { .init($0.name, $0.value) })),
      .init("page_bytes", .count(UInt64(scan.pageSize))),
      .init("compared_by", .string(scan.compared.rawValue)),
      .init("inputs", .array(scan.inputs.map(\.summary))),
    ]
    members += totals.map { .init($0.name, .count($0.value)) }
    members.append(.init("single_byte_pages", scan.singleBytePages.map { .count($0) } ?? .null))
    if let kinds { members.append(.init("kinds", .array(kinds.counts.map(\.summary)))) }
    if let sample { members.append(.init("sample", .object(sample.fields.map { .init($0.name, $0.value) }))) }
    if let captures { members.append(.init("captures", captures.summary)) }
    if let ksm {
      members.append(.init("ksm", ksm.counters.summary))
      members.append(.init("ksm_settled", .bool(ksm.isSettled)))
    }
    members.append(.init("seconds", .real(seconds)))
    members.append(.init("bytes_per_second", .count(wholeBytesPerSecond)))
    return .object(members)
  }

  /// The line of `--per-scan`: the counters after one full scan.
  public static func line(_ counters: KSMCounters) -> String { counters.summary.text(.line) }

  /// The scanner that was asked for.
  var scannerName: String { other?.kind.rawValue ?? (ksm == nil ? "exact" : "ksm") }

  /// What a page sharer did, in the order of every form of the result; nothing of the exact count.
  var scannerFields: [(name: String, value: JSONValue)] {
    if let ksm {
      let saved = (ksm.counters.pagesSharing + ksm.counters.ksmZeroPages, ksm.counters.ksmZeroPages)
      return Self.fields(saved, (0, 0), ksm.counters.fullScans, ksm.isSettled, ksm.work)
    }
    guard let other else { return [] }
    return Self.fields(
      (other.savedPages, other.zeroFramePages), (other.storedPages, other.storedBytes), other.fullScans, other.isSettled, other.work)
  }

  private static func fields(
    _ saved: (pages: UInt64, onZeroFrame: UInt64), _ stored: (pages: UInt64, bytes: UInt64), _ fullScans: UInt64, _ isSettled: Bool,
    _ work: ScanWork
  ) -> [(name: String, value: JSONValue)] {
    [
      ("saved_pages", .count(saved.pages)), ("zero_frame_pages", .count(saved.onZeroFrame)),
      ("stored_pages", .count(stored.pages)), ("stored_bytes", .count(stored.bytes)), ("full_scans", .count(fullScans)),
      ("settled", .bool(isSettled)), ("visits", .count(work.visits)), ("bytes_hashed", .count(work.bytesHashed)),
      ("search_steps", .count(work.searchSteps)), ("bytes_compared", .count(work.bytesCompared)), ("merges", .count(work.merges)),
      ("failed_merges", .count(work.failedMerges)), ("bytes_encoded", .count(work.bytesEncoded)),
      ("cpu_ns", .count(ScanCosts().nanoseconds(of: work))),
    ]
  }

  private var totals: [(name: String, value: UInt64)] {
    let all = scan.totals
    return [
      ("pages", all.pages), ("zero_pages", all.zeroPages), ("distinct_pages", all.distinctPages), ("saved_pages", all.savedPages),
      ("saved_zero", all.savedZero), ("saved_self", all.savedSelf), ("saved_inter", all.savedInter),
    ]
  }

  // MARK: CSV

  /// The result as a table of scope (`input`, `all`, `scanner`, `kind`, `sample`, `captures`, `ksm`), input, kind or capture, metric and
  /// value.
  public var csv: String {
    var table = CSVTable(["scope", "input", "metric", "value"])
    for input in scan.inputs {
      for (metric, value) in input.counts { table.append(["input", input.name, metric, String(value)]) }
    }
    for (metric, value) in totals { table.append(["all", "", metric, String(value)]) }
    if let count = scan.singleBytePages { table.append(["all", "", "single_byte_pages", String(count)]) }
    for (metric, value) in scannerFields { table.append(["scanner", scannerName, metric, value.text(.line)]) }
    for count in kinds?.counts ?? [] {
      for (metric, value) in count.fields { table.append(["kind", count.kind.name, metric, String(value)]) }
    }
    for (metric, value) in sample?.fields ?? [] { table.append(["sample", "", metric, value.text(.line)]) }
    if let captures {
      for (metric, value) in captures.fields { table.append(["captures", "", metric, value.text(.line)]) }
      for (number, snapshot) in captures.snapshots.enumerated() {
        table.append(["captures", String(number), "saved_pages_snapshot", String(snapshot.savedPages)])
      }
    }
    for (metric, value) in ksm?.counters.fields ?? [] { table.append(["ksm", "", metric, value.text(.line)]) }
    return table.text
  }
}

extension ExactScan.Input {
  /// The counts of one input, in the order of every form of the result.
  fileprivate var counts: [(name: String, value: UInt64)] {
    [
      ("pages", pages), ("zero_pages", zeroPages), ("distinct_pages", distinctPages), ("bytes_left_out", bytesLeftOut),
      ("pages_vanished", pagesVanished),
    ]
  }

  fileprivate var summary: JSONValue { .object([.init("name", .string(name))] + counts.map { .init($0.name, .count($0.value)) }) }
}

extension KindBreakdown.Count {
  /// The counts of one kind, in the order of every form of the result.
  var fields: [(name: String, value: UInt64)] {
    [
      ("pages", pages), ("zero_pages", zeroPages), ("saved_pages", savedPages), ("saved_zero", savedZero), ("saved_self", savedSelf),
      ("saved_inter", savedInter),
    ]
  }

  fileprivate var summary: JSONValue { .object([.init("kind", .string(kind.name))] + fields.map { .init($0.name, .count($0.value)) }) }
}

extension SampledScan {
  /// What the sample was and what it tells, in the order of every form of the result.
  fileprivate var fields: [(name: String, value: JSONValue)] {
    [
      ("one_in", .count(sampling.oneIn)), ("seed", .count(sampling.seed)), ("contents", .count(contentsTaken)),
      ("pages", .count(pagesTaken)), ("distinct_pages_low", .count(distinctPagesLow)), ("distinct_pages_high", .count(distinctPagesHigh)),
      ("saved_pages_low", .count(savedPagesLow)), ("saved_pages_high", .count(savedPagesHigh)), ("confidence", .real(0.95)),
    ]
  }
}

extension CaptureComparison {
  /// The single numbers, in the order of every form of the result.
  fileprivate var fields: [(name: String, value: JSONValue)] {
    [
      ("count", .count(UInt64(count))), ("pages", .count(pages)), ("stable_pages", .count(stablePages)),
      ("stable_fraction", .real(pages > 0 ? Double(stablePages) / Double(pages) : 0)), ("saved_pages_stable", .count(stable.savedPages)),
      ("saved_zero_stable", .count(stable.savedZero)), ("saved_self_stable", .count(stable.savedSelf)),
      ("saved_inter_stable", .count(stable.savedInter)),
    ]
  }

  fileprivate var summary: JSONValue {
    let each: [JSONValue] = guests.map {
      [
        "name": .string($0.name), "pages": .count($0.pages), "stable_pages": .count($0.stablePages),
        "stable_fraction": .real($0.pages > 0 ? Double($0.stablePages) / Double($0.pages) : 0),
      ]
    }
    return .object(
      fields.map { .init($0.name, $0.value) } + [
        .init("saved_pages_snapshot", .array(snapshots.map { .count($0.savedPages) })), .init("guests", .array(each)),
      ])
  }
}
