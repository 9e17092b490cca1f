public import Addressing
internal import Columns
public import PageContents

/// The hypervisor's map of one guest's physical memory: a four-level EPT whose tables are frames of the host.
///
/// Leaves of 4 KiB are set one by one; tables between root and leaf are made when first needed and stay until `destroy()`. A region of 2 MiB
/// in which no leaf was ever set may get one large leaf instead (`GuestPhysicalMap+Large.swift`); before one of its pages can have
/// a leaf of its own, it is split.
/// Guest frames from 2^36 up (addresses of more than 48 bits) cannot be mapped: `leaf` answers absent and `setLeaf` false.
///
/// The map does not know what translations were made from it. Whoever removes, moves or write-protects a leaf tells the guest's
/// translator before the old host frame is used for anything else.
public final class GuestPhysicalMap {
  /// Levels of tables: 4.
  public static let levels = 4
  /// Guest frames that can be mapped: 2^36.
  public static let frameLimit: UInt64 = 1 << 36

  let contents: FrameContents
  let frames: any TableFrameSource
  /// The root table: what an EPTP's bits 51:12 name.
  public let root: HostFrame
  /// Frames that the tables occupy, the root included; 0 after `destroy()`.
  public internal(set) var tableFrames: Int
  /// How many large leaves there are.
  public internal(set) var largeLeaves = 0

  /// Of each region with a large leaf, by its number (gfn >> 9): the empty table that will hold its leaves once it is split. Kept from the
  /// start, as Linux deposits a page table with each huge page, so that a split never wants for memory.
  var deposits: [UInt64: HostFrame] = [:]

  /// Leaf tables used lately, in 64 places by the low bits of their guest frames' common number (gfn >> 9): that number plus one, or 0,
  /// and the table's address. For a region with a large leaf: its key, which no table has, and the leaf's address. In a column because a
  /// class's own variables pay for an exclusivity check at each access.
  private let leafTables = Column<UInt64>(count: 2 * 64)

  /// An empty map.
  /// - Throws: where there is no frame for the root.
  public init(contents: FrameContents, frames: any TableFrameSource) throws(OutOfTableFrames) {
    guard let root = frames.allocateTableFrame() else { throw OutOfTableFrames() }
    self.contents = contents
    self.frames = frames
    self.root = root
    tableFrames = 1
  }

  /// The leaf of a guest frame; `EPTEntry.absent` where no table reaches it. Where a large leaf maps it, the leaf that it would have after a
  /// split, with bit 7 set (`isLarge`), which means nothing at level 1.
  public func leaf(of frame: GuestFrame) -> EPTEntry {
    if let table = cachedLeafTable(of: frame) { return leaf(of: frame, in: table) }
    switch find(frame) {
    case .table(let table): return leaf(of: frame, in: table)
    case .large(let place): return largeLeaf(at: place).ofPage(frame)
    case .nothing: return .absent
    }
  }

  @inline(__always) private func leaf(of frame: GuestFrame, in table: HostPhysicalAddress) -> EPTEntry {
    EPTEntry(rawValue: contents.load(X86Index.entryAddress(in: table, of: frame.address, level: 1)))
  }

  /// Sets the leaf of a guest frame, making the tables on the way. Bit 7 is left out.
  /// - Returns: false, with no leaf changed, where the host has no frame for a table, the guest frame is out of range, or a large leaf that
  ///   has to be split first maps it.
  public func setLeaf(_ entry: EPTEntry, of frame: GuestFrame) -> Bool {
    guard let table = leafTable(of: frame) ?? makeTable(of: frame, level: 1) else { return false }
    contents.store(entry.without(EPTEntry.large).rawValue, X86Index.entryAddress(in: table, of: frame.address, level: 1))
    return true
  }

  /// Calls `body` with each leaf that is not `EPTEntry.absent` in a range of guest frames, in order. `body` may set leaves.
  public func forEachLeaf(in range: Range<GuestFrame>, _ body: (GuestFrame, EPTEntry) -> Void) {
    var number = range.lowerBound.rawValue
    while number < range.upperBound.rawValue {
      let next = min((number | 511) + 1, range.upperBound.rawValue)
      if let table = leafTable(of: GuestFrame(number)) {
        for frame in number..<next {
          let address = GuestFrame(frame).address
          let entry = EPTEntry(rawValue: contents.load(X86Index.entryAddress(in: table, of: address, level: 1)))
          if entry != .absent { body(GuestFrame(frame), entry) }
        }
      } else if largeLeafPlace(of: GuestFrame(number)) != nil {
        // `body` may split it or take it away.
        for frame in number..<next {
          let entry = leaf(of: GuestFrame(frame))
          if entry != .absent { body(GuestFrame(frame), entry) }
        }
      }
      number = next
    }
  }

  /// Sets A, and D after a write, in a leaf that is present. For translations that use the map without walking it.
  public func markUsed(_ frame: GuestFrame, _ entry: EPTEntry, isWrite: Bool) {
    let used = entry.with(isWrite ? EPTEntry.accessed | EPTEntry.dirty : EPTEntry.accessed)
    if used != entry { storeUse(used, of: frame) }
  }

  /// Clears A in a leaf that is present; in a large leaf for all its pages.
  public func clearAccessed(_ frame: GuestFrame, _ entry: EPTEntry) { storeUse(entry.without(EPTEntry.accessed), of: frame) }

