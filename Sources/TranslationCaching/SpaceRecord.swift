internal import Addressing

/// What a look-up needs of a space: the numbers under which its entries are tagged now.
///
/// A *context* is such a number, given out once and never again until everything has been cleared. A space without one has nothing cached.
@frozen @usableFromInline struct SpaceRecord: BitwiseCopyable {
  /// What could be found: bits 2:0 the sizes (4K, 2M, 1G) of entries of its own since the last flush, bits 5:3 those of global entries of
  /// its VPID and EPT root, bit 6 whether any of either is a piece of a larger page of the guest, bit 7 whether the fast path must not be
  /// taken.
  @usableFromInline var kinds: UInt64
  /// The context of its own entries, or 0.
  @usableFromInline var context: UInt64 = 0
  /// The context of the global entries, or 0; the same in every space of the group.
  @usableFromInline var globalContext: UInt64 = 0
  /// The context of its entries in the paging-structure caches, or 0.
  @usableFromInline var walkContext: UInt64 = 0
  /// The context of its EPT root's guest-physical entries, or 0; the same in every space of the root.
  @usableFromInline var hostContext: UInt64 = 0
  /// The sizes in the nested TLB under that context, as in `kinds`.
  @usableFromInline var hostKinds: UInt64 = 0
  /// The number of its group.
  var group = 0
  /// Fills the record up to a cache line.
  private let padding: UInt64 = 0

  init(kinds: UInt64) { self.kinds = kinds }
}

/// Bits of `SpaceRecord.kinds`.
@usableFromInline enum Kinds {
  /// 4 KiB entries of the space's own and nothing else: what the fast path serves.
  @inlinable static var small: UInt64 { 1 }
  static var own: UInt64 { 7 }
  static var global: UInt64 { 7 << 3 }
  @inlinable static var pieces: UInt64 { 1 << 6 }
  /// Never the fast path.
  static var general: UInt64 { 1 << 7 }
}

/// The spaces of one VPID and one EPT root, which share global entries.
struct SpaceGroup {
  let vpid: VPID
  let root: Int?
  var spaces: [Int] = []
}

/// An EPT root and the groups that run on it.
struct HostRoot {
  let ep4ta: HostFrame
  var groups: [Int] = []
}

/// Who is who: tags to spaces, VPIDs and EPT roots to the spaces that an invalidation of theirs concerns. All of it is cold.
struct SpaceRegistry {
  /// The largest number of spaces at a time; space 0 is none of them, and caches nothing.
  static let capacity = 1 << 20

  private(set) var tags: [TLBTag?] = [nil]
  private(set) var groups: [SpaceGroup] = []
  private(set) var roots: [HostRoot] = []
  private var indexOfTag: [TLBTag: Int] = [:]
  private var groupsOfVPID: [VPID: [Int]] = [:]
  private var rootOfEP4TA: [HostFrame: Int] = [:]
  private var free: [Int] = []

  func index(_ tag: TLBTag) -> Int? { indexOfTag[tag] }
  func groups(of vpid: VPID) -> [Int] { groupsOfVPID[vpid] ?? [] }
  func root(of ep4ta: HostFrame) -> Int? { rootOfEP4TA[ep4ta] }

  /// Registers a tag.
  /// - Returns: its space, 0 if there is no room, and its group.
  mutating func add(_ tag: TLBTag) -> (index: Int, group: Int) {
    guard !free.isEmpty || tags.count < Self.capacity else { return (0, 0) }
    let group = group(tag)
    let index: Int
    if let reused = free.popLast() {
      index = reused
      tags[index] = tag
    } else {
      index = tags.count
      tags.append(tag)
    }
    indexOfTag[tag] = index
    groups[group].spaces.append(index)
    return (index, group)
  }

  private mutating func group(_ tag: TLBTag) -> Int {
    let root = tag.ep4ta.map { rootIndex($0) }
    if let known = groups(of: tag.vpid).first(where: { groups[$0].root == root }) { return known }
    groups.append(SpaceGroup(vpid: tag.vpid, root: root))
    groupsOfVPID[tag.vpid, default: []].append(groups.count - 1)
    if let root { roots[root].groups.append(groups.count - 1) }
    return groups.count - 1
  }

  private mutating func rootIndex(_ ep4ta: HostFrame) -> Int {
    if let known = rootOfEP4TA[ep4ta] { return known }
    roots.append(HostRoot(ep4ta: ep4ta))
    rootOfEP4TA[ep4ta] = roots.count - 1
    return roots.count - 1
  }

  /// Forgets the tags of a VPID; their spaces may be given out again. Groups and roots stay: they are few and hold nothing.
  mutating func remove(_ vpid: VPID) {
    for group in groups(of: vpid) {
      for index in groups[group].spaces {
        if let tag = tags[index] { indexOfTag[tag] = nil }
        tags[index] = nil
        free.append(index)
      }
      groups[group].spaces = []
    }
  }
}
