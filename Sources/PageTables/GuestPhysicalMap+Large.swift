public import Addressing
internal import PageContents

/// Large leaves: 2 MiB of guest memory mapped by one level-2 entry (Intel SDM table 29-5) to as much host memory in one piece.
///
/// A page in a large leaf has no entry of its own. `leaf(of:)` answers what it would have after a split, and marks it with bit 7; A and D
/// are those of all 512 pages together. Whoever wants to change the leaf of one page splits the large one, and from then on
/// the pages go their own ways: nothing here puts them together again.
extension GuestPhysicalMap {
  /// Pages of a large leaf: 512.
  public static let pagesPerLargeLeaf = Int(PageSize.size2M.pages)

  /// Whether the 2 MiB around a guest frame could get a large leaf: they have neither one nor a leaf table, so no leaf in them was ever set.
  /// Linux asks the same of a huge page fault (mm/memory.c: `pmd_none`).
  public func hasNoLeaves(around frame: GuestFrame) -> Bool {
    guard frame.rawValue < Self.frameLimit, cachedLeafTable(of: frame) == nil else { return false }
    var table = root.address
    for level in stride(from: Self.levels, to: 1, by: -1) {
      let entry = EPTEntry(rawValue: contents.load(X86Index.entryAddress(in: table, of: frame.address, level: level)))
      if !entry.isPresent { return true }
      if entry.isLarge { return false }
      table = entry.frame.address
    }
    return false
  }

  /// Sets a large leaf for the 2 MiB that begin at a guest frame.
  /// - Parameter entry: as for a 4 KiB page; its frame begins an aligned block of 512 frames.
  /// - Returns: false, with no leaf changed, where the host has no frame for a table (that of the split is one), or the region had leaves.
  public func setLargeLeaf(_ entry: EPTEntry, of first: GuestFrame) -> Bool {
    precondition((first.rawValue | entry.frame.rawValue) % UInt64(Self.pagesPerLargeLeaf) == 0, "a large leaf is aligned at both ends")
    guard hasNoLeaves(around: first), let table = makeTable(of: first, level: 2), let deposit = makeTable() else { return false }
    deposits[first.rawValue >> 9] = deposit
    forgetCached(first)
    contents.store(entry.with(EPTEntry.large).rawValue, X86Index.entryAddress(in: table, of: first.address, level: 2))
    largeLeaves += 1
    return true
  }

  /// Puts 512 leaves with the rights and the A and D bits of a large leaf in its place. Every page stays in its frame; whoever caches
  /// translations by the large leaf has to be told.
  /// - Returns: false where no large leaf maps the frame.
  public func splitLargeLeaf(around frame: GuestFrame) -> Bool {
    replaceLargeLeaf(around: frame) { large, table in
      let first = frame.rawValue & ~UInt64(Self.pagesPerLargeLeaf - 1)
      for index in 0..<Self.pagesPerLargeLeaf {
        let leaf = large.ofPage(GuestFrame(first + UInt64(index))).without(EPTEntry.large)
        contents.storeWord(leaf.rawValue, index, of: table)
      }
    }
  }

  /// Takes a large leaf away: its pages are absent, never touched.
  /// - Returns: false where no large leaf maps the frame.
  public func removeLargeLeaf(around frame: GuestFrame) -> Bool { replaceLargeLeaf(around: frame) { _, _ in } }

  /// Puts the table that was kept for it in the place of a large leaf, once `fill` has set its leaves.
  private func replaceLargeLeaf(around frame: GuestFrame, _ fill: (EPTEntry, HostFrame) -> Void) -> Bool {
    guard let place = largeLeafPlace(of: frame), let table = deposits.removeValue(forKey: frame.rawValue >> 9) else { return false }
    let large = largeLeaf(at: place)
    fill(large, table)
    forgetCached(frame)
    contents.store(EPTEntry.table(table).with(large.rawValue & EPTEntry.accessed).rawValue, place)
    largeLeaves -= 1
    return true
  }
}
