/// Boxes, lines and words of a drawing, in SVG's own units.
struct SVGCanvas {
  private var body = ""

  /// A box with rounded corners.
  mutating func box(x: Int, y: Int, width: Int, height: Int, fill: String, stroke: String, radius: Int, dashes: String? = nil) {
    let dashed = dashes.map { " stroke-dasharray=\"\($0)\"" } ?? ""
    body +=
      "<rect x=\"\(x)\" y=\"\(y)\" width=\"\(width)\" height=\"\(height)\" rx=\"\(radius)\" fill=\"\(fill)\" stroke=\"\(stroke)\" stroke-width=\"1.5\"\(dashed)/>\n"
  }

  /// Words whose baseline is at a place.
  mutating func text(_ text: String, x: Int, y: Int, class name: String, anchor: String = "start", fill: String? = nil) {
    let anchored = anchor == "start" ? "" : " text-anchor=\"\(anchor)\""
    let filled = fill.map { " style=\"fill: \($0)\"" } ?? ""
    body += "<text x=\"\(x)\" y=\"\(y)\" class=\"\(name)\"\(anchored)\(filled)>\(HTMLText.escaped(text))</text>\n"
  }

  /// A line through points, with an arrow's head at its end.
  mutating func arrow(_ points: [(x: Int, y: Int)], _ name: String, color: String? = nil) {
    let path = points.enumerated().map { "\($0.offset == 0 ? "M" : "L")\($0.element.x) \($0.element.y)" }.joined(separator: " ")
    let colored = color.map { " style=\"stroke: \($0)\"" } ?? ""
    body += "<path d=\"\(path)\" class=\"line\"\(colored) marker-end=\"url(#\(name)-head)\"/>\n"
  }

  /// The whole drawing.
  func document(width: Int, height: Int, name: String, title: String, description: String, style: String) -> String {
    // The rules of a drawing inside a page must not reach the page.
    let scoped = style.split(separator: "\n").map { "#\(name)-drawing \($0)" }.joined(separator: "\n")
    return """
      <svg xmlns="http://www.w3.org/2000/svg" id="\(name)-drawing" viewBox="0 0 \(width) \(height)" role="img" \
      aria-labelledby="\(name)-title \(name)-desc">
      <title id="\(name)-title">\(HTMLText.escaped(title))</title>
      <desc id="\(name)-desc">\(HTMLText.escaped(description))</desc>
      <style>
      \(scoped)
      </style>
      <defs><marker id="\(name)-head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path \
      d="M0 0.6 L7.4 4 L0 7.4 z" fill="context-stroke"/></marker></defs>
      <rect width="\(width)" height="\(height)" fill="#FFFFFF"/>
      \(body)</svg>

      """
  }
}
