import Foundation
import PageSharing
import Testing

@testable import Laboratory
@testable import Reporting

@Suite("Summary and tables of a run")
struct ResultFilesTests {
  @Test("summary.json has exactly the documented keys in the documented order")
  func exactSummary() {
    var vm = VMSummary(name: "web", paging: "nested")
    vm.references = 10
    vm.referencesPerWalk = 2.5
    vm.tlbMissRate = 0.25
    vm.exits = [ExitCount(reason: "ept_violation", count: 4), ExitCount(reason: "cpuid", count: 1)]
    vm.balloonTargetBytes = 8192
    (vm.ksm.mergingPages, vm.ksm.rmapItems) = (5, 320)
    var result = RunFixture.empty(vms: [vm], duration: 5)
    result.sharing.merges = 6
    result.sharing.ksm.pagesSharing = 2
    result.sharing.ksm.rmapItems = 3
    result.sharing.shareablePages = 8
    (result.sharing.firstMergeNanoseconds, result.sharing.work.visits, result.sharing.scannerNanoseconds) = (7, 9, 12)
    result.audit.samples = 1
    #expect(result.summary.text() == Self.expected)
  }

  private static let expected = """
    {
      "schema": "memlab.run/1",
      "scenario": "small",
      "seed": 42,
      "state": "complete",
      "host": {
        "total_bytes": 1073741824,
        "free_bytes": 0,
        "free_min_bytes": 0,
        "private_bytes": 0,
        "shared_bytes": 0,
        "ballooned_bytes": 0,
        "swapped_bytes": 0
      },
      "sharing": {
        "saved_pages": 0,
        "saved_zero": 0,
        "saved_self": 0,
        "saved_inter": 0,
        "shareable_pages": 8,
        "merges": 6,
        "cow_breaks": 0,
        "access_breaks": 0,
        "stored_pages": 0,
        "stored_bytes": 0,
        "saved_bytes": 0,
        "first_merge_ns": 7,
        "full_scans": 0,
        "pages_scanned": 0,
        "pages_skipped": 0,
        "pages_shared": 0,
        "pages_sharing": 2,
        "pages_unshared": 0,
        "pages_volatile": 0,
        "ksm_zero_pages": 0,
        "stable_node_chains": 0,
        "stable_node_dups": 0,
        "general_profit": 8000,
        "ksm": {
          "full_scans": 0,
          "pages_scanned": 0,
          "pages_skipped": 0,
          "pages_shared": 0,
          "pages_sharing": 2,
          "pages_unshared": 0,
          "pages_volatile": 0,
          "ksm_zero_pages": 0,
          "stable_node_chains": 0,
          "stable_node_dups": 0,
          "general_profit": 8000
        },
        "scanner": {
          "visits": 9,
          "bytes_hashed": 0,
          "search_steps": 0,
          "bytes_compared": 0,
          "merges": 0,
          "failed_merges": 0,
          "bytes_encoded": 0,
          "cpu_ns": 12
        }
      },
      "vms": [
        {
          "name": "web",
          "paging": "nested",
          "state": "running",
          "references": 10,
          "references_per_walk": 2.5,
          "walks": 0,
          "tlb_misses": 0,
          "table_updates": 0,
          "cycles": 0,
          "cycles_per_access": 0.0,
          "tlb_miss_rate": 0.25,
          "exits": {
            "ept_violation": 4,
            "cpuid": 1
          },
          "balloon_target_bytes": 8192,
          "balloon_actual_bytes": 0,
          "balloon_actual_min_bytes": 0,
          "balloon_actual_max_bytes": 0,
          "balloon_freed_bytes": 0,
          "private_bytes": 0,
          "shared_bytes": 0,
          "swapped_bytes": 0,
          "swap_ins": 0,
          "huge_mappings": 0,
          "huge_splits": 0,
          "ksm_merging_pages": 5,
          "ksm_zero_pages": 0,
          "ksm_rmap_items": 320,
          "ksm_process_profit": 0,
          "guest_faults": 0,
          "slowdown": 1.0,
          "cycles_by_cause": {}
        }
      ],
      "virtual_ns": 5,
      "audit": {
        "samples": 1,
        "violations": 0,
        "messages": []
      },
      "failed_expectations": []
    }

    """

