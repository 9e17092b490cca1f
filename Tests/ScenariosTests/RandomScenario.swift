import Columns

/// Writes scenarios at random, every one of them valid, with each field given or left out by chance.
struct RandomScenario {
  private var random: RandomStream
  private var lines: [String] = []

  /// The text for a seed.
  static func text(seed: UInt64) -> String {
    var writer = RandomScenario(random: RandomSource(seed: seed).stream("scenario"))
    writer.scenario()
    return writer.lines.joined(separator: "\n") + "\n"
  }

  private mutating func number(_ range: ClosedRange<UInt64>) -> UInt64 {
    range.lowerBound + random.below(range.upperBound - range.lowerBound + 1)
  }

  private mutating func pick(_ values: String...) -> String { values[random.index(below: values.count)] }

  /// A line, three times out of four.
  private mutating func maybe(_ indent: Int, _ key: String, _ value: (inout RandomScenario) -> String) {
    let text = value(&self)
    if random.below(4) > 0 { always(indent, "\(key): \(text)") }
  }

  private mutating func always(_ indent: Int, _ text: String) { lines.append(String(repeating: " ", count: indent) + text) }

  private mutating func scenario() {
    always(0, "name: \(pick("a", "0", "null-and-void", "x_1", "true", "1e3"))")
    maybe(0, "description") {
      $0.pick("plain words", "\"quotes \\\" and \\\\\"", "'it''s: # not'", "\"\\u00e9 \\U0001F600\"", "'null'", "''", "' padded '")
    }
    maybe(0, "seed") { "\($0.number(0...UInt64.max - 1))" }
    maybe(0, "duration") { "\($0.number(1...100))\($0.pick("s", "min", "ms"))" }
    maybe(0, "sample_every") { "\($0.number(10...720))\($0.pick("s", "ms"))" }
    if random.below(2) == 0 { always(0, "window: {every: \(number(100...999)).5ms, accesses: \(number(0...100))}") }
    if random.below(2) == 0 { always(0, "captures: {every: 1ms, count: \(number(0...1))}") }
    always(0, "host:")
    always(2, "memory: \(number(16...4096))MiB")
    maybe(2, "swap") { $0.pick("none", "0B", "1.5GiB", "1TiB") }
    maybe(2, "tlb") { $0.pick("golden", "l1i=32x32,l1d=64x4,l2=1536x6") }
    maybe(2, "cost") { $0.pick("haswell-2013") }
    if random.below(2) == 0 {
      always(0, "sharing:")
      always(2, "scanner: \(pick("none", "ksm"))")
      maybe(2, "pages_to_scan") { "\($0.number(1...4_000_000_000))" }
      maybe(2, "sleep") { "\($0.number(1...1000))ms" }
      maybe(2, "max_page_sharing") { "\($0.number(2...2_000_000_000))" }
      maybe(2, "use_zero_pages") { $0.pick("true", "false") }
      maybe(2, "smart_scan") { $0.pick("true", "false") }
      maybe(2, "smart_scan_remedy") { $0.pick("none", "checksum-phase", "keep-skipped") }
      maybe(2, "merge_across_nodes") { $0.pick("true", "false") }
      maybe(2, "prune") { $0.pick("0s", "1ms", "2s") }
      maybe(2, "tuner") { $0.pick("none", "advisor") }
      maybe(2, "advisor") { "{target_scan_time: \($0.number(1...100))s, max_cpu: \($0.number(1...100))%}" }
      maybe(2, "salting") { $0.pick("true", "false") }
    }
    if random.below(2) == 0 {
      always(0, "overcommit:")
      always(2, "policy: \(pick("none", "share-proportional"))")
      maybe(2, "every") { "\($0.number(1...100))s" }
      maybe(2, "host_target") { "\($0.number(1...100))%" }
      maybe(2, "max_change") { "\($0.number(1...100_000) * 4)KiB" }
    }
    if random.below(2) == 0 {
      always(0, "variants:")
      always(2, "- name: v")
      maybe(4, "description") { $0.pick("words", "'null'") }
      maybe(4, "set") {
        $0.pick("{sharing.scanner: none}", "{vms.*.shares: 5, expect: []}", "{window: {every: 3s}}", "{description: 'a: b'}")
      }
      maybe(4, "expect") { $0.pick("[]", "[sharing.merges >= 0]") }
    }
    always(0, "vms:")
    for index in 0...random.below(4) { vm(index) }
    if random.below(2) == 0 {
      always(0, "expect:")
      always(
        2, "- sharing.merges \(pick("==", "!=", "<", "<=", ">", ">=")) \(pick("0", "-1.5", "1e300", "2GiB", "0.1", "9007199254740993"))")
    }
  }

