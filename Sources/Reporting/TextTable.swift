/// Plain text in columns: the first to the left, numbers to the right, a last column without a heading to the left.
enum TextTable {
  /// The lines of a table; none ends in a space.
  static func lines(_ header: [String]?, _ rows: [[String]]) -> [String] {
    let all = (header.map { [$0] } ?? []) + rows
    guard let columns = all.first?.count else { return [] }
    let widths = (0..<columns).map { column in all.map { $0[column].count }.max() ?? 0 }
    return all.map { row in
      var line = ""
      for (column, cell) in row.enumerated() {
        let padding = String(repeating: " ", count: widths[column] - cell.count)
        if column > 0 { line += "  " }
        let isLeft = column == 0 || header?[column].isEmpty == true
        line += isLeft ? cell + padding : padding + cell
      }
      while line.last == " " { line.removeLast() }
      return line
    }
  }
}
