internal import Addressing
public import PageSharing
public import RAMImages

/// What `memlab scan` found, as text for a terminal, as JSON and as CSV: one exact count, and where it was asked for what KSM makes of the same pages.
///
/// Counts, and so every value but the times, are a function of the inputs and the knobs.
public struct ScanSummary: Sendable {
  let scan: ExactScan
  let ksm: KSMScan?

  /// The results of an exact count, and of KSM on the same pages.
  public init(_ scan: ExactScan, ksm: KSMScan? = nil) {
    self.scan = scan
    self.ksm = ksm
  }

  /// The wall time of the scanner that was asked for, in seconds.
  private var seconds: Double { ksm?.seconds ?? scan.seconds }
  private var wholeBytesPerSecond: UInt64 { UInt64(exactly: (ksm?.bytesPerSecond ?? scan.bytesPerSecond).rounded()) ?? 0 }

  // MARK: JSON

  /// The result under the names that scripts use.
  public var json: JSONValue {
    var members: [JSONValue.Member] = [
      .init("schema", "memlab.scan/1"),
      .init("scanner", ksm == nil ? "exact" : "ksm"),
      .init("page_bytes", .count(UInt64(scan.pageSize))),
      .init("compared_by", .string(scan.compared.rawValue)),
      .init("inputs", .array(scan.inputs.map(\.summary))),
    ]
    members += totals.map { .init($0.name, .count($0.value)) }
    members.append(.init("single_byte_pages", scan.singleBytePages.map { .count($0) } ?? .null))
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

  private var totals: [(name: String, value: UInt64)] {
    let all = scan.totals
    return [
      ("pages", all.pages), ("zero_pages", all.zeroPages), ("distinct_pages", all.distinctPages), ("saved_pages", all.savedPages),
      ("saved_zero", all.savedZero), ("saved_self", all.savedSelf), ("saved_inter", all.savedInter),
    ]
  }

  // MARK: CSV

  /// The result as a table of scope (`input`, `all`, `ksm`), input, metric and value.
  public var csv: String {
    var table = CSVTable(["scope", "input", "metric", "value"])
    for input in scan.inputs {
      for (metric, value) in input.counts { table.append(["input", input.name, metric, String(value)]) }
    }
    for (metric, value) in totals { table.append(["all", "", metric, String(value)]) }
    if let count = scan.singleBytePages { table.append(["all", "", "single_byte_pages", String(count)]) }
    for (metric, value) in ksm?.counters.fields ?? [] { table.append(["ksm", "", metric, value.text(.line)]) }
    return table.text
  }

  // MARK: Text

  /// The result for people: a table of the inputs, then what could be saved and why.
  public var text: String {
    var lines = TextTable.lines(
      ["input", "pages", "MiB", "zero", "distinct", "its own sharing"],
      scan.inputs.map { input in
        [
          Wording.line(input.name, limit: 32), Wording.grouped(input.pages), mebibytes(input.pages), Wording.grouped(input.zeroPages),
          Wording.grouped(input.distinctPages), Wording.percent(input.pages - input.distinctPages, of: input.pages),
        ]
      })
    lines += [""] + TextTable.lines(["all inputs", "pages", "MiB", "of all", ""], totalRows)
    if let ksm { lines += [""] + ksmLines(ksm) }
    lines += [""] + notes
    return lines.map { $0.replacing("\u{a0}", with: " ") }.joined(separator: "\n") + "\n"
  }

  private var totalRows: [[String]] {
    let all = scan.totals
    func row(_ name: String, _ pages: UInt64, _ meaning: String) -> [String] {
      [name, Wording.grouped(pages), mebibytes(pages), Wording.percent(pages, of: all.pages), meaning]
    }
    return [
      row("pages", all.pages, "what was scanned"),
      row("distinct", all.distinctPages, "what remains if every content is kept once"),
      row("saved", all.savedPages, "the rest; of it:"),
      row("  zero", all.savedZero, "pages of zeros, all but one"),
      row("  self", all.savedSelf, "copies of a page in the same guest"),
      row("  inter", all.savedInter, "a guest's page that another guest holds too"),
    ]
  }

  private func ksmLines(_ ksm: KSMScan) -> [String] {
    let counters = ksm.counters
    let saved = counters.pagesSharing + counters.ksmZeroPages
    let knobs = ksm.settings
    let heading =
      "KSM saves \(mebibytes(saved)) MiB, \(Wording.percent(saved, of: scan.totals.pages)) of all, after \(counters.fullScans) full scans\(ksm.isSettled ? "" : " (not settled yet)")"
    let settings =
      "max_page_sharing \(knobs.maxPageSharing), use_zero_pages \(knobs.useZeroPages ? 1 : 0), smart_scan \(knobs.smartScan ? 1 : 0), pages_to_scan \(knobs.pagesToScan)"
    return [heading, "  with " + settings] + TextTable.lines(nil, counters.fields.map { ["  " + $0.name, $0.value.text(.line)] })
  }

  private var notes: [String] {
    var notes: [String] = []
    let leftOut = scan.inputs.reduce(0) { $0 + $1.bytesLeftOut }
    if leftOut > 0 { notes.append("not counted: \(ByteSize(bytes: leftOut).rounded) in no whole page of this size") }
    let vanished = scan.inputs.reduce(0) { $0 + $1.pagesVanished }
    if vanished > 0 {
      notes.append("not counted: \(Wording.grouped(vanished)) pages of live processes that vanished before they were read")
    }
    if let count = scan.singleBytePages { notes.append("\(Wording.grouped(count)) pages repeat a single byte, zero pages included") }
    switch scan.compared {
    case .bytes: notes.append("equal means: every byte was compared")
    case .identities: notes.append("equal means: the same identity in a trace that was recorded by comparing bytes")
    case .fingerprints: notes.append("equal means: the same 128-bit hash; bytes were not compared")
    }
    // Counting identities or hashes reads nothing of the memory that they stand for: no rate of it is worth printing.
    let rate = scan.compared == .bytes || ksm != nil ? ", \(ByteSize(bytes: wholeBytesPerSecond).rounded) of memory a second" : ""
    notes.append("\(Wording.fixed(seconds, decimals: 3)) s\(rate)")
    return notes
  }

  private func mebibytes(_ pages: UInt64) -> String { Wording.fixed(Double(pages) * Double(scan.pageSize) / 0x1p20, decimals: 1) }
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
