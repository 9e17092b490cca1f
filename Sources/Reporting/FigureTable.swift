internal import Laboratory

/// The numbers behind a figure: what its CSV file holds, what its script draws, and what the report lists under it.
struct FigureTable {
  /// A column: a name for scripts, a heading for people, and how people read its values.
  struct Column {
    /// Its name in the CSV file.
    let name: String
    /// Its heading in the report.
    let heading: String
    /// What it holds.
    let unit: Unit
    /// Its values, one a row.
    let cells: [Cell]
  }

  /// What a column holds.
  enum Unit {
    /// Names.
    case text
    /// Nanoseconds of virtual time, read as seconds.
    case time
    /// Bytes, read as mebibytes.
    case bytes
    /// Counts of something.
    case count
    /// Parts of one, read as percent.
    case ratio
    /// Real numbers.
    case real
  }

  /// A value, or that there is none.
  enum Cell {
    case empty
    case text(String)
    case value(MetricValue)
  }

  /// The columns, all of one length.
  let columns: [Column]

  /// The number of rows.
  var count: Int { columns.first?.cells.count ?? 0 }

  /// The whole table for scripts, in exact values.
  var csv: CSVTable {
    var table = CSVTable(columns.map(\.name))
    for row in 0..<count { table.append(columns.map { $0.cells[row].field }) }
    return table
  }

  /// Rows for people, thinned out evenly to at most a number of them, the first and the last kept.
  func rows(limit: Int) -> [[String]] {
    Self.evenly(count, limit: limit).map { row in columns.map { $0.cells[row].text(in: $0.unit) } }
  }

  /// At most `limit` numbers (two or more) out of 0..<count at even distances, the first and the last among them.
  static func evenly(_ count: Int, limit: Int) -> [Int] {
    guard count > limit else { return Array(0..<count) }
    return (0..<limit).map { ($0 * (count - 1) + (limit - 1) / 2) / (limit - 1) }
  }

  /// The greatest number in a column, 0 if it has none.
  func maximum(of column: Int) -> Double { columns[column].cells.reduce(0) { max($0, $1.number) } }
}

extension FigureTable.Cell {
  /// The exact value for a CSV file.
  var field: String {
    switch self {
    case .empty: ""
    case .text(let text): text
    case .value(let value): value.field
    }
  }

  /// The value as a number; 0 for a text or none.
  var number: Double {
    guard case .value(let value) = self, value.number.isFinite else { return 0 }
    return value.number
  }

  /// The value for people.
  func text(in unit: FigureTable.Unit) -> String {
    switch (self, unit) {
    case (.empty, _): "–"
    case (.text(let text), _): text
    case (.value(.count(let count)), .time): Wording.seconds(count)
    case (.value(.count(let count)), .bytes): Wording.mebibytes(count)
    case (.value(.count(let count)), .count): Wording.grouped(count)
    case (.value(let value), .ratio): Wording.fixed(value.number * 100, decimals: 3)
    case (.value(let value), _): Wording.fixed(value.number, decimals: 3)
    }
  }
}
