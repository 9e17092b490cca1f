public import Addressing

/// Everything that a tree of x86-64 tables maps, in the order of the addresses.
///
/// The words come from wherever the tables lie: a guest's memory, a recorded image, a column. Nothing is marked, cached or counted as a
/// reference, and nothing about the words is trusted. A table may point to itself or to one above it, as Windows' and many small
/// kernels' recursive maps do on purpose, so tables are not remembered: each is read as often as it is reached, and the depth is the number
/// of levels. What a corrupt tree could still make of that (512^5 pages from a single frame) is bounded by `tableLimit`.
@frozen public struct X86Mappings: Sendable {
  /// The top table.
  public let root: GuestPhysicalAddress
  /// Levels, reserved bits and NXE; the access rules play no part.
  public let controls: X86Controls
  /// The number of table visits after which a tree is taken for corrupt.
  public let tableLimit: Int

  /// The mappings under a root, the value of CR3: bits 11:0 and those from bit 52 up are ignored.
  /// - Parameter tableLimit: by default 2^24, enough for 32 TiB in pages of 4 KiB.
  public init(root: GuestPhysicalAddress, controls: X86Controls = X86Controls(), tableLimit: Int = 1 << 24) {
    self.root = GuestPhysicalAddress(root.rawValue & X86Entry.frameMask)
    self.controls = controls
    self.tableLimit = tableLimit
  }

  /// Calls `body` with every mapping, addresses ascending: the lower half of the address space, then the upper half.
  /// - Parameter word: the little-endian word at an 8-byte aligned address; nil where the memory has none.
  /// - Returns: what was passed over, and whether all tables were seen.
  /// - Throws: what `body` throws, at once.
  public func forEach<Failure: Error>(
    word: (GuestPhysicalAddress) -> UInt64?, _ body: (X86Mapping) throws(Failure) -> Void
  ) throws(Failure) -> X86MappingsOutcome {
    var outcome = X86MappingsOutcome()
    let top = Table(address: root, level: controls.levels, base: 0, rights: .all)
    try visit(top, &outcome, word, body)
    return outcome
  }

  private struct Table {
    let address: GuestPhysicalAddress
    let level: Int
    /// The first virtual address under it.
    let base: UInt64
    /// What the entries above it let pass.
    let rights: X86Rights
  }

  private func visit<Failure: Error>(
    _ table: Table, _ outcome: inout X86MappingsOutcome, _ word: (GuestPhysicalAddress) -> UInt64?,
    _ body: (X86Mapping) throws(Failure) -> Void
  ) throws(Failure) {
    guard outcome.tables < tableLimit else { return outcome.isComplete = false }
    outcome.tables += 1
    for index in 0..<X86Index.entriesPerTable {
      guard let raw = word(table.address.advanced(by: UInt64(index) << 3)) else {
        outcome.missingWords += 1
        continue
      }
      let entry = X86Entry(rawValue: raw)
      guard entry.isPresent else { continue }
      guard entry.rawValue & entry.reservedBits(level: table.level, everywhere: controls.reservedBits) == 0 else {
        outcome.reservedEntries += 1
        continue
      }
      let base = table.base | UInt64(index) << X86Index.shift(table.level)
      let rights = table.rights.intersection(X86Rights(of: entry))
      if entry.isLeaf(level: table.level) {
        outcome.mappings += 1
        try body(mapping(of: entry, level: table.level, base: base, rights: rights))
      } else {
        let next = GuestPhysicalAddress(entry.rawValue & X86Entry.frameMask)
        try visit(Table(address: next, level: table.level - 1, base: base, rights: rights), &outcome, word, body)
      }
    }
  }

  private func mapping(of entry: X86Entry, level: Int, base: UInt64, rights: X86Rights) -> X86Mapping {
    let unused = 64 - Int64(X86Index.shift(controls.levels + 1))
    let canonical = UInt64(bitPattern: (Int64(bitPattern: base) << unused) >> unused)
    let size = PageSize(leafLevel: level) ?? .size4K
    let first = GuestFrame((entry.rawValue & X86Entry.frameMask & ~(size.bytes - 1)) >> PageSize.size4K.shift)
    return X86Mapping(address: GuestVirtualAddress(canonical), size: size, frame: first, rights: rights, leaf: entry)
  }
}

/// One page that a tree of tables maps.
@frozen public struct X86Mapping: Hashable, Sendable {
  /// The first address, canonical.
  public let address: GuestVirtualAddress
  /// The page's size.
  public let size: PageSize
  /// The first frame.
  public let frame: GuestFrame
  /// The AND over the levels of R/W, U/S and not XD.
  public let rights: X86Rights
  /// The entry that maps the page.
  public let leaf: X86Entry
}

/// How going through a tree of tables went.
@frozen public struct X86MappingsOutcome: Hashable, Sendable {
  /// Pages that the tree maps.
  public var mappings = 0
  /// Visits of tables; one that is reached twice counts twice.
  public var tables = 0
  /// Words of tables that the memory does not have.
  public var missingWords = 0
  /// Present entries with a reserved bit set: addresses under them fault.
  public var reservedEntries = 0
  /// False where the limit of table visits was reached; tables from there on were passed over.
  public var isComplete = true

  /// Before the first table.
  public init() {}
}
