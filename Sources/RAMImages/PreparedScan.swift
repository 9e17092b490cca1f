internal import PageContents

/// Inputs made comparable: all of one kind, all units equally long, each unit with a number of its own.
struct PreparedScan: Sendable {
  /// What units are compared by.
  let compared: ExactScan.Comparison
  /// The inputs' units, in order.
  let units: [ScanUnits]
  /// How many there are in all.
  let pages: Int
  /// The number of each input's first unit.
  private let bases: [UInt32]

  /// Checks that the inputs can be compared at a page size, and numbers their pages.
  init(_ inputs: [MemoryInput], pageSize: Int, threads: Int) throws(ImageError) {
    guard ExactScanner.pageSizes.contains(pageSize) else {
      throw ImageError(
        inputs.first?.name ?? "", .incompatible, "pages of \(pageSize) bytes cannot be counted; the sizes are 4K, 16K, 64K and 2M")
    }
    compared = try InputKinds.comparison(of: inputs, pageSize: pageSize)
    var units: [ScanUnits] = []
    var bases: [UInt32] = []
    var total: UInt64 = 0
    for input in inputs {
      let next = try InputKinds.units(of: input, compared, pageSize: pageSize, threads: threads)
      bases.append(UInt32(total))
      total += UInt64(next.count)
      guard total <= RecordedHeader.largestPageTotal else {
        throw ImageError(input.name, .tooLarge, "the inputs hold more than 2^32 - 2 pages")
      }
      units.append(next)
    }
    self.units = units
    self.bases = bases
    pages = Int(total)
  }

  /// Checks, after the last unit was looked at, that all files still were what they were when they were opened.
  func checkIntact() throws(ImageError) {
    for units in units { try units.checkIntact() }
  }

  /// What a unit holds.
  enum Content {
    /// Zeros only.
    case zero
    /// The content of the unit of this number, and whether it is one repeated byte.
    case same(representative: UInt32, isSingleByte: Bool)
  }

  /// Looks up every unit of a range in the index, and tells `body` what it holds.
  /// - Returns: how many units of a live process have vanished.
  ///
  /// A block of units is hashed and its table lines are asked for before the first of them is looked up: the table is far larger than any cache.
  @inline(__always) func visit(
    _ input: ScanUnits, _ range: Range<Int>, base: UInt32, _ index: ContentIndex, _ body: (_ unit: Int, Content) -> Void
  ) throws(ImageError) -> Int {
    let size = input.unitBytes
    return try input.forEachPiece(of: range) { first, bytes in
      var block = 0
      let count = bytes.byteCount / size
      while block < count {
        let length = min(Self.blockUnits, count - block)
        var hashes = InlineArray<16, UInt64>(repeating: 0)
        for position in 0..<length {
          let page = bytes.extracting((block + position) * size..<(block + position + 1) * size)
          guard !PageBytes.isZero(page) else { continue }
          let hash = PageBytes.hash(page)
          // A hash of 0 marks a zero page in this block; a page that has it takes another for its own, as every equal page does.
          hashes[position] = hash == 0 ? 1 : hash
          index.prefetch(hashes[position])
        }
        for position in 0..<length {
          let unit = first + block + position
          guard hashes[position] != 0 else {
            body(unit, .zero)
            continue
          }
          let page = bytes.extracting((block + position) * size..<(block + position + 1) * size)
          let found = index.representative(of: base + UInt32(unit), hash: hashes[position]) { self.unit($0, equals: page) }
          body(unit, .same(representative: found, isSingleByte: PageBytes.isSingleByte(page)))
        }
        block += length
      }
    }
  }

  /// Units hashed before the first of them is looked up.
  private static let blockUnits = 16

  /// Whether the unit of a number, of any input, holds these bytes.
  @inline(__always) private func unit(_ number: UInt32, equals bytes: RawSpan) -> Bool {
    var input = bases.count - 1
    while bases[input] > number { input -= 1 }
    return units[input].unit(Int(number - bases[input]), equals: bytes)
  }
}
