import Foundation
import Testing

@testable import Laboratory
@testable import Reporting

@Suite("Figures")
struct FigureTests {
  @Test("gnuplot draws every figure from its folder's files alone, whatever the machines are called")
  func names() async throws {
    let folder = try TemporaryFolder()
    let names = ["it's", "a,b \"c\"", "<&>", "`id`", "%d @ $1 {x}", "back\\slash", "zwei\nZeilen", String(repeating: "long ", count: 60)]
    var result = RunFixture.empty(vms: names.enumerated().map { RunFixture.vm($1, "nested", memory: 64, index: UInt64($0)) })
    for (index, name) in names.enumerated() {
      for metric in [Metric.privateBytes, .sharedBytes, .balloonActualBytes, .tlbMissRate, .referencesPerWalk] {
        for second in 0..<5 {
          result.timeline.append(
            Sample(timeNanoseconds: UInt64(second) * 1_000_000_000, vm: name, metric: metric, value: .real(Double(second + index))))
        }
      }
    }
    let (pictures, warnings) = try await FigureFiles.write(Figure.all(of: result), to: folder.url)
    #expect(warnings == [])
    #expect(pictures.keys.sorted() == ["balloons", "cycles", "exits", "machine-shares", "translation"])
    for name in ["saved-pages", "host-memory"] { #expect(Figure.all(of: result).first { $0.name == name }?.script == nil) }
  }

  @Test(
    "Odd runs are drawn too: one sample, zeros only, gaps, huge values",
    arguments: [
      [MetricValue.count(5)], [.count(0), .count(0)], [.real(.nan), .real(1), .real(.infinity)], [.count(.max), .count(0)],
      [.real(1e-9), .real(2e-9)],
    ])
  func oddRuns(values: [MetricValue]) async throws {
    let folder = try TemporaryFolder()
    var result = RunFixture.empty(vms: [RunFixture.vm("web", "nested", memory: 64, index: 0)])
    result.vms[0].exits = [ExitCount(reason: "a", count: 1), ExitCount(reason: "b", count: .max)]
    for (second, value) in values.enumerated() {
      for metric in Metric.allCases {
        for vm in ["", "web"] { result.timeline.append(Sample(timeNanoseconds: UInt64(second) * 7, vm: vm, metric: metric, value: value)) }
      }
    }
    let (pictures, warnings) = try await FigureFiles.write(Figure.all(of: result), to: folder.url)
    #expect(warnings == [])
    #expect(pictures.count == 9)
  }

  @Test("Without gnuplot the numbers and scripts are still written, with one warning, and the page says what is missing")
  func withoutGnuplot() async throws {
    let folder = try TemporaryFolder()
    let result = RunFixture.fourGuests(samples: 3)
    let figures = Figure.all(of: result)
    let (pictures, warnings) = try await FigureFiles.write(figures, to: folder.url, program: "gnuplot-that-is-nowhere")
    #expect(pictures.isEmpty)
    #expect(warnings == ["gnuplot is not in the search path: the report has tables in place of its figures"])
    #expect(try folder.files() == figures.flatMap { ["\($0.name).csv", "\($0.name).gp"] }.sorted())
    let page = ReportPage(result, manifest: RunFixture.manifest(), figures: figures, pictures: pictures).html
    #expect(page.contains("Figures were not drawn") && page.contains("The figure was not drawn; its table below has the numbers."))
  }

  @Test("When gnuplot fails, its words are in the warning and no broken picture is left")
  func failingGnuplot() async throws {
    let folder = try TemporaryFolder()
    let figures = Array(Figure.all(of: RunFixture.fourGuests(samples: 3)).prefix(1))
    let (pictures, warnings) = try await FigureFiles.write(figures, to: folder.url, program: "false")
    #expect(pictures.isEmpty)
    #expect(warnings.count == 1 && warnings[0].hasPrefix("gnuplot could not draw saved-pages"))
    #expect(try folder.files() == ["saved-pages.csv", "saved-pages.gp"])
  }

  @Test("A script names no folder, so a figure can be redrawn wherever its files are")
  func relativePaths() {
    for figure in Figure.all(of: RunFixture.fourGuests()) {
      let script = figure.script ?? ""
      #expect(script.contains("'\(figure.name).csv'") && script.contains("set output '\(figure.name).svg'"))
      #expect(!script.contains("/tmp") && !script.contains("memlab-reporting"))
    }
  }

  @Test(
    "An axis has round steps, at most as many as asked for",
    arguments: [(1.0, 0.2), (5, 1), (5.1, 2), (9, 2), (10, 2), (10.1, 5), (512, 200), (0.03, 0.01), (1e12, 2e11)])
  func steps(peak: Double, step: Double) {
    let found = Axis.step(upTo: peak, count: 5)
    #expect(abs(found / step - 1) < 1e-9)
  }

  @Test("A picture in a page has identifiers of its own and no tool tips of gnuplot's")
  func inlinePicture() throws {
    let svg = """
      <?xml version="1.0"?><svg viewBox="0 0 5 5" xmlns:xlink="http://www.w3.org/1999/xlink"><title>Gnuplot</title><desc>By gnuplot</desc>
      <defs><circle id='gpDot'/></defs><g id="plot_1"><title>plot_1</title><use xlink:href='#gpDot'/></g></svg>
      """
    let element = try #require(InlineSVG.element(svg, figure: "f", title: "A < B", description: "\"d\""))
    #expect(element.contains("<title id=\"f-title\">A &lt; B</title>") && element.contains("&quot;d&quot;"))
    #expect(element.contains("id='f-gpDot'") && element.contains("href='#f-gpDot'") && element.contains("id=\"f-plot_1\""))
    #expect(!element.contains("Gnuplot") && !element.contains(">plot_1<") && !element.contains("http"))
    #expect(InlineSVG.element("no picture", figure: "f", title: "", description: "") == nil)
  }
}
