internal import Laboratory
public import Scenarios

/// What every key of a result means, for `memlab explain`.
///
/// The keys of a run are those of `summary.json` and the metrics of its timeline; those of other commands stand under the command's name.
public enum ResultKeys {
  /// All keys: of a run's summary, of its timeline, of scans, of replayed streams.
  public static var explanations: [Explanation] {
    run + vms + timeline
      + rows(RaceRow.columns, under: "variants", of: "variants.csv of a run with variants")
      + rows(CaptureSummary.columns, under: "variants", of: "variants.csv of a run with variants")
      + rows(CaptureSummary.keys, under: "captures", of: "summary.json of a run that takes captures")
      + rows(stale, under: "stale", of: "summary.json of a run with --check-stale")
      + rows(SharingSummary.workColumns.map { ($0.name, $0.unit, $0.meaning) }, under: "sharing.scanner", of: "summary.json of a run")
      + rows(ksm, under: "sharing", of: "summary.json of a run") + rows(ksm, under: "sharing.ksm", of: "summary.json of a run")
      + rows(scan, under: "scan", of: "memlab scan") + rows(ksm, under: "scan.ksm", of: "memlab scan --scanner ksm") + scanParts + trace
  }

  typealias Row = (name: String, unit: String, meaning: String)

  static func rows(_ rows: [Row], under path: String, of result: String) -> [Explanation] {
    rows.map { row in
      let name = path.isEmpty ? row.name : "\(path).\(row.name)"
      return Explanation(path: name, documentation: row.meaning, details: [.init("unit", row.unit), .init("in", result)])
    }
  }

  private static var run: [Explanation] {
    rows(
      [
        ("host.total_bytes", "bytes", "The host's physical memory."),
        ("host.free_bytes", "bytes", Metric.freeBytes.meaning),
        ("host.free_min_bytes", "bytes", "The least free memory after any event of the run; samples may have missed it."),
        ("host.private_bytes", "bytes", Metric.privateBytes.meaning),
        ("host.shared_bytes", "bytes", Metric.sharedBytes.meaning),
        ("host.ballooned_bytes", "bytes", Metric.balloonedBytes.meaning),
        ("host.swapped_bytes", "bytes", Metric.swappedBytes.meaning),
        ("sharing.saved_pages", "pages", "Guest pages that need no frame of their own: the sum of the next three."),
        ("sharing.saved_zero", "pages", Metric.savedZeroPages.meaning),
        ("sharing.saved_self", "pages", Metric.savedSelfPages.meaning),
        ("sharing.saved_inter", "pages", Metric.savedInterPages.meaning),
        (
          "sharing.shareable_pages", "pages",
          "Guest pages that would need no frame of their own if every content were kept once: what a scanner that misses nothing would save."
        ),
        ("sharing.merges", "merges", Metric.merges.meaning),
        ("sharing.cow_breaks", "copies", Metric.cowBreaks.meaning),
        (
          "sharing.access_breaks", "copies",
          "Pages that trapped at any access for the scanner's sake and were copied for it, since the start."
        ),
        ("sharing.stored_pages", "pages", Metric.storedPages.meaning),
        ("sharing.stored_bytes", "bytes", Metric.storedBytes.meaning),
        ("sharing.saved_bytes", "bytes", Metric.savedBytes.meaning),
        ("sharing.first_merge_ns", "ns", "When the first page was merged, in virtual time; null if none was."),
        ("sharing.scanner.cpu_ns", "ns", Metric.scannerCPUNanoseconds.meaning),
        ("state", "name", "complete, or partial where the run was interrupted: numbers are then those of the moment of the interruption."),
        ("virtual_ns", "ns", "How far virtual time got."),
        ("audit.samples", "checks", "How often all laws of the machine were checked."),
        ("audit.violations", "breaches", "Breaches of the laws that were found; anything but 0 is a defect of memlab."),
        ("audit.messages", "list", "The first of the breaches, in words."),
        ("failed_expectations", "list", "The scenario's expectations that did not hold, each with the value that was found."),
      ], under: "", of: "summary.json of a run")
  }

