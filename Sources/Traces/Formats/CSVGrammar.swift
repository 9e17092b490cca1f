internal import Addressing
internal import Columns
internal import Files

/// Comma-separated values with a header, one access or event a line.
///
/// | column | also called | values | if absent or empty |
/// |---|---|---|---|
/// | `address` | `addr`, `vaddr` | decimal, or hexadecimal after 0x | required of an access |
/// | `kind` | `type`, `op`, `access` | `read`, `write`, `fetch`, `modify` (read and write), or R, W, F, I, L, S, M, `load`, `store`, `ifetch`, `instruction` | `read` |
/// | `size` | `bytes` | decimal or 0x | 1 |
/// | `process` | `pid`, `asid` | a number below 2^56; when it changes, a `run` event comes first | the process before |
/// | `mode` | `privilege` | `user` or `supervisor` | by the address: the upper half is the kernel's |
/// | `event` | | the name of a `StreamEvent`: `run`, `fork`, `exec`, `exit`, `range`, `unmap`, `protect`, `unprotect`, `rewrite`, `world-switch`, `operation`, `populate` | an access |
/// | `argument` | `arg` | the event's argument, a number below 2^56 | 0 |
///
/// A line is an access or an event: one that has an event has no address, kind, size and mode, and one that has none has no argument.
/// Columns stand in any order; other columns are an error, since a misspelt one would be silently ignored. Names and words may be in capitals, and
/// blanks and double quotes around a value do not count. Empty lines and lines that begin with # are skipped.
struct CSVGrammar: LineGrammar {
  var line: UInt64 = 0
  enum Column: String, CaseIterable {
    case address
    case kind
    case size
    case process
    case mode
    case event
    case argument

    /// The column of a name in lower case.
    init?(name: String) {
      switch name {
      case "addr", "vaddr": self = .address
      case "type", "op", "access": self = .kind
      case "bytes": self = .size
      case "pid", "asid": self = .process
      case "privilege": self = .mode
      case "arg": self = .argument
      default: self.init(rawValue: name)
      }
    }

    var index: Int {
      switch self {
      case .address: 0
      case .kind: 1
      case .size: 2
      case .process: 3
      case .mode: 4
      case .event: 5
      case .argument: 6
      }
    }
  }

  /// Which column stands where; empty until the header has been read.
  private var order: [Int] = []
  /// Where in the window the line's values stand, by column; an empty range for none.
  private var values = [Range<Int>](repeating: 0..<0, count: Column.allCases.count)
  private var process: UInt64?

  mutating func read(_ bytes: RawSpan, _ line: Range<Int>, _ batch: borrowing AccessBatch, _ counts: inout DecodedCounts)
    throws(LineProblem)
  {
    guard let first = line.first, bytes.byte(first) != 0x23 else {
      counts.skipped += 1
      return
    }
    guard !order.isEmpty else { return try readHeader(bytes, line) }
    try split(bytes, line)
    try checkOneThing()
    if let number = try number(.process, bytes), number != process {
      guard number >> 56 == 0 else { throw LineProblem(values[Column.process.index].lowerBound, "the process's number is not below 2^56") }
      process = number
      batch.put(AccessRecord(.run, number), &counts.records)
    }
    if values[Column.event.index].isEmpty {
      try readAccess(bytes, line, batch, &counts)
    } else {
      try readEvent(bytes, batch, &counts)
    }
  }

  func end() throws(LineProblem) {
    if order.isEmpty { throw LineProblem(0, "the header is missing") }
  }

  private mutating func readHeader(_ bytes: RawSpan, _ line: Range<Int>) throws(LineProblem) {
    var columns: [Int] = []
    var start = line.lowerBound
    while true {
      let end = (start..<line.upperBound).first { bytes.byte($0) == 0x2c } ?? line.upperBound
      let range = Self.trimmed(bytes, start..<end)
      let name = String(decoding: range.map { bytes.byte($0) }, as: UTF8.self).lowercased()
      guard let column = Column(name: name) else {
        let known = Column.allCases.map(\.rawValue).joined(separator: ", ")
        throw LineProblem(range.lowerBound, "there is no column \"\(name.prefix(40))\"; known here: \(known)")
      }
      guard !columns.contains(column.index) else { throw LineProblem(range.lowerBound, "the column \(column.rawValue) stands here twice") }
      columns.append(column.index)
      guard end < line.upperBound else { break }
      start = end + 1
    }
    guard columns.contains(Column.address.index) || columns.contains(Column.event.index) else {
      throw LineProblem(line.lowerBound, "the header has neither a column address nor a column event")
    }
    order = columns
  }

  /// Finds where the line's values stand.
  private mutating func split(_ bytes: RawSpan, _ line: Range<Int>) throws(LineProblem) {
    var start = line.lowerBound
    for (place, column) in order.enumerated() {
      var end = start
      while end < line.upperBound && bytes.byte(end) != 0x2c { end += 1 }
      values[column] = Self.trimmed(bytes, start..<end)
      let isLast = place == order.count - 1
      guard isLast == (end == line.upperBound) else {
        throw LineProblem(end, "the line has \(isLast ? "more" : "fewer") than the header's \(order.count) values")
      }
      start = end + 1
    }
  }

