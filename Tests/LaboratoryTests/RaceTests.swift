import PageSharing
import Scenarios
import Synchronization
import Testing

@testable import Laboratory

@Suite("A race of variants")
struct RaceTests {
  /// Two small guests under three settings.
  private func loaded() throws -> LoadedScenario {
    let text = """
      name: race
      duration: 1s
      sample_every: 500ms
      host: {memory: 64MiB, tlb: "l1i=8x2,l1d=16x4,l2=64x4"}
      window: {every: 500ms, accesses: 100}
      sharing: {pages_to_scan: 1000}
      vms:
        - name: a
          count: 2
          memory: 16MiB
          min_memory: 16MiB
          guest:
            kind: synthetic
            image: debian
            kernel: 2MiB
            processes: [{name: web, heap: 4MiB, text: 0B, heap_zero: 20%, heap_duplicate: 30%}]
      variants:
        - {name: none, set: {sharing.scanner: none}}
        - {name: ksm}
        - {name: zeros, set: {sharing.use_zero_pages: true}, expect: [sharing.merges > 0]}
      """
    return try ScenarioLoader.load(bytes: Array(text.utf8), path: "race.yaml")
  }

  @Test("gives each variant what a run of it alone gives, however many run at a time", arguments: [1, 3])
  func alone(threads: Int) async throws {
    let loaded = try loaded()
    let race = try await Race(loaded, recordings: [:], audited: true).run(threads: threads)
    #expect(race.state == .complete && race.entries.map(\.spec) == loaded.scenario.variants)
    for (entry, variant) in zip(race.entries, loaded.variants) {
      let alone = try Experiment(variant.scenario, recordings: [:], audited: true).run()
      #expect(entry.result == alone, "\(variant.name)")
    }
    let saved = race.entries.map { $0.result?.sharing.savedPages ?? 0 }
    #expect(saved[0] == 0 && saved[1] > 0 && saved[2] > 0)
  }

  @Test("that is interrupted keeps the variants that ended, and says which did not run")
  func interrupted() async throws {
    let race = try Race(try loaded(), recordings: [:], audited: false)
    let asked = Atomic(0)
    let whole = try await race.run(threads: 1, isInterrupted: { asked.add(1, ordering: .relaxed).newValue < 0 })
    let one = asked.load(ordering: .relaxed) / 3
    // Between the ends of the first and the last variant.
    let limit = one + one / 2
    let count = Atomic(0)
    let part = try await race.run(threads: 1, isInterrupted: { count.add(1, ordering: .relaxed).newValue > limit })
    #expect(part.state == .partial && part.entries[0] == whole.entries[0])
    #expect(part.entries[1].result?.state == .partial)
    #expect(part.entries[2].result == nil)
  }

  @Test("tells progress over all variants, up to all of their time")
  func progress() async throws {
    let times = Mutex<[UInt64]>([])
    let race = try Race(try loaded(), recordings: [:], audited: false)
    _ = try await race.run(threads: 2, progress: { time in times.withLock { $0.append(time) } })
    let seen = times.withLock { $0 }
    #expect(seen == seen.sorted() && seen.last == race.totalNanoseconds && race.totalNanoseconds == 3_000_000_000)
  }

  @Test("in which a variant cannot be set up names it, before any has run")
  func failure() throws {
    let text = """
      name: race
      host: {memory: 16MiB}
      vms: [{name: a, memory: 64MiB, guest: {kind: recorded, trace: t.pit, guest: g}}]
      variants: [{name: odd, set: {vms.a.guest.trace: u.pit}}]
      """
    let loaded = try ScenarioLoader.load(bytes: Array(text.utf8), path: "race.yaml", traceExists: { _ in true })
    #expect {
      try Race(loaded, recordings: [:], audited: false)
    } throws: { error in
      "\(error)" == "variant \"odd\": virtual machine \"a\": u.pit was not read"
    }
  }
}
