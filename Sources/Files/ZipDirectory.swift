internal import CZlib

/// What a zip file says of a member, before the member or in the directory at the end: equal in both places.
struct ZipEntry: Equatable {
  /// The CRC-32 of its name.
  var name: UInt = 0
  var checksum: UInt32 = 0
  var compressed: UInt64 = 0
  var size: UInt64 = 0
  /// Where the member begins.
  var offset: UInt64 = 0

  /// Takes the 64-bit numbers from the extra field of kind 1, which has each of them whose place in the header is full of ones.
  mutating func readExtra(_ extra: ArraySlice<UInt8>) {
    let wide = { (value: UInt64) in value == 0xffff_ffff }
    var rest = extra
    while rest.count >= 4 {
      let (kind, length) = (rest.littleEndian(0, UInt16.self), Int(rest.littleEndian(2, UInt16.self)))
      var field = rest.dropFirst(4).prefix(length)
      rest = rest.dropFirst(4 + length)
      guard kind == 1 else { continue }
      for number in [\ZipEntry.size, \.compressed, \.offset] where wide(self[keyPath: number]) && field.count >= 8 {
        self[keyPath: number] = field.littleEndian(0)
        field = field.dropFirst(8)
      }
    }
  }

  mutating func readName(_ bytes: ArraySlice<UInt8>) {
    // SAFETY: the slice's own bounds.
    unsafe bytes.withUnsafeBufferPointer { bytes in name = unsafe crc32(0, bytes.baseAddress, UInt32(clamping: bytes.count)) }
  }
}

/// How many members a zip file has, and a digest of what is said of them, whatever their order: memory does not grow with them.
struct ZipCensus: Equatable {
  private(set) var count: UInt64 = 0
  private var digest: UInt64 = 0

  mutating func add(_ entry: ZipEntry) {
    var hash = UInt64(entry.name)
    for value in [UInt64(entry.checksum), entry.compressed, entry.size, entry.offset] {
      hash = (hash ^ value) &* 0x9e37_79b9_7f4a_7c15
      hash ^= hash >> 29
    }
    count += 1
    digest &+= hash
  }
}

/// The directory at the end of a zip file (PKWARE APPNOTE 6.3, 4.3.12 to 4.3.16), which must list the members that were read, and be the last.
struct ZipDirectory {
  private enum Kind: UInt32 {
    case entry = 0x0201_4b50
    case signature = 0x0505_4b50
    case wideEnd = 0x0606_4b50
    case wideEndLocator = 0x0706_4b50
    case end = 0x0605_4b50
  }

  /// What was read of the members.
  private let members: ZipCensus
  private var listed = ZipCensus()
  /// Where the directory begins, and how long its entries are.
  private let offset: UInt64
  private var length: UInt64 = 0
  /// What the current record has so far.
  private var pending: [UInt8]
  /// Bytes of the record that hold nothing to be checked.
  private var skipped: UInt64 = 0
  /// Whether the record that ends the file has been read.
  private var hasEnd = false
  /// Whether the file may end here.
  var mayEnd: Bool { hasEnd && skipped == 0 }

  /// Whether a directory begins with this number.
  static func begins(with signature: UInt32) -> Bool { [.entry, .wideEnd, .end].contains(Kind(rawValue: signature)) }

  /// - Parameter begun: the four bytes of the directory that were read.
  init(of members: ZipCensus, at offset: UInt64, begun: [UInt8]) {
    (self.members, self.offset, pending) = (members, offset, begun)
  }

