/// Scenarios that are wrong: exit code 65.
extension BrokenInput {
  static let scenarios: [BrokenInput] = [
    .scenario("unknown key", "seed: 7", "sead: 7", told: "did you mean \"seed\"?"),
    .scenario("duplicate key", "seed: 7", "seed: 7\nseed: 8", told: "s.yaml:3"),
    .scenario("size without a unit", "memory: 64MiB", "memory: 64", told: "a size needs a unit, such as 64MiB"),
    .scenario("ambiguous unit", "memory: 64MiB", "memory: 64MB", told: "\"MB\" is not a unit of size"),
    .scenario("negative size", "memory: 64MiB", "memory: -64MiB", told: "a size cannot be negative"),
    .scenario("size beyond 2^64", "memory: 256MiB", "memory: 99999999PiB", told: "larger than 2^64"),
    .scenario("host of a petabyte", "memory: 256MiB", "memory: 9PiB", told: "s.yaml:5"),
    .scenario("size that is no number", "memory: 64MiB", "memory: .nan", told: "s.yaml:12"),
    .scenario("time without a unit", "duration: 1s", "duration: 1", told: "a time needs a unit"),
    .scenario("endless time", "duration: 1s", "duration: .inf", told: "s.yaml:3"),
    .scenario("time beyond 2^64", "duration: 1s", "duration: 99999999999999999999h", told: "longer than 2^64 ns"),
    .scenario("negative count", "pages_to_scan: 100", "pages_to_scan: -100", told: "s.yaml:9"),
    .scenario("count beyond 2^64", "pages_to_scan: 100", "pages_to_scan: 99999999999999999999999", told: "s.yaml:9"),
    .scenario("unknown scanner", "scanner: ksm", "scanner: kms", told: "did you mean \"ksm\"?"),
    .scenario("unknown paging", "paging: nested", "paging: nestled", told: "did you mean \"nested\"?"),
    .scenario("absurd TLB", "tlb: golden", "tlb: l1i=0x0,l1d=64x4,l2=1536x6", told: "s.yaml:6"),
    .scenario("no machines", "vms:\n  - name: a", "vms: []\nunused:\n  - name: a", told: "vms"),
    .scenario("alias of itself", "seed: 7", "seed: &a [*a]", told: "s.yaml:2"),
    .scenario("alias bomb", "seed: 7", "seed: &a [1,1]\nb: &b [*a,*a]\nc: &c [*b,*b]", told: "s.yaml:"),
    .scenario("tab for a space", "  memory: 256MiB", "\tmemory: 256MiB", told: "s.yaml:5"),
    .scenario("text where fields belong", "host:\n  memory: 256MiB\n  tlb: golden", "host: big", told: "s.yaml:4"),
    .scenario("NUL byte", "name: sound", "name: so\u{0}und", told: "s.yaml:1"),
    .scenario("name that is a path", "name: sound", "name: ../../../etc/passwd", told: "s.yaml:1"),
    .scenario("level above all", "level: 40%", "level: 4000%", told: "s.yaml:19"),
    .scenario(
      "missing trace", "kind: synthetic\n      image: debian-12\n      kernel: 8MiB\n      load:\n        - {at: 0s, level: 40%}",
      "kind: recorded\n      trace: nowhere.pit\n      guest: w1", told: "nowhere.pit"),
    BrokenInput("scenario: trace that is none", "run", "s.yaml", "--out", "out", status: 65, told: "t.pit") {
      try $0.write("s.yaml", recorded)
      try $0.write("t.pit", "no trace at all")
    },
    BrokenInput("scenario: truncated trace", "run", "s.yaml", "--out", "out", status: 65, told: "t.pit: byte") {
      try $0.write("s.yaml", recorded)
      try $0.write("t.pit", Array(Bytes.trace(pages: 16384, Array(repeating: 1, count: 16384)).dropLast(7)))
    },
    BrokenInput("scenario: trace without the guest", "run", "s.yaml", "--out", "out", status: 65, told: "w1") {
      try $0.write("s.yaml", recorded)
      try $0.write("t.pit", Bytes.trace([0, 0, 0]))
    },
    BrokenInput("scenario: empty file", "run", "s.yaml", "--out", "out", status: 65, told: "the file is empty") {
      try $0.write("s.yaml", [])
    },
    BrokenInput("scenario: not UTF-8", "run", "s.yaml", "--out", "out", status: 65, told: "s.yaml:1") {
      try $0.write("s.yaml", [0x6e, 0xff, 0xfe, 0x80])
    },
    BrokenInput("scenario: two mebibytes", "run", "s.yaml", "--out", "out", status: 65, told: "larger than 1 MiB") {
      try $0.write("s.yaml", [UInt8](repeating: 0x20, count: 2 << 20))
    },
    BrokenInput("scenario: ten thousand brackets", "run", "s.yaml", "--out", "out", status: 65, told: "s.yaml:") {
      try $0.write("s.yaml", String(repeating: "[", count: 10000))
    },
    BrokenInput("scenario: a list", "check", "s.yaml", status: 65, told: "s.yaml:1") { try $0.write("s.yaml", "- a\n- b\n") },
    BrokenInput("scenario: cut in the middle", "check", "s.yaml", status: 65, told: "s.yaml:") {
      try $0.write("s.yaml", String(sound.prefix(140)))
    },
    .change("host.memory=1", told: "a size needs a unit"),
    .change("host.memroy=1GiB", told: "did you mean \"memory\"?"),
    .change("host.memory", told: "path=value"),
    .change("=1", told: "--set"),
    .change("vms.b.memory=64MiB", told: "the list has no element \"b\""),
    .change("vms.a.memory=9999999999999999999999GiB", told: "--set"),
    .change("seed=[1,", told: "--set"),
    .change("host.memory=16KiB", told: "--set"),
  ]

  private static let recorded = sound.replacing(
    "kind: synthetic\n      image: debian-12\n      kernel: 8MiB\n      load:\n        - {at: 0s, level: 40%}",
    with: "kind: recorded\n      trace: t.pit\n      guest: w1")
}
