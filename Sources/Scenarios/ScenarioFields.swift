internal import Addressing
internal import Guests
internal import Machine
internal import PageSharing
internal import Translation
internal import TranslationCaching

/// The fields of scenario files: the one table from which reading, checking, the canonical text, `schema` and `explain` come.
enum ScenarioFields {
  private static let page = ByteSize(bytes: 4096)
  private static let mebibyte = ByteSize(bytes: 1 << 20)
  /// The least memory of a host or a guest: below it not even a small kernel fits.
  private static let leastMemory = ByteSize(bytes: 16 << 20)
  /// The most memory of a host: 2^32 pages, since a page ordinal is a 32-bit number.
  private static let mostMemory = HostConfiguration.largest
  private static let millisecond: UInt64 = 1_000_000
  /// 30 days.
  private static let longestRun: UInt64 = 30 * 24 * 3_600_000_000_000
  private static let part = ByteSize(bytes: 0)...mostMemory
  private static let pattern = ValueType<AccessPattern>.oneOf("an access pattern")

  /// All fields.
  static let scenario: [Member<Scenario>] = [
    .value("name", \.name, .identifier, default: .required, "The scenario's name, also of the folder that a run writes into by default."),
    .value("description", \.description, .text, default: .text(""), "What the scenario shows, for people."),
    .value("seed", \.seed, .integer(0...UInt64.max), default: .text("1"), "The number from which all randomness of a run derives."),
    .value(
      "duration", \.durationNanoseconds, .duration("1ms", millisecond...longestRun), default: .text("60s"),
      "How long the run lasts, in virtual time."),
    .value(
      "sample_every", \.sampleNanoseconds, .duration("1ms", millisecond...longestRun), default: .text("1s"),
      "How often the state is sampled for the timeline, in virtual time."),
    .section("window", \.self, window, "Windows of accesses at full resolution through the MMU, whose cost rates hold until the next."),
    .section("host", \.host, host, "The machine that the guests run on."),
    .section("sharing", \.sharing, sharing, "The scanner that merges pages of equal content."),
    .section("overcommit", \.overcommit, overcommit, "The policy that divides the host's memory among the guests."),
    .section(
      "captures", \.self, captures,
      "Captures of all pages of all guests that run, compared at the end: what of the sharing that one capture shows lasts over all."),
    .list("vms", \.vms, of: .blank, count: 1...4096, vm, "The virtual machines, in order of creation."),
    .values(
      "expect", \.expectations, of: Expectation(path: "", comparison: .equal, value: 0), count: 0...1000, .expectation,
      "What must hold of the summary at the end of the run; otherwise the run's exit code is 1. With variants, of each of them, or between "
        + "them: variants.NAME.sharing.saved_pages > 0."),
    .list(
      "variants", \.variants, of: .blank, count: 0...64, variant,
      "Other settings to race against each other: each is the scenario with some values changed, run on its own; the report compares them."),
  ]

  private static let variant: [Member<VariantSpec>] = [
    .value("name", \.name, .identifier, default: .required, "The variant's name, unique in the scenario, also of its folder."),
    .value("description", \.description, .text, default: .text(""), "What the variant shows, for people."),
    .settings(
      "set", \.settings,
      "The values that it changes, by path as for --set; vms.NAME.memory changes one machine, vms.*.memory all. A section or list is replaced as a whole."
    ),
    .values(
      "expect", \.expectations, of: Expectation(path: "", comparison: .equal, value: 0), count: 0...1000, .expectation,
      "What must hold of this variant's summary, beside the scenario's own expectations."),
  ]

  private static let window: [Member<Scenario>] = [
    .value(
      "every", \.windowNanoseconds, .duration("1ms", millisecond...longestRun), default: .text("1s"),
      "How often a window is taken, in virtual time."),
    .value(
      "accesses", \.windowAccesses, .integer(0...10_000_000), default: .text("20000"), "Accesses of each guest in a window; 0 for none."),
  ]

  private static let captures: [Member<Scenario>] = [
    .value(
      "every", \.captureNanoseconds, .duration("1ms", millisecond...longestRun), default: .text("10s"),
      "The time before the first capture and between two, in virtual time."),
    .value("count", \.captureCount, .integer(0...1000), default: .text("0"), "How many captures are taken; 0 for none."),
  ]

