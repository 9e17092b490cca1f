import Columns
import PageSharing
import RAMImages
import Testing

/// The exact scanner against a dictionary of whole pages.
@Suite("The exact count is that of a dictionary of pages") struct ExactScannerTests {
  /// What a dictionary of the pages' bytes says.
  struct Naive: Equatable {
    var pages: UInt64 = 0
    var zero: UInt64 = 0
    var distinct: UInt64 = 0
    var savedSelf: UInt64 = 0
    var savedInter: UInt64 = 0
    var singleByte: UInt64 = 0

    init() {}

    init(_ guests: [[UInt8]], unit: Int) {
      var held: [[UInt8]: [Int: UInt64]] = [:]
      for (guest, bytes) in guests.enumerated() {
        for start in stride(from: 0, to: bytes.count - unit + 1, by: unit) {
          let page = Array(bytes[start..<start + unit])
          pages += 1
          if page.allSatisfy({ $0 == page[0] }) { singleByte += 1 }
          if page.allSatisfy({ $0 == 0 }) { zero += 1 } else { held[page, default: [:]][guest, default: 0] += 1 }
        }
      }
      distinct = UInt64(held.count) + (zero > 0 ? 1 : 0)
      savedSelf = held.values.reduce(0) { $0 + $1.values.reduce(0) { $0 + $1 - 1 } }
      savedInter = held.values.reduce(0) { $0 + UInt64($1.count) - 1 }
    }

    init(_ scan: ExactScan) {
      pages = scan.totals.pages
      zero = scan.totals.zeroPages
      distinct = scan.totals.distinctPages
      savedSelf = scan.totals.savedSelf
      savedInter = scan.totals.savedInter
      singleByte = scan.singleBytePages ?? 0
    }
  }

  /// Guests of few different pages, some of which differ in their last byte only.
  static func guests(_ seed: UInt64, pages: Int = 24) -> [[UInt8]] {
    var stream = RandomSource(seed: seed).stream("guests")
    return (0..<3).map { _ in
      (0..<pages).flatMap { _ -> [UInt8] in
        var page = [UInt8](repeating: UInt8(stream.below(3)), count: 4096)
        if stream.oneIn(2) { page[4095] = UInt8(stream.below(3)) }
        if stream.oneIn(3) { page[0] = UInt8(stream.below(3)) }
        return page
      }
    }
  }

  @Test("Random guests count as the dictionary says, with one thread and with several", arguments: 0..<6 as Range<UInt64>)
  func randomGuests(seed: UInt64) throws {
    let guests = Self.guests(seed)
    let files = try guests.map { try RecordedFile($0) }
    let inputs = try files.flatMap { try $0.input }
    for threads in [1, 4] {
      let scan = try ExactScanner(threads: threads).scan(inputs)
      #expect(Naive(scan) == Naive(guests, unit: 4096))
      #expect(scan.totals.savedPages == scan.totals.savedZero + scan.totals.savedSelf + scan.totals.savedInter)
      #expect(scan.compared == .bytes)
      for (input, guest) in zip(scan.inputs, guests) {
        let alone = Naive([guest], unit: 4096)
        #expect(input.pages == alone.pages && input.zeroPages == alone.zero && input.distinctPages == alone.distinct)
      }
    }
  }

  @Test("Larger pages count whole aligned ones only", arguments: [16384, 65536]) func largerPages(size: Int) throws {
    let guests = Self.guests(9, pages: 50).map { $0 + $0 }
    let files = try guests.map { try RecordedFile($0) }
    let scan = try ExactScanner().scan(try files.flatMap { try $0.input }, pageSize: size)
    #expect(Naive(scan) == Naive(guests, unit: size))
    #expect(scan.inputs.allSatisfy { $0.bytesLeftOut == UInt64(100 * 4096 % size) })
  }

  @Test("Larger pages of a trace are equal where all their identities are") func largerPagesOfTraces() throws {
    let file = try RecordedFile(Build.trace([("a", [1, 2, 3, 4, 1, 2, 3, 4, 0, 0, 0, 0, 1]), ("b", [1, 2, 3, 5, 1, 2, 3, 4])]))
    let scan = try ExactScanner().scan(try file.input, pageSize: 16384)
    #expect(scan.totals.pages == 5 && scan.totals.zeroPages == 1 && scan.totals.distinctPages == 3)
    #expect(scan.totals.savedSelf == 1 && scan.totals.savedInter == 1 && scan.inputs[0].bytesLeftOut == 4096)
  }

  @Test("Identities of two files are never compared, nor with bytes") func mixedKinds() throws {
    let first = try RecordedFile(Build.trace([("a", [1])]))
    let second = try RecordedFile(Build.trace([("a", [1])]))
    let raw = try RecordedFile(Build.page(1))
    for inputs in [try first.input + second.input, try first.input + raw.input, try raw.input + first.input] {
      let error = #expect(throws: ImageError.self) { _ = try ExactScanner().scan(inputs) }
      #expect(error?.kind == .incompatible)
    }
    #expect(throws: Never.self) { try ExactScanner().scan(try first.input + first.input) }
  }

  @Test("No inputs are no pages") func noInputs() throws {
    #expect(Naive(try ExactScanner().scan([])) == Naive())
  }

  @Test("A page size that is none is an error") func pageSizes() throws {
    for size in [0, -4096, 100, 8192, 1 << 30] {
      #expect(throws: ImageError.self) { _ = try ExactScanner().scan([], pageSize: size) }
    }
  }
}
