import Foundation
import Scenarios
import Testing

@Suite("The canonical text of a scenario")
struct CanonicalTextTests {
  private func checkRoundTrip(_ text: String) throws {
    let scenario = try Samples.load(text).scenario
    let canonical = scenario.canonicalText
    let again = try Samples.load(canonical).scenario
    #expect(again == scenario, "\(text)\n---\n\(canonical)")
    #expect(again.canonicalText == canonical)
    let values = scenario.resolvedValues
    #expect(Set(values.map(\.path)).count == values.count, "two values have one path")
  }

  @Test("The quickstart's loads back to an equal scenario")
  func quickstart() throws { try checkRoundTrip(Samples.quickstart) }

  @Test("That of a scenario with every field loads back to an equal scenario")
  func full() throws { try checkRoundTrip(Samples.full) }

  @Test("That of any valid scenario loads back to an equal scenario")
  func random() throws {
    for seed in 0..<200 as Range<UInt64> {
      do { try checkRoundTrip(RandomScenario.text(seed: seed)) } catch {
        Issue.record("seed \(seed): \(error)\n\(RandomScenario.text(seed: seed))")
        return
      }
    }
  }

  @Test("It has all defaults, in the schema's order")
  func least() throws {
    #expect(
      try Samples.load(Samples.least).scenario.canonicalText == """
        name: least
        description: ""
        seed: 1
        duration: 60s
        sample_every: 1s
        window:
          every: 1s
          accesses: 20000
        host:
          memory: 1GiB
          swap: none
          tlb: golden
          cost: haswell-2013
          walk_caches: tlb
          numa_nodes: 1
        sharing:
          scanner: ksm
          pages_to_scan: 100
          sleep: 20ms
          max_page_sharing: 256
          use_zero_pages: false
          smart_scan: true
          smart_scan_remedy: none
          merge_across_nodes: true
          prune: 2s
          tuner: none
          advisor:
            target_scan_time: 200s
            max_cpu: 70%
            min_pages_to_scan: 500
            max_pages_to_scan: 30000
          salting: true
          esx:
            order: random
            scan_time: 1h
            max_scan_rate: 40960/s
          zero_only:
            gated: true
          xlh:
            hints: 16384
            hint_order: newestFirst
            hint_life: 0s
            hint_runs: 1
            scan_runs: 1
          same_vm:
            domain: space
          difference_engine:
            groups: 2
            blocks: 1
            candidates: 1
            patch_limit: 2048
            compress_limit: 2048
            patch_after: 1
            compress_after: 4
        overcommit:
          policy: none
          every: 10s
          host_target: 80%
          max_change: 100MiB
        captures:
          every: 10s
          count: 0
        vms:
          - name: a
            count: 1
            memory: 512MiB
            min_memory: 256MiB
            shares: 1000
            paging: nested
            translation:
              vpid: true
              nested_format: ept
              ept_accessed_dirty: true
              pml: false
              host_levels: 4
              unsync: kvm
              prefetch: kvm
              agile_stores: 2
              agile_interval: 100000
              agile_return: dirty-scan
              agile_warm_up: 0
              update_batch: 16
              monitor: segment-limits
            balloon: true
            mergeable: true
            tenant: a
            huge_pages: never
            split_huge_pages: true
            numa_node: 0
            start: 0s
            stop: never
            guest:
              kind: synthetic
              image: debian
              kernel: 40MiB
              files: 0B
              files_own: 0%
              file_reads: 0/s
              file_accesses: zipf
              init_on_free: false
              aslr: false
              pointer_pages: 20%
              processes: []
              load: []
              storm:
                at: never
                pages: 100%
                bytes: own
        expect: []
        variants: []

        """)
  }

  @Test("Resolved values have the paths that arguments can set")
  func resolvedValues() throws {
    let scenario = try Samples.load(Samples.full).scenario
    let values = scenario.resolvedValues
    #expect(values.contains(ResolvedValue(path: "vms.web.guest.processes.nginx.heap", value: "20MiB")))
    #expect(values.contains(ResolvedValue(path: "vms.web.guest.load.1.at", value: "8s")))
    #expect(values.contains(ResolvedValue(path: "expect.2", value: "host.free_min_bytes >= 104857600")))
    let same = try Samples.load(Samples.full, set: values.map { "\($0.path)=\($0.value)" }).scenario
    #expect(same == scenario)
  }
}
