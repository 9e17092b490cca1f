internal import Mustache

/// Text in HTML: what a page's author did not write cannot become markup.
///
/// The template library's own escaping looks at grapheme clusters and lets a quotation mark pass that carries a combining accent; this one
/// looks at each scalar, as a browser does.
struct HTMLText: MustacheContentType {
  /// The text with each character that means something in markup or in an attribute replaced by a reference.
  static func escaped(_ text: String) -> String {
    var result = ""
    result.reserveCapacity(text.utf8.count)
    for scalar in text.unicodeScalars {
      switch scalar {
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "&": result += "&amp;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      case "\u{0}"..<"\u{9}", "\u{b}"..<"\u{d}", "\u{e}"..<"\u{20}", "\u{7f}"..<"\u{a0}": result += "\u{fffd}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// See `escaped`.
  func escapeText(_ text: String) -> String { Self.escaped(text) }
}
