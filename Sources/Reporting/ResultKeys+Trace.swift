internal import Scenarios

/// The keys of `memlab trace --format json`.
extension ResultKeys {
  static var trace: [Explanation] {
    rows(stream, under: "trace", of: "memlab trace") + rows(sweep, under: "trace.sweep", of: "memlab trace --sweep")
      + rows(mode, under: "trace.modes.*", of: "memlab trace") + rows(stale, under: "trace.modes.*.stale", of: "memlab trace --check-stale")
  }

  private static let stream: [Row] = [
    ("trace", "name", "The stream: a file's path, or a generator with all its parameters."),
    ("state", "name", "complete, or partial where the run was interrupted: counts are then those of that moment."),
    ("accesses", "accesses", "Accesses that were read, those of the warm-up too; one that crosses a page is two."),
    ("events", "events", "Records that are no accesses: forks, unmappings, switches and the like."),
    ("skipped", "records", "Records that mean nothing to translation and were passed over."),
    ("page_crossings", "accesses", "Accesses of the recording that cross a page; each became two."),
    ("warm_up", "accesses", "Accesses before counting began: what they mapped and cached stayed, what they cost is not counted."),
    ("tlb", "name", "The TLB and its walk caches, structure by structure."),
    ("cost", "name", "The cost preset that cycles are computed with; `memlab list` gives its figures and their sources."),
    ("guest_page", "name", "The size of the pages that the guest's kernel gives to programs."),
    (
      "host_page", "name",
      "The size of the pages that the host backs the guest with; under native paging, as on bare hardware, at least guest_page."
    ),
    ("levels", "levels", "Levels of the guest's tables."),
    ("host_levels", "levels", "Levels of the host's tables for the guest."),
    ("memory_bytes", "bytes", "The guest's memory."),
    ("vpid", "truth", "Whether the guest's translations are tagged, so that exits drop none."),
    ("nested_format", "name", "The format of the host's tables: ept (Intel's) or npt (AMD's). Nested."),
    ("ept_accessed_dirty", "truth", "Whether the host's tables have accessed and dirty bits. Nested, Intel's format."),
    ("pml", "truth", "Whether the processor logs pages that the guest dirties, with an exit when the log is full. Nested, Intel's format."),
    ("pcid", "truth", "Whether the guest's kernel tags address spaces, so that its switches drop none."),
    ("unsync", "name", "Which guest tables may differ from their shadow for a while."),
    ("update_batch", "updates", "Page-table updates that a direct guest sends in one hypercall, at most."),
    ("monitor", "name", "Where a direct guest's hypervisor lives: segment-limits (in every address space) or own-space."),
    ("notes", "list", "What is worth knowing about the recording, in words."),
  ]

  private static let sweep: [Row] = [
    (
      "entries", "entries",
      "The size of a TLB of one level, for pages of 4 KiB, that the stream's data accesses were counted on in the same pass. Nothing is dropped from it: no invalidations, no context switches."
    ),
    ("ways", "ways", "Its ways; as many as entries where it is fully associative."),
    ("hits", "accesses", "Data accesses after the warm-up that hit in it."),
    ("misses", "accesses", "Data accesses after the warm-up that missed it."),
  ]

  private static let mode: [Row] = [
    ("references", "accesses", "Accesses that completed; one that faulted and was made again is one."),
    ("l1i_hits", "accesses", "Fetches that hit in the first level of the TLB."),
    ("l1i_misses", "accesses", "Fetches that missed it."),
    ("l1d_hits", "accesses", "Reads and writes that hit in the first level of the TLB."),
    ("l1d_misses", "accesses", "Reads and writes that missed it."),
    ("l2_hits", "accesses", "Accesses that missed the first level and hit in the second."),
    ("l2_misses", "accesses", "Accesses that missed every level and completed after a walk."),
    ("walks", "walks", "Page walks, those that ended in a page fault or an exit too."),
    ("walk_references", "references", "Table entries that those walks read, in both dimensions."),
    ("references_per_walk", "references", "walk_references of a walk on average; 0 where there was none."),
    ("page_faults", "faults", "Page faults that the guest's kernel handled."),
    ("pages_touched", "pages", "Pages, of the guest's page size, that a process touched for the first time or had populated."),
    ("copies_on_write", "pages", "Pages copied because a process wrote to one that it shared since a fork."),
    ("protection_faults", "faults", "Writes to pages that the program had made read-only, which its handler made writable again."),
    ("table_stores", "stores", "Entries of page tables that the guest's kernel wrote."),
    ("table_updates", "updates", "Of a direct guest: those that hypercalls carried, each after its check."),
    ("checked_entries", "entries", "Of a direct guest: entries that were checked because their frame became a page table."),
    ("rewrites", "entries", "Entries that were rewritten with what they held."),
    ("cr3_loads", "loads", "Loads of CR3: switches of process and invalidations of everything."),
    ("invlpgs", "instructions", "INVLPGs."),
    ("context_switches", "switches", "Switches from one process to another."),
    ("world_switches", "switches", "Times that the processor left the guest for a device's or a timer's sake."),
    ("processes", "processes", "Processes that were made, by a switch to a new number or by a fork."),
    ("exits.*", "exits", "Exits to the hypervisor for a reason; the hypercalls of direct paging are among them."),
    ("operations.*", "operations", "Operations of the guest's kernel that do not concern memory, by kind."),
    ("cycles", "cycles", "All that was counted times the figures of the cost preset."),
    ("cycles_per_reference", "cycles", "cycles of an access on average; 0 where there was none."),
    ("cycles_by_cause.*", "cycles", "Cycles of one cause: its events times their figure in the cost preset."),
    ("ratio_to_native", "ratio", "cycles_per_reference over that of native paging in the same run; null where that was not asked for."),
    ("seconds", "s", "Wall time of replaying, without the reading of the stream."),
    ("references_per_second", "accesses/s", "references in a second of that wall time."),
  ]

  static let stale: [Row] = [
    ("compared", "accesses", "Accesses that were compared with what the tables said at that moment."),
    ("hypervisor", "accesses", "Accesses that went wrong because the hypervisor did not invalidate; anything but 0 is a defect of memlab."),
    ("guest", "accesses", "Accesses that went wrong because the guest's kernel did not invalidate."),
    ("findings", "list", "The first of them, in words."),
  ]
}
