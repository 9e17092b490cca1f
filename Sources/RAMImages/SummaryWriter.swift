extension IdentityTrace {
  /// Writes the trace to a file, which appears whole or not at all.
  public func write(to path: String) throws(ImageError) {
    try SummaryWriter.write(Self.magic, pageSize, guests.map { ($0.name, $0.identities) }, to: path)
  }
}

extension FingerprintFile {
  /// Writes the fingerprints to a file, which appears whole or not at all.
  public func write(to path: String) throws(ImageError) {
    try SummaryWriter.write(Self.magic, pageSize, guests.map { ($0.name, $0.fingerprints) }, to: path)
  }
}

/// Writes the two summaries: of each guest a name and a value a page.
enum SummaryWriter {
  static func write<Value: FixedWidthInteger>(
    _ magic: [UInt8], _ pageSize: Int, _ guests: [(name: String, values: [Value])], to path: String
  ) throws(ImageError) {
    let file = try OutputFile(path)
    try file.append(magic)
    try file.append(UInt32(truncatingIfNeeded: pageSize))
    try file.append(UInt32(truncatingIfNeeded: guests.count))
    for (guest, name) in zip(guests, uniqueNames(guests.map(\.name))) {
      try writeHeader(name, pages: guest.values.count, to: file)
      for value in guest.values { try file.append(value) }
    }
    try file.commit()
  }

  private static func writeHeader(_ name: String, pages: Int, to file: OutputFile) throws(ImageError) {
    let bytes = Array(name.utf8.prefix(Int(UInt16.max)))
    try file.append(UInt16(bytes.count))
    try file.append(UInt64(pages))
    try file.append(bytes)
  }

  /// Names by which each guest can be chosen again: "#" and "," separate names on the command line, and no two guests have the same.
  private static func uniqueNames(_ names: [String]) -> [String] {
    var taken: Set<String> = []
    return names.map { name in
      let plain = String(name.map { $0 == "#" || $0 == "," ? "_" : $0 })
      var unique = plain
      var number = 2
      while !taken.insert(unique).inserted {
        unique = "\(plain)-\(number)"
        number += 1
      }
      return unique
    }
  }
}
