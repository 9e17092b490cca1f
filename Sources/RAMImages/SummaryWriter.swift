extension IdentityTrace {
  /// Writes the trace to a file, which appears whole or not at all.
  public func write(to path: String) throws(ImageError) {
    let file = try OutputFile(path)
    try SummaryWriter.writeHeader(Self.magic, pageSize, guests.count, to: file)
    for (guest, name) in zip(guests, SummaryWriter.uniqueNames(guests.map(\.name))) {
      try SummaryWriter.writeGuest(name, pages: guest.identities.count, to: file)
      for identity in guest.identities { try file.append(identity) }
    }
    try file.commit()
  }
}

extension FingerprintFile {
  /// Writes the fingerprints to a file, which appears whole or not at all.
  public func write(to path: String) throws(ImageError) {
    let file = try OutputFile(path)
    try SummaryWriter.writeHeader(Self.magic, pageSize, guests.count, to: file)
    for (guest, name) in zip(guests, SummaryWriter.uniqueNames(guests.map(\.name))) {
      try SummaryWriter.writeGuest(name, pages: guest.fingerprints.count, to: file)
      for fingerprint in guest.fingerprints { try file.append(fingerprint) }
    }
    try file.commit()
  }
}

/// What the two summaries' writers share: their headers.
enum SummaryWriter {
  static func writeHeader(_ magic: [UInt8], _ pageSize: Int, _ guests: Int, to file: OutputFile) throws(ImageError) {
    try file.append(magic)
    try file.append(UInt32(truncatingIfNeeded: pageSize))
    try file.append(UInt32(truncatingIfNeeded: guests))
  }

  static func writeGuest(_ name: String, pages: Int, to file: OutputFile) throws(ImageError) {
    let bytes = Array(name.utf8.prefix(Int(UInt16.max)))
    try file.append(UInt16(bytes.count))
    try file.append(UInt64(pages))
    try file.append(bytes)
  }

  /// Names by which each guest can be chosen again: "#" and "," separate names on the command line, and no two guests have the same.
  static func uniqueNames(_ names: [String]) -> [String] {
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
