internal import Laboratory

// What captures showed, in every form of a run's report. The names are those of `memlab scan --captures`, which compares files so.

extension CaptureSummary {
  /// The content of `captures` in `summary.json`.
  var summary: JSONValue {
    [
      "count": .count(count),
      "pages": .count(pages),
      "stable_pages": .count(stablePages),
      "stable_fraction": .real(stableFraction),
      "saved_pages_snapshot": .array(savedPagesSnapshot.map(JSONValue.count)),
      "saved_pages_stable": .count(savedPagesStable),
    ]
  }

  /// The keys of `summary`, with what they mean.
  static let keys: [(name: String, unit: String, meaning: String)] = [
    ("count", "captures", "Captures of all guests that were taken."),
    ("pages", "pages", "Pages that any capture showed to hold something: that lay in a frame, or that the scanner took the frame of."),
    ("stable_pages", "pages", "Of them, pages that held one content in all captures."),
    ("stable_fraction", "fraction", "stable_pages of pages."),
    (
      "saved_pages_snapshot", "list",
      "For each capture, the pages that would need no frame of their own if every content in it were kept once."
    ),
    ("saved_pages_stable", "pages", "The same of the stable pages alone: what one snapshot says more is sharing that does not last."),
  ]

  /// The columns that variants have where any of them takes captures, with what they mean.
  static let columns: [(name: String, unit: String, meaning: String)] = [
    ("stable_fraction", "fraction", "Pages that held one content in all captures, of all that any capture showed; only with captures."),
    (
      "saved_pages_snapshot", "pages",
      "Pages that would need no frame of their own if every content were kept once, by the last capture alone; only with captures."
    ),
    ("saved_pages_stable", "pages", "The same of pages that held one content in all captures; only with captures."),
  ]

  /// The values of `columns`; nil for none.
  var columnValues: [MetricValue?] {
    [.real(stableFraction), savedPagesSnapshot.last.map { .count($0) }, .count(savedPagesStable)]
  }

  /// The values of `columns`, for people.
  var cells: [String] {
    [Wording.percent(stablePages, of: pages), savedPagesSnapshot.last.map(Wording.grouped) ?? "–", Wording.grouped(savedPagesStable)]
  }

  /// What the captures showed, for people, in a line.
  var text: String {
    guard let last = savedPagesSnapshot.last else { return "none was taken" }
    return
      "\(count): \(Wording.percent(stablePages, of: pages)) of \(pages) pages stable; saved \(last) in the last alone, \(savedPagesStable) of stable pages"
  }
}

extension RaceResult {
  /// Whether any variant takes captures.
  var hasCaptures: Bool { entries.contains { $0.result?.captures != nil } }
}