  /// Refuses a line that tells two things: whichever of them were taken, the other would be lost without a word.
  private func checkOneThing() throws(LineProblem) {
    let isEvent = !values[Column.event.index].isEmpty
    for column in isEvent ? [.address, .kind, .size, .mode] : [Column.argument] where !values[column.index].isEmpty {
      let reason =
        isEvent ? "the line has an event and a value for \(column.rawValue), which accesses have" : "the line has an argument and no event"
      throw LineProblem(values[column.index].lowerBound, "\(reason): a line is an access or an event")
    }
  }

  private mutating func readAccess(_ bytes: RawSpan, _ line: Range<Int>, _ batch: borrowing AccessBatch, _ counts: inout DecodedCounts)
    throws(LineProblem)
  {
    guard let address = try number(.address, bytes) else {
      throw LineProblem(values[Column.address.index].lowerBound, "the address is missing")
    }
    let size = try number(.size, bytes) ?? 1
    let (kind, isModify) = try kind(bytes)
    let privilege = try mode(bytes)
    let before = counts.records
    guard batch.deliver(address, size: size, kind, &counts) else {
      let column: Column = (1...RecordedAccess.largestSize).contains(size) ? .address : .size
      throw LineProblem(values[column.index].lowerBound, RecordedAccess.problem(address, size: size) ?? "the access is impossible")
    }
    if isModify { _ = batch.deliver(address, size: size, .write, &counts) }
    if let privilege {
      for index in before..<counts.records { batch[index] = AccessRecord(batch[index].address, batch[index].kind, privilege) }
    }
  }

  private mutating func readEvent(_ bytes: RawSpan, _ batch: borrowing AccessBatch, _ counts: inout DecodedCounts) throws(LineProblem) {
    let range = values[Column.event.index]
    guard let event = StreamEvent.allCases.first(where: { Self.isWord(bytes, range, $0.name) }) else {
      throw LineProblem(range.lowerBound, "there is no such event; known here: \(StreamEvent.allCases.map(\.name).joined(separator: ", "))")
    }
    let argument = try number(.argument, bytes) ?? 0
    guard argument >> 56 == 0 else { throw LineProblem(values[Column.argument.index].lowerBound, "the argument is not below 2^56") }
    if event == .run { process = argument }
    batch.put(AccessRecord(event, argument), &counts.records)
  }

  /// A column's number; nil if the line has none.
  private func number(_ column: Column, _ bytes: RawSpan) throws(LineProblem) -> UInt64? {
    let range = values[column.index]
    guard !range.isEmpty else { return nil }
    guard let number = HexDigits.number(bytes, range) else {
      throw LineProblem(range.lowerBound, "the \(column.rawValue) is not a number of at most 64 bits, decimal or hexadecimal after 0x")
    }
    return number
  }

  private func kind(_ bytes: RawSpan) throws(LineProblem) -> (AccessKind, isModify: Bool) {
    let range = values[Column.kind.index]
    guard !range.isEmpty else { return (.read, false) }
    if range.count == 1 {
      switch bytes.byte(range.lowerBound) | 0x20 {
      case 0x72, 0x6c: return (.read, false)
      case 0x77, 0x73: return (.write, false)
      case 0x66, 0x69: return (.fetch, false)
      case 0x6d: return (.read, true)
      default: break
      }
    }
    for word in ["read", "load"] where Self.isWord(bytes, range, word) { return (.read, false) }
    for word in ["write", "store"] where Self.isWord(bytes, range, word) { return (.write, false) }
    for word in ["fetch", "ifetch", "instruction"] where Self.isWord(bytes, range, word) { return (.fetch, false) }
    if Self.isWord(bytes, range, "modify") { return (.read, true) }
    throw LineProblem(range.lowerBound, "there is no such kind of access; known here: read, write, fetch, modify")
  }

  private func mode(_ bytes: RawSpan) throws(LineProblem) -> Privilege? {
    let range = values[Column.mode.index]
    if range.isEmpty { return nil }
    if Self.isWord(bytes, range, "user") { return .user }
    if Self.isWord(bytes, range, "supervisor") { return .supervisor }
    throw LineProblem(range.lowerBound, "the mode is neither user nor supervisor")
  }

  /// A range without the blanks and double quotes around it.
  private static func trimmed(_ bytes: RawSpan, _ range: Range<Int>) -> Range<Int> {
    func counts(_ byte: UInt8) -> Bool { byte != 0x20 && byte != 9 && byte != 0x22 }
    var (start, end) = (range.lowerBound, range.upperBound)
    while start < end && !counts(bytes.byte(start)) { start += 1 }
    while end > start && !counts(bytes.byte(end - 1)) { end -= 1 }
    return start..<end
  }

  /// Whether a range of bytes is a word, in small letters or capitals.
  private static func isWord(_ bytes: RawSpan, _ range: Range<Int>, _ word: String) -> Bool {
    guard range.count == word.utf8.count else { return false }
    for (index, byte) in zip(range, word.utf8) {
      let other = bytes.byte(index)
      guard other == byte || (0x41...0x5a).contains(other) && other | 0x20 == byte else { return false }
    }
    return true
  }
}
