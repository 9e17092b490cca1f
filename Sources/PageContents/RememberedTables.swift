public import Columns

/// # Remembered tables: walks that need not be made again
///
/// A processor's walk is repeated for each miss of a TLB, and each of its steps costs the laboratory several dependent loads: which frame,
/// where its bytes are, which word. But the upper tables of a region of 2 MiB hardly ever change, and as long as they do not, neither does
/// what a walk finds in them. So where the region's table of level 1 lies is remembered, with the rights that the entries above it let pass
/// and the number of references that it took to get there. A walk then loads only the last entry, and counts as if it had loaded all.
///
/// The invariant: *what is remembered is what the walk would find, and the walk would leave no trace*. Only walks are remembered that found
/// every A bit above the last entry set. Frames on the way are watched (`FrameContents.watch`), and `FrameContents.walkChanges` grows with
/// each change of one, and with each change of a guest-physical map that takes something away: whatever was remembered before that counts
/// no more.
///
/// So a store is seen whichever way it is made, by a guest, by the hypervisor or by a test straight into `FrameContents`: one into a table
/// above because the frame is watched for its words, one into the table of level 1 because its entry is loaded each time; that frame is
/// watched for the place of its bytes alone. What is not seen is what the walk itself would not find in a frame:
/// `GuestPhysicalMap.leaf(of:)` looks for a leaf's table once and reads no table above it again, since the map alone takes tables away; and
/// a TLB keeps what it has until it is told.
///
/// When not: where caches of paging structures are modelled, since a walk changes them; and it helps little where upper tables change all
/// the time, which costs each region a whole walk for each change.
public struct RememberedTables: ~Copyable {
  /// Regions remembered at a time: 8 GiB of them. Two that share their place take turns.
  @inlinable static var count: Int { 1 << 12 }
  @usableFromInline let tables = Column<RememberedTable>(count: RememberedTables.count)

  /// Nothing remembered.
  public init() {}

  /// What stands in a region's place; see `RememberedTable.isOf`.
  @inlinable @inline(__always) public subscript(region: UInt64) -> RememberedTable {
    get { tables[Int(truncatingIfNeeded: region & UInt64(RememberedTables.count - 1))] }
    nonmutating set { tables[Int(truncatingIfNeeded: region & UInt64(RememberedTables.count - 1))] = newValue }
  }
}

/// The table of level 1 that a walk comes to in a region of 2 MiB. All-zero bits are nobody's: `walkChanges` is never 0.
@frozen public struct RememberedTable: BitwiseCopyable {
  /// The region: the address without its 21 low bits.
  public let region: UInt64
  /// What the walk began at, such as the root table's address.
  public let owner: UInt64
  /// What `FrameContents.walkChanges` was.
  public let changes: UInt64
  /// What the entries above the table let pass, in the terms of whoever remembers it.
  public let rights: UInt64
  /// Loads of a whole walk, that of the last entry included.
  public let references: UInt64
  /// The table's words; nobody's table has none.
  public let words: WatchedWords?

  /// A table of its parts.
  @inlinable public init(region: UInt64, owner: UInt64, changes: UInt64, rights: UInt64, words: WatchedWords, references: UInt64) {
    self.region = region
    self.owner = owner
    self.changes = changes
    self.rights = rights
    self.words = words
    self.references = references
  }

  /// Whether it is what a walk would come to now.
  @inlinable @inline(__always) public func isOf(_ region: UInt64, owner: UInt64, changes: UInt64) -> Bool {
    (self.region ^ region) | (self.owner ^ owner) | (self.changes ^ changes) == 0
  }

  /// The entry for a page, of whose number the nine lowest bits count.
  @inlinable @inline(__always) public func entry(_ page: UInt64) -> UInt64 {
    guard let words else { return 0 }
    return words[page]
  }
}
