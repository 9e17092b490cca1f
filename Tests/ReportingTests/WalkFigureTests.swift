import Addressing
import Foundation
import FoundationXML
import PageTables
import Testing

@testable import Laboratory
@testable import Reporting
@testable import Translation

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
    example.take(.presence, from: walk.steps[absent - 1])
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

  /// A walk of agile paging: the upper `above` levels are shadowed, the others the guest's own.
  static func switching(above: Int) -> WalkTranscript {
    let example = WalkExample(guest: .init(levels: 4), host: .init(levels: 4))
    let recorder = example.recorder()
    let whole = recorder.walk(example.address, cr3: example.root)
    let own = whole.steps.filter { $0.dimension == .guest }
    let shadow = (0..<above).map { index in
      WalkStep(
        number: index + 1, dimension: .shadow, level: 4 - index, guestLevel: 4 - index, index: own[index].index, guestAddress: nil,
        hostAddress: HostPhysicalAddress(0x9000_0000 + UInt64(index) << 12), word: 0x9000_1027,
        meaning: .table(at: 0x9000_1000 + UInt64(index) << 12))
    }
    let table = HostPhysicalAddress((own[above].hostAddress?.rawValue ?? 0) & ~0xfff)
    let start = X86Walk(example.address, root: GuestPhysicalAddress(table.rawValue), levels: 4 - above)
    return recorder.walk(on: start, at: table, root: example.root, .read, .supervisor, after: shadow)
  }

  @Test("A walk that switches from shadow tables to nested ones makes g + nh references, drawn and told each once", arguments: 0...3)
  func switches(above: Int) throws {
    let walk = Self.switching(above: above)
    let nested = 4 - above
    #expect(walk.steps.count == 4 + nested * 4 && walk.switches && walk.shadowDepth == above)
    let drawing = try Drawing(WalkFigure.svg(walk))
    #expect(drawing.texts.filter { $0.kind == "number" }.map(\.text) == walk.steps.map { String($0.number) })
    #expect(drawing.texts.filter { $0.text.hasPrefix("shadow L") }.count == above)
    let text = WalkText.explanation(walk)
    #expect(text.contains("\(walk.steps.count) memory references = 4 + \(nested) \u{00d7} 4"))
    #expect(text.split(separator: "\n").allSatisfy { $0.count <= 100 })
    let caption = DrawnWalk(MachineWalk(vm: "a", paging: .agile, transcript: walk)).caption
    #expect(caption.hasPrefix("\(walk.steps.count) references = g + nh = 4 + \(nested) \u{00d7} 4, "))
  }

  @Test("The caption of a drawn walk gives its count and the closed form, or how far the walk went") func captions() {
    func caption(_ paging: PagingMode, _ walk: WalkTranscript) -> String {
      DrawnWalk(MachineWalk(vm: "a", paging: paging, transcript: walk)).caption
    }
    let whole = Self.walk(.init(levels: 4), .init(levels: 4))
    #expect(
      caption(.nested, whole).hasPrefix(
        "24 references = (g + 1)(h + 1) \u{2212} 1 = (4 + 1)(4 + 1) \u{2212} 1, for 4 levels of the guest's tables over 4 of the host's."))
    #expect(caption(.native, Self.walk(.init(levels: 5), nil)).hasPrefix("5 references, one for each of 5 levels"))
    #expect(caption(.nested, Self.walk(.init(levels: 4), .init(levels: 4), absent: 10)).hasPrefix("10 references until the walk stops: "))
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
