import Addressing
import Foundation
import FoundationXML
import Testing
import Translation

@testable import Reporting

/// A walk told as text and as a drawing: every reference once, in place, and within the width of a terminal.
@Suite struct WalkFigureTests {
  /// Walks of every shape: whole ones, and ones that stop at each of their references.
  static let walks: [WalkTranscript] = {
    var walks: [WalkTranscript] = []
    for (guest, host) in [(4, 4), (5, 5), (4, 5), (5, 4), (4, 1), (5, 0), (4, 0)] {
      for page in PageSize.allCases where host > 1 || page == .size4K {
        let host = host == 0 ? nil : WalkExample.Dimension(levels: host, page: page)
        walks.append(walk(.init(levels: guest, page: host?.levels == 1 ? .size4K : page), host))
      }
    }
    for number in 1...24 { walks.append(walk(.init(levels: 4), .init(levels: 4), absent: number)) }
    return walks
  }()

  private static func walk(_ guest: WalkExample.Dimension, _ host: WalkExample.Dimension?, absent: Int? = nil) -> WalkTranscript {
    let example = WalkExample(guest: guest, host: host)
    let walk = example.recorder().walk(example.address, cr3: example.root)
    guard let absent else { return walk }
    example.clear(7, of: walk.steps[absent - 1])
    return example.recorder().walk(example.address, cr3: example.root)
  }

  /// The texts of a drawing by their class, gathered by an XML parser.
  private final class Drawing: NSObject, XMLParserDelegate {
    var texts: [(kind: String, text: String)] = []
    var names: [String] = []
    private var identifiers: Set<String> = []
    var isTwice = false
    private var kind: String?

    init(_ svg: String) throws {
      super.init()
      let parser = XMLParser(data: Data(svg.utf8))
      parser.delegate = self
      guard parser.parse() else { throw parser.parserError ?? CocoaError(.fileReadCorruptFile) }
    }

    func parser(_: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?, attributes: [String: String]) {
      names.append(name)
      if let identifier = attributes["id"], !identifiers.insert(identifier).inserted { isTwice = true }
      kind = ["text", "title", "desc"].contains(name) ? attributes["class"] ?? name : nil
      if let kind { texts.append((kind, "")) }
    }

    func parser(_: XMLParser, didEndElement _: String, namespaceURI: String?, qualifiedName: String?) { kind = nil }

    func parser(_: XMLParser, foundCharacters text: String) { if kind != nil { texts[texts.count - 1].text += text } }
  }

  @Test("A drawing is well-formed XML with a title and a description, and shows each reference's number once, in order")
  func drawing() throws {
    for walk in Self.walks {
      let svg = WalkFigure.svg(walk)
      let drawing = try Drawing(svg)
      #expect(drawing.texts.filter { $0.kind == "number" }.map(\.text) == walk.steps.map { String($0.number) })
      #expect(drawing.texts.first?.kind == "title" && drawing.texts[1].kind == "desc")
      #expect(drawing.texts[1].text.contains("\(walk.steps.count) memory reference"))
      #expect(!drawing.isTwice)
      #expect(!svg.contains("href=") && !svg.contains("url(http"), "it needs nothing else")
      #expect(WalkFigure.svg(walk) == svg)
    }
  }

  @Test("The explanation fits a terminal of 100 columns, tells each reference in order, and ends with the closed form") func explanation() {
    for walk in Self.walks {
      let lines = WalkText.explanation(walk).split(separator: "\n", omittingEmptySubsequences: false)
      #expect(lines.allSatisfy { $0.count <= 100 }, "\(lines.filter { $0.count > 100 })")
      let numbers = lines.filter { $0.contains(" 0x") && $0.hasPrefix(" ") }.compactMap { Int($0.split(separator: " ")[0]) }
      #expect(numbers == walk.steps.map(\.number))
    }
    let whole = WalkText.explanation(Self.walks[0])
    #expect(whole.contains("24 memory references = (4 + 1)(4 + 1) \u{2212} 1"))
    #expect(whole.contains("12 different words"))
  }

  @Test("Two drawings with names of their own can stand in one page") func names() throws {
    let (a, b) = (WalkFigure.svg(Self.walks[0], name: "a"), WalkFigure.svg(Self.walks[0], name: "b"))
    #expect(!(try Drawing("<g>" + a + b + "</g>")).isTwice)
  }

  @Test("A fault is told with what its code says") func faults() throws {
    let guest = try #require(Self.walks.last { if case .pageFault = $0.outcome { true } else { false } })
    #expect(WalkText.table(guest).contains("stopped: page fault in the guest, error code 0x0: not present, read, supervisor mode"))
    let host = try #require(Self.walks.last { if case .violation = $0.outcome { true } else { false } })
    #expect(WalkText.table(host).contains("exit qualification 0x181: read, not present, for the"))
    #expect(WalkFigure.svg(host).contains("exit qualification 0x181"))
  }
}
