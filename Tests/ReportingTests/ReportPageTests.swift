import Foundation
import FoundationXML
import Scenarios
import Testing
import Translation

@testable import Laboratory
@testable import Reporting

@Suite("The report as a page")
struct ReportPageTests {
  /// The page of the run of four guests, with pictures.
  private static let page = Task { () throws -> String in
    let folder = try TemporaryFolder()
    try await RunReport.write(RunFixture.fourGuests(), manifest: RunFixture.manifest(), to: folder.path("run"))
    return try folder.text("run/report.html")
  }

  /// The page of a result without pictures.
  private func page(_ result: RunResult, _ manifest: ManifestInput = RunFixture.manifest()) -> String {
    ReportPage(result, manifest: manifest, figures: Figure.all(of: result), pictures: [:]).html
  }

  @Test("Is well-formed, its identifiers are unique, and each reference within it leads somewhere")
  func wellFormed() async throws {
    let outline = try PageOutline(await Self.page.value)
    #expect(outline.identifiers.count == Set(outline.identifiers).count)
    for reference in outline.references { #expect(outline.identifiers.contains(reference), "\(reference)") }
    #expect(outline.elements.filter { $0.name == "main" }.count == 1)
    #expect(outline.elements.filter { $0.name == "h1" }.count == 1)
  }

  @Test("Draws the walk of each way of paging once, with a caption and the same in words; where none was recorded, nothing")
  func walks() throws {
    var result = RunFixture.empty(vms: [RunFixture.vm("web", "nested", memory: 512, index: 0)])
    #expect(!page(result).contains("id=\"walk"))
    result.walks = WalkFigureTests.walks.prefix(2).enumerated().map { index, walk in
      MachineWalk(vm: "web", paging: index == 0 ? .nested : .agile, transcript: walk)
    }
    let html = page(result)
    let outline = try PageOutline(html)
    #expect(outline.identifiers.count == Set(outline.identifiers).count)
    for reference in outline.references { #expect(outline.identifiers.contains(reference), "\(reference)") }
    for name in ["walk", "figure-walk-nested", "figure-walk-agile", "walk-nested-title", "walk-agile-title"] {
      #expect(outline.identifiers.contains(name), "\(name)")
    }
    #expect(html.contains("Nested paging: web") && html.contains("24 references = (g + 1)(h + 1) \u{2212} 1"))
    #expect(html.contains("12 different words"))
    #expect(!html.contains("url(http") && !html.contains("<image") && !html.contains("@import"))
    #expect(page(result) == html)
  }

  @Test("Headings go down one level at a time")
  func headings() async throws {
    let levels = try PageOutline(await Self.page.value).elements.compactMap { $0.name.hasPrefix("h") ? Int($0.name.dropFirst()) : nil }
    #expect(levels.first == 1)
    for (above, below) in zip(levels, levels.dropFirst()) { #expect(below <= above + 1) }
  }

  @Test("Asks the network for nothing and runs no script")
  func selfContained() async throws {
    let outline = try PageOutline(await Self.page.value)
    for element in outline.elements {
      #expect(!["script", "link", "iframe", "img", "object", "embed", "base", "form"].contains(element.name))
      for (name, value) in element.attributes where ["href", "src", "xlink:href", "action", "style"].contains(name) {
        #expect(!value.contains(":") && !value.hasPrefix("//"), "\(element.name) \(name)=\(value)")
      }
    }
    let text = try await Self.page.value
    #expect(!text.contains("@import") && !text.contains("url(http"))
  }

  @Test("Each figure has a picture with a title and a description, a caption and a table")
  func figures() async throws {
    let names = Figure.all(of: RunFixture.fourGuests()).map(\.name)
    let text = try await Self.page.value
    let outline = try PageOutline(text)
    let pictures = outline.elements.filter { $0.name == "svg" }
    #expect(pictures.count == names.count)
    for picture in pictures { #expect(picture.attributes["role"] == "img" && picture.attributes["aria-labelledby"] != nil) }
    for name in names {
      for identifier in ["figure-\(name)", "\(name)-title", "\(name)-desc"] { #expect(outline.identifiers.contains(identifier)) }
      #expect(text.contains("figures/\(name).csv"))
    }
    for name in ["figcaption", "details"] { #expect(outline.elements.filter { $0.name == name }.count >= names.count) }
  }

  @Test("Every section that a reader looks for is there")
  func sections() async throws {
    let identifiers = try PageOutline(await Self.page.value).identifiers
    for section in ["summary", "sharing", "host", "shares", "ballooning", "translation", "machines", "reproduce"] {
      #expect(identifiers.contains(section))
    }
    #expect(try await Self.page.value.contains("memlab run quickstart.yaml --seed 42 --set vms.web.memory=512MiB"))
  }

  @Test(
    "Text that people chose cannot become markup",
    arguments: [
      "<script>alert(1)</script>", "\" onload=\"x", "' onclick='x", "a & b", "\"\u{301} onload=x", "<\u{338}b>", "{{name}}", "{{{name}}}",
      "]]>", "\u{0}\u{1b}[31m", "</title>",
    ])
  func escaping(text: String) throws {
    var vm = RunFixture.vm(text, text, memory: 64, index: 0)
    vm.exits = [ExitCount(reason: text, count: 1)]
    var result = RunFixture.empty(name: text, vms: [vm])
    result.scenario.description = text
    result.state = .partial
    result.audit.violations = 1
    result.audit.messages = [text]
    result.failedExpectations = [text]
    result.timeline = [Sample(timeNanoseconds: 0, vm: text, metric: .privateBytes, value: .count(1))]
    var manifest = RunFixture.manifest()
    manifest.resolvedScenario = text
    manifest.inputs = [ManifestInput.InputFile(path: text, sha256: text)]
    manifest.version = text
    let known = try Set(PageOutline(page(RunFixture.empty(vms: [RunFixture.vm("web", "nested", memory: 64, index: 0)]))).shapes)
    let outline = try PageOutline(page(result, manifest))
    #expect(Set(outline.shapes).subtracting(known).subtracting(["li ", "ul ", "strong ", "div class role"]) == [])
    #expect(outline.elements.allSatisfy { $0.name != "script" })
  }

  @Test("A run that ended before its first sample has a page that says so")
  func noSamples() throws {
    let text = page(RunFixture.empty())
    #expect(try PageOutline(text).elements.contains { $0.name == "main" })
    #expect(text.contains("Nothing was sampled"))
  }

  @Test("Breaches, broken expectations and an interruption stand at the top")
  func notices() throws {
    var result = RunFixture.empty(duration: 9_000_000_000)
    result.state = .partial
    result.virtualNanoseconds = 2_500_000_000
    result.audit.violations = 3
    result.failedExpectations = ["sharing.merges > 0, but it is 0"]
    let text = page(result)
    let head = text[..<(text.firstRange(of: "<main")?.lowerBound ?? text.startIndex)]
    #expect(head.contains("covers 2.5 s of the 9 s"))
    #expect(head.contains("3 breaches"))
    #expect(head.contains("sharing.merges &gt; 0, but it is 0"))
  }

  @Test("A table of more than 200 rows is thinned out evenly, and the page says so")
  func thinning() throws {
    let text = page(RunFixture.fourGuests(samples: 1000))
    #expect(text.contains("200 rows at even distances; host-memory.csv beside this report has all 1\u{a0}001 rows."))
    #expect(try PageOutline(text).elements.filter { $0.name == "tr" }.count <= 7 * 201 + 30)
  }

  @Test("Thinning keeps the first and the last row and never takes a row twice", arguments: [1, 2, 199, 200, 201, 399, 1000, 12_345])
  func evenRows(count: Int) {
    let rows = FigureTable.evenly(count, limit: 200)
    #expect(rows.count == min(count, 200))
    #expect(rows.first == 0 && rows.last == count - 1)
    #expect(zip(rows, rows.dropFirst()).allSatisfy { $0 < $1 })
  }
}

/// The elements of a page, read by a parser that accepts well-formed markup only.
private final class PageOutline: NSObject, XMLParserDelegate {
  var elements: [(name: String, attributes: [String: String])] = []

  init(_ text: String) throws {
    super.init()
    let parser = XMLParser(data: Data(text.utf8))
    parser.delegate = self
    guard parser.parse() else { throw parser.parserError ?? CocoaError(.fileReadCorruptFile) }
  }

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?, attributes: [String: String]
  ) {
    elements.append((name, attributes))
  }

  var identifiers: [String] { elements.compactMap { $0.attributes["id"] } }

  /// The identifiers that links and labels within the page name.
  var references: [String] {
    elements.flatMap { element in
      (element.attributes["aria-labelledby"]?.split(separator: " ").map(String.init) ?? [])
        + [element.attributes["href"]].compactMap { $0.flatMap { $0.hasPrefix("#") ? String($0.dropFirst()) : nil } }
    }
  }

  /// Each element's name with its attributes' names.
  var shapes: [String] { elements.map { "\($0.name) \($0.attributes.keys.sorted().joined(separator: " "))" } }
}