  private static let host: [Member<HostSpec>] = [
    .value("memory", \.memory, .size(leastMemory...mostMemory, multipleOf: mebibyte), default: .required, "Physical memory."),
    .value(
      "swap", \.swap, .size(mebibyte...mostMemory, multipleOf: mebibyte, orNone: true), default: .text("none"),
      "The swap device that the host writes pages to when its memory runs out."),
    .value(
      "tlb", \.tlb, .tlb, default: .text("golden"),
      "The translation lookaside buffers of each processor: a preset, or entries and ways by level.\n"
        + TLBGeometry.grammar.joined(separator: "\n")),
    .value(
      "cost", \.cost, .name("a cost preset", among: KnownNames.costs), default: .text("haswell-2013"),
      "What walks, faults and exits cost in cycles: a preset measured on a processor."),
    .value(
      "walk_caches", \.walkCaches, .oneOf("a choice of walk caches"), default: .text("tlb"),
      "Whether the processor caches entries of page tables: as tlb says, on (of typical sizes) or off."),
    .value(
      "numa_nodes", \.numaNodes, .integer(HostConfiguration.nodeLimits), default: .text("1"),
      "How many NUMA nodes the memory lies on, in equal parts."),
  ]

  private static let sharing: [Member<SharingSpec>] = [
    .value("scanner", \.scanner, .oneOf("a scanner"), default: .text("ksm"), "Which scanner runs; with none, pages are never merged."),
    .value(
      "pages_to_scan", \.ksm.pagesToScan, .integer(1...UInt64(UInt32.max)), default: .text("100"),
      "Pages that KSM scans in one batch (/sys/kernel/mm/ksm/pages_to_scan)."),
    .value(
      "sleep", \.ksm.sleepNanoseconds, .duration("10us", 10_000...3_600_000_000_000), default: .text("20ms"),
      "Pause between batches, in virtual time (/sys/kernel/mm/ksm/sleep_millisecs)."),
    .value(
      "max_page_sharing", \.ksm.maxPageSharing, .integer(2...UInt32(Int32.max)), default: .text("256"),
      "How many pages may map one stable page before another copy is kept (/sys/kernel/mm/ksm/max_page_sharing)."),
    .value(
      "use_zero_pages", \.ksm.useZeroPages, .boolean, default: .text("false"),
      "Whether pages of zeros are mapped to the kernel's zero page (/sys/kernel/mm/ksm/use_zero_pages)."),
    .value(
      "smart_scan", \.ksm.smartScan, .boolean, default: .text("true"),
      "Whether pages that failed to merge are skipped for some scans (/sys/kernel/mm/ksm/smart_scan, since Linux 6.7)."),
    .value(
      "smart_scan_remedy", \.ksm.smartScanRemedy, .oneOf("a remedy"), default: .text("none"),
      "What is done, beyond the kernel, about pages that smart_scan keeps apart: memlab's own proposals."),
    .value(
      "merge_across_nodes", \.ksm.mergeAcrossNodes, .boolean, default: .text("true"),
      "Whether pages of different NUMA nodes are merged (/sys/kernel/mm/ksm/merge_across_nodes)."),
    .value(
      "prune", \.ksm.pruneNanoseconds, .duration("0s", 0...longestRun), default: .text("2s"),
      "The time between two prunings of a chain (/sys/kernel/mm/ksm/stable_node_chains_prune_millisecs), in virtual time."),
    .value("tuner", \.tuner, .oneOf("a tuner"), default: .text("none"), "What sets the scanner's knobs in the course of the run."),
    .section("advisor", \.advisor, advisor, "The kernel's scan-time advisor, for tuner: advisor."),
    .value(
      "salting", \.salting, .boolean, default: .text("true"),
      "Whether scanners that know tenants (esx) share inside each of them only, as VMware ESX does since 2014."),
    .section("esx", \.esx, esx, "The knobs of VMware ESX's page sharer."),
    .section("zero_only", \.zeroOnly, zeroOnly, "The knobs of the scanner of zero pages."),
    .section("xlh", \.xlh, xlh, "The knobs of XLH, the scanner with hints from the block layer."),
    .section("same_vm", \.sameVM, sameVM, "The knobs of the scanner that shares inside domains only."),
    .section("difference_engine", \.differenceEngine, differenceEngine, "The knobs of Difference Engine."),
  ]

