/// A table as comma-separated values (RFC 4180, lines ending in a bare newline as Unix tools expect).
struct CSVTable {
  /// The names of the columns.
  let header: [String]
  /// The rows, each as long as the header.
  private(set) var rows: [[String]] = []

  /// A table without rows.
  init(_ header: [String]) { self.header = header }

  /// Adds a row.
  mutating func append(_ row: [String]) {
    precondition(row.count == header.count, "a row has a field for each column")
    rows.append(row)
  }

  /// The table as text, the header first.
  var text: String {
    var text = ""
    for row in [header] + rows { Self.append(row, to: &text) }
    return text
  }

  /// Appends a row to a text.
  static func append(_ row: [String], to text: inout String) {
    for (index, field) in row.enumerated() {
      if index > 0 { text += "," }
      text += quoted(field)
    }
    text += "\n"
  }

  /// A field, in quotation marks where its content needs them (RFC 4180 section 2, rules 6 and 7).
  static func quoted(_ field: String) -> String {
    let needsQuotes = field.utf8.contains {
      $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r")
    }
    guard needsQuotes else { return field }
    return "\"" + field.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
  }
}

/// Rows of fields as comma-separated values, as every table of memlab is written.
public enum CSVText {
  /// The text of rows, the header first; each as long as the header.
  public static func text(_ rows: [[String]]) -> String {
    guard let header = rows.first else { return "" }
    var table = CSVTable(header)
    for row in rows.dropFirst() { table.append(row) }
    return table.text
  }
}
