internal import Addressing
internal import PageTables

/// Which of the guest's tables the processor walks itself, below the shadow: none in shadow paging, those that change often in agile
/// paging.
protocol ShadowNesting {
  static var mode: PagingMode { get }
  /// Whether there can be any: the compiler leaves out what is not needed.
  static var nests: Bool { get }
  /// Whether a guest table is walked nested.
  func isNested(_ table: GuestFrame) -> Bool
  /// Whether an address space is nested from CR3 on, the root table's own address included.
  func isFullyNested(_ root: GuestFrame) -> Bool
  /// A store to a shadowed table trapped.
  /// - Returns: whether that makes the table nested.
  func noteStore(_ table: GuestFrame) -> Bool
  /// The processor walks under a root.
  /// - Returns: whether an interval is over, or the root's first time, and modes have to be looked at again.
  func noteWalk(_ root: GuestFrame) -> Bool
  /// Whether the next walk is not the last of an interval.
  var mayRepeat: Bool { get }
  /// The processor walks shadow tables to the leaf, in an interval that goes on.
  func noteRepeatedWalk()
  /// Forgets that a frame held a table.
  func forget(_ table: GuestFrame)
  /// Whether the walk just noted was the last of an interval.
  var isIntervalOver: Bool { get }
  /// Whether what returns is decided by D bits.
  var scansDirty: Bool { get }
  /// Begins an interval: forgets how often tables were stored to.
  func beginInterval()
  /// Calls `decide` with each nested table; where it answers true the table is shadowed again.
  func endInterval(_ decide: (GuestFrame) -> Bool)
}

/// Shadow paging: the processor walks shadow tables down to the leaf.
struct NeverNested: ShadowNesting {
  static var mode: PagingMode { .shadow }
  static var nests: Bool { false }
  func isNested(_ table: GuestFrame) -> Bool { false }
  func isFullyNested(_ root: GuestFrame) -> Bool { false }
  func noteStore(_ table: GuestFrame) -> Bool { false }
  func noteWalk(_ root: GuestFrame) -> Bool { false }
  func forget(_ table: GuestFrame) {}
  var isIntervalOver: Bool { false }
  var scansDirty: Bool { false }
  func beginInterval() {}
  var mayRepeat: Bool { true }
  func noteRepeatedWalk() {}
  func endInterval(_ decide: (GuestFrame) -> Bool) {}
}
