import Foundation
import Testing

/// Whatever a user gets wrong ends in a sentence and an exit code: no trap, no words of a framework, nothing written.
@Suite struct BrokenInputTests {
  @Test("Wrong usage is refused in one line with a way to help", arguments: BrokenInput.usages) func usages(row: BrokenInput) throws {
    try check(row)
  }

  @Test("Broken scenarios are refused before anything is written", arguments: BrokenInput.scenarios)
  func scenarios(row: BrokenInput) throws { try check(row) }

  @Test("Broken files of memory are refused", arguments: BrokenInput.files) func files(row: BrokenInput) throws { try check(row) }

  @Test("Missing and unreadable inputs, and outputs that cannot be written, are told apart", arguments: BrokenInput.places)
  func places(row: BrokenInput) throws { try check(row) }

  private func check(_ row: BrokenInput) throws {
    let shop = try Workshop()
    try row.setUp(shop)
    let before = shop.listing
    let outcome = try MemlabProcess.run(row.arguments, in: shop)
    #expect(!outcome.endedBySignal, "ended by signal \(outcome.status): \(outcome.errors)")
    #expect(outcome.status == row.status, "\(outcome.errors)")
    #expect(outcome.errors.contains(row.told), "\(outcome.errors)")
    #expect(outcome.output.isEmpty)
    for word in ["NSError", "NSCocoa", "Error Domain", "Fatal error", "Swift."] {
      #expect(!outcome.errors.contains(word), "\(outcome.errors)")
    }
    if row.status == 64 { #expect(outcome.errors.contains("help: memlab"), "\(outcome.errors)") }
    #expect(shop.listing == before)
  }
}
