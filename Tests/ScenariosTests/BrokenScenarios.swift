import Foundation
import Testing

/// A scenario that is broken in one place, and what the author must be told.
struct BrokenScenario: CustomTestStringConvertible, Sendable {
  /// The text of `BrokenScenario.sound` that is replaced.
  var old: String
  /// What stands there instead.
  var new: String
  /// Where the one diagnostic points.
  var place: String
  /// A part of its message.
  var message: String
  /// A part of its note, where it must have one.
  var note: String?

  init(_ old: String, _ new: String, _ place: String, _ message: String, _ note: String? = nil) {
    (self.old, self.new, self.place, self.message, self.note) = (old, new, place, message, note)
  }

  var testDescription: String { "\(old) -> \(new)" }

  /// A scenario with nothing wrong; the rows below say what is changed in it.
  static let sound = """
    name: sound
    seed: 7
    duration: 10s
    sample_every: 1s
    window: {every: 1s, accesses: 100}
    host:
      memory: 1GiB
      swap: none
      tlb: golden
      cost: haswell-2013
    sharing:
      scanner: ksm
      pages_to_scan: 100
      sleep: 20ms
      max_page_sharing: 256
      use_zero_pages: false
    overcommit:
      policy: share-proportional
      every: 2s
      host_target: 80%
      max_change: 100MiB
    vms:
      - name: a
        memory: 512MiB
        min_memory: 128MiB
        shares: 1000
        paging: nested
        guest:
          kind: synthetic
          image: debian-12
          kernel: 40MiB
          files: 100MiB
          file_reads: 100/s
          file_accesses: zipf
          processes:
            - name: p
              count: 2
              heap: 20MiB
              heap_zero: 10%
              heap_duplicate: 20%
          load:
            - {at: 0s, level: 40%}
            - {at: 5s, level: 90%}
      - name: b
        memory: 64MiB
        guest:
          kind: recorded
          trace: t.pit
          guest: w1
          reads: 10/s
    expect:
      - sharing.merges > 0

    """

  /// The file's text.
  var text: String {
    guard !old.isEmpty, let range = Self.sound.range(of: old) else { return new }
    return Self.sound.replacingCharacters(in: range, with: new)
  }

  /// Names that nobody knows.
  static let names = [
    BrokenScenario("memory: 1GiB", "memry: 1GiB", "7:3", "unknown field \"memry\" in host", "did you mean \"memory\"?"),
    BrokenScenario("seed: 7", "sede: 7", "2:1", "unknown field \"sede\"", "did you mean \"seed\"?"),
    BrokenScenario("seed: 7", "zzzzzz: 7", "2:1", "unknown field \"zzzzzz\"", "known here: name, description, seed"),
    BrokenScenario("pages_to_scan", "page_to_scan", "13:3", "unknown field \"page_to_scan\" in sharing", "\"pages_to_scan\"?"),
    BrokenScenario("    shares", "    share", "26:5", "unknown field \"share\" in vms", "did you mean \"shares\"?"),
    BrokenScenario("heap_zero", "heapzero", "39:11", "unknown field \"heapzero\" in processes", "did you mean \"heap_zero\"?"),
    BrokenScenario("reads: 10/s", "raeds: 10/s", "50:7", "unknown field \"raeds\" in guest", "did you mean \"reads\"?"),
    BrokenScenario("  guest: w1", "  guest: w1\n      <<: {reads: 1/s}", "50:7", "unknown field \"<<\""),
    BrokenScenario("scanner: ksm", "scanner: kms", "12:12", "\"kms\" is not a scanner", "did you mean \"ksm\"?"),
    BrokenScenario("paging: nested", "paging: netsed", "27:13", "\"netsed\" is not a paging mode", "did you mean \"nested\"?"),
    BrokenScenario("policy: share-proportional", "policy: share-propotional", "18:11", "is not a policy", "\"share-proportional\"?"),
    BrokenScenario("tlb: golden", "tlb: goldn", "9:8", "\"goldn\" is not a TLB", "did you mean \"golden\"?"),
    BrokenScenario("tlb: golden", "tlb: l1i=32x32,l1d=64x5,l2=1536x6", "9:8", "64 entries are not a whole number of sets of 5 ways"),
    BrokenScenario("tlb: golden", "tlb: l1i=32x32,l1d=64x4,l3=1536x6", "9:8", "\"l3\" is no TLB level"),
    BrokenScenario("tlb: golden", "tlb: l1d=64x4", "9:8", "l1i is missing", "such as l1i=32x32,l1d=64x4,l2=1536x6"),
    BrokenScenario("cost: haswell-2013", "cost: haswell", "10:9", "\"haswell\" is not a cost preset", "haswell-2013"),
    BrokenScenario(
      "file_accesses: zipf", "file_accesses: zipfian", "34:22", "\"zipfian\" is not an access pattern", "sequential, random, zipf"),
    BrokenScenario("kind: synthetic", "kind: sythetic", "29:13", "\"sythetic\" is not a kind of guest", "did you mean \"synthetic\"?"),
    BrokenScenario("name: sound", "name: Sound Asleep", "1:7", "\"Sound Asleep\" is not a name of small letters"),
    BrokenScenario("seed: 7", "description: \"a\\nb\"", "2:14", "the text has a line break"),
    BrokenScenario("seed: 7", "description: \"a\\ufeffb\"", "2:14", "or another control character"),
    BrokenScenario("trace: t.pit", "trace: ''", "48:14", "a path has from 1 to 4096 bytes"),
    BrokenScenario("image: debian-12", "image: debian/12", "30:14", "\"debian/12\" is not a name of letters"),
  ]

