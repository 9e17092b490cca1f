internal import Addressing
internal import Columns
internal import PageTables

/// # Agile paging: shadow where tables rest, nested where they change
///
/// Shadow paging walks in 4 references and pays for every store to a table; nested paging lets the guest store as it likes and pays up to
/// 24 references a walk. But few of a guest's tables change often, and those at the bottom more than those at the top. So a walk begins in
/// shadow tables and goes over to the guest's own at a level that is chosen for each part of the address space: an entry of the shadow with
/// the *switching bit* set names the host frame of a guest table, from where the processor goes on nested. With the n lowest of g levels
/// nested and a host table of h levels a walk makes g + n*h references: 4, 8, 12, 16, 20; fully nested, with the root's own address to be
/// found, (g + 1)(h + 1) - 1 = 24.
///
/// The invariant is that of shadow paging above a switch and that of nested paging below: the switch carries the AND of the rights above
/// it, which the nested walk takes as its own beginning. A table that is shadowed anywhere is write-protected against stores through nested
/// translations too, as if the map had no W for it; a table in a nested part is not write-protected for the sake of that part.
///
/// From the paper (Gandhi, Hill, Swift: Agile Paging, ISCA 2016), as recalled: the switching bit and the walk; that two writes to a table
/// within an interval, there a second, make it nested with all below it; that an interval's end brings back either all tables or those
/// whose pages were not written by the D bits of the host's table; that short-lived processes begin fully nested. Assumed here: an interval
/// is a number of walks, for want of a clock; a walk's own loads of a guest table set A and not D in the host's table, other than with
/// Intel's EPT A/D bits, since D would otherwise say nothing; loads of CR3 always exit (the paper proposes a small cache of roots in the
/// processor); a trapped store counts whether it is emulated or lets the table go out of step.
///
/// When not: it asks for a processor that nobody has built.
///
/// This type is the policy: which tables are nested. Stores are counted for each table, in bytes, and forgotten when the interval ends.
final class AgileTables: ShadowNesting {
  static var mode: PagingMode { .agile }
  static var nests: Bool { true }

  private let stores: UInt8
  private let interval: UInt64
  private let warmUp: UInt64
  private let returns: AgileReturn
  /// Of each guest frame: stores to the table in it that trapped in this interval, and its place in the list of nested tables.
  private let counts: Column<UInt8>
  private let next: Column<UInt32>
  private let isListed: BitColumn
  /// Whether the table in a frame was ever a root that was shadowed, and walks made under it before that.
  private let isWarm: BitColumn
  private let warmth: Column<UInt32>
  /// Frames with a count, so that an interval's end need not visit all.
  private let counted = Column<UInt32>(count: 1 << 12)
  private let state = Column<UInt64>(count: 3)

  private enum State {
    static let walksLeft = 0
    /// The first nested table plus 1.
    static let first = 1
    static let counted = 2
  }

  init(_ options: PagingOptions, guestPages: UInt64) {
    stores = UInt8(min(max(options.agileStores, 1), 255))
    interval = max(options.agileInterval, 1)
    warmUp = options.agileWarmUp
    returns = options.agileReturn
    let frames = Int(min(guestPages, 1 << 32 - 2))
    counts = Column(count: frames, isSparse: true)
    next = Column(count: frames, isSparse: true)
    isListed = BitColumn(count: frames)
    isWarm = BitColumn(count: frames)
    warmth = Column(count: frames, isSparse: true)
    state[State.walksLeft] = interval
  }

  private func covers(_ frame: GuestFrame) -> Bool { frame.rawValue < UInt64(counts.count) }

  func isNested(_ table: GuestFrame) -> Bool { covers(table) && isListed[table.index] }

  func isFullyNested(_ root: GuestFrame) -> Bool { warmUp > 0 && covers(root) && !isWarm[root.index] }

  func noteStore(_ table: GuestFrame) -> Bool {
    guard covers(table), !isListed[table.index] else { return false }
    let count = counts[table.index]
    if count == 0 && stores > 1 {
      // With more tables than places the oldest counts are forgotten a little early.
      let place = Int(state[State.counted] % UInt64(counted.count))
      if state[State.counted] >= UInt64(counted.count) { counts[Int(counted[place])] = 0 }
      counted[place] = UInt32(truncatingIfNeeded: table.rawValue)
      state[State.counted] += 1
    }
    counts[table.index] = count &+ 1
    guard count + 1 >= stores else { return false }
    counts[table.index] = 0
    isListed[table.index] = true
    next[table.index] = UInt32(truncatingIfNeeded: state[State.first])
    state[State.first] = table.rawValue + 1
    return true
  }

  func noteWalk(_ root: GuestFrame) -> Bool {
    state[State.walksLeft] &-= 1
    if isFullyNested(root) && warmUp != .max {
      warmth[root.index] &+= 1
      if UInt64(warmth[root.index]) >= min(warmUp, UInt64(UInt32.max)) {
        isWarm[root.index] = true
        return true
      }
    }
    return isIntervalOver
  }

  @inline(__always) var mayRepeat: Bool { state[State.walksLeft] > 1 }

  @inline(__always) func noteRepeatedWalk() { state[State.walksLeft] &-= 1 }

  func forget(_ table: GuestFrame) {
    guard covers(table) else { return }
    isWarm[table.index] = false
    warmth[table.index] = 0
    counts[table.index] = 0
    if isListed[table.index] { endInterval { $0 == table } }
  }

  var isIntervalOver: Bool { state[State.walksLeft] == 0 }
  var scansDirty: Bool { returns == .dirtyScan }

  func beginInterval() {
    state[State.walksLeft] = interval
    for place in 0..<Int(min(state[State.counted], UInt64(counted.count))) { counts[Int(counted[place])] = 0 }
    state[State.counted] = 0
  }

  func endInterval(_ decide: (GuestFrame) -> Bool) {
    var previous: UInt64 = 0
    var place = state[State.first]
    while place != 0 {
      let frame = GuestFrame(place - 1)
      let following = UInt64(next[frame.index])
      if decide(frame) {
        isListed[frame.index] = false
        if previous == 0 { state[State.first] = following } else { next[Int(previous - 1)] = UInt32(truncatingIfNeeded: following) }
      } else {
        previous = place
      }
      place = following
    }
  }
}
