internal import Files

/// Tells a recording's format by the first bytes of what it decompresses to.
///
/// The laboratory's own format has a magic number, and drmemtrace begins with its header. Text is told by its first line that is known, so
/// that a line that is wrong can be named by the decoder. ChampSim's records have no mark at all: they are what is left, if the instruction
/// pointers, flags and addresses of the first records can be such in one of the two layouts.
enum FormatDetection {
  /// What a decoder must know.
  enum Found: Equatable {
    case text(TraceFormat)
    case drmemtrace
    case binary
    case champsim(ChampSimDecoder.Layout)
  }

  /// How many bytes are looked at.
  static let reach = StreamedFile.capacity

  /// The format of bytes; nil if it is none that is known.
  static func find(_ bytes: RawSpan, _ count: Int) -> Found? {
    if (0..<BinaryTrace.magic.count).allSatisfy({ $0 < count && bytes.byte($0) == BinaryTrace.magic[$0] }) { return .binary }
    if isDrmemtrace(bytes, count) { return .drmemtrace }
    if isText(bytes, count) { return text(bytes, count).map { .text($0) } }
    return champsim(bytes, count).map { .champsim($0) }
  }

  /// Whether the first record is a header with a version that could be one.
  private static func isDrmemtrace(_ bytes: RawSpan, _ count: Int) -> Bool {
    count >= DrmemtraceDecoder.size && bytes.integer(0, as: UInt16.self) == 25 && bytes.integer(4, as: UInt64.self) < 256
  }

  /// Whether the first bytes are printable ASCII, tabs and line ends.
  private static func isText(_ bytes: RawSpan, _ count: Int) -> Bool {
    (0..<min(count, 4096)).allSatisfy { index in
      let byte = bytes.byte(index)
      return (0x20...0x7e).contains(byte) || (9...13).contains(byte)
    }
  }

  private static func text(_ bytes: RawSpan, _ count: Int) -> TraceFormat? {
    var start = 0
    while start < count {
      let end = LackeyGrammar.lineEnd(bytes, start, count)
      let line = start..<end
      start = end + 1
      guard let first = line.first, bytes.byte(first) != 0x0d, !LackeyGrammar.isMessage(bytes, line) else { continue }
      if bytes.byte(first) == 0x23 {
        // "#eof" alone is a recording of pinatrace's too.
        if line.count >= 4 && bytes.integer(first, as: UInt32.self) == 0x666f_6523 { return .pinatrace }
        continue
      }
      if let format = format(ofLine: line.map { bytes.byte($0) }) { return format }
    }
    return nil
  }

  private static func format(ofLine line: [UInt8]) -> TraceFormat? {
    if ["I  ", " L ", " S ", " M "].contains(where: { line.starts(with: $0.utf8) }) { return .lackey }
    if line.starts(with: "0x".utf8) && line.contains(0x3a) { return .pinatrace }
    let names = line.split(separator: 0x2c, omittingEmptySubsequences: false).map { field in
      String(decoding: field.filter { $0 > 0x20 && $0 != 0x22 }, as: UTF8.self).lowercased()
    }
    return names.contains { CSVGrammar.Column(name: $0) != nil } ? .csv : nil
  }

  /// The layout in which more of the first records can be what they should be; nil if the first record can be such in neither.
  static func champsim(_ bytes: RawSpan, _ count: Int) -> ChampSimDecoder.Layout? {
    let (plain, cloudsuite) = (plausible(bytes, count, .plain), plausible(bytes, count, .cloudsuite))
    if plain == 0 && cloudsuite == 0 { return nil }
    // Bytes, not records: the layouts' records differ in size.
    return plain * ChampSimDecoder.Layout.plain.rawValue >= cloudsuite * ChampSimDecoder.Layout.cloudsuite.rawValue ? .plain : .cloudsuite
  }

  /// How many records from the first on can be such.
  private static func plausible(_ bytes: RawSpan, _ count: Int, _ layout: ChampSimDecoder.Layout) -> Int {
    var records = 0
    while (records + 1) * layout.rawValue <= count {
      let start = records * layout.rawValue
      let pointer: UInt64 = bytes.integer(start)
      let flags: UInt16 = bytes.integer(start + 8)
      let memory = [layout.stores, layout.loads].flatMap { stride(from: $0.lowerBound, to: $0.upperBound, by: 8) }
      guard pointer != 0, RecordedAccess.isCanonical(pointer), flags & 0xfefe == 0,
        memory.allSatisfy({ RecordedAccess.isCanonical(bytes.integer(start + $0)) })
      else { break }
      records += 1
    }
    return records
  }
}
