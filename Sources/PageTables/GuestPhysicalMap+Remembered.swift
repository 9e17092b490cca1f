public import Addressing
public import PageContents

/// Leaves of 4 KiB found through tables that are remembered (`RememberedTables`). Whatever is not plain is answered by nil, or 0, and left
/// to `leaf(of:)` and `walk`, which change nothing that these have not seen.
extension GuestPhysicalMap {
  /// The leaf of a guest frame, where its table is remembered and the leaf allows an access and shows one as used already: A set, after a
  /// write D. Else absent. In a map of EPT's format.
  @inlinable @inline(__always) public func usedLeaf(of frame: GuestFrame, _ access: AccessKind, changes: UInt64) -> EPTEntry {
    let table = remembered[frame.rawValue >> 9]
    guard table.isOf(frame.rawValue >> 9, owner: 0, changes: changes) else { return .absent }
    let word = table.entry(frame.rawValue)
    // R, W and X are bits 0 to 2, as the kinds are numbered; D is next to A.
    let right: UInt64 = 1 &<< UInt64(access.rawValue)
    let marks = EPTEntry.accessed | (right & EPTEntry.write) &<< 8
    return word & (right | marks) == right | marks ? EPTEntry(rawValue: word) : .absent
  }

  /// Begins to load what `usedLeaf` and `rememberedWalk` probably will.
  @inlinable @inline(__always) public func prefetchLeaf(of frame: GuestFrame) {
    remembered[frame.rawValue >> 9].words?.prefetch(frame.rawValue)
  }

  /// `walk` to a plain leaf of 4 KiB, where its table is remembered, every bit that the walk would set is set, and the access passes.
  /// Gains as many references as the map has levels. Of no use to whoever remembers the tables on the way: `path` is not kept.
  /// - Returns: a walk of word 0 where not.
  @inlinable @inline(__always) public func rememberedWalk(_ address: GuestPhysicalAddress, _ access: NestedAccess, changes: UInt64)
    -> NestedWalk
  {
    let table = remembered[address.rawValue >> 21]
    let missing = NestedWalk(.violation, word: 0, level: 0)
    guard table.isOf(address.rawValue >> 21, owner: 0, changes: changes) else { return missing }
    let entry = table.entry(address.rawValue >> 12)
    let all = table.rights & (entry ^ masks.inverted)
    guard entry & masks.leafMask == masks.leafBits, masks.refusedTypes &>> (entry >> 3 & 7) & 1 == 0,
      all & access.needed == access.needed, access.marks & (~entry | ~table.rights & masks.accessed) == 0
    else { return missing }
    let rights = format == .ept ? all & rightsMask : 1 | all & X86Entry.writable | (all >> 63) << 2
    return NestedWalk(.mapped, word: format == .ept ? entry : format.leaf(entry).rawValue, level: 1, rights: rights)
  }

  /// Remembers the table of level 1 on the way to a guest frame, if there is one that is reached by plain entries.
  @inline(never) public func rememberTable(of frame: GuestFrame) {
    guard frame.rawValue < mappableFrames else { return }
    let changes = contents.walkChanges
    var table = root
    var all = ~0 as UInt64
    for level in stride(from: levels, to: 1, by: -1) {
      guard contents.watch(table, words: true) != nil else { return }
      let entry = contents.load(X86Index.entryAddress(in: table.address, of: frame.address, level: level))
      guard entry & masks.tableMask == masks.tableBits else { return }
      all &= entry ^ masks.inverted
      table = EPTEntry(rawValue: entry).frame
    }
    guard let words = contents.watch(table, words: false) else { return }
    let region = frame.rawValue >> 9
    remembered[region] = RememberedTable(
      region: region, owner: 0, changes: changes, rights: all, words: words, references: UInt64(levels))
  }
}