  @Test(
    "A CSV field is quoted where RFC 4180 asks for it, and only there",
    arguments: [
      ("plain", "plain"), ("with space", "with space"), ("a,b", "\"a,b\""), ("say \"hi\"", "\"say \"\"hi\"\"\""),
      ("two\nlines", "\"two\nlines\""),
      ("carriage\rreturn", "\"carriage\rreturn\""), ("\r\n", "\"\r\n\""), ("", ""),
    ])
  func quoting(field: String, text: String) {
    #expect(CSVTable.quoted(field) == text)
  }

  @Test("timeline.csv is long: a line for each sample, in order")
  func timeline() {
    var result = RunFixture.empty(vms: [VMSummary(name: "a,b", paging: "nested")])
    result.timeline = [
      Sample(timeNanoseconds: 0, vm: "", metric: .freeBytes, value: .count(4096)),
      Sample(timeNanoseconds: 0, vm: "a,b", metric: .slowdown, value: .real(1.25)),
      Sample(timeNanoseconds: 1, vm: "", metric: .merges, value: .real(.nan)),
    ]
    var text = ""
    ResultTables.timeline(result) { text += $0 }
    #expect(text == "t_ns,vm,metric,value\n0,,free_bytes,4096\n0,\"a,b\",slowdown,1.25\n1,,merges,\n")
  }

  @Test("A long timeline is handed out in pieces and loses nothing between them")
  func longTimeline() {
    var result = RunFixture.empty()
    result.timeline = (0..<60_000).map { Sample(timeNanoseconds: $0, vm: "web", metric: .pagesScanned, value: .count($0)) }
    var pieces: [String] = []
    ResultTables.timeline(result) { pieces.append($0) }
    let lines = pieces.joined().split(separator: "\n")
    #expect(pieces.count > 1)
    #expect(lines.count == 60_001)
    #expect(lines.dropFirst().enumerated().allSatisfy { $1 == "\($0),web,pages_scanned,\($0)" })
  }

  @Test("vms.csv has a row for each machine and a column for each reason of an exit that any of them had")
  func vms() {
    let table = ResultTables.vms(RunFixture.fourGuests(samples: 2))
    #expect(table.rows.map { $0[0] } == ["web", "database", "w1", "w2"])
    #expect(
      table.header.suffix(6) == [
        "exits_ept_violation", "exits_balloon_notification", "exits_cow_break", "exits_exception_page_fault",
        "exits_control_register_access",
        "exits_invlpg",
      ])
    #expect(table.rows[1].suffix(6) == ["0", "311", "0", "48213", "6120", "9870"])
  }

  @Test("metrics.csv defines every metric and says of what it was sampled")
  func metrics() {
    let table = ResultTables.metrics(RunFixture.fourGuests(samples: 2))
    #expect(table.rows.map { $0[0] } == Metric.allCases.map(\.rawValue))
    let scopes = Dictionary(uniqueKeysWithValues: table.rows.map { ($0[0], $0[2]) })
    #expect(scopes["free_bytes"] == "host")
    #expect(scopes["private_bytes"] == "host and vm")
    #expect(scopes["tlb_miss_rate"] == "vm")
    #expect(scopes["full_scans"] == "not sampled")
  }

  @Test("The command that reproduces a run names neither the folder of its results nor where its scenario lies")
  func reproduction() {
    var manifest = RunFixture.manifest()
    manifest.overrides = ["description=it's, \"this\""]
    #expect(manifest.reproduction(seed: 7) == #"memlab run quickstart.yaml --seed 7 --set 'description=it'\''s, "this"'"#)
  }
}