  /// Values that are none, or no value of the field's type.
  static let values = [
    BrokenScenario("memory: 1GiB", "memory: 1024", "7:11", "a size needs a unit"),
    BrokenScenario("memory: 1GiB", "memory: 1GB", "7:11", "\"GB\" is not a unit of size", nil),
    BrokenScenario("memory: 1GiB", "memory: -1GiB", "7:11", "a size cannot be negative"),
    BrokenScenario("memory: 1GiB", "memory: .nan", "7:11", "\"nan\" is not a unit of size"),
    BrokenScenario("memory: 1GiB", "memory: inf", "7:11", "a size is a number and a unit"),
    BrokenScenario("memory: 1GiB", "memory: 99999999999999999999GiB", "7:11", "larger than 2^64"),
    BrokenScenario("memory: 1GiB", "memory: 99999999999PiB", "7:11", "larger than 2^64"),
    BrokenScenario("memory: 1GiB", "memory: 17TiB", "7:11", "17TiB is not within 16MiB to 8TiB"),
    BrokenScenario("memory: 1GiB", "memory: 8MiB", "7:11", "8MiB is not within 16MiB to 8TiB"),
    BrokenScenario("memory: 1GiB", "memory: 1048577KiB", "7:11", "1048577KiB is not a multiple of 1MiB"),
    BrokenScenario("memory: 1GiB", "memory:", "7:3", "\"memory\" has no value", "a size with a unit"),
    BrokenScenario("memory: 1GiB", "memory: ~", "7:3", "\"memory\" has no value"),
    BrokenScenario("memory: 1GiB", "memory: {gib: 1}", "7:11", "\"memory\" is a size with a unit, such as 512MiB, not fields"),
    BrokenScenario("memory: 1GiB", "memory: [1GiB]", "7:11", "not a list"),
    BrokenScenario("duration: 10s", "duration: 10", "3:11", "a time needs a unit, such as 10s"),
    BrokenScenario("duration: 10s", "duration: 10m", "3:11", "\"m\" is not a unit of time", "minutes are \"min\""),
    BrokenScenario("duration: 10s", "duration: soon", "3:11", "\"soon\" is not a time"),
    BrokenScenario("duration: 10s", "duration: 0s", "3:11", "0s is not within 1ms to 720h"),
    BrokenScenario("duration: 10s", "duration: 99999999999h", "3:11", "longer than 2^64 ns"),
    BrokenScenario("duration: 10s", "duration: 0.0000000001s", "3:11", "more than nine decimals"),
    BrokenScenario("sleep: 20ms", "sleep: -20ms", "14:10", "a time cannot be negative"),
    BrokenScenario("seed: 7", "seed: -7", "2:7", "-7 is not within 0 to 18446744073709551615"),
    BrokenScenario("seed: 7", "seed: 18446744073709551616", "2:7", "is not within 0 to 18446744073709551615"),
    BrokenScenario("seed: 7", "seed: 0x7", "2:7", "\"0x7\" is not a whole number"),
    BrokenScenario("seed: 7", "seed: 7.0", "2:7", "\"7.0\" is not a whole number"),
    BrokenScenario("accesses: 100", "accesses: 99999999", "5:31", "99999999 is not within 0 to 10000000"),
    BrokenScenario("max_page_sharing: 256", "max_page_sharing: 1", "15:21", "1 is not within 2 to"),
    BrokenScenario("use_zero_pages: false", "use_zero_pages: no", "16:19", "\"no\" is neither true nor false", "write false"),
    BrokenScenario("host_target: 80%", "host_target: 80", "20:16", "\"80\" is not a percentage", "write 80%"),
    BrokenScenario("host_target: 80%", "host_target: 120%", "20:16", "120% is not within 1% to 100%"),
    BrokenScenario("level: 40%", "level: -1%", "42:27", "-1% is not within 0% to 100%"),
    BrokenScenario("file_reads: 100/s", "file_reads: 100", "33:19", "\"100\" is not a rate", "write 100/s"),
    BrokenScenario("file_reads: 100/s", "file_reads: 1.5/s", "33:19", "is not a whole number of /s"),
    BrokenScenario(
      "host:\n  memory: 1GiB\n  swap: none\n  tlb: golden\n  cost: haswell-2013\n", "host: big\n", "6:7",
      "\"host\" has fields, it is not a single value"),
    BrokenScenario("sharing.merges > 0", "sharing.merges", "52:5", "\"sharing.merges\" compares nothing", "such as"),
    BrokenScenario("sharing.merges > 0", "sharing.merges = 0", "52:5", "\"=\" is not a comparison", "equality is \"==\""),
    BrokenScenario("sharing.merges > 0", "sharing.merges > many", "52:5", "\"many\" is neither a finite number, a size or a time"),
    BrokenScenario("sharing.merges > 0", "sharing.merges > nan", "52:5", "\"nan\" is neither a finite number, a size or a time"),
    BrokenScenario("sharing.merges > 0", "sharing.merges > 1e999", "52:5", "\"1e999\" is neither a finite number, a size or a time"),
    BrokenScenario("sharing.merges > 0", "sharing merges > 0", "52:5", "\"sharing merges\" is not the path of a result"),
    BrokenScenario("sharing.merges > 0", "shring.merges > 0", "52:5", "a run's summary has no \"shring\"", "did you mean \"sharing\"?"),
    BrokenScenario("sharing.merges > 0", "vms.c.references > 0", "52:5", "no virtual machine \"c\"", "did you mean \"a\"?"),
  ]

