/// What a run samples. The raw value is the name in every result.
public enum Metric: String, CaseIterable, Sendable {
  // Of the host.
  case freeBytes = "free_bytes"
  case privateBytes = "private_bytes"
  case sharedBytes = "shared_bytes"
  case balloonedBytes = "ballooned_bytes"
  case swappedBytes = "swapped_bytes"
  case savedZeroPages = "saved_zero_pages"
  case savedSelfPages = "saved_self_pages"
  case savedInterPages = "saved_inter_pages"
  case merges = "merges"
  case cowBreaks = "cow_breaks"
  case fullScans = "full_scans"
  case pagesScanned = "pages_scanned"
  case pagesShared = "pages_shared"
  case pagesSharing = "pages_sharing"
  case pagesUnshared = "pages_unshared"
  case pagesVolatile = "pages_volatile"
  case pagesSkipped = "pages_skipped"
  case ksmZeroPages = "ksm_zero_pages"
  case stableNodeChains = "stable_node_chains"
  case stableNodeDups = "stable_node_dups"
  case rmapItems = "rmap_items"
  case generalProfit = "general_profit"
  case scannerVisits = "scanner_visits"
  case scannerCPUNanoseconds = "scanner_cpu_ns"
  case scannerCPU = "scanner_cpu"
  case pagesToScan = "pages_to_scan"
  case storedPages = "stored_pages"
  case storedBytes = "stored_bytes"
  case savedBytes = "saved_bytes"
  // Of a virtual machine.
  case ksmMergingPages = "ksm_merging_pages"
  case ksmRmapItems = "ksm_rmap_items"
  case ksmProcessProfit = "ksm_process_profit"
  case balloonTargetBytes = "balloon_target_bytes"
  case balloonActualBytes = "balloon_actual_bytes"
  case balloonFreedBytes = "balloon_freed_bytes"
  case guestFreeBytes = "guest_free_bytes"
  case guestCacheBytes = "guest_cache_bytes"
  case guestAnonymousBytes = "guest_anonymous_bytes"
  case tlbMissRate = "tlb_miss_rate"
  case referencesPerWalk = "references_per_walk"
  case exits = "exits"
  case guestFaults = "guest_faults"
  case swapIns = "swap_ins"
  case slowdown = "slowdown"
  case dirtyPages = "dirty_pages"

  /// The unit of its values.
  public var unit: String { definition.unit }
  /// What it measures, in a sentence.
  public var meaning: String { definition.meaning }

  private var definition: (unit: String, meaning: String) {
    switch self {
    case .freeBytes: ("bytes", "Host frames that nobody has.")
    case .privateBytes: ("bytes", "Host frames that one guest alone has, the tables of its translation included; of the host: the sum.")
    case .sharedBytes: ("bytes", "Host frames made shareable, each counted once; of a guest: its pages that map such frames.")
    case .balloonedBytes: ("bytes", "Guest pages that the guests' balloons hold.")
    case .swappedBytes: ("bytes", "Guest pages on the host's swap device.")
    case .savedZeroPages: ("pages", "Pages of zeros that need no frame of their own.")
    case .savedSelfPages:
      ("pages", "Pages that share the frame of another page of the same guest: the sum of (copies - 1) over guests and contents.")
    case .savedInterPages: ("pages", "Pages that share the frame of another guest: the sum of (guests - 1) over frames.")
    case .merges: ("merges", "Pages merged since the start.")
    case .cowBreaks: ("copies", "Shared pages copied because a guest wrote to them, since the start.")
    case .fullScans: ("scans", "Full scans of all registered memory since the start.")
    case .pagesScanned: ("pages", "Pages that the scanner looked at since the start.")
    case .pagesShared: ("pages", "Stable pages, as the scanner counts them.")
    case .pagesSharing: ("pages", "Further pages that map a stable page, as the scanner counts them.")
    case .pagesUnshared: ("pages", "Pages that the scanner found unique in the current scan.")
    case .pagesVolatile: ("pages", "The scanner's other pages: changed too fast, skipped, or given the zero page.")
    case .pagesSkipped: ("pages", "Pages that smart_scan skipped since the start.")
    case .ksmZeroPages: ("pages", "Pages that the scanner mapped to the zero page; of the host: those of all guests.")
    case .stableNodeChains: ("contents", "Contents with more copies than max_page_sharing allows for one stable page.")
    case .stableNodeDups: ("pages", "Stable pages of those contents.")
    case .rmapItems: ("items", "Items that the scanner keeps, one for each page that it has seen; 64 bytes each in the kernel.")
    case .generalProfit:
      ("bytes", "Bytes saved less what the kernel's bookkeeping takes: (sharing + zero) * 4096 - items * 64; negative where it takes more.")
    case .scannerVisits: ("visits", "Visits of the scanner to pages since the start, those to merged pages included.")
    case .scannerCPUNanoseconds: ("ns", "Processor time that the scanner's work took since the start, by the costs of its operations.")
    case .scannerCPU: ("ratio", "The scanner's processor time since the last sample, as a part of one processor.")
    case .pagesToScan: ("pages", "Pages in a batch of the scanner, as they are set now; 0 while a tuner has it stopped.")
    case .storedPages: ("pages", "Guest pages without a frame that the scanner stores as patches or compressed.")
    case .storedBytes: ("bytes", "What those take.")
    case .savedBytes: ("bytes", "What the scanner saves: the saved pages and the stored ones, less what the stores take.")
    case .ksmMergingPages: ("pages", "The guest's pages that share a stable page, the first sharer of each included (/proc/PID/ksm_stat).")
    case .ksmRmapItems: ("items", "Items that the scanner keeps for the guest's pages (/proc/PID/ksm_stat).")
    case .ksmProcessProfit:
      (
        "bytes",
        "Bytes that the guest's pages save less bytes that its items take: (merging + zero) * 4096 - items * 64 (/proc/PID/ksm_stat)."
      )
    case .balloonTargetBytes: ("bytes", "The memory that the policy wants the guest to have.")
    case .balloonActualBytes: ("bytes", "The guest's memory less what its balloon holds; 0 once the host has stopped the guest.")
    case .balloonFreedBytes: ("bytes", "Host frames that the guest's balloon freed since the start.")
    case .guestFreeBytes: ("bytes", "Memory that the guest's own kernel counts as free.")
    case .guestCacheBytes: ("bytes", "The guest's page cache.")
    case .guestAnonymousBytes: ("bytes", "Anonymous memory of the guest's processes.")
    case .tlbMissRate: ("ratio", "Accesses that missed every level of the TLB, of all accesses since the last sample.")
    case .referencesPerWalk: ("references", "Table entries read per page walk since the last sample.")
    case .exits: ("exits", "VM exits since the start, for all reasons.")
    case .guestFaults: ("faults", "Page faults that the guest's own kernel handled since the start.")
    case .swapIns: ("pages", "Pages read back from the host's swap device since the start.")
    case .dirtyPages:
      ("pages", "Pages that the guest has written to since the last sample, as a page-modification log tells; of guests with pml only.")
    case .slowdown:
      (
        "ratio",
        "Cycles that the accesses since the last sample took, over the cycles of the same accesses on bare hardware with the same TLB and walk caches and enough memory."
      )
    }
  }
}
