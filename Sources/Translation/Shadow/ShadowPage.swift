internal import Addressing
internal import PageTables

/// A table of shadow entries. Numbers are 1 and up, 0 is none; a slot is 512 times a page's number plus an index.
struct ShadowPage: BitwiseCopyable {
  /// The frame of the guest's table; for a direct page the first frame of the piece.
  var frame = GuestFrame(0 as UInt64)
  /// The frame that holds the 512 entries.
  var table = HostFrame(0 as UInt64)
  var role = ShadowRole(processor: X86Controls())
  /// Counts pages as they are made: the number of a page is used again, this never is. 0 once the page is gone.
  var serial: UInt64 = 0
  /// The slot of the first entry that points here; none for a root.
  var firstParent: UInt32 = 0
  /// Its neighbours among the pages of the same guest frame.
  var nextOfFrame: UInt32 = 0
  var previousOfFrame: UInt32 = 0
  /// Its neighbours in the order in which pages were made; of a page that is gone, `newer` is the next number free.
  var older: UInt32 = 0
  var newer: UInt32 = 0
  /// How many places of the root cache name it.
  var pins: UInt8 = 0
  /// How often its table was stored to since it was last used.
  var writes: UInt8 = 0
  /// Whether the guest may store to the table unseen.
  var isUnsync = false
  /// Whether it was ever loaded as a root.
  var isRoot = false
}

/// What is known of one shadow entry besides its word, and its place in a list: leaves and switches stand in the list of their guest frame,
/// links in that of their child's parents.
struct ShadowNode: BitwiseCopyable {
  /// A leaf's first guest frame, a link's child page, a switch's guest table.
  var value: UInt64 = 0
  /// The slot of the next entry in the list, or 0.
  var next: UInt32 = 0
  /// The one before, likewise.
  var previous: UInt32 = 0
}

/// What a present shadow entry does.
enum ShadowKind {
  /// Maps 4 KiB.
  case leaf
  /// Maps 2 MiB.
  case largeLeaf
  /// Maps 1 GiB.
  case hugeLeaf
  /// Leads to a shadow page.
  case link
  /// Leads to a table of the guest's own, from where on the processor walks nested (agile paging).
  case nested
}

extension X86Entry {
  /// Bit 11, which today's processors ignore: from here on the walk is nested. The *switching bit* of agile paging.
  static let switching: UInt64 = 1 << 11

  /// What a present shadow entry in a table of a level does.
  @inline(__always) func shadowKind(level: Int) -> ShadowKind {
    if level == 1 { return .leaf }
    if rawValue & (X86Entry.pageSize | X86Entry.switching) == 0 { return .link }
    return !isLarge ? .nested : level == 2 ? .largeLeaf : .hugeLeaf
  }
}