  /// Stores a leaf of which only A and D differ from what is there.
  private func storeUse(_ entry: EPTEntry, of frame: GuestFrame) {
    if let table = leafTable(of: frame) {
      contents.store(entry.without(EPTEntry.large).rawValue, X86Index.entryAddress(in: table, of: frame.address, level: 1))
    } else if let place = largeLeafPlace(of: frame) {
      let use = EPTEntry.accessed | EPTEntry.dirty
      contents.store(largeLeaf(at: place).without(use).with(entry.rawValue & use).rawValue, place)
    }
  }

  /// Gives every table's frame back. The map must not be used afterwards.
  public func destroy() {
    guard tableFrames > 0 else { return }
    free(root, level: Self.levels)
    for region in deposits.keys.sorted() { freeDeposit(ofRegion: region) }
    largeLeaves = 0
    leafTables.fill(0..<leafTables.count, with: 0)
  }

  private func free(_ table: HostFrame, level: Int) {
    if level > 1 {
      for index in 0..<X86Index.entriesPerTable {
        let entry = EPTEntry(rawValue: contents.loadWord(index, of: table))
        if entry.isPresent && !entry.isLarge { free(entry.frame, level: level - 1) }
      }
    }
    frames.freeTableFrame(table)
    tableFrames -= 1
  }

  private func freeDeposit(ofRegion region: UInt64) {
    guard let table = deposits.removeValue(forKey: region) else { return }
    frames.freeTableFrame(table)
    tableFrames -= 1
  }

  // MARK: Finding and making tables

  /// What stands in the level-2 entry of a guest frame.
  private enum Found {
    case nothing
    /// A leaf table's address.
    case table(HostPhysicalAddress)
    /// The address of a large leaf.
    case large(HostPhysicalAddress)
  }

  /// Set in the keys of regions with a large leaf; the others' are below 2^28.
  private static let largeKey: UInt64 = 1 << 32

  @inline(__always) private func key(of frame: GuestFrame) -> UInt64 { frame.rawValue >> 9 &+ 1 }

  @inline(__always) func cachedLeafTable(of frame: GuestFrame) -> HostPhysicalAddress? {
    let key = key(of: frame)
    let cached = Int(truncatingIfNeeded: key & 63) &* 2
    return leafTables[cached] == key ? HostPhysicalAddress(leafTables[cached &+ 1]) : nil
  }

  private func leafTable(of frame: GuestFrame) -> HostPhysicalAddress? {
    if let table = cachedLeafTable(of: frame) { return table }
    if case .table(let table) = find(frame) { return table }
    return nil
  }

  /// Where the large leaf of a guest frame is, if it has one.
  func largeLeafPlace(of frame: GuestFrame) -> HostPhysicalAddress? {
    if case .large(let place) = find(frame) { return place }
    return nil
  }

  /// A large leaf or any other entry of level 2, by its address.
  func largeLeaf(at place: HostPhysicalAddress) -> EPTEntry { EPTEntry(rawValue: contents.load(place)) }

  /// Walks to the level-2 entry, and remembers what stands there.
  private func find(_ frame: GuestFrame) -> Found {
    guard frame.rawValue < Self.frameLimit else { return .nothing }
    let key = key(of: frame)
    let cached = Int(truncatingIfNeeded: key & 63) &* 2
    if leafTables[cached] == key | Self.largeKey { return .large(HostPhysicalAddress(leafTables[cached &+ 1])) }
    var table = root.address
    for level in stride(from: Self.levels, to: 1, by: -1) {
      let place = X86Index.entryAddress(in: table, of: frame.address, level: level)
      let entry = EPTEntry(rawValue: contents.load(place))
      guard entry.isPresent else { return .nothing }
      if level == 2 && entry.isLarge {
        leafTables[cached] = key | Self.largeKey
        leafTables[cached &+ 1] = place.rawValue
        return .large(place)
      }
      table = entry.frame.address
    }
    leafTables[cached] = key
    leafTables[cached &+ 1] = table.rawValue
    return .table(table)
  }

  /// Forgets what stands in the level-2 entry of a guest frame, which is about to change.
  func forgetCached(_ frame: GuestFrame) { leafTables[Int(truncatingIfNeeded: key(of: frame) & 63) &* 2] = 0 }

  /// The table of a level on the way to a guest frame, made with those above it if need be; nil where there is no frame for one, or a large
  /// leaf in its place.
  func makeTable(of frame: GuestFrame, level target: Int) -> HostPhysicalAddress? {
    guard frame.rawValue < Self.frameLimit else { return nil }
    var table = root.address
    for level in stride(from: Self.levels, to: target, by: -1) {
      let address = X86Index.entryAddress(in: table, of: frame.address, level: level)
      let entry = EPTEntry(rawValue: contents.load(address))
      if entry.isPresent {
        if entry.isLarge { return nil }
        table = entry.frame.address
      } else {
        guard let made = makeTable() else { return nil }
        contents.store(EPTEntry.table(made).rawValue, address)
        table = made.address
      }
    }
    return table
  }

  /// A frame for a table that nothing points to yet.
  func makeTable() -> HostFrame? {
    guard let made = frames.allocateTableFrame() else { return nil }
    tableFrames += 1
    return made
  }
}
