import Columns
import Testing

@testable import PageSharing

/// A column of an array's bytes.
func column(_ bytes: [UInt8]) -> Column<UInt8> {
  let column = Column<UInt8>(count: bytes.count)
  for (index, byte) in bytes.enumerated() { column[index] = byte }
  return column
}

@Suite("Deltas between pages")
struct PageDeltaTests {
  /// The delta of a page against a reference, both as arrays.
  static func encode(_ page: [UInt8], _ reference: [UInt8], limit: Int = 1 << 14) -> [UInt8]? {
    let scratch = DeltaScratch()
    let from = column(reference)
    return PageDelta.encode(column(page), against: from, limit: limit, scratch: scratch)
  }

  /// The page that a delta makes; nil where it makes none.
  static func decode(_ delta: [UInt8], _ reference: [UInt8]) -> [UInt8]? {
    let decoded = Column<UInt8>(count: 4096, repeating: 0x5a)
    let from = column(reference)
    return PageDelta.decode(delta, against: from, into: decoded) ? (0..<4096).map { decoded[$0] } : nil
  }

  /// Encodes without a limit that matters, decodes, and compares every byte.
  static func roundTrip(_ page: [UInt8], _ reference: [UInt8]) -> [UInt8]? {
    guard let delta = encode(page, reference), decode(delta, reference) == page else { return nil }
    return delta
  }

  static func noise(_ random: inout RandomStream) -> [UInt8] { (0..<4096).map { _ in UInt8(truncatingIfNeeded: random.next()) } }

  @Test("Equal pages take four bytes: nothing inserted, 4096 copied from where they are")
  func equalPages() {
    var random = RandomSource(seed: 1).stream("delta")
    let page = Self.noise(&random)
    #expect(Self.roundTrip(page, page) == [0, 0x80, 32, 0])
  }

  @Test(
    "A change of a byte, and of every short run of bytes at every kind of place, comes back, and costs no more than the run and its two numbers"
  )
  func everyPlace() {
    var random = RandomSource(seed: 2).stream("delta")
    let reference = Self.noise(&random)
    for start in [0, 1, 7, 8, 9, 511, 512, 2000, 2047, 2048, 4000, 4079, 4087, 4088, 4094, 4095] {
      for length in [1, 2, 9] where start + length <= 4096 {
        var page = reference
        for index in start..<start + length { page[index] ^= 0xff }
        let delta = Self.roundTrip(page, reference)
        #expect((delta?.count ?? .max) <= length + 8, "\(length) bytes from \(start) on")
      }
    }
  }

