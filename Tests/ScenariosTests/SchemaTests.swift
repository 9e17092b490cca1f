import Foundation
import Scenarios
import Testing

@Suite("What is told of fields")
struct SchemaTests {
  /// All names of fields, the kinds' too.
  private func names(_ fields: [FieldDescription]) -> Set<String> {
    var names = Set(fields.map(\.name))
    for field in fields {
      switch field.kind {
      case .section(let inner), .list(let inner, _): names.formUnion(self.names(inner))
      case .choice(let key, let alternatives):
        names.insert(key)
        for alternative in alternatives { names.formUnion(self.names(alternative.fields)) }
      case .value, .values, .settings: break
      }
    }
    return names
  }

  /// All names of properties in a JSON Schema.
  private func properties(_ value: Any) -> Set<String> {
    if let elements = value as? [Any] { return elements.reduce(into: []) { $0.formUnion(properties($1)) } }
    guard let object = value as? [String: Any] else { return [] }
    var found = Set((object["properties"] as? [String: Any])?.keys.map { $0 } ?? [])
    for inner in object.values { found.formUnion(properties(inner)) }
    return found
  }

  @Test("The JSON Schema is JSON, its first key names it, and it has every field")
  func jsonSchema() throws {
    let text = ScenarioSchema.jsonSchema
    #expect(text.hasPrefix("{\n  \"schema\": \"memlab.schema/1\",\n"))
    let object = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    let known = names(ScenarioSchema.fields)
    #expect(known.count > 50)
    #expect(known.subtracting(properties(object)).isEmpty)
    // Beside the fields, the schema of a property named "properties" would appear here: none is.
    #expect(properties(object).subtracting(known).isEmpty)
  }

  @Test("Every key of the quickstart is a field, and every field's name is in the canonical text of some scenario")
  func fieldsAreKeys() throws {
    let text = try Samples.load(BrokenScenario.sound + "variants: [{name: v}]\n").scenario.canonicalText
    let stream =
      try Samples.load(
        Samples.least + "\n  - {name: s, memory: 64MiB, guest: {kind: stream, source: \"gen:random:pages=16\"}}\n"
      ).scenario.canonicalText
    let keys = Set(
      (text + stream).split(separator: "\n").compactMap { $0.split(separator: ":").first?.drop { $0 == " " || $0 == "-" }.description })
    #expect(names(ScenarioSchema.fields).subtracting(keys).isEmpty)
  }

  @Test("A field that is left out has the default that its documentation names")
  func defaults() throws {
    let text =
      Samples.least + """

              processes: [{name: p, heap: 4KiB}]
          - name: b
            memory: 64MiB
            guest: {kind: recorded, trace: t.pit, guest: g}
        """
    var resolved: [String: String] = [:]
    for value in try Samples.load(text).scenario.resolvedValues { resolved[value.path] = value.value }
    var checked = 0
    func check(_ fields: [FieldDescription], under path: String) {
      for field in fields {
        let here = path + field.name
        switch field.kind {
        case .value:
          guard let initial = field.defaultText, !initial.hasPrefix("(") else { continue }
          #expect(resolved[here] == initial, "\(here)")
          checked += 1
        case .section(let inner): check(inner, under: here + ".")
        case .list(let inner, _) where field.name != "load" && field.name != "variants":
          check(inner, under: here + (field.name == "vms" ? ".a." : ".p."))
        case .choice(_, let alternatives):
          check(alternatives[0].fields, under: "vms.a.guest.")
          check(alternatives[1].fields, under: "vms.b.guest.")
        case .list, .values, .settings: continue
        }
      }
    }
    check(ScenarioSchema.fields, under: "")
    #expect(checked > 35)
  }

  @Test("Every field has a sentence")
  func sentences() {
    func check(_ fields: [FieldDescription]) {
      for field in fields {
        #expect(field.documentation.hasSuffix(".") && field.documentation.count > 10, "\(field.name)")
        switch field.kind {
        case .section(let inner), .list(let inner, _): check(inner)
        case .choice(_, let alternatives): alternatives.forEach { check($0.fields) }
        case .value, .values, .settings: break
        }
      }
    }
    check(ScenarioSchema.fields)
  }

  @Test(
    "A path is explained with names, stars or nothing for the elements of lists, or by its end",
    arguments: [
      ("sharing.pages_to_scan", ["sharing.pages_to_scan"]), ("pages_to_scan", ["sharing.pages_to_scan"]),
      ("vms.web.memory", ["vms.*.memory"]), ("vms.*.memory", ["vms.*.memory"]), ("vms.memory", ["vms.*.memory"]),
      ("vms[].memory", ["vms.*.memory"]), ("memory", ["host.memory", "vms.*.memory"]), ("vms", ["vms.*"]), ("vms.web", ["vms.*"]),
      ("vms.web.guest.processes.nginx.heap", ["vms.*.guest.processes.*.heap"]), ("heap", ["vms.*.guest.processes.*.heap"]),
      ("guest.load.at", ["vms.*.guest.load.*.at", "vms.*.guest.load.*.at"]), ("guest.kind", ["vms.*.guest.kind"]), ("window", ["window"]),
      ("vms.w1.exits.ept_violation", ["vms.*.exits.*"]), ("exits", ["vms.*.exits.*"]),
    ])
  func explains(path: String, found: [String]) throws {
    let results = [Explanation(path: "vms.*.exits.*", documentation: "Exits by reason.")]
    #expect(try ScenarioSchema.explain(path, among: results).map(\.path) == found)
  }

  @Test("An explanation says what a field means, holds, allows and is by default")
  func explanation() throws {
    #expect(
      try ScenarioSchema.explain("host.memory").map(\.description) == [
        """
        host.memory
          Physical memory.
          holds: a size with a unit, such as 512MiB
          range: 16MiB to 8TiB, in steps of 1MiB
          default: none, it must be given
        """
      ])
    #expect(
      try ScenarioSchema.explain("vms.min_memory").first?.details.last
        == Explanation.Detail("default", "(half of memory, at least 16MiB more than a synthetic guest's kernel)"))
  }

  @Test(
    "An unknown path is told with those near it",
    arguments: [
      ("sharing.page_to_scan", "sharing.pages_to_scan"), ("pages_to_scn", "sharing.pages_to_scan"), ("host.memroy", "host.memory"),
      ("vms.web.memroy", "vms.*.memory"), ("vms.web.guest.hep", "vms.*.guest.processes.*.heap"),
    ])
  func unknown(path: String, nearest: String) {
    #expect {
      try ScenarioSchema.explain(path)
    } throws: { error in
      (error as? UnknownPath)?.nearest.first == nearest
    }
  }

  @Test("A path near nothing is told without any")
  func nothingNear() {
    #expect {
      try ScenarioSchema.explain("qqqqqqqq")
    } throws: { error in
      (error as? UnknownPath)?.nearest == []
    }
    #expect(throws: UnknownPath.self) { try ScenarioSchema.explain("") }
    #expect(throws: UnknownPath.self) { try ScenarioSchema.explain(String(repeating: "a.", count: 10_000)) }
  }
}