  private static let xlh: [Member<XLHSettings>] = [
    .value(
      "hints", \.hintCapacity, .integer(1...1_000_000_000), default: .text("16384"),
      "How many hints are kept; where there is no room, the oldest is lost."),
    .value("hint_order", \.hintOrder, .oneOf("an order of hints"), default: .text("newestFirst"), "Which hint is taken first."),
    .value(
      "hint_life", \.hintLifeNanoseconds, .duration("0s", 0...longestRun), default: .text("0s"),
      "After how long a hint is worth nothing any more, in virtual time; 0s for never."),
    .value("hint_runs", \.hintRuns, .integer(0...1_000_000), default: .text("1"), "Batches of hints before scan_runs batches of the scan."),
    .value(
      "scan_runs", \.scanRuns, .integer(1...1_000_000), default: .text("1"), "Batches of the linear scan after hint_runs batches of hints."),
  ]

  private static let sameVM: [Member<SameVMSettings>] = [
    .value(
      "domain", \.domain, .oneOf("a domain"), default: .text("space"), "Inside what pages are shared: each machine, or all of a tenant.")
  ]

  private static let differenceEngine: [Member<DifferenceEngineSettings>] = [
    .value("groups", \.groups, .integer(1...64), default: .text("2"), "Keys of a page (k)."),
    .value("blocks", \.blocksPerGroup, .integer(1...64), default: .text("1"), "Blocks of 64 bytes that a key is made of (s)."),
    .value("candidates", \.candidates, .integer(1...64), default: .text("1"), "Candidates that are remembered of a key (c)."),
    .value("patch_limit", \.patchLimit, .integer(0...4095), default: .text("2048"), "The most bytes that a patch may take."),
    .value(
      "compress_limit", \.compressLimit, .integer(0...4095), default: .text("2048"), "The most bytes that a compressed page may take."),
    .value(
      "patch_after", \.patchAfter, .integer(1...62), default: .text("1"),
      "For how many rounds in a row a page must not be accessed to be patched."),
    .value(
      "compress_after", \.compressAfter, .integer(1...62), default: .text("4"),
      "For how many rounds in a row a page must not be accessed to be compressed, at least patch_after."),
  ]

  private static let esx: [Member<ESXSettings>] = [
    .value("order", \.order, .oneOf("an order of scanning"), default: .text("random"), "In which order it looks at pages."),
    .value(
      "scan_time", \.scanTimeNanoseconds, .duration("0s", 0...longestRun), default: .text("1h"),
      "The time in which a whole guest is scanned (Mem.ShareScanTime); with 0s, pages_to_scan and sleep set the pace."),
    .value(
      "max_scan_rate", \.maxPagesPerSecond, .rate(1...1_000_000_000), default: .text("40960/s"),
      "The most pages that are scanned in a second, over all guests (Mem.ShareScanGHz: 4 MB for each GHz of the host)."),
  ]

  private static let zeroOnly: [Member<ZeroOnlySettings>] = [
    .value(
      "gated", \.isGated, .boolean, default: .text("true"),
      "Whether a page must have held zeros at its last visit too, as KSM demands of every page.")
  ]

  private static let advisor: [Member<ScanTimeAdvisor.Settings>] = [
    .value(
      "target_scan_time", \.targetScanTime, .seconds(1...1_000_000), default: .text("200s"),
      "How long a full scan should take (/sys/kernel/mm/ksm/advisor_target_scan_time)."),
    .value(
      "max_cpu", \.maxCPU, .percent(1...100), default: .text("70%"),
      "The most processor time that the scanner may take (/sys/kernel/mm/ksm/advisor_max_cpu)."),
    .value(
      "min_pages_to_scan", \.minPagesToScan, .integer(1...UInt64(UInt32.max)), default: .text("500"),
      "The least pages in a batch, and those of the first (/sys/kernel/mm/ksm/advisor_min_pages_to_scan)."),
    .value(
      "max_pages_to_scan", \.maxPagesToScan, .integer(1...UInt64(UInt32.max)), default: .text("30000"),
      "The most pages in a batch (/sys/kernel/mm/ksm/advisor_max_pages_to_scan)."),
  ]

  private static let overcommit: [Member<OvercommitSpec>] = [
    .value(
      "policy", \.policy, .name("a policy", among: KnownNames.policies), default: .text("none"),
      "Which policy sets the balloons' targets; with none, they stay empty."),
    .value(
      "every", \.everyNanoseconds, .duration("1ms", millisecond...longestRun), default: .text("10s"),
      "How often the policy decides, in virtual time."),
    .value(
      "host_target", \.hostTargetPercent, .percent(1...100), default: .text("80%"), "How much of the host's memory it aims to have in use."),
    .value(
      "max_change", \.maxChange, .size(page...mostMemory, multipleOf: page), default: .text("100MiB"),
      "The most that one decision changes a guest's memory by."),
  ]

