internal import Addressing
internal import Columns
internal import PageContents

/// Finding and making tables.
extension GuestPhysicalMap {
  /// The table in which the leaf of a guest frame stands, in one word: bits 35:0 its frame, 37:36 its level (0: there is none), and from
  /// bit 38 up the part of the region's number that does not choose its place in the cache. A region has at most 31 bits.
  struct Place {
    let rawValue: UInt64

    static let none = Place(rawValue: 0)
    static let levelShift: UInt64 = 36
    static let tagShift: UInt64 = 38
    static let tableMask: UInt64 = (1 << levelShift) - 1

    @inline(__always) var isFound: Bool { rawValue != 0 }
    /// 1 for a leaf table, 2 and 3 where the entry itself is a large leaf.
    @inline(__always) var level: Int { Int(truncatingIfNeeded: rawValue >> Place.levelShift & 3) }
    @inline(__always) var table: HostPhysicalAddress { HostFrame(rawValue & Place.tableMask).address }

    /// Where the leaf of a guest frame stands in the table.
    @inline(__always) func address(of frame: GuestFrame) -> HostPhysicalAddress {
      X86Index.entryAddress(in: table, of: frame.address, level: level)
    }
  }

  @inline(__always) private static func slot(_ region: UInt64) -> Int { Int(truncatingIfNeeded: region & UInt64(placeCount - 1)) }

  @inline(__always) private static func tag(_ region: UInt64) -> UInt64 { (region / UInt64(placeCount)) << Place.tagShift }

  /// Where the leaf of a guest frame stands; not found where there is no table for it.
  @inline(__always) func place(of frame: GuestFrame) -> Place {
    let region = frame.rawValue >> 9
    let cached = places[Self.slot(region)]
    // A level is never 0 in what was found, and the frame must not carry bits beyond the tag's.
    let isThere = cached ^ Self.tag(region) < 1 << Place.tagShift && cached != 0 && frame.rawValue < mappableFrames
    return isThere ? Place(rawValue: cached) : find(frame)
  }

  func leafTable(of frame: GuestFrame) -> HostPhysicalAddress? {
    let place = place(of: frame)
    return place.level == 1 ? place.table : nil
  }

  /// Walks to the leaf's table, and remembers it.
  @inline(never) private func find(_ frame: GuestFrame) -> Place {
    guard frame.rawValue < mappableFrames else { return .none }
    var table = root
    var level = levels
    while level > 1 {
      let word = contents.load(X86Index.entryAddress(in: table.address, of: frame.address, level: level))
      guard isPresent(word) else { return .none }
      if EPTEntry(rawValue: word).isLarge { break }
      table = EPTEntry(rawValue: word).frame
      level -= 1
    }
    let region = frame.rawValue >> 9
    // A host with so many frames would need a place of two words; none here has.
    precondition(table.rawValue <= Place.tableMask, "a table's frame has more than 36 bits")
    let found = Place(rawValue: Self.tag(region) | UInt64(level) << Place.levelShift | table.rawValue)
    places[Self.slot(region)] = found.rawValue
    return found
  }

  /// Forgets where the leaves of a region stand, which is about to change.
  func forgetPlace(ofRegion region: UInt64) {
    places[Self.slot(region)] = 0
    contents.noteWalkChange()
  }

  /// The table of a level on the way to a guest frame, made with those above it if need be; nil where there is no frame for one, or a large
  /// leaf in its place.
  func makeTable(of frame: GuestFrame, level target: Int) -> HostPhysicalAddress? {
    guard frame.rawValue < mappableFrames else { return nil }
    var table = root.address
    for level in stride(from: levels, to: target, by: -1) {
      let address = X86Index.entryAddress(in: table, of: frame.address, level: level)
      let word = contents.load(address)
      if isPresent(word) {
        if EPTEntry(rawValue: word).isLarge { return nil }
        table = EPTEntry(rawValue: word).frame.address
      } else {
        guard let made = makeTable() else { return nil }
        contents.store(tableWord(made), address)
        table = made.address
      }
    }
    return table
  }

  /// The word of an entry that points to a table.
  func tableWord(_ table: HostFrame) -> UInt64 { format.table(table, userExecute: controls.modeBasedExecute) }

  /// A frame for a table that nothing points to yet.
  func makeTable() -> HostFrame? {
    guard let made = frames.allocateTableFrame() else { return nil }
    tableFrames += 1
    return made
  }
}
