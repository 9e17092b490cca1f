public import Addressing
internal import Columns
public import PageContents

/// The hypervisor's map of one guest's physical memory: tables of four or five levels, EPT or AMD's, which are frames of the host.
///
/// Leaves of 4 KiB are set one by one; tables between root and leaf are made when first needed and stay until `destroy()`. A region of 2
/// MiB or 1 GiB in which no leaf was ever set may get one large leaf instead (`GuestPhysicalMap+Large.swift`); before one of its pages can
/// have a leaf of its own, it is split. Guest frames that the levels cannot reach, with four from 2^36 up, cannot be mapped: `leaf` answers
/// absent and `setLeaf` false.
///
/// The map does not know what translations were made from it. Whoever removes, moves or write-protects a leaf tells the guest's
/// translator before the old host frame is used for anything else.
public final class GuestPhysicalMap {
  /// Guest frames that four levels reach: 2^36.
  public static let frameLimit: UInt64 = 1 << 36

  @usableFromInline let contents: FrameContents
  let frames: any TableFrameSource
  /// Levels of tables, 4 or 5.
  public let levels: Int
  /// The words that the tables hold.
  public let format: NestedFormat
  /// What the processor that walks the tables can do.
  public let controls: NestedControls
  /// The root table: what an EPTP's bits 51:12, or AMD's nCR3, name.
  public let root: HostFrame
  /// Guest frames that can be mapped: 2^36, or with five levels 2^40, the most that 52 bits of address can name.
  public let mappableFrames: UInt64
  /// Frames that the tables occupy, the root included; 0 after `destroy()`.
  public internal(set) var tableFrames: Int
  /// How many large leaves there are, of both sizes.
  public internal(set) var largeLeaves = 0
  /// The log of guest pages whose D bit a walk sets, if one is kept; with A and D bits in EPT only (Intel SDM 29.3.6).
  public var modificationLog: PageModificationLog?
  /// The tables of the last walk, one element: see `places`.
  let lastPath = Column<NestedPath>(count: 1)
  @usableFromInline let masks: NestedMasks
  let addressBits: UInt64
  /// R, W, X, and bit 10 where it is a right.
  @usableFromInline let rightsMask: UInt64

  /// Of each region with a large leaf, by its number (gfn >> 9): the empty table that will hold its leaves once it is split. Kept from the
  /// start, as Linux deposits a page table with each huge page, so that a split never wants for memory. A leaf of 1 GiB has one for each
  /// of its 512 regions, and one in `gigabyteDeposits`, by gfn >> 18.
  var deposits: [UInt64: HostFrame] = [:]
  var gigabyteDeposits: [UInt64: HostFrame] = [:]

  /// Where leaves were found lately, by the low bits of their region (gfn >> 9): 2^14 places, which reach over 32 GiB. See `Place`. In a
  /// column because a class's own variables pay for an exclusivity check at each access, and because places never used cost no memory.
  let places = Column<UInt64>(count: GuestPhysicalMap.placeCount, isSparse: true)
  static let placeCount = 1 << 14

  /// Where walks, and whoever asks for leaves without one, lately found the tables of level 1.
  @usableFromInline let remembered = RememberedTables()

  /// An empty map.
  /// - Parameters:
  ///   - levels: 4 or 5.
  ///   - controls: of the processor; tells what its walks accept, not what may be set.
  /// - Throws: where there is no frame for the root.
  public init(
    contents: FrameContents, frames: any TableFrameSource, levels: Int = 4, format: NestedFormat = .ept,
    controls: NestedControls = NestedControls()
  ) throws(OutOfTableFrames) {
    precondition(levels == 4 || levels == 5, "a guest-physical map has four or five levels")
    guard let root = frames.allocateTableFrame() else { throw OutOfTableFrames() }
    self.contents = contents
    self.frames = frames
    self.root = root
    self.levels = levels
    self.format = format
    self.controls = controls
    addressBits = X86Index.shift(levels + 1)
    mappableFrames = 1 << min(addressBits - 12, 40)
    masks = NestedMasks(format, controls)
    rightsMask = controls.presentBits
    tableFrames = 1
  }

  /// The EPTP that names the map.
  public func pointer(keepsAccessedDirty: Bool) -> EPTPointer {
    EPTPointer(root: root, levels: levels, keepsAccessedDirty: keepsAccessedDirty)
  }

  /// The tables of the last walk.
  public var path: NestedPath { lastPath[0] }

  // MARK: Leaves

