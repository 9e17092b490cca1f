public import Laboratory
internal import PageSharing
internal import Scenarios

extension RunResult {
  /// The content of `summary.json`: the state at the end of the run, under the names that expectations and scripts use.
  public var summary: JSONValue {
    let members: [JSONValue.Member] = [
      .init("schema", "memlab.run/1"),
      .init("scenario", .string(scenario.name)),
      .init("seed", .count(scenario.seed)),
      .init("state", .string(state.rawValue)),
      .init("host", host.summary),
      .init("sharing", sharing.summary),
      .init("vms", .array(vms.map(\.summary))),
      .init("virtual_ns", .count(virtualNanoseconds)),
      .init("audit", audit.summary),
    ]
    // Only runs that take captures have the one key, and only those that compare accesses the other.
    let optional = [captures.map { JSONValue.Member("captures", $0.summary) }, stale.map { JSONValue.Member("stale", $0.summary) }]
    return .object(members + optional.compactMap { $0 } + [.init("failed_expectations", .array(failedExpectations.map(JSONValue.string)))])
  }
}

extension AuditSummary {
  var summary: JSONValue {
    [
      "samples": .count(samples),
      "violations": .count(violations),
      "messages": .array(messages.map(JSONValue.string)),
    ]
  }
}

extension StaleSummary {
  var summary: JSONValue {
    [
      "compared": .count(compared), "hypervisor": .count(byHypervisor), "guest": .count(byGuest),
      "findings": .array(findings.map(JSONValue.string)),
    ]
  }

  /// The counts in words.
  var text: String {
    let of = "of \(Wording.grouped(compared)) accesses compared"
    guard byHypervisor > 0 || byGuest > 0 else { return "\(of), none went through a stale translation" }
    return "\(of), \(Wording.grouped(byHypervisor)) stale by the hypervisor, \(Wording.grouped(byGuest)) by guests"
  }
}

extension HostSummary {
  var summary: JSONValue {
    [
      "total_bytes": .count(totalBytes),
      "free_bytes": .count(freeBytes),
      "free_min_bytes": .count(freeMinBytes),
      "private_bytes": .count(privateBytes),
      "shared_bytes": .count(sharedBytes),
      "ballooned_bytes": .count(balloonedBytes),
      "swapped_bytes": .count(swappedBytes),
    ]
  }
}

extension SharingSummary {
  /// The kernel's counters stand twice: among the others, and as the object that `memlab scan` gives.
  var summary: JSONValue {
    let members: [JSONValue.Member] =
      [
        .init("saved_pages", .count(savedPages)), .init("saved_zero", .count(savedZero)), .init("saved_self", .count(savedSelf)),
        .init("saved_inter", .count(savedInter)), .init("shareable_pages", .count(shareablePages)), .init("merges", .count(merges)),
        .init("cow_breaks", .count(cowBreaks)),
        .init("access_breaks", .count(accessBreaks)), .init("stored_pages", .count(storedPages)),
        .init("stored_bytes", .count(storedBytes)),
        .init("saved_bytes", .count(savedBytes)),
        .init("first_merge_ns", firstMergeNanoseconds.map { .count($0) } ?? .null),
      ] + ksm.fields.map { .init($0.name, $0.value) } + [.init("ksm", ksm.summary), .init("scanner", scanner)]
    return .object(members)
  }

  /// What the scanner did, in operations, and what that took.
  private var scanner: JSONValue {
    .object(Self.workColumns.map { .init($0.name, .count(work[keyPath: $0.value])) } + [.init("cpu_ns", .count(scannerNanoseconds))])
  }

  /// The operations of a scanner, in the order of every table that holds them, with what they mean.
  static var workColumns: [(name: String, unit: String, meaning: String, value: KeyPath<ScanWork, UInt64>)] {
    [
      ("visits", "visits", "Visits to pages, those to merged pages included.", \.visits),
      ("bytes_hashed", "bytes", "Bytes that hashes and checksums were computed over.", \.bytesHashed),
      ("search_steps", "steps", "Steps through search trees or indexes.", \.searchSteps),
      ("bytes_compared", "bytes", "Bytes compared to decide whether two pages are equal.", \.bytesCompared),
      ("merges", "merges", "Pages mapped to a frame that others map too, the zero page included.", \.merges),
      ("failed_merges", "merges", "Merges that were tried and failed.", \.failedMerges),
      ("bytes_encoded", "bytes", "Bytes read to be patched or compressed.", \.bytesEncoded),
    ]
  }
}

