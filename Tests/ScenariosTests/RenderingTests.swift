import Foundation
import Scenarios
import Testing

@Suite("How faults are told")
struct RenderingTests {
  @Test("All faults of a file are told at once, in its order, each with its line and a caret")
  func allAtOnce() {
    let text = """
      name: many
      duration: 5
      host:
        memroy: 1GiB
        swap: some
      vms:
      \t- name: a
      """.replacingOccurrences(of: "\t", with: "  ")
    let told = Samples.diagnostics(text).map(\.description).joined(separator: "\n")
    #expect(
      told == """
        test.yaml:2:11: error: duration: a time needs a unit, such as 5s
        duration: 5
                  ^
        note: the units are ns, us, ms, s, min, h
        test.yaml:4:3: error: unknown field "memroy" in host
          memroy: 1GiB
          ^
        note: did you mean "memory"?
        test.yaml:5:9: error: swap: a size is a number and a unit, such as 512MiB
          swap: some
                ^
        test.yaml:7:5: error: the field "memory" is missing
          - name: a
            ^
        note: it is a size with a unit, such as 512MiB
        test.yaml:7:5: error: the field "guest" is missing
          - name: a
            ^
        """)
  }

  @Test("Faults across fields are told together with faults in fields that they do not look at")
  func rulesBesideFields() {
    let text = BrokenScenario.sound.replacingOccurrences(of: "seed: 7", with: "seed: x")
      .replacingOccurrences(of: "min_memory: 128MiB", with: "min_memory: 1GiB").replacingOccurrences(of: "name: b", with: "name: a")
    #expect(Samples.diagnostics(text).map { $0.line ?? 0 } == [2, 25, 44])
  }

  @Test("A rule is not told where a field that it looks at is wrong itself")
  func noFaultFromFault() {
    let text = BrokenScenario.sound.replacingOccurrences(of: "memory: 512MiB", with: "memory: 5").replacingOccurrences(
      of: "128MiB", with: "8GiB")
    #expect(Samples.diagnostics(text).map { $0.line ?? 0 } == [24])
  }

  @Test("Each of a field's three givings but the first is told, and the rest of the file is still checked")
  func threeTimes() {
    let text = BrokenScenario.sound.replacingOccurrences(of: "seed: 7", with: "seed: 7\nseed: 8\n\"seed\": 9\nduration2: 5")
    let diagnostics = Samples.diagnostics(text)
    #expect(diagnostics.map { $0.line ?? 0 } == [3, 4, 5])
    #expect(diagnostics.map(\.note) == ["the first is in line 2", "the first is in line 2", "did you mean \"duration\"?"])
  }

  @Test("Lines end as YAML's do, and a byte order mark is no column", arguments: ["\n", "\r\n", "\r"])
  func lineEnds(end: String) {
    let text =
      "\u{feff}"
      + BrokenScenario.sound.replacingOccurrences(of: "scanner: ksm", with: "scanner: ks").replacingOccurrences(of: "\n", with: end)
    let places = Samples.diagnostics(text).map { "\($0.line ?? 0):\($0.column ?? 0)" }
    #expect(places == ["12:12"])
    let first =
      "\u{feff}" + BrokenScenario.sound.replacingOccurrences(of: "name: sound", with: "name: S").replacingOccurrences(of: "\n", with: end)
    #expect(Samples.diagnostics(first).map { "\($0.line ?? 0):\($0.column ?? 0)" } == ["1:7"])
  }

  @Test("Columns count characters, not bytes, and the caret stands below them")
  func columns() {
    let text = BrokenScenario.sound.replacingOccurrences(of: "{every: 1s,", with: "{\"every\": 1s, \"é\u{1F600}\": 1,")
    #expect(Samples.diagnostics(text).map { "\($0.line ?? 0):\($0.column ?? 0)" } == ["5:23"])
    let caret = Samples.diagnostics(text).first?.description.split(separator: "\n").dropFirst(2).first
    #expect(caret == Substring(String(repeating: " ", count: 22) + "^"))
  }

  @Test("Of a long line, what is around the place is shown")
  func longLine() {
    let told = Samples.diagnostics("name: a\nhost: {\"\(String(repeating: "x", count: 300))\": 1, swap: 5}").first { $0.column ?? 0 > 300 }
    let lines = told?.description.split(separator: "\n") ?? []
    #expect(lines.count == 3)
    #expect(lines.dropFirst().first?.hasSuffix("x\": 1, swap: 5}") == true)
    #expect(lines.dropFirst(2).first?.count == 61)
    #expect(lines.dropFirst().first.map { Array($0)[60] } == "5")
  }

  @Test("Of very many faults, the first hundred are shown")
  func veryMany() {
    let text = "name: a\n" + (0..<150).map { "zzz\($0): 1\n" }.joined()
    let told = ScenarioErrors.invalid(Samples.diagnostics(text)).description
    #expect(told.hasSuffix("\nand 52 more errors"))
  }
}