  private static let vm: [Member<VMSpec>] = [
    .value("name", \.name, .identifier, default: .required, "The virtual machine's name, unique in the scenario."),
    .value(
      "count", \.count, .integer(1...4096), default: .text("1"),
      "How many equal machines this is; more than one are called NAME-1, NAME-2 and so on."),
    .value("memory", \.memory, .size(leastMemory...mostMemory, multipleOf: mebibyte), default: .required, "Its memory."),
    .value(
      "min_memory", \.minMemory, .size(leastMemory...mostMemory, multipleOf: mebibyte),
      default: .derived("half of memory, at least 16MiB more than a synthetic guest's kernel", memoryToLeave),
      "The least that a policy may leave it with."),
    .value("shares", \.shares, .integer(1...1_000_000), default: .text("1000"), "Its weight against the others when memory is divided."),
    .value("paging", \.paging, .oneOf("a paging mode"), default: .text("nested"), "How its addresses are translated."),
    .section("translation", \.self, translation, "What can be chosen about its way of paging; each choice concerns some ways only."),
    .value("balloon", \.balloon, .boolean, default: .text("true"), "Whether it has a balloon through which a policy can take memory back."),
    .value("mergeable", \.mergeable, .boolean, default: .text("true"), "Whether its memory is registered with the scanner."),
    .value(
      "tenant", \.tenant, .label, default: .derived("the machine's own name", { _ in "" }),
      "To whom it belongs: with salting, machines of one tenant share among themselves only."),
    .value(
      "huge_pages", \.hugePages, .oneOf("a way to use huge pages"), default: .text("never"),
      "Whether the host backs it with huge pages: of 2 MiB (always) or of 1 GiB (1g). A native stream guest gets pages at least as large as its own (guest.page), as on bare hardware."
    ),
    .value(
      "split_huge_pages", \.splitsHugeOnMerge, .boolean, default: .text("true"),
      "Whether the scanner may split its huge pages at any time, as Linux KSM does; otherwise only under memory pressure, as ESX does."),
    .value("numa_node", \.numaNode, .integer(0...63), default: .text("0"), "The NUMA node that its memory comes from while there is some."),
    .value(
      "start", \.startNanoseconds, .duration("0s", 0...longestRun), default: .text("0s"),
      "When it boots and its memory is registered with the scanner, in virtual time."),
    .value(
      "stop", \.stopNanoseconds, .moment(1...longestRun), default: .text("never"),
      "When it is shut down, in virtual time, or never."),
    .choice("guest", \.guest, key: "kind", [synthetic, recorded, stream], "What runs in it."),
  ]

  /// What a policy leaves a machine with unless its scenario says: enough for the kernel and a little, and half of it.
  private static func memoryToLeave(_ vm: VMSpec) -> ByteSize {
    var kernel: UInt64 = 0
    if case .synthetic(let guest) = vm.guest { kernel = guest.kernel.bytes }
    let needed = (kernel + leastMemory.bytes + mebibyte.bytes - 1) / mebibyte.bytes * mebibyte.bytes
    return ByteSize(bytes: min(vm.memory.bytes, max(needed, vm.memory.bytes / 2 / mebibyte.bytes * mebibyte.bytes)))
  }

