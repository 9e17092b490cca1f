import Addressing
import TestSupport

/// Accesses as a recording tool sees them, and the same recording in each format that can tell of them.
struct NaiveTrace {
  struct Access {
    var address: UInt64
    var size: UInt64
    /// "I", "L", "S" or "M".
    var letter: Character
  }

  var accesses: [Access] = []

  /// A random recording: code, heap and stack, small and large accesses, a few across pages and in the kernel's half.
  init(seed: UInt64, count: Int) {
    var random = SeededGenerator(seed: seed)
    for _ in 0..<count {
      let base: UInt64 = [0x40_0000, 0x1_0000, 0x7ffd_1234_5000, 0xffff_8000_0000_0000, 0].randomElement(using: &random) ?? 0
      var address = base + UInt64.random(in: 0..<1 << 20, using: &random)
      let size: UInt64 = [1, 2, 4, 8, 16, 64, 512, 4096].randomElement(using: &random) ?? 1
      if Int.random(in: 0..<10, using: &random) == 0 { address = address | 0xfff - size / 2 }
      accesses.append(Access(address: address, size: size, letter: ["I", "L", "S", "M"].randomElement(using: &random) ?? "I"))
    }
  }

  /// What must come out, by the rule in the plainest words: for each byte of an access, which page it is in.
  var records: [AccessRecord] {
    accesses.flatMap { access in
      let kinds: [AccessKind] =
        access.letter == "I" ? [.fetch] : access.letter == "L" ? [.read] : access.letter == "S" ? [.write] : [.read, .write]
      return kinds.flatMap { kind in
        var firsts: [UInt64] = []
        for byte in 0..<access.size where firsts.last.map({ $0 / 4096 }) != (access.address + byte) / 4096 {
          firsts.append(access.address + byte)
        }
        return firsts.map { AccessRecord(GuestVirtualAddress($0), kind, $0 >= 1 << 63 ? .supervisor : .user) }
      }
    }
  }

  /// As lackey prints it, with messages between.
  func lackey(newline: String = "\n") -> String {
    accesses.enumerated().map { index, access in
      let message = index % 97 == 96 ? "==1== message \(index)\(newline)" : ""
      let hex = String(access.address, radix: 16)
      let padded = String(repeating: "0", count: max(0, 8 - hex.count)) + hex
      return message + (access.letter == "I" ? "I  " : " \(access.letter) ") + "\(padded),\(access.size)\(newline)"
    }.joined()
  }

  /// As CSV, in a shuffled order of columns.
  var csv: String {
    "size,kind,address\n"
      + accesses.map { access in
        let names = ["I": "fetch", "L": "read", "S": "write", "M": "modify"]
        let hex = access.address % 3 == 0 ? "\(access.address)" : "0x" + String(access.address, radix: 16)
        return "\(access.size),\(names[String(access.letter)] ?? ""),\(hex)\n"
      }.joined()
  }

  /// As drmemtrace's records; a modify is a read and a write.
  var drmemtrace: [UInt8] {
    TraceFile.drmemtrace(25, 8, 3)
      + accesses.flatMap { access in
        let types: [UInt16] = access.letter == "I" ? [12] : access.letter == "L" ? [0] : access.letter == "S" ? [1] : [0, 1]
        return types.flatMap { TraceFile.drmemtrace($0, UInt16(access.size), access.address) } + TraceFile.drmemtrace(28, 2, 99)
      } + TraceFile.drmemtrace(26)
  }

  /// A parser of lackey's text by strings alone, for texts without a fault.
  static func parse(lackey text: String) -> [Access] {
    text.split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("==") }.map { line in
      let parts = line.dropFirst(3).split(separator: ",")
      let letter = line.first { $0 != " " } ?? "?"
      return Access(address: UInt64(parts[0], radix: 16) ?? 0, size: UInt64(parts[1]) ?? 0, letter: letter)
    }
  }
}