  @Test("Contents that moved are found where they were, in either direction")
  func movedContents() {
    var random = RandomSource(seed: 3).stream("delta")
    let reference = Self.noise(&random)
    for shift in [1, 8, 100, 2000, 4000] {
      let up = Array(reference[shift...]) + Array(reference[..<shift])
      let down = Array(reference[(4096 - shift)...]) + Array(reference[..<(4096 - shift)])
      for page in [up, down] { #expect((Self.roundTrip(page, reference)?.count ?? .max) <= 16) }
    }
  }

  @Test("Pages that have nothing in common take themselves and a few bytes more")
  func nothingInCommon() {
    var random = RandomSource(seed: 4).stream("delta")
    let (page, reference) = (Self.noise(&random), Self.noise(&random))
    #expect((4096...4100).contains(Self.roundTrip(page, reference)?.count ?? 0))
    #expect(Self.encode(page, reference, limit: 2048) == nil)
  }

  @Test("A limit is kept to the byte")
  func limits() {
    var random = RandomSource(seed: 5).stream("delta")
    let reference = Self.noise(&random)
    var page = reference
    for index in stride(from: 0, to: 4096, by: 40) { page[index] ^= 1 }
    let size = Self.roundTrip(page, reference)?.count ?? 0
    #expect(size > 300)
    #expect(Self.encode(page, reference, limit: size)?.count == size)
    #expect(Self.encode(page, reference, limit: size - 1) == nil)
  }

  @Test("All patterns of three places come back against all others")
  func exhaustive() {
    // Pages repeat one of the patterns of two letters in three places, with a seam in the middle of which one place is left out.
    func page(_ pattern: Int, seam: Int) -> [UInt8] { (0..<4096).map { UInt8((pattern >> (($0 + ($0 >= 2048 ? seam : 0)) % 3)) & 1) } }
    for pattern in 0..<8 {
      for other in 0..<8 { #expect(Self.roundTrip(page(pattern, seam: 1), page(other, seam: 0)) != nil) }
    }
  }

  @Test("Pages edited at random come back: bytes changed, runs moved, runs repeated, runs of the reference inserted", arguments: 0..<40)
  func fuzz(seed: UInt64) {
    var random = RandomSource(seed: seed).stream("delta")
    let reference = random.oneIn(3) ? (0..<4096).map { _ in UInt8(random.below(3)) } : Self.noise(&random)
    var page = reference
    for _ in 0..<random.below(20) {
      let from = random.index(below: 4096)
      let to = random.index(below: 4096)
      let length = min(4096 - max(from, to), random.index(below: 300))
      switch random.below(4) {
      case 0: page[from] = UInt8(truncatingIfNeeded: random.next())
      case 1: page.replaceSubrange(to..<to + length, with: reference[from..<from + length])
      case 2: page.replaceSubrange(to..<to + length, with: page[from..<from + length])
      default: for index in to..<to + length { page[index] = UInt8(truncatingIfNeeded: random.next()) }
      }
    }
    #expect(Self.roundTrip(page, reference) != nil)
  }

  @Test("A malformed delta makes no page and does no harm: cut, lengthened, bits flipped, noise", arguments: 0..<4)
  func malformed(seed: UInt64) {
    var random = RandomSource(seed: seed).stream("malformed")
    let reference = Self.noise(&random)
    var page = reference
    for _ in 0..<20 { page[random.index(below: 4096)] ^= 0xff }
    guard let delta = Self.encode(page, reference) else {
      Issue.record("no delta")
      return
    }
    let from = column(reference)
    let target = Column<UInt8>(count: 4096)
    func makesPage(_ bytes: [UInt8]) -> Bool { PageDelta.decode(bytes, against: from, into: target) }
    for length in 0..<delta.count { #expect(!makesPage(Array(delta[..<length]))) }
    #expect(!makesPage(delta + [0]))
    for _ in 0..<200 {
      var broken = delta
      broken[random.index(below: broken.count)] ^= UInt8(1 << random.below(8))
      _ = makesPage(broken)
      let noise = (0..<random.below(40)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      _ = makesPage(noise)
    }
    for first in 0..<256 {
      for second in [0, 1, 32, 127, 128, 255] { #expect(!makesPage([UInt8(first), UInt8(second)])) }
    }
    // Numbers that go on for ever, copies from before the beginning and from behind the end, and copies of nothing.
    for bytes in [[0x80, 0x80, 0x80, 0], [0, 1, 1], [0, 0x80, 32, 2], [0, 0, 0], [0, 0x81, 32, 0]] as [[UInt8]] {
      #expect(!makesPage(bytes))
    }
  }

  @Test("A compressed page comes back; what does not fit is refused, and so is what is no compressed page")
  func compression() {
    var random = RandomSource(seed: 6).stream("compression")
    let compressor = PageCompressor(limit: 2048)
    let target = Column<UInt8>(count: 4096)
    func expanded(_ bytes: [UInt8]) -> [UInt8]? { compressor.decompress(bytes, into: target) ? (0..<4096).map { target[$0] } : nil }
    let text = (0..<4096).map { UInt8(97 + $0 * $0 / 100 % 7) }
    for page in [[UInt8](repeating: 9, count: 4096), text] {
      guard let compressed = compressor.compress(column(page)) else {
        Issue.record("a page of few letters is not compressed")
        continue
      }
      #expect(compressed.count < 2048 && expanded(compressed) == page)
      #expect(expanded(compressed.dropLast()) == nil && expanded([]) == nil && expanded(page) == nil)
    }
    let incompressible = compressor.compress(column(Self.noise(&random)))
    #expect(incompressible == nil)
  }
}
