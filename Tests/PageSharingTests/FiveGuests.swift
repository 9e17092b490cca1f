import Glibc

/// The page identities of five real guests, in the order in which a running kernel was given them; see `Workloads/data/README.md`.
struct FiveGuests: Sendable {
  let identities: [UInt32]
  let ranges: [Range<Int>]

  /// The trace of the repository, or nil where it or the `zstd` command is missing.
  static let shared = FiveGuests()

  private init?() {
    let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    guard let bytes = FiveGuests.output(of: "zstd -dcq '/\(root)/Workloads/data/five-guests.pit.zst' 2>/dev/null"), bytes.count > 16 else {
      return nil
    }
    func number(_ offset: Int, _ count: Int) -> Int { (0..<count).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) } }
    var (identities, ranges): ([UInt32], [Range<Int>]) = ([], [])
    var offset = 16
    for _ in 0..<number(12, 4) {
      let (nameLength, pages) = (number(offset, 2), number(offset + 2, 8))
      offset += 10 + nameLength
      ranges.append(identities.count..<identities.count + pages)
      unsafe bytes.withUnsafeBytes { buffer in
        // SAFETY: loads are checked against the buffer's bounds.
        for page in 0..<pages { unsafe identities.append(buffer.loadUnaligned(fromByteOffset: offset + 4 * page, as: UInt32.self)) }
      }
      offset += 4 * pages
    }
    (self.identities, self.ranges) = (identities, ranges)
  }

  private static func output(of command: String) -> [UInt8]? {
    guard let pipe = unsafe popen(command, "r") else { return nil }
    var output: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = unsafe fread(&chunk, 1, chunk.count, pipe)
      if count == 0 { break }
      output += chunk[0..<count]
    }
    return unsafe pclose(pipe) == 0 ? output : nil
  }
}
