import Foundation
import Scenarios
import Testing

@Suite("What is wrong with a scenario")
struct DiagnosticTests {
  private func check(_ broken: BrokenScenario) {
    let diagnostics = Samples.diagnostics(broken.text)
    let places = diagnostics.map { "\($0.line ?? 0):\($0.column ?? 0)" }
    #expect(places == [broken.place], "\(diagnostics.map(\.description))")
    guard let diagnostic = diagnostics.first else { return }
    #expect(diagnostic.message.contains(broken.message))
    if let note = broken.note { #expect(diagnostic.note?.contains(note) == true, "\(diagnostic.note ?? "no note")") }
  }

  @Test("The scenario that the tables change has nothing wrong")
  func sound() { #expect(Samples.diagnostics(BrokenScenario.sound).isEmpty) }

  @Test("An unknown name is reported where it stands, with the nearest one", arguments: BrokenScenario.names)
  func names(_ broken: BrokenScenario) { check(broken) }

  @Test("A value that its field cannot have is reported where it stands", arguments: BrokenScenario.values)
  func values(_ broken: BrokenScenario) { check(broken) }

  @Test("A rule across fields is reported at the field that breaks it", arguments: BrokenScenario.rules)
  func rules(_ broken: BrokenScenario) { check(broken) }

  @Test("A text that is no plain YAML is reported where it stops being that", arguments: BrokenScenario.yaml)
  func yaml(_ broken: BrokenScenario) { check(broken) }
}
