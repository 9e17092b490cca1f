internal import Addressing
internal import PageSharing
internal import RAMImages

extension ScanSummary {
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
    if let captures {
      lines += [""] + captureLines(captures)
    } else {
      lines += [""] + TextTable.lines(["all inputs", "pages", "MiB", "of all", ""], totalRows)
    }
    if let sample { lines += sampleLines(sample) }
    if let kinds { lines += [""] + kindLines(kinds) }
    if let ksm { lines += [""] + ksmLines(ksm) }
    if let other { lines += [""] + scannerLines(other) }
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

  private func scannerLines(_ other: ScannerScan) -> [String] {
    let heading =
      "\(other.kind.rawValue) saves \(mebibytes(other.savedPages)) MiB, \(Wording.percent(other.savedPages, of: other.pages)) of all, after \(other.fullScans) full scans\(other.isSettled ? "" : " (not settled yet)")"
    return [heading] + TextTable.lines(nil, scannerFields.map { ["  " + $0.name, $0.value.text(.line)] })
  }

  private func sampleLines(_ sample: SampledScan) -> [String] {
    let (low, high) = (sample.savedPagesLow, sample.savedPagesHigh)
    return [
      "estimated from one content in \(Wording.grouped(sample.sampling.oneIn)): pages and zero pages are exact; 95 times in 100 between \(Wording.grouped(low)) and \(Wording.grouped(high)) pages (\(mebibytes(low)) to \(mebibytes(high)) MiB) are saved"
    ]
  }

  private func kindLines(_ kinds: KindBreakdown) -> [String] {
    TextTable.lines(
      ["kind", "pages", "zero", "saved", "as zero", "self", "inter", "of the kind"],
      kinds.counts.filter { $0.pages > 0 }.map { count in
        [count.kind.name]
          + [count.pages, count.zeroPages, count.savedPages, count.savedZero, count.savedSelf, count.savedInter].map(Wording.grouped)
          + [Wording.percent(count.savedPages, of: count.pages)]
      })
  }

  private func captureLines(_ captures: CaptureComparison) -> [String] {
    func row(_ name: String, _ pages: UInt64, _ meaning: String) -> [String] {
      [name, Wording.grouped(pages), mebibytes(pages), Wording.percent(pages, of: captures.pages), meaning]
    }
    return TextTable.lines(
      ["\(captures.count) captures of \(captures.guests.map(\.name).joined(separator: ", "))", "pages", "MiB", "of all", ""],
      [row("pages", captures.pages, "in each capture")]
        + captures.snapshots.enumerated().map { row("saved, capture \($0 + 1)", $1.savedPages, "counted in this snapshot alone") } + [
          row("stable", captures.stablePages, "the same content in all captures"),
          row("saved, stable", captures.stable.savedPages, "counted over the stable pages only"),
        ])
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
    let rate =
      scan.compared == .bytes || ksm != nil || other != nil ? ", \(ByteSize(bytes: wholeBytesPerSecond).rounded) of memory a second" : ""
    notes.append("\(Wording.fixed(seconds, decimals: 3)) s\(rate)")
    return notes
  }

  private func mebibytes(_ pages: UInt64) -> String { Wording.fixed(Double(pages) * Double(scan.pageSize) / 0x1p20, decimals: 1) }
}
