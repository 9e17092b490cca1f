import Columns
import Scenarios
import Testing

/// The seed that a failure names makes the same text again.
@Suite("Texts that nobody meant")
struct MutationTests {
  /// A text with a few bytes deleted, doubled, changed, or lines moved.
  private func garbled(_ bytes: [UInt8], seed: UInt64) -> [UInt8] {
    var random = RandomSource(seed: seed).stream("garble")
    var bytes = bytes
    let alphabet = Array(" \n:-[]{},\"'#&*!|>%?\t~0aZ\\é\u{7f}\r.".utf8) + [0, 0xff, 0xc3]
    for _ in 0...random.below(4) {
      let start = random.index(below: bytes.count)
      let length = min(bytes.count - start, 1 + random.index(below: 30))
      switch random.below(5) {
      case 0: bytes.removeSubrange(start..<start + length)
      case 1: bytes.insert(contentsOf: bytes[start..<start + length], at: start)
      case 2: bytes[start] = alphabet[random.index(below: alphabet.count)]
      case 3: bytes.insert(alphabet[random.index(below: alphabet.count)], at: start)
      default:
        let part = Array(bytes[start..<start + length])
        bytes.removeSubrange(start..<start + length)
        bytes.insert(contentsOf: part, at: random.index(below: bytes.count + 1))
      }
      if bytes.isEmpty { return bytes }
    }
    return bytes
  }

  @Test("Every garbled quickstart gives a plan or faults with places in it, and never ends the program")
  func garbledQuickstart() {
    let original = Array(Samples.quickstart.utf8)
    var plans = 0
    for seed in 0..<2000 as Range<UInt64> {
      let bytes = garbled(original, seed: seed)
      do throws(ScenarioErrors) {
        let loaded = try ScenarioLoader.load(bytes: bytes, path: "test.yaml", traceExists: { _ in true })
        #expect(loaded.scenario.vms.count > 0, "seed \(seed)")
        plans += 1
      } catch {
        let lines = 1 + bytes.count { $0 == 0x0a || $0 == 0x0d }
        #expect(!error.diagnostics.isEmpty, "seed \(seed)")
        for diagnostic in error.diagnostics {
          let isInside = (1...lines + 1).contains(diagnostic.line ?? 0) && (diagnostic.column ?? 0) >= 1
          #expect(isInside && !diagnostic.message.isEmpty, "seed \(seed): \(diagnostic)")
        }
      }
    }
    // Some changes only touch comments and values that stay valid.
    #expect((1...1500).contains(plans))
  }

  @Test("Every garbled argument gives a plan or faults, and never ends the program")
  func garbledArguments() {
    let argument = Array("vms.web.guest.load.1.level=[{at: 0s}]".utf8)
    for seed in 0..<200 as Range<UInt64> {
      let text = String(decoding: garbled(argument, seed: seed), as: UTF8.self)
      #expect(Samples.diagnostics(Samples.quickstart, set: [text]).allSatisfy { !$0.message.isEmpty }, "seed \(seed)")
    }
  }
}
