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
    /// The content of the unit of this number, its slot in the index, and whether it is one repeated byte.
    case same(representative: UInt32, slot: Int, isSingleByte: Bool)
    /// A content that was not to be looked up, and whether it is one repeated byte.
    case notTaken(isSingleByte: Bool)
  }

  /// Looks up every unit of a range in the index, and tells `body` what it holds.
  /// - Parameter takes: which contents are looked up, by their hashes.
  /// - Returns: how many units of a live process have vanished.
  ///
  /// Memory is slow to answer and can be asked several things at once. So a block of units is hashed, each while the bytes of a later one
  /// are on their way, and their places in the table, which is far larger than any cache, are asked for; then candidates are looked up
  /// there, and their bytes asked for; then those are compared.
  @inline(__always) func visit(
    _ input: ScanUnits, _ range: Range<Int>, base: UInt32, _ index: ContentIndex, takes: (UInt64) -> Bool = { _ in true },
    _ body: (_ unit: Int, Content) -> Void
  ) throws(ImageError) -> Int {
    let size = input.unitBytes
    return try input.forEachPiece(of: range) { first, bytes in
      let count = bytes.byteCount / size
      for block in stride(from: 0, to: count, by: Self.blockUnits) {
        let length = min(Self.blockUnits, count - block)
        let number = base + UInt32(first + block)
        let hashes = Self.hashes(of: bytes, block..<block + length, size, index, takes)
        var candidates = InlineArray<16, ContentIndex.Candidate?>(repeating: nil)
        for position in 0..<length where hashes[position] != Self.zero && hashes[position] != Self.notTaken {
          let page = number + UInt32(position)
          let candidate = index.candidate(for: page, hash: hashes[position])
          candidates[position] = candidate
          if candidate.page != page { prefetch(candidate.page) }
        }
        for position in 0..<length {
          guard hashes[position] != Self.zero else {
            body(first + block + position, .zero)
            continue
          }
          let bytes = bytes.extracting((block + position) * size..<(block + position + 1) * size)
          guard var candidate = candidates[position] else {
            body(first + block + position, .notTaken(isSingleByte: PageBytes.isSingleByte(bytes)))
            continue
          }
          let page = number + UInt32(position)
          while candidate.page != page && !unit(candidate.page, equals: bytes) {
            candidate = index.candidate(for: page, hash: hashes[position], after: candidate)
          }
          body(
            first + block + position,
            .same(representative: candidate.page, slot: candidate.slot, isSingleByte: PageBytes.isSingleByte(bytes)))
        }
      }
    }
  }

  /// Stands in a block's hashes for a unit of zeros.
  private static let zero: UInt64 = 0
  /// Stands in a block's hashes for a unit that is not to be looked up.
  private static let notTaken = UInt64.max

  /// The hashes of a block of units. A unit that really has the hash of one of the two marks gets the one beside it, as all that are equal
  /// to it do.
  @inline(__always) private static func hashes(
    of bytes: RawSpan, _ block: Range<Int>, _ size: Int, _ index: ContentIndex, _ takes: (UInt64) -> Bool
  ) -> InlineArray<16, UInt64> {
    var hashes = InlineArray<16, UInt64>(repeating: zero)
    for unit in block {
      let start = unit * size
      let ahead = start + unitsAhead * size
      if ahead + size <= bytes.byteCount { PageBytes.prefetch(bytes.extracting(ahead..<ahead + size)) }
      let page = bytes.extracting(start..<start + size)
      guard !PageBytes.isZero(page) else { continue }
      let hash = min(max(PageBytes.hash(page), zero + 1), notTaken - 1)
      guard takes(hash) else {
        hashes[unit - block.lowerBound] = notTaken
        continue
      }
      hashes[unit - block.lowerBound] = hash
      index.prefetch(hash)
    }
    return hashes
  }

  /// How many units ahead of the one that is hashed bytes are asked for.
  private static let unitsAhead = 2

  /// Units hashed before the first of them is looked up.
  private static let blockUnits = 16

  /// Asks the processor for the bytes of the unit of a number.
  @inline(__always) private func prefetch(_ number: UInt32) {
    var input = bases.count - 1
    while bases[input] > number { input -= 1 }
    units[input].prefetch(Int(number - bases[input]))
  }

  /// Whether the unit of a number, of any input, holds these bytes.
  @inline(__always) private func unit(_ number: UInt32, equals bytes: RawSpan) -> Bool {
    var input = bases.count - 1
    while bases[input] > number { input -= 1 }
    return units[input].unit(Int(number - bases[input]), equals: bytes)
  }
}
