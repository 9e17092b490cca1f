import Columns
import Testing

@testable import Scenarios

@Suite("Texts of values")
struct TextTests {
  @Test(
    "A time is a number and a unit",
    arguments: [
      ("0s", 0), ("1ns", 1), ("100us", 100_000), ("20ms", 20_000_000), ("60s", 60_000_000_000), ("1.5s", 1_500_000_000),
      ("2 min", 120_000_000_000),
      ("1h", 3_600_000_000_000), ("0.000000001s", 1), ("0.5us", 500), ("18446744073709551615ns", .max),
    ] as [(String, UInt64)])
  func times(text: String, nanoseconds: UInt64) throws { #expect(try Quantity.nanoseconds(parsing: text) == nanoseconds) }

  @Test(
    "An expectation compares as its sign says, with a number, a size or a time",
    arguments: [
      ("a == 1", [false, true, false]), ("a != 1", [true, false, true]), ("a < 1", [true, false, false]), ("a<=1B", [true, true, false]),
      ("a > 1e0", [false, false, true]), ("a >= +1.0", [false, true, true]),
      ("a >= 1ns", [false, true, true]),
    ])
  func expectations(text: String, holds: [Bool]) throws {
    let expectation = try Expectation(parsing: text)
    guard case .number(let number) = expectation.value else {
      Issue.record("no number: \(text)")
      return
    }
    #expect([0, 1, 2].map { expectation.holds(for: $0, against: number) } == holds)
    #expect(try Expectation(parsing: expectation.description) == expectation)
  }

  @Test("An expectation compares two results where a path stands on both sides")
  func twoResults() throws {
    let expectation = try Expectation(parsing: "variants.a.sharing.merges <= variants.b.sharing.merges")
    #expect(expectation.value == .result("variants.b.sharing.merges") && expectation.looksAtVariants)
    #expect(expectation.paths == ["variants.a.sharing.merges", "variants.b.sharing.merges"])
    #expect(try Expectation(parsing: expectation.description) == expectation)
    #expect(expectation.holds(for: 1, against: 1) && !expectation.holds(for: 2, against: 1))
    for text in ["a.b > merges", "a.b > 1.merges", "a.b > c..d", "a.b > C.d"] {
      #expect(throws: ValueProblem.self) { try Expectation(parsing: text) }
    }
  }

  @Test("Every time is read back from its text")
  func timesAgain() throws {
    var random = RandomSource(seed: 1).stream("times")
    for _ in 0..<500 {
      let nanoseconds = random.next() >> random.below(64)
      #expect(try Quantity.nanoseconds(parsing: Quantity.text(nanoseconds: nanoseconds)) == nanoseconds)
    }
  }

  @Test(
    "A text that is no time is refused",
    arguments: [
      "", "s", ".", ".s", "1.s", ".5s", "1..2s", "1.2.3s", "1", "1 ", "1sec", "1S", "-1s", "+1s", "1e3s", "0x1s", "1.5ns", "1,5s",
      "18446744073709551616ns", "18446744073.709551616s", "٣s",
    ])
  func noTimes(text: String) {
    #expect(throws: ValueProblem.self) { try Quantity.nanoseconds(parsing: text) }
  }

  @Test(
    "The distance of two names is the fewest edits, a swap of neighbours counted as one",
    arguments: [
      ("", "", 0), ("a", "", 1), ("kitten", "sitting", 3), ("memroy", "memory", 1), ("ab", "ba", 1), ("abc", "ca", 3), ("flaw", "lawn", 2),
    ])
  func distances(a: String, b: String, edits: Int) {
    #expect(NearestName.distance(a, b) == edits)
    #expect(NearestName.distance(b, a) == edits)
  }

  @Test("The name that was meant is a few edits away, or the only one that begins so")
  func nearestNames() {
    let names = ["haswell-2013", "sandy-bridge-2011", "adams-agesen-2006", "adams-agesen-2006-software", "lru"]
    for (unknown, meant) in [
      ("haswell", "haswell-2013"), ("Has", "haswell-2013"), ("lur", "lru"), ("sandybridge-2011", "sandy-bridge-2011"),
    ] {
      #expect(NearestName.nearest(to: unknown, among: names) == meant)
    }
    for unknown in ["ha", "adams", "", "zen"] { #expect(NearestName.nearest(to: unknown, among: names) == nil) }
  }

  @Test("Any text without control characters is read back from its quoted form")
  func quoting() throws {
    var random = RandomSource(seed: 1).stream("quoting")
    let alphabet = Array(" \\\"'#:-[]{},&*!|>%?~0aZé\u{2028}\u{1F600}.=nulltrue".unicodeScalars)
    for _ in 0..<300 {
      var text = String.UnicodeScalarView()
      for _ in 0..<random.below(8) { text.append(alphabet[random.index(below: alphabet.count)]) }
      let yaml = CanonicalNode.mapping([("key", .scalar(String(text)))]).yaml
      let (root, findings) = YAMLReader.read(SourceText(bytes: Array(yaml.utf8)))
      #expect(findings.isEmpty, "\(yaml)")
      #expect(root?.scalar(named: "key") == String(text), "\(yaml)")
    }
  }
}