  private static var vms: [Explanation] {
    rows(VMSummary.columns, under: "vms.*", of: "summary.json and vms.csv of a run")
      + rows(
        [
          (
            "state", "name",
            "running; stopped where the host had no memory left for it; shut_down or waiting where the scenario ended it or starts it later."
          ),
          (
            "exits.*", "exits",
            "Exits from the virtual machine for a reason, since the start; of an access stream since the end of its warm-up."
          ),
          (
            "cycles_by_cause.*", "cycles",
            "Cycles of one cause: its events times their figure in the cost preset; `memlab list` gives its source."
          ),
          (
            "dirty_pages", "pages",
            "Pages written to since the sample before, all samples together, as a page-modification log tells; of machines with translation.pml only."
          ),
          (
            "logged_pages", "pages",
            "Pages that the processor wrote to the page-modification log, each time that it set their dirty bit; of machines with translation.pml only."
          ),
        ], under: "vms.*", of: "summary.json of a run"
      )
  }

  private static var timeline: [Explanation] {
    rows(Metric.allCases.map { ($0.rawValue, $0.unit, $0.meaning) }, under: "timeline", of: "timeline.csv of a run")
  }

  private static let scan: [Row] = [
    ("page_bytes", "bytes", "The size of the pages that were compared."),
    ("compared_by", "name", "What equal means: bytes (every byte), identities (of one trace) or fingerprints (128-bit hashes)."),
    ("pages", "pages", "Pages of all inputs."),
    ("zero_pages", "pages", "Pages that hold zero bytes only."),
    ("distinct_pages", "pages", "Different contents, the zero page included."),
    ("saved_pages", "pages", "Pages that would be free if every content were kept once: pages less distinct_pages."),
    ("saved_zero", "pages", "Of the saved pages, those of zeros: all but one."),
    ("saved_self", "pages", "Of the saved pages, further copies in one input: the sum of (copies - 1) over inputs and non-zero contents."),
    ("saved_inter", "pages", "Of the saved pages, those that another input holds too: the sum of (inputs - 1) over non-zero contents."),
    ("single_byte_pages", "pages", "Pages that repeat one byte, zero pages included; null where the input does not tell."),
    ("bytes_left_out", "bytes", "Bytes of an input that belong to no whole, aligned page of this size; they are not counted."),
    ("pages_vanished", "pages", "Pages of a live process that were gone when they were to be read; they are not counted."),
    ("ksm_settled", "truth", "Whether the last two full scans changed neither shared, sharing nor zero pages."),
    ("seconds", "s", "Wall time of the scanner."),
    ("bytes_per_second", "bytes/s", "Memory scanned in a second; with ksm, every visit to a page counts."),
  ]

  private static var scanParts: [Explanation] {
    rows(scanner, under: "scan.scanner", of: "memlab scan --scanner ...")
      + rows(kinds, under: "scan.kinds.*", of: "memlab scan --page-flags")
      + rows(sample, under: "scan.sample", of: "memlab scan --sample")
      + rows(captures, under: "scan.captures", of: "memlab scan --captures")
  }

  private static let scanner: [Row] = [
    ("saved_pages", "pages", "Pages that need no frame of their own after the last full scan."),
    ("zero_frame_pages", "pages", "Of them, pages mapped to the host's zero frame."),
    ("stored_pages", "pages", "Of them, pages that are stored elsewhere, as patches or compressed (difference-engine)."),
    ("stored_bytes", "bytes", "What those take there; saved_pages is less by as many whole pages."),
    ("full_scans", "scans", "Full scans of all inputs."),
    ("settled", "truth", "Whether the last two full scans changed nothing."),
    ("visits", "pages", "Pages looked at, merged ones included."),
    ("bytes_hashed", "bytes", "Bytes that hashes were computed over."),
    ("search_steps", "steps", "Steps through search trees or indexes."),
    ("bytes_compared", "bytes", "Bytes compared to decide whether two pages are equal."),
    ("merges", "merges", "Pages mapped to a frame that others map too, the zero page included."),
    ("failed_merges", "merges", "Merges that were tried and failed."),
    ("bytes_encoded", "bytes", "Bytes read to be patched or compressed."),
    ("cpu_ns", "ns", "What all of this would take of one processor, by the costs of Linux's KSM on one server: good to compare scanners."),
  ]

