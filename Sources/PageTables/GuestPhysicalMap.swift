public import Addressing
internal import Columns
public import PageContents

/// The hypervisor's map of one guest's physical memory: a four-level EPT whose tables are frames of the host.
///
/// Leaves of 4 KiB are set one by one; tables between root and leaf are made when first needed and stay until `destroy()`.
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
  private let frames: any TableFrameSource
  /// The root table: what an EPTP's bits 51:12 name.
  public let root: HostFrame
  /// Frames that the tables occupy, the root included; 0 after `destroy()`.
  public private(set) var tableFrames: Int

  /// Leaf tables used lately, in 64 places by the low bits of their guest frames' common number (gfn >> 9): that number plus one, or 0,
  /// and the table's address. In a column because a class's own variables pay for an exclusivity check at each access.
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

  /// The leaf of a guest frame; `EPTEntry.absent` where no table reaches it.
  public func leaf(of frame: GuestFrame) -> EPTEntry {
    guard let table = leafTable(of: frame) else { return .absent }
    return EPTEntry(rawValue: contents.load(X86Index.entryAddress(in: table, of: frame.address, level: 1)))
  }

  /// Sets the leaf of a guest frame, making the tables on the way.
  /// - Returns: false, with no leaf changed, where the host has no frame for a table or the guest frame is out of range.
  public func setLeaf(_ entry: EPTEntry, of frame: GuestFrame) -> Bool {
    guard let table = leafTable(of: frame) ?? makeLeafTable(of: frame) else { return false }
    contents.store(entry.rawValue, X86Index.entryAddress(in: table, of: frame.address, level: 1))
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
      }
      number = next
    }
  }

  /// Sets A, and D after a write, in a leaf that is present. For translations that use the map without walking it.
  public func markUsed(_ frame: GuestFrame, _ entry: EPTEntry, isWrite: Bool) {
    let used = entry.with(isWrite ? EPTEntry.accessed | EPTEntry.dirty : EPTEntry.accessed)
    guard used != entry, let table = leafTable(of: frame) else { return }
    contents.store(used.rawValue, X86Index.entryAddress(in: table, of: frame.address, level: 1))
  }

  /// Gives every table's frame back. The map must not be used afterwards.
  public func destroy() {
    guard tableFrames > 0 else { return }
    free(root, level: Self.levels)
    leafTables.fill(0..<leafTables.count, with: 0)
  }

  private func free(_ table: HostFrame, level: Int) {
    if level > 1 {
      for index in 0..<X86Index.entriesPerTable {
        let entry = EPTEntry(rawValue: contents.loadWord(index, of: table))
        if entry.isPresent { free(entry.frame, level: level - 1) }
      }
    }
    frames.freeTableFrame(table)
    tableFrames -= 1
  }

  // MARK: Finding and making tables

  private func leafTable(of frame: GuestFrame) -> HostPhysicalAddress? {
    let key = frame.rawValue >> 9 &+ 1
    let cached = Int(truncatingIfNeeded: key & 63) &* 2
    if leafTables[cached] == key { return HostPhysicalAddress(leafTables[cached &+ 1]) }
    guard frame.rawValue < Self.frameLimit else { return nil }
    var table = root.address
    for level in stride(from: Self.levels, to: 1, by: -1) {
      let entry = EPTEntry(rawValue: contents.load(X86Index.entryAddress(in: table, of: frame.address, level: level)))
      guard entry.isPresent else { return nil }
      table = entry.frame.address
    }
    leafTables[cached] = key
    leafTables[cached &+ 1] = table.rawValue
    return table
  }

  private func makeLeafTable(of frame: GuestFrame) -> HostPhysicalAddress? {
    guard frame.rawValue < Self.frameLimit else { return nil }
    var table = root.address
    for level in stride(from: Self.levels, to: 1, by: -1) {
      let address = X86Index.entryAddress(in: table, of: frame.address, level: level)
      let entry = EPTEntry(rawValue: contents.load(address))
      if entry.isPresent {
        table = entry.frame.address
      } else {
        guard let made = frames.allocateTableFrame() else { return nil }
        tableFrames += 1
        contents.store(EPTEntry.table(made).rawValue, address)
        table = made.address
      }
    }
    return table
  }
}
