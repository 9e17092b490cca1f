public import Addressing
internal import Columns
internal import PageContents

/// Large leaves: 2 MiB or 1 GiB of guest memory mapped by one entry of level 2 or 3 (Intel SDM tables 29-3 and 29-5) to as much host memory
/// in one piece.
///
/// A page in a large leaf has no entry of its own. `leaf(of:)` answers what it would have after splits, and marks it with bit 7; A and D
/// are those of all its pages together. Whoever wants to change the leaf of one page splits the large one, one of 1 GiB twice, and from
/// then on the pages go their own ways: nothing here puts them together again.
extension GuestPhysicalMap {
  /// Pages of a large leaf of 2 MiB: 512.
  public static let pagesPerLargeLeaf = Int(PageSize.size2M.pages)

  /// Whether the 2 MiB or 1 GiB around a guest frame could get a large leaf: they have neither one nor a table, so no leaf in them was ever
  /// set. Linux asks the same of a huge page fault (mm/memory.c: `pmd_none`).
  public func hasNoLeaves(around frame: GuestFrame, size: PageSize = .size2M) -> Bool {
    guard frame.rawValue < mappableFrames else { return false }
    var table = root.address
    for level in stride(from: levels, through: size.level, by: -1) {
      let word = contents.load(X86Index.entryAddress(in: table, of: frame.address, level: level))
      if !isPresent(word) { return true }
      if EPTEntry(rawValue: word).isLarge { return false }
      table = EPTEntry(rawValue: word).frame.address
    }
    return false
  }

  /// The size of the large leaf that maps a guest frame; nil where none does.
  public func largeLeafSize(of frame: GuestFrame) -> PageSize? {
    let place = place(of: frame)
    return place.level > 1 ? PageSize(leafLevel: place.level) : nil
  }

  /// Sets a large leaf for the 2 MiB or 1 GiB that begin at a guest frame.
  /// - Parameter entry: as for a 4 KiB page; its frame begins an aligned block as large.
  /// - Returns: false, with no leaf changed, where the host has no frame for a table (those of the splits among them: 1 for 2 MiB, 513 for
  ///   1 GiB), or the region had leaves.
  public func setLargeLeaf(_ entry: EPTEntry, of first: GuestFrame, size: PageSize = .size2M) -> Bool {
    precondition(size != .size4K, "a large leaf has 2 MiB or 1 GiB")
    precondition((first.rawValue | entry.frame.rawValue) % size.pages == 0, "a large leaf is aligned at both ends")
    guard hasNoLeaves(around: first, size: size), let table = makeTable(of: first, level: size.level), deposit(first, size) else {
      return false
    }
    store(entry.with(EPTEntry.large), X86Index.entryAddress(in: table, of: first.address, level: size.level))
    largeLeaves += 1
    return true
  }

  /// Takes the frames that splitting will need; none where there are not enough.
  private func deposit(_ first: GuestFrame, _ size: PageSize) -> Bool {
    let region = first.rawValue >> 9
    let regions = region..<region + size.pages / PageSize.size2M.pages
    if size == .size1G {
      guard let table = makeTable() else { return false }
      gigabyteDeposits[first.rawValue >> 18] = table
    }
    for region in regions {
      guard let table = makeTable() else {
        for taken in regions.prefix(while: { $0 != region }) { giveBack(deposits.removeValue(forKey: taken)) }
        giveBack(gigabyteDeposits.removeValue(forKey: first.rawValue >> 18))
        return false
      }
      deposits[region] = table
    }
    return true
  }

  /// Puts 512 leaves of the next smaller size with the rights and the A and D bits of a large leaf in its place. Every page stays in its
  /// frame; whoever caches translations by the large leaf has to be told.
  /// - Returns: false where no large leaf maps the frame.
  public func splitLargeLeaf(around frame: GuestFrame) -> Bool {
    guard let size = largeLeafSize(of: frame) else { return false }
    let step = size.pages / UInt64(X86Index.entriesPerTable)
    let isStillLarge = size == .size1G
    let isSplit = replaceLargeLeaf(around: frame, size) { large, table in
      for index in 0..<X86Index.entriesPerTable {
        let part = large.with(UInt64(index) * step << 12)
        contents.storeWord(format.word(isStillLarge ? part : part.without(EPTEntry.large)), index, of: table)
      }
    }
    if isSplit && isStillLarge { largeLeaves += X86Index.entriesPerTable }
    return isSplit
  }

  /// Takes a large leaf away: its pages are absent, never touched.
  /// - Returns: false where no large leaf maps the frame.
  public func removeLargeLeaf(around frame: GuestFrame) -> Bool {
    guard let size = largeLeafSize(of: frame), replaceLargeLeaf(around: frame, size, { _, _ in }) else { return false }
    if size == .size1G {
      let region = (frame.rawValue >> 18) << 9
      for part in region..<region + UInt64(X86Index.entriesPerTable) { giveBack(deposits.removeValue(forKey: part)) }
    }
    return true
  }

  /// Puts the table that was kept for it in the place of a large leaf, once `fill` has set its leaves.
  private func replaceLargeLeaf(around frame: GuestFrame, _ size: PageSize, _ fill: (EPTEntry, HostFrame) -> Void) -> Bool {
    let address = place(of: frame).address(of: frame)
    let deposit =
      size == .size2M ? deposits.removeValue(forKey: frame.rawValue >> 9) : gigabyteDeposits.removeValue(forKey: frame.rawValue >> 18)
    guard let table = deposit else { return false }
    let large = leaf(at: address)
    fill(large, table)
    let first = (frame.rawValue & ~(size.pages - 1)) >> 9
    for region in first..<first + size.pages / PageSize.size2M.pages { forgetPlace(ofRegion: region) }
    contents.store(tableWord(table) | (large.isAccessed ? format.accessed : 0), address)
    largeLeaves -= 1
    return true
  }
}