  private static let synthetic = Alternative<GuestSpec>(
    "synthetic", of: .blank,
    [
      .value(
        "image", \.image, .label, default: .required,
        "What it was installed from: guests of one image hold the same kernel, programs and files."),
      .value(
        "kernel", \.kernel, .size(mebibyte...mostMemory, multipleOf: page), default: .text("40MiB"),
        "Memory of the kernel, filled at boot from the image."),
      .value("files", \.files, .size(part, multipleOf: page), default: .text("0B"), "All files that it may read into its page cache."),
      .value(
        "files_own", \.filesOwnPercent, .percent(), default: .text("0%"),
        "Of the files' pages, those that only this guest holds: its logs, its database."),
      .value("file_reads", \.fileReadsPerSecond, .rate(0...100_000_000), default: .text("0/s"), "Pages of files read at full load."),
      .value("file_accesses", \.fileAccesses, pattern, default: .text("zipf"), "Which of its files' pages it reads."),
      .value(
        "init_on_free", \.initOnFree, .boolean, default: .text("false"),
        "Whether the guest's kernel fills pages with zeros when they are freed (Linux init_on_free=1)."),
      .value(
        "aslr", \.aslr, .boolean, default: .text("false"),
        "Whether the address spaces of its kernel and its processes are randomized: pages that hold addresses then differ between them."),
      .value(
        "pointer_pages", \.pointerPercent, .percent(), default: .text("20%"),
        "Of the pages that kernels of an image, or processes of a program, hold alike, those that hold addresses."),
      .list("processes", \.processes, of: .blank, count: 0...256, process, "Its groups of equal processes."),
      .list("load", \.load, of: LoadPoint(atNanoseconds: 0, levelPercent: 100), count: 0...10_000, load, loadMeaning),
      .section("storm", \.storm, storm, stormMeaning),
    ],
    make: { .synthetic($0) }, parts: { if case .synthetic(let parts) = $0 { parts } else { nil } },
    "A guest that memlab makes up: an operating system, its page cache and its processes.")

  private static let recorded = Alternative<GuestSpec>(
    "recorded", of: .blank,
    [
      .value("trace", \.trace, .path, default: .required, "The recording, a page identity trace, relative to the scenario's folder."),
      .value("guest", \.guest, .label, default: .required, "Which guest of the recording."),
      .value("accesses", \.accesses, pattern, default: .text("zipf"), "Which of its pages it uses."),
      .value("reads", \.readsPerSecond, .rate(0...100_000_000), default: .text("1000/s"), "Pages read at full load."),
      .value("writes", \.writesPerSecond, .rate(0...100_000_000), default: .text("0/s"), "Pages written at full load."),
      .list("load", \.load, of: LoadPoint(atNanoseconds: 0, levelPercent: 100), count: 0...10_000, load, loadMeaning),
      .section("storm", \.storm, storm, stormMeaning),
    ],
    make: { .recorded($0) }, parts: { if case .recorded(let parts) = $0 { parts } else { nil } },
    "A guest whose memory was recorded from a real one, driven by a synthetic stream of accesses.")

  private static let process: [Member<ProcessSpec>] = [
    .value("name", \.name, .label, default: .required, "The program's name: processes of one name and image run the same text."),
    .value("count", \.count, .integer(1...100_000), default: .text("1"), "How many processes run at full load."),
    .value("text", \.text, .size(part, multipleOf: page), default: .text("4MiB"), "Program text, mapped from the image's files."),
    .value("heap", \.heap, .size(page...mostMemory, multipleOf: page), default: .required, "Anonymous memory of each process."),
    .value(
      "heap_zero", \.heapZeroPercent, .percent(), default: .text("0%"), "Of the heap's pages, those that stay zero after being touched."),
    .value(
      "heap_duplicate", \.heapDuplicatePercent, .percent(), default: .text("0%"),
      "Of the heap's pages, those whose content every process of the program holds."),
    .value("writes", \.writesPerSecond, .rate(0...100_000_000), default: .text("0/s"), "Pages that each process writes at full load."),
    .value("accesses", \.accesses, pattern, default: .text("zipf"), "Which pages of its heap it uses."),
  ]

  private static let loadMeaning = "How busy the guest is from each moment on, in order of time; full load before the first."

  private static let load: [Member<LoadPoint>] = [
    .value("at", \.atNanoseconds, .duration("0s", 0...longestRun), default: .required, "From when on, in virtual time."),
    .value(
      "level", \.levelPercent, .percent(), default: .required,
      "How busy, of full load: the number of its processes and the rate of what they do."),
  ]

  private static let stormMeaning =
    "A moment at which the guest writes to all its memory at once, so that every page that it shares is copied."

  private static let storm: [Member<WriteStormSpec>] = [
    .value("at", \.atNanoseconds, .moment(0...longestRun), default: .text("never"), "When, in virtual time, or never."),
    .value("pages", \.pagesPercent, .percent(1...100), default: .text("100%"), "Of the pages that it has then, those that it writes to."),
    .value(
      "bytes", \.bytes, .oneOf("what a storm writes"), default: .text("own"),
      "What it writes: a value of its own, after which no pages are equal any more, or the same that was there."),
  ]
}
