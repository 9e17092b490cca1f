internal import Columns

/// Deltas between pages: a page as runs that are copied from a reference page and runs of bytes of its own.
///
/// A delta is a sequence of pairs: how many bytes are inserted, and they; how many bytes are copied from the reference, and from how far
/// ahead of the place where they go. The copy is left out where the insertion ends the page. Numbers are written seven bits a byte, the
/// lowest first, bit 7 set in all but the last; distances with their sign in the lowest bit, so that a copy in place takes one byte for it.
/// Nothing says how long a page is: it is 4096 bytes.
///
/// The invariant: *whatever a delta holds, decoding stays inside its bytes, the reference and the page, and says whether it made a whole
/// page*.
enum PageDelta {
  static let pageBytes = 4096
  /// Copies in place below this are not worth their two or three bytes, nor the insertion's that they interrupt.
  static let leastInPlace = 4
  /// Copies from elsewhere are looked for by words of eight bytes.
  static let leastElsewhere = 8
  /// Of which every fourth of the reference is remembered: a run of eleven bytes that moved is found wherever it is, a shorter one by luck.
  static let placeStep = 4

  /// The delta of a page against a reference, both of 4096 bytes.
  /// - Returns: nil where it would take more than `limit` bytes.
  static func encode(
    _ page: borrowing Column<UInt8>, against reference: borrowing Column<UInt8>, limit: Int, scratch: borrowing DeltaScratch
  ) -> [UInt8]? {
    scratch.note(reference)
    var writer = DeltaWriter(limit: limit)
    var (position, insertion) = (0, 0)
    while position < pageBytes {
      var source = position
      var length = matchLength(page, position, reference, position)
      if position <= pageBytes - leastElsewhere, let other = scratch.place(of: page.word(at: position)) {
        let found = matchLength(page, position, reference, other)
        // A copy from elsewhere has a distance of two bytes, where one in place has one.
        if found >= leastElsewhere && found > length + 1 { (source, length) = (other, found) }
      }
      guard length >= leastInPlace else {
        position += 1
        if position - insertion > limit { return nil }
        continue
      }
      while position > insertion, source > 0, page[position - 1] == reference[source - 1] {
        (position, source, length) = (position - 1, source - 1, length + 1)
      }
      writer.insert(page, insertion..<position)
      writer.copy(length, from: source - position)
      if writer.isFull { return nil }
      position += length
      insertion = position
    }
    if insertion < pageBytes { writer.insert(page, insertion..<pageBytes) }
    return writer.isFull ? nil : writer.bytes
  }

  /// How many bytes are the same from two places on.
  private static func matchLength(_ page: borrowing Column<UInt8>, _ a: Int, _ reference: borrowing Column<UInt8>, _ b: Int) -> Int {
    let most = pageBytes - max(a, b)
    var length = 0
    while length + 8 <= most {
      let difference = page.word(at: a + length) ^ reference.word(at: b + length)
      if difference != 0 { return length + difference.trailingZeroBitCount / 8 }
      length += 8
    }
    while length < most && page[a + length] == reference[b + length] { length += 1 }
    return length
  }

  /// Makes a page from a delta and its reference.
  /// - Returns: whether the delta makes exactly a page; if not, what `page` then holds is of no use.
  static func decode(_ delta: [UInt8], against reference: borrowing Column<UInt8>, into page: borrowing Column<UInt8>) -> Bool {
    var reader = DeltaReader(delta: delta)
    var position = 0
    while position < pageBytes {
      guard let inserted = reader.number(), inserted <= pageBytes - position, inserted <= reader.remaining else { return false }
      for _ in 0..<inserted {
        page[position] = reader.next()
        position += 1
      }
      if position == pageBytes { break }
      guard let length = reader.number(), length >= 1, length <= pageBytes - position, let distance = reader.number() else { return false }
      let source = position + (distance & 1 == 0 ? distance >> 1 : -(distance >> 1) - 1)
      guard source >= 0, source <= pageBytes - length else { return false }
      for index in 0..<length { page[position + index] = reference[source + index] }
      position += length
    }
    return reader.remaining == 0
  }
}

/// Where words of a reference page are: the last place of each of 4096 classes.
struct DeltaScratch: ~Copyable {
  private let places = Column<UInt16>(count: 4096)

  private static func slot(_ word: UInt64) -> Int { Int(truncatingIfNeeded: (word &* 0x9e37_79b9_7f4a_7c15) >> 52) }

  /// Takes another reference.
  borrowing func note(_ reference: borrowing Column<UInt8>) {
    places.fill(0..<places.count, with: 0)
    for place in stride(from: 0, through: PageDelta.pageBytes - 8, by: PageDelta.placeStep) {
      places[Self.slot(reference.word(at: place))] = UInt16(place + 1)
    }
  }

  /// A place where the word may be; nil where it is nowhere.
  borrowing func place(of word: UInt64) -> Int? {
    let place = Int(places[Self.slot(word)])
    return place == 0 ? nil : place - 1
  }
}

/// Writes a delta until it is too long.
private struct DeltaWriter {
  private(set) var bytes: [UInt8] = []
  let limit: Int
  private(set) var isFull = false

  init(limit: Int) {
    self.limit = limit
    bytes.reserveCapacity(256)
  }

  mutating func insert(_ page: borrowing Column<UInt8>, _ range: Range<Int>) {
    number(range.count)
    if bytes.count + range.count > limit { isFull = true }
    guard !isFull else { return }
    for index in range { bytes.append(page[index]) }
  }

  mutating func copy(_ length: Int, from distance: Int) {
    number(length)
    number(distance >= 0 ? distance << 1 : (-distance - 1) << 1 | 1)
  }

  private mutating func number(_ value: Int) {
    var rest = value
    while rest >= 128 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 128)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
    if bytes.count > limit { isFull = true }
  }
}

/// Reads a delta that nobody vouches for.
private struct DeltaReader {
  let delta: [UInt8]
  private var place = 0

  init(delta: [UInt8]) { self.delta = delta }

  var remaining: Int { delta.count - place }

  mutating func next() -> UInt8 {
    defer { place += 1 }
    return delta[place]
  }

  /// A number of at most three bytes; nil where there is none.
  mutating func number() -> Int? {
    var value = 0
    for shift in [0, 7, 14] {
      guard remaining > 0 else { return nil }
      let byte = Int(next())
      value |= (byte & 127) << shift
      if byte < 128 { return value }
    }
    return nil
  }
}