  /// Rules across fields.
  static let rules = [
    BrokenScenario("name: sound\n", "", "1:1", "the field \"name\" is missing"),
    BrokenScenario("  image: debian-12\n", "  init_on_free: true\n", "29:7", "the field \"image\" is missing"),
    BrokenScenario("  trace: t.pit\n", "  writes: 0/s\n", "47:7", "the field \"trace\" is missing"),
    BrokenScenario("kind: synthetic\n", "#\n", "30:7", "the field \"kind\" of guest is missing", "synthetic, recorded"),
    BrokenScenario("name: b", "name: a", "44:11", "two virtual machines are named \"a\""),
    BrokenScenario("min_memory: 128MiB", "min_memory: 513MiB", "25:17", "min_memory (513MiB) is more than memory (512MiB)"),
    BrokenScenario("min_memory: 128MiB", "min_memory: 40MiB", "25:17", "min_memory (40MiB) leaves nothing beside the kernel (40MiB)"),
    BrokenScenario("kernel: 40MiB", "kernel: 512MiB", "31:15", "the kernel (512MiB) leaves nothing"),
    BrokenScenario("heap: 20MiB", "heap: 240MiB", "24:13", "need 524.0 MiB at full load, more than its memory (512MiB)"),
    BrokenScenario("paging: nested", "numa_node: 1", "27:16", "the host has one NUMA node", "nodes are counted from 0"),
    BrokenScenario("paging: nested", "start: 10s", "27:12", "the machine starts at 10s, when the run of 10s is over"),
    BrokenScenario("paging: nested", "stop: 0.5s\n    start: 1s", "27:11", "500ms is not after the start (1s)"),
    BrokenScenario("paging: nested", "stop: soon", "27:11", "\"soon\" is not a time"),
    BrokenScenario("paging: nested", "count: 4097", "27:12", "4097 is not within 1 to 4096"),
    BrokenScenario("use_zero_pages: false", "advisor: {target_scan_time: 1.5s}", "16:31", "1.5s is not a whole number of seconds"),
    BrokenScenario("heap_zero: 10%", "heap_zero: 90%", "40:27", "heap_zero and heap_duplicate are 110% together"),
    BrokenScenario(
      "heap_zero: 10%", "writes: 60000000/s", "39:19", "reads and writes 120000100 pages a second at full load, more than 100000000",
      "writes is the rate of each process"),
    BrokenScenario("at: 5s", "at: 0s", "43:16", "0s is not after the point before it (0s)", "in order of time"),
    BrokenScenario("sample_every: 1s", "duration2: 1s", "4:1", "unknown field \"duration2\"", "did you mean \"duration\"?"),
    BrokenScenario(
      "duration: 10s\nsample_every: 1s", "duration: 1h\nsample_every: 1ms", "4:15", "3600000 samples in 1h are more than 1000000"),
    BrokenScenario(
      "10s\nsample_every: 1s\nwindow: {every: 1s,", "30min\nwindow: {every: 1ms,", "4:17", "1800000 windows in 1800s are more"),
    BrokenScenario(
      "sample_every: 1s", "captures: {every: 4s, count: 3}", "4:30",
      "the last of 3 captures would be taken at 12s, when the run of 10s is over",
      "one at the very end"),
    BrokenScenario("sample_every: 1s", "captures: {count: 1001}", "4:19", "1001 is not within 0 to 1000"),
    BrokenScenario("memory: 64MiB", "memory: 8TiB", "45:13", "more than the 536870911 that a host can number"),
  ]