extension VMSummary {
  var summary: JSONValue {
    var members: [JSONValue.Member] = [
      .init("name", .string(name)),
      .init("paging", .string(paging)),
      .init("state", .string(state.rawValue)),
    ]
    for (column, value) in zip(Self.columns, columnValues) {
      if column.name == "balloon_target_bytes" {
        members.append(.init("exits", .object(exits.map { .init($0.reason, .count($0.count)) })))
      }
      members.append(.init(column.name, value.json))
    }
    members.append(.init("cycles_by_cause", .object(cyclesByCause.map { .init($0.cause, .count($0.cycles)) })))
    // Only machines with a page-modification log have the keys.
    if let dirtyPages { members += [.init("logged_pages", .count(loggedPages)), .init("dirty_pages", .count(dirtyPages))] }
    if let problem { members.append(.init("problem", .string(problem))) }
    return .object(members)
  }

  /// The columns of a virtual machine's numbers, in the order of every table that holds them, with what they mean.
  static let columns: [(name: String, unit: String, meaning: String)] = [
    ("references", "accesses", "Memory accesses that went through its TLB."),
    ("references_per_walk", "references", "Table entries read per page walk."),
    ("walks", "walks", "Page walks, those that ended in a fault too."),
    ("tlb_misses", "accesses", "Accesses that missed every level of the TLB."),
    ("table_updates", "updates", "Updates of a direct guest's page tables that hypercalls carried."),
    ("cycles", "cycles", "Cycles that the measured accesses took: counts times the figures of host.cost."),
    ("cycles_per_access", "cycles", "Cycles of a measured access on average."),
    ("tlb_miss_rate", "ratio", "Accesses that missed every level of the TLB, of all accesses."),
    ("balloon_target_bytes", "bytes", "The memory that the policy last asked it to have."),
    ("balloon_actual_bytes", "bytes", "Its memory less what its balloon holds."),
    ("balloon_actual_min_bytes", "bytes", "The least of balloon_actual_bytes at any sample."),
    ("balloon_actual_max_bytes", "bytes", "The greatest of balloon_actual_bytes at any sample."),
    ("balloon_freed_bytes", "bytes", "Host frames that its balloon freed since the start."),
    ("private_bytes", "bytes", "Host frames that it alone has, the tables of its translation included."),
    ("shared_bytes", "bytes", "Its pages that map shared frames."),
    ("swapped_bytes", "bytes", "Its pages on the host's swap device."),
    ("swap_ins", "pages", "Pages read back from the host's swap device."),
    ("huge_mappings", "mappings", "Its memory that the host backs with huge pages, in mappings of 2 MiB."),
    ("huge_splits", "splits", "Huge mappings that were split since the start."),
    ("ksm_merging_pages", "pages", Metric.ksmMergingPages.meaning),
    ("ksm_zero_pages", "pages", "Its pages that the scanner mapped to the zero page."),
    ("ksm_rmap_items", "items", Metric.ksmRmapItems.meaning),
    ("ksm_process_profit", "bytes", Metric.ksmProcessProfit.meaning),
    ("guest_faults", "faults", "Page faults that its own kernel handled."),
    (
      "slowdown", "ratio",
      "Cycles that its accesses took, over the cycles of the same accesses on bare hardware with the same TLB and walk caches and enough memory: its misses walked natively, no exits, nothing swapped; 1 or more."
    ),
  ]

  /// The values of `columns`.
  var columnValues: [MetricValue] {
    [
      .count(references), .real(referencesPerWalk), .count(walks), .count(tlbMisses), .count(tableUpdates), .count(cycles),
      .real(cyclesPerAccess),
      .real(tlbMissRate), .count(balloonTargetBytes), .count(balloonActualBytes),
      .count(balloonActualMinBytes), .count(balloonActualMaxBytes), .count(balloonFreedBytes), .count(privateBytes), .count(sharedBytes),
      .count(swappedBytes), .count(swapIns), .count(hugeMappings), .count(hugeSplits), .count(ksm.mergingPages), .count(ksm.zeroPages),
      .count(ksm.rmapItems), .integer(ksm.profit), .count(guestFaults), .real(slowdown),
    ]
  }
}

extension MetricValue {
  /// The value in a JSON document.
  var json: JSONValue {
    switch self {
    case .count(let count): .count(count)
    case .integer(let integer): .integer(integer)
    case .real(let real): .real(real)
    }
  }

  /// The value in a table: digits, or nothing for what is no number.
  var field: String {
    switch self {
    case .count(let count): String(count)
    case .integer(let integer): String(integer)
    case .real(let real): real.isFinite ? real.description : ""
    }
  }
}
