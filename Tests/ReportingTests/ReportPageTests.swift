import Foundation
import Testing

@testable import Laboratory
@testable import Reporting

@Suite("The report as a page")
struct ReportPageTests {
  @Test("look") func look() async throws {
    let warnings = try await RunReport.write(RunFixture.fourGuests(), manifest: RunFixture.manifest(), to: "/tmp/look")
    #expect(warnings == [])
  }
}