  /// Texts that are no YAML, or YAML that a scenario does not use.
  static let yaml = [
    BrokenScenario("", "", "1:1", "the file is empty"),
    BrokenScenario("", "# nothing\n", "1:1", "the file is empty"),
    BrokenScenario("", "just words", "1:1", "\"the scenario\" has fields, it is not a single value"),
    BrokenScenario("", "- a\n- b", "1:1", "\"the scenario\" has fields, it is not a list"),
    BrokenScenario("seed: 7", "seed: 7\nname: again", "3:1", "the field \"name\" is given twice", "the first is in line 1"),
    BrokenScenario("swap: none", "\"memory\": 2GiB", "8:3", "the field \"memory\" is given twice", "the first is in line 7"),
    BrokenScenario("{at: 0s,", "{at: 0s, at: 1s,", "42:20", "the field \"at\" is given twice", "the first is in line 42"),
    BrokenScenario("seed: 7", "seed: &s 7", "2:7", "anchors and aliases (&s)"),
    BrokenScenario("seed: 7", "seed: *s", "2:7", "this is not YAML: found undefined alias"),
    BrokenScenario("seed: 7", "seed: !!int 7", "2:7", "tags (tag:yaml.org,2002:int)"),
    BrokenScenario("seed: 7", "? [a, b]\n: 7", "2:3", "the name of a field is a word, not a list"),
    BrokenScenario("seed: 7", "\tseed: 7", "2:1", "YAML does not allow a tab here", "indent with spaces"),
    BrokenScenario("seed: 7", "seed: [7", "3:9", "this is not YAML"),
    BrokenScenario("seed: 7", "seed: \"7", "53:1", "this is not YAML: found unexpected end of stream", "line 2, column 7"),
    BrokenScenario("seed: 7", "seed: 7: 8", "2:8", "this is not YAML: mapping values are not allowed"),
    BrokenScenario("  swap: none", " swap: none", "8:2", "this is not YAML"),
    BrokenScenario("expect:", "---\nexpect:", "51:1", "a scenario is one document"),
    BrokenScenario(
      "expect:\n  - sharing.merges > 0\n", "expect: {}\n", "51:9", "\"expect\" is a list, not fields", "each element begins with"),
    BrokenScenario("expect:\n  - sharing.merges > 0\n", "expect: null\n", "51:1", "\"expect\" has no value"),
    BrokenScenario("sound", "so\u{7}und", "1:9", "control character U+7"),
  ]
}
