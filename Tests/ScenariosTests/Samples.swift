import Foundation
import Scenarios

/// The repository's scenarios, and ways to load texts in their place.
enum Samples {
  /// The folder of the repository's scenarios.
  static let workloads = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Workloads").path

  /// The quickstart.
  static let quickstart: String = {
    (try? String(contentsOfFile: workloads + "/quickstart.yaml", encoding: .utf8)) ?? ""
  }()

  /// A scenario with nothing but what must be there.
  static let least = """
    name: least
    host:
      memory: 1GiB
    vms:
      - name: a
        memory: 512MiB
        guest:
          kind: synthetic
          image: debian
    """

  /// A scenario with every field, each with another value than its default.
  static let full = """
    name: full
    description: Every field, none with its default.
    seed: 42
    duration: 90s
    sample_every: 500ms
    window:
      every: 2s
      accesses: 5000
    host:
      memory: 1GiB
      swap: 1.5GiB
      tlb: l1i=32x32,l1d=64x4,l2=1536x6
      cost: adams-agesen-2006
      numa_nodes: 2
    sharing:
      scanner: none
      pages_to_scan: 1500
      sleep: 5ms
      max_page_sharing: 2
      use_zero_pages: true
      smart_scan: false
      smart_scan_remedy: checksum-phase
      merge_across_nodes: false
      prune: 0s
      tuner: advisor
      advisor: {target_scan_time: 100s, max_cpu: 50%, min_pages_to_scan: 100, max_pages_to_scan: 20000}
      salting: false
      esx: {order: linear, scan_time: 0s, max_scan_rate: 1000/s}
      zero_only: {gated: false}
    overcommit: {policy: share-proportional, every: 2s, host_target: 75%, max_change: 50MiB}
    captures: {every: 15s, count: 6}
    vms:
      - name: web
        memory: 512MiB
        min_memory: 192MiB
        shares: 1
        paging: shadow
        balloon: false
        tenant: acme
        numa_node: 1
        huge_pages: always
        split_huge_pages: false
        start: 1s
        stop: 80s
        guest:
          kind: synthetic
          image: debian-12
          kernel: 41MiB
          files: 260MiB
          files_own: 30%
          file_reads: 4000/s
          file_accesses: random
          init_on_free: true
          aslr: true
          pointer_pages: 35%
          processes:
            - name: nginx
              count: 8
              text: 12MiB
              heap: 20MiB
              heap_zero: 10%
              heap_duplicate: 20%
              writes: 300/s
              accesses: sequential
          load:
            - {at: 0s, level: 40%}
            - {at: 8s, level: 100%}
          storm: {at: 30s, pages: 50%, bytes: same}
      - name: w1
        memory: 256MiB
        min_memory: 96MiB
        shares: 500
        paging: native
        mergeable: false
        guest:
          kind: recorded
          trace: data/five-guests.pit.zst
          guest: w1
          accesses: random
          reads: 2000/s
          writes: 50/s
          load: [{at: 1ms, level: 0%}]
          storm: {at: 1min, pages: 1%}
    expect:
      - sharing.merges > 0
      - vms.web.exits.ept_violation != 1.5
      - host.free_min_bytes >= 100MiB
      - vms.web.slowdown < vms.w1.slowdown
      - variants.fast.sharing.first_merge_ns < 10s
    variants:
      - name: fast
        description: A scanner that hurries.
        set: {sharing.scanner: ksm, vms.*.shares: 7, vms.web.guest.load: [{at: 1s, level: 5%}], "vms.w1.guest.trace": "b: #.pit"}
        expect: [sharing.merges >= 1]
      - name: plain
        description: As it is.
    """

  /// Loads a text as `test.yaml`; every trace is there.
  static func load(_ text: String, set overrides: [String] = [], seed: UInt64? = nil) throws(ScenarioErrors) -> LoadedScenario {
    try ScenarioLoader.load(bytes: Array(text.utf8), path: "test.yaml", overrides: overrides, seed: seed, traceExists: { _ in true })
  }

  /// What is wrong with a text.
  static func diagnostics(_ text: String, set overrides: [String] = []) -> [ScenarioDiagnostic] {
    do throws(ScenarioErrors) {
      _ = try load(text, set: overrides)
      return []
    } catch { return error.diagnostics }
  }
}