  private static let kinds: [Row] = [
    ("kind", "name", "What the guest's kernel uses the pages for: page_cache, anonymous, slab, kernel, huge, free or unknown."),
    ("pages", "pages", "Pages of the kind."),
    ("zero_pages", "pages", "Pages of zeros among them."),
    (
      "saved_pages", "pages",
      "Pages of the kind that are saved: of each content, all but the first page in the order of the inputs. The next three add up to it."
    ),
    ("saved_zero", "pages", "Of the kind's saved pages, those of zeros."),
    ("saved_self", "pages", "Of the kind's saved pages, those whose own guest holds the content already."),
    ("saved_inter", "pages", "Of the kind's saved pages, those whose content another guest held first."),
  ]

  private static let sample: [Row] = [
    ("one_in", "contents", "One content in so many was taken, by its hash."),
    ("seed", "number", "From which the choice derives."),
    ("contents", "contents", "Contents in the sample."),
    ("pages", "pages", "Pages that hold them."),
    ("distinct_pages_low", "pages", "The interval's lower end: 95 times in 100 it holds the true number of distinct pages."),
    ("distinct_pages_high", "pages", "The interval's upper end."),
    ("saved_pages_low", "pages", "The interval's lower end: 95 times in 100 it holds the true number of saved pages."),
    ("saved_pages_high", "pages", "The interval's upper end."),
    ("confidence", "fraction", "How often such an interval holds the true number."),
  ]

  private static let captures: [Row] = [
    ("count", "captures", "Captures of each guest."),
    ("pages", "pages", "Pages of all guests, once."),
    ("stable_pages", "pages", "Pages that held the same content in all captures."),
    ("stable_fraction", "fraction", "stable_pages of pages."),
    ("saved_pages_snapshot", "pages", "For each capture, what all guests save in it alone."),
    ("saved_pages_stable", "pages", "What they save of their stable pages alone; the next three add up to it."),
    ("saved_zero_stable", "pages", "Of these, pages of zeros."),
    ("saved_self_stable", "pages", "Of these, further copies in one guest."),
    ("saved_inter_stable", "pages", "Of these, those that another guest holds too."),
    ("guests", "list", "Each guest's own pages, stable_pages and stable_fraction."),
  ]

  /// The names and meanings of Linux's own documentation, Documentation/admin-guide/mm/ksm.rst, in other words.
  private static let ksm: [Row] = [
    ("full_scans", "scans", "Full scans of all registered memory since the start."),
    ("pages_scanned", "pages", "Pages that the scanner looked at since the start."),
    ("pages_skipped", "pages", "Pages that smart_scan skipped since the start."),
    ("pages_shared", "pages", "Shared pages in use."),
    ("pages_sharing", "pages", "Further pages that map a shared page: what merging saves."),
    ("pages_unshared", "pages", "Pages that were found unique so far, and are looked at again and again."),
    ("pages_volatile", "pages", "The scanner's other pages: changed too fast, skipped, or given the zero page."),
    ("ksm_zero_pages", "pages", "Pages that the scanner mapped to the kernel's zero page (use_zero_pages)."),
    ("stable_node_chains", "contents", "Contents with more copies than max_page_sharing allows for one shared page."),
    ("stable_node_dups", "pages", "Shared pages of those contents."),
    ("general_profit", "bytes", "Bytes saved less what the kernel's bookkeeping takes: (sharing + zero) * 4096 - items * 64."),
  ]
}
