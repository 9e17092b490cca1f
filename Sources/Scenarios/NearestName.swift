/// Finds what the author of an unknown name may have meant.
public enum NearestName {
  /// The fewest insertions, deletions, substitutions and swaps of neighbours that make one text of the other (Damerau, 1964, in the
  /// restricted form that edits no part twice).
  static func distance(_ a: String, _ b: String) -> Int {
    let (a, b) = (Array(a.unicodeScalars), Array(b.unicodeScalars))
    var (older, previous) = ([Int](), Array(0...b.count))
    for i in 0..<a.count {
      var row = [i + 1]
      for j in 0..<b.count {
        var best = min(previous[j] + (a[i] == b[j] ? 0 : 1), previous[j + 1] + 1, row[j] + 1)
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { best = min(best, older[j - 1] + 1) }
        row.append(best)
      }
      (older, previous) = (previous, row)
    }
    return previous[b.count]
  }

  /// The valid name nearest to an unknown one, if it is near enough to be meant: at most a third of its letters away, or the only one that
  /// begins with what was written, if that is at least three letters.
  public static func nearest(to unknown: String, among names: [String]) -> String? {
    // Nobody means a short name by a long one, and the distance costs the product of the lengths.
    guard unknown.unicodeScalars.count <= 100 else { return nil }
    let folded = unknown.lowercased()
    var best: (name: String, distance: Int)?
    for name in names {
      let distance = distance(folded, name.lowercased())
      if distance < best?.distance ?? Int.max { best = (name, distance) }
    }
    if let best, best.distance <= max(1, best.name.count / 3) { return best.name }
    let longer = folded.count >= 3 ? names.filter { $0.lowercased().hasPrefix(folded) } : []
    return longer.count == 1 ? longer[0] : nil
  }

  /// A note for an unknown name: the nearest valid one, or all of them.
  static func note(for unknown: String, among names: [String]) -> String {
    if let name = nearest(to: unknown, among: names) { return "did you mean \"\(name)\"?" }
    return "known here: \(names.joined(separator: ", "))"
  }
}
