internal import Addressing
internal import Columns
internal import Files

/// What valgrind's lackey prints with `--trace-mem=yes`: "I  04016ab0,3" a fetch, " L 1ffefffe7e,8" a load, " S " a store, " M " a load and a store
/// (a modify); addresses in hexadecimal, sizes in decimal. Valgrind's own messages, "==123== ..." and "--123-- ...", stand between.
struct LackeyGrammar: LineGrammar {
  var line: UInt64 = 0
  /// The first three bytes of the four kinds, the first in the lowest byte.
  private enum Head {
    static let fetch: UInt64 = 0x20_2049
    static let load: UInt64 = 0x20_4c20
    static let store: UInt64 = 0x20_5320
    static let modify: UInt64 = 0x20_4d20
  }

  @inline(__always) mutating func readQuickly(
    _ bytes: RawSpan, _ start: Int, _ batch: borrowing AccessBatch, _ counts: inout DecodedCounts
  ) -> Int? {
    let head = bytes.integer(start, as: UInt64.self) & 0xff_ffff
    // The kind is the one thing in a line that nobody can predict: no branch depends on it but that of the rare modify.
    let kinds =
      Self.isZero(head ^ Head.fetch) | Self.isZero(head ^ Head.store) << 1 | Self.isZero(head ^ Head.load) << 2
      | Self.isZero(head ^ Head.modify) << 3
    guard kinds != 0 else { return nil }
    var place = start &+ 3
    var word: UInt64 = bytes.integer(place)
    var digits = HexDigits.beforeComma(word)
    guard digits > 0, var address = HexDigits.value(word, digits) else { return nil }
    if digits == 8 {
      place &+= 8
      word = bytes.integer(place)
      digits = HexDigits.beforeComma(word)
      guard digits < 8 else { return nil }
      if digits > 0 {
        guard let low = HexDigits.value(word, digits) else { return nil }
        address = address &<< UInt64(truncatingIfNeeded: digits &* 4) | low
      }
    }
    place &+= digits &+ 1
    // One digit more often than not; four are enough for the largest access.
    var size = UInt64(bytes.byte(place) &- 0x30)
    guard size <= 9 else { return nil }
    place &+= 1
    var next = bytes.byte(place)
    while next != 0x0a {
      let digit = UInt64(next &- 0x30)
      guard digit <= 9 && size < 1000 else { return nil }
      size = size &* 10 &+ digit
      place &+= 1
      next = bytes.byte(place)
    }
    // AccessKind: read 0, write 1, fetch 2.
    guard batch.deliver(address, size: size, kind: (kinds & 1) << 1 | kinds >> 1 & 1, &counts) else { return nil }
    if kinds & 8 != 0 { _ = batch.deliver(address, size: size, .write, &counts) }
    return place &+ 1
  }

  /// 1 for 0, else 0, of a number below 2^63.
  @inline(__always) private static func isZero(_ number: UInt64) -> UInt64 { (number &- 1) >> 63 }

  mutating func read(_ bytes: RawSpan, _ line: Range<Int>, _ batch: borrowing AccessBatch, _ counts: inout DecodedCounts)
    throws(LineProblem)
  {
    let start = line.lowerBound
    if line.isEmpty || Self.isMessage(bytes, line) {
      counts.skipped += 1
      return
    }
    let head = line.count >= 3 ? bytes.integer(start, as: UInt64.self) & 0xff_ffff : 0
    guard head == Head.fetch || head == Head.load || head == Head.store || head == Head.modify else {
      throw LineProblem(start, "the line is neither an access (\"I  \", \" L \", \" S \" or \" M \") nor a message of valgrind's")
    }
    guard let comma = line.first(where: { bytes.byte($0) == 0x2c }) else { throw LineProblem(line.upperBound, "the size is missing") }
    guard let address = HexDigits.hexadecimal(bytes, start + 3..<comma) else {
      throw LineProblem(start + 3, "the address is not a hexadecimal number of at most 64 bits, without 0x")
    }
    guard let size = HexDigits.decimal(bytes, comma + 1..<line.upperBound) else {
      throw LineProblem(comma + 1, "the size is not a decimal number")
    }
    let kind: AccessKind = head == Head.fetch ? .fetch : head == Head.store ? .write : .read
    guard batch.deliver(address, size: size, kind, &counts) else {
      let isAddress = (1...RecordedAccess.largestSize).contains(size)
      throw LineProblem(isAddress ? start + 3 : comma + 1, RecordedAccess.problem(address, size: size) ?? "the access is impossible")
    }
    if head == Head.modify { _ = batch.deliver(address, size: size, .write, &counts) }
  }

  /// Whether a line is one of valgrind's own.
  static func isMessage(_ bytes: RawSpan, _ line: Range<Int>) -> Bool {
    guard line.count >= 2 else { return false }
    let (first, second) = (bytes.byte(line.lowerBound), bytes.byte(line.lowerBound + 1))
    return first == second && (first == 0x3d || first == 0x2d || first == 0x2a)
  }
}
