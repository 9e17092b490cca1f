internal import PageSharing

extension KSMCounters {
  /// The counters by the kernel's names, in the order of every form of the result.
  var fields: [(name: String, value: JSONValue)] {
    [
      ("full_scans", .count(fullScans)), ("pages_scanned", .count(pagesScanned)), ("pages_skipped", .count(pagesSkipped)),
      ("pages_shared", .count(pagesShared)), ("pages_sharing", .count(pagesSharing)), ("pages_unshared", .count(pagesUnshared)),
      ("pages_volatile", .count(pagesVolatile)), ("ksm_zero_pages", .count(ksmZeroPages)),
      ("stable_node_chains", .count(stableNodeChains)), ("stable_node_dups", .count(stableNodeDups)),
      ("general_profit", .integer(generalProfit)),
    ]
  }

  var summary: JSONValue { .object(fields.map { .init($0.name, $0.value) }) }
}