  /// Reads some bytes.
  /// - Returns: how many; none if there are none.
  mutating func read(_ input: UnsafeRawBufferPointer) throws(DecompressionProblem) -> Int {
    guard skipped == 0 else {
      let count = Int(clamping: min(skipped, UInt64(input.count)))
      skipped -= UInt64(count)
      return count
    }
    guard !hasEnd else {
      guard unsafe input.isEmpty else { throw DecompressionProblem("bytes follow the end of the zip file's directory") }
      return 0
    }
    var taken = 0
    while true {
      let needed = try recordLength
      if pending.count >= needed {
        try readRecord()
        pending.removeAll(keepingCapacity: true)
        return taken
      }
      let count = min(needed - pending.count, input.count - taken)
      guard count > 0 else { return taken }
      // SAFETY: the range was just bounded by the input's length.
      unsafe pending.append(contentsOf: input[taken..<taken + count])
      taken += count
    }
  }

  /// How long the record that has begun is, as far as it is known by now.
  private var recordLength: Int {
    get throws(DecompressionProblem) {
      guard pending.count >= 4 else { return 4 }
      switch Kind(rawValue: integer(0)) {
      case .entry:
        guard pending.count >= 46 else { return 46 }
        return 46 + [28, 30, 32].reduce(0) { $0 + Int(integer($1, UInt16.self)) }
      case .signature: return 6
      case .wideEnd: return 56
      case .wideEndLocator: return 20
      case .end: return 22
      case nil: throw DecompressionProblem("the zip file's directory has bytes that are no record where one should begin")
      }
    }
  }

  private mutating func readRecord() throws(DecompressionProblem) {
    switch Kind(rawValue: integer(0)) {
    case .entry:
      readEntry()
      length += UInt64(pending.count)
    case .signature: skipped = UInt64(integer(4, UInt16.self))
    case .wideEnd:
      // Its own length does not count the 12 bytes up to there.
      let rest: UInt64 = integer(4)
      guard rest >= 44 else { throw DecompressionProblem("the zip file's directory ends with a record that is too short") }
      skipped = rest - 44
      try check(count: integer(32), length: integer(40), offset: integer(48))
    case .wideEndLocator: break
    case .end:
      // The numbers are full of ones where they stand in the wide record before.
      let (count, length, offset) = (integer(10, UInt16.self), integer(12, UInt32.self), integer(16, UInt32.self))
      try check(
        count: count == .max ? nil : UInt64(count), length: length == .max ? nil : UInt64(length),
        offset: offset == .max ? nil : UInt64(offset))
      skipped = UInt64(integer(20, UInt16.self))
      hasEnd = true
    case nil: break
    }
  }

  private mutating func readEntry() {
    let (name, extra) = (Int(integer(28, UInt16.self)), Int(integer(30, UInt16.self)))
    var entry = ZipEntry(
      checksum: integer(16), compressed: UInt64(integer(20, UInt32.self)), size: UInt64(integer(24, UInt32.self)),
      offset: UInt64(integer(42, UInt32.self)))
    entry.readName(pending[46..<46 + name])
    entry.readExtra(pending[46 + name..<46 + name + extra])
    listed.add(entry)
  }

  private func check(count: UInt64?, length: UInt64?, offset: UInt64?) throws(DecompressionProblem) {
    guard listed == members, count ?? listed.count == listed.count else {
      throw DecompressionProblem("the zip file's directory does not list the members that are in the file")
    }
    guard length ?? self.length == self.length, offset ?? self.offset == self.offset else {
      throw DecompressionProblem("the zip file's directory is not where, or not as long as, its end tells")
    }
  }

  private func integer<Integer: FixedWidthInteger>(_ offset: Int, _ type: Integer.Type = Integer.self) -> Integer {
    pending[...].littleEndian(offset)
  }
}

extension ArraySlice<UInt8> {
  /// The integer at an offset from the slice's first byte, inside it.
  func littleEndian<Integer: FixedWidthInteger>(_ offset: Int, _ type: Integer.Type = Integer.self) -> Integer {
    var value: Integer = 0
    for index in stride(from: Integer.bitWidth / 8 - 1, through: 0, by: -1) {
      value = value << 8 | Integer(truncatingIfNeeded: self[startIndex + offset + index])
    }
    return value
  }
}
