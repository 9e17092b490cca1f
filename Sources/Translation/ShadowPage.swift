internal import Addressing
internal import PageTables

/// What a shadow page stands for besides the guest frame of its table: KVM's page role, cut down to what is modelled.
///
/// One guest table under two parents with different rights has two shadow pages, because the shadow's upper entries
/// allow everything and the leaves carry the AND of all levels.
struct ShadowRole: Hashable {
  /// The level of the table, 1 to 4.
  var level: Int
  /// Whether it stands for a piece of a large guest page, for which the guest has no table.
  var isDirect: Bool
  /// What the entries above let pass; for a direct page what the large page itself does, without W while it is clean.
  var rights: X86Rights
}

/// What shadow pages are found by.
struct ShadowKey: Hashable {
  /// The frame of the guest's table; for a direct page the first frame of the piece.
  var frame: GuestFrame
  var role: ShadowRole
}

/// A table of shadow entries and who links to it.
struct ShadowPage {
  var key: ShadowKey
  /// The frame that holds the 512 entries.
  var table: HostFrame
  /// The slots of the entries that point here; none for a root.
  var parents: [UInt32] = []
  /// When it was last loaded, for roots: the order in which they are given up.
  var lastUse: UInt64
  /// False once zapped, until the number is used again.
  var isAlive = true

  var isRoot: Bool { key.role.level == 4 }
}

/// What is known of one shadow entry besides its word: a leaf's place in the list of its guest frame, a link's child.
struct ShadowNode {
  /// A leaf's guest frame, or a link's child page.
  var value: UInt64 = 0
  /// The next leaf of the same guest frame: its slot plus 1, or 0.
  var next: UInt32 = 0
  /// The one before, likewise.
  var previous: UInt32 = 0
}
