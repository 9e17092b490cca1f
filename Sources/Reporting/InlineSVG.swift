/// A picture by gnuplot, made fit to stand within a page.
///
/// gnuplot gives the same identifiers to each picture and names its groups by titles that a browser would show as tool tips; a page holds
/// several pictures and reads them to people by a title and a description of its own.
enum InlineSVG {
  /// The picture's element, its identifiers made the figure's own; nil if the text is no picture.
  static func element(_ svg: String, figure name: String, title: String, description: String) -> String? {
    guard let start = svg.firstRange(of: "<svg"), let end = svg.lastRange(of: "</svg>") else { return nil }
    var body = svg[start.lowerBound..<end.lowerBound]
    guard let head = body.firstIndex(of: ">") else { return nil }
    let box = attribute("viewBox", in: body[...head]) ?? "0 0 960 400"
    body = body[body.index(after: head)...]
    var text = without(elements: ["title", "desc"], String(body))
    if !text.contains("<use") { text = without(elements: ["defs"], text) }
    for (old, new) in [("id='", "id='\(name)-"), ("id=\"", "id=\"\(name)-"), ("href='#", "href='#\(name)-"), ("url(#", "url(#\(name)-")] {
      text = text.replacing(old, with: new)
    }
    text = text.replacing("xlink:href=", with: "href=").replacing(" shape-rendering='crispEdges'", with: "")
    return """
      <svg viewBox="\(box)" role="img" aria-labelledby="\(name)-title \(name)-desc">
      <title id="\(name)-title">\(HTMLText.escaped(title))</title>
      <desc id="\(name)-desc">\(HTMLText.escaped(description))</desc>
      \(text)</svg>
      """
  }

  private static func attribute(_ name: String, in tag: Substring) -> String? {
    guard let start = tag.firstRange(of: name + "=\"") else { return nil }
    return tag[start.upperBound...].firstIndex(of: "\"").map { String(tag[start.upperBound..<$0]) }
  }

  /// The text without some elements and all within them.
  private static func without(elements names: [String], _ text: String) -> String {
    var text = text
    for name in names {
      while let start = text.firstRange(of: "<\(name)>"), let end = text[start.upperBound...].firstRange(of: "</\(name)>") {
        text.removeSubrange(start.lowerBound..<end.upperBound)
      }
    }
    return text
  }
}

extension StringProtocol {
  /// The last place of a text in this one.
  fileprivate func lastRange(of other: String) -> Range<Index>? { ranges(of: other).last }
}
