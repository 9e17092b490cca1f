import Foundation
import Testing

/// The release build of memlab-soak, which `make test` builds and names. Without it these tests are left out: a debug build takes its time.
private let soak = ProcessInfo.processInfo.environment["MEMLAB_SOAK_EXECUTABLE"].map { URL(fileURLWithPath: $0) }

@Suite("Hunts in a release build", .enabled(if: soak != nil, "MEMLAB_SOAK_EXECUTABLE names no memlab-soak"))
struct HuntTests {
  /// Of each 64 combinations more than one: with a stride of 64 itself some flags of the number would always be clear, P of the level-1
  /// entry among them. 61 is a prime, so that no flag's period divides it.
  @Test("More than every 64th permission combination is answered as the rule says, in every way of paging")
  func permissions() throws {
    let outcome = try MemlabProcess(["permissions", "--stride", "61"], in: try Workshop(), executable: soak).outcome(within: 240)
    #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.text)\(outcome.errors)")
    let lines = outcome.text.split(separator: "\n")
    #expect(lines.count >= 10 && lines.allSatisfy { $0.contains(": 475405 combinations, 0 different, ") }, "\(outcome.text)")
  }

  @Test("A hundred thousand steps of random programs are answered alike by every way of paging")
  func differential() throws {
    let outcome = try MemlabProcess(["differential", "--steps", "100000"], in: try Workshop(), executable: soak).outcome(within: 240)
    #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.text)\(outcome.errors)")
    #expect(outcome.text.contains(" 0 programs failed, "))
  }

  @Test("A hunt that a trap ends names the programs that it was trying, and how to try them again")
  func trap() throws {
    let hunt = try MemlabProcess(["differential", "--steps", "100000000"], in: try Workshop(), executable: soak)
    let end = Date(timeIntervalSinceNow: 30)
    while hunt.children.isEmpty && Date() < end { Thread.sleep(forTimeInterval: 0.02) }
    // It must have come to its first program.
    Thread.sleep(forTimeInterval: 1)
    for child in hunt.children { kill(child, SIGILL) }
    let outcome = try hunt.outcome()
    #expect(outcome.status == 3 && outcome.text.contains("ended by signal \(SIGILL)"))
    #expect(outcome.text.contains("\n  memlab-soak steps "), "\(outcome.text)")
  }
}