  /// The leaf of a guest frame; `EPTEntry.absent` where no table reaches it. Where a large leaf maps it, the leaf that it would have after
  /// splits, with bit 7 set (`isLarge`), which means nothing at level 1.
  public func leaf(of frame: GuestFrame) -> EPTEntry {
    let place = place(of: frame)
    guard place.isFound else { return .absent }
    let leaf = leaf(at: place.address(of: frame))
    return place.level == 1 ? leaf : leaf.ofPage(frame, in: place.level == 2 ? .size2M : .size1G)
  }

  /// Sets the leaf of a guest frame, making the tables on the way. Bit 7 is left out.
  /// - Returns: false, with no leaf changed, where the host has no frame for a table, the guest frame is out of range, or a large leaf that
  ///   has to be split first maps it.
  public func setLeaf(_ entry: EPTEntry, of frame: GuestFrame) -> Bool {
    guard let table = leafTable(of: frame) ?? makeTable(of: frame, level: 1) else { return false }
    let place = X86Index.entryAddress(in: table, of: frame.address, level: 1)
    if isPresent(contents.load(place)) { contents.noteWalkChange() }
    store(entry.without(EPTEntry.large), place)
    return true
  }

  /// Calls `body` with each leaf that is not `EPTEntry.absent` in a range of guest frames, in order. `body` may set leaves.
  public func forEachLeaf(in range: Range<GuestFrame>, _ body: (GuestFrame, EPTEntry) -> Void) {
    var number = range.lowerBound.rawValue
    while number < range.upperBound.rawValue {
      let next = min((number | 511) + 1, range.upperBound.rawValue)
      if let table = leafTable(of: GuestFrame(number)) {
        for frame in number..<next {
          let entry = leaf(at: X86Index.entryAddress(in: table, of: GuestFrame(frame).address, level: 1))
          if entry != .absent { body(GuestFrame(frame), entry) }
        }
      } else if place(of: GuestFrame(number)).isFound {
        // A large leaf, which `body` may split or take away.
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
  public func clearAccessed(_ frame: GuestFrame, _ entry: EPTEntry) {
    contents.noteWalkChange()
    storeUse(entry.without(EPTEntry.accessed), of: frame)
  }

  /// Clears D in a leaf that is present, in a large leaf for all its pages: the next write sets it again, and is logged.
  public func clearDirty(_ frame: GuestFrame, _ entry: EPTEntry) {
    contents.noteWalkChange()
    storeUse(entry.without(EPTEntry.dirty), of: frame)
  }

  /// Stores a leaf of which only A and D differ from what is there.
  private func storeUse(_ entry: EPTEntry, of frame: GuestFrame) {
    let place = place(of: frame)
    guard place.isFound else { return }
    let address = place.address(of: frame)
    let use = EPTEntry.accessed | EPTEntry.dirty
    store(leaf(at: address).without(use).with(entry.rawValue & use), address)
  }

  // MARK: Words

  /// The leaf at an address, in the terms of EPT.
  @inline(__always) func leaf(at address: HostPhysicalAddress) -> EPTEntry { format.leaf(contents.load(address)) }

  @inline(__always) func store(_ entry: EPTEntry, _ address: HostPhysicalAddress) { contents.store(format.word(entry), address) }

  /// Whether a word is a present entry, which both formats tell by its lowest bits.
  @inline(__always) func isPresent(_ word: UInt64) -> Bool {
    word & (format == .ept ? EPTEntry.permissions : X86Entry.present) != 0
  }

  // MARK: Giving back

  /// Gives every table's frame back. The map must not be used afterwards.
  public func destroy() {
    guard tableFrames > 0 else { return }
    contents.noteWalkChange()
    free(root, level: levels)
    for region in deposits.keys.sorted() { giveBack(deposits.removeValue(forKey: region)) }
    for gigabyte in gigabyteDeposits.keys.sorted() { giveBack(gigabyteDeposits.removeValue(forKey: gigabyte)) }
    largeLeaves = 0
    places.fill(0..<places.count, with: 0)
  }

  private func free(_ table: HostFrame, level: Int) {
    if level > 1 {
      for index in 0..<X86Index.entriesPerTable {
        let word = contents.loadWord(index, of: table)
        let entry = EPTEntry(rawValue: word)
        if isPresent(word) && !entry.isLarge { free(entry.frame, level: level - 1) }
      }
    }
    giveBack(table)
  }

  func giveBack(_ table: HostFrame?) {
    guard let table else { return }
    frames.freeTableFrame(table)
    tableFrames -= 1
  }
}