  private mutating func vm(_ index: UInt64) {
    always(2, "- name: vm-\(index)")
    always(4, "memory: \(number(400...4096))MiB")
    maybe(4, "min_memory") { "\($0.number(101...400))MiB" }
    maybe(4, "shares") { "\($0.number(1...1_000_000))" }
    maybe(4, "paging") { $0.pick("native", "nested", "shadow") }
    maybe(4, "balloon") { $0.pick("true", "false") }
    maybe(4, "mergeable") { $0.pick("true", "false") }
    maybe(4, "count") { "\($0.number(1...3))" }
    maybe(4, "tenant") { $0.pick("acme", "7") }
    maybe(4, "stop") { $0.pick("never", "1ms", "5s") }
    always(4, "guest:")
    if random.below(2) == 0 { synthetic() } else { recorded() }
    if random.below(2) == 0 {
      always(6, "load:")
      always(8, "- {at: \(number(0...500))ms, level: \(number(0...100))%}")
      always(8, "- {at: \(number(501...1000))ms, level: \(number(0...100))%}")
    }
    maybe(6, "storm") { "{at: \($0.pick("never", "0s", "3s")), pages: \($0.number(1...100))%, bytes: \($0.pick("own", "same"))}" }
  }

  private mutating func synthetic() {
    always(6, "kind: synthetic")
    always(6, "image: \(pick("debian-12", "X.y+z"))")
    maybe(6, "kernel") { "\($0.number(256...25_000) * 4)KiB" }
    maybe(6, "files") { "\($0.number(0...1000))MiB" }
    maybe(6, "files_own") { "\($0.number(0...100))%" }
    maybe(6, "file_reads") { "\($0.number(0...100_000_000))/s" }
    maybe(6, "file_accesses") { $0.pick("sequential", "random", "zipf") }
    maybe(6, "init_on_free") { $0.pick("true", "false") }
    maybe(6, "aslr") { $0.pick("true", "false") }
    maybe(6, "pointer_pages") { "\($0.number(0...100))%" }
    guard random.below(3) > 0 else { return }
    always(6, "processes:")
    for index in 0...random.below(3) {
      always(8, "- name: \(pick("nginx", "Xorg"))\(index)")
      maybe(10, "count") { "\($0.number(1...10))" }
      maybe(10, "text") { "\($0.number(0...10))MiB" }
      always(10, "heap: \(number(1...2000) * 4)KiB")
      maybe(10, "heap_zero") { "\($0.number(0...50))%" }
      maybe(10, "heap_duplicate") { "\($0.number(0...50))%" }
      maybe(10, "writes") { "\($0.number(0...1000))/s" }
      maybe(10, "accesses") { $0.pick("sequential", "random", "zipf") }
    }
  }

  private mutating func recorded() {
    always(6, "kind: recorded")
    always(6, "trace: \(pick("data/x.pit", "\"a b: #.pit\"", "/abs/ö.pit"))")
    always(6, "guest: \(pick("w1", "1"))")
    maybe(6, "accesses") { $0.pick("sequential", "random", "zipf") }
    maybe(6, "reads") { "\($0.number(0...1000))/s" }
    maybe(6, "writes") { "\($0.number(0...1000))/s" }
  }
}
