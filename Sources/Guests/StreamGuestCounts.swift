public import Addressing
public import Translation

/// What the kernel of a guest that runs an access stream has done.
public struct StreamGuestCounts: Hashable, Sendable {
  /// Page faults handled.
  public var pageFaults: UInt64 = 0
  /// Pages, of the guest's page size, that a process touched for the first time or had populated; one that was unmapped can be touched first again.
  public var pagesTouched: UInt64 = 0
  /// Pages copied because a process wrote to a page that it shared since a fork.
  public var copiesOnWrite: UInt64 = 0
  /// Writes to pages that `protect` had made read-only, which the program's handler made writable again.
  public var protectionFaults: UInt64 = 0
  /// Stores to page tables.
  public var tableStores: UInt64 = 0
  /// Loads of CR3: switches of process and full invalidations.
  public var cr3Loads: UInt64 = 0
  /// INVLPGs.
  public var pageInvalidations: UInt64 = 0
  /// Switches from one process to another.
  public var contextSwitches: UInt64 = 0
  /// Processes that were made, by `run` or a fork.
  public var processes: UInt64 = 0
  /// Times that the processor left for a device's or a timer's sake.
  public var worldSwitches: UInt64 = 0
  /// Entries that were rewritten with what they held.
  public var rewrites: UInt64 = 0
  /// Operations by kind.
  public var operations = [UInt64](repeating: 0, count: KernelOperation.allCases.count)

  /// All zero.
  public init() {}

  /// Every plain count.
  private static let fields: [any WritableKeyPath<StreamGuestCounts, UInt64> & Sendable] = [
    \.pageFaults, \.pagesTouched, \.copiesOnWrite, \.protectionFaults, \.tableStores, \.cr3Loads, \.pageInvalidations, \.contextSwitches,
    \.processes, \.worldSwitches, \.rewrites,
  ]

  /// What was counted after an earlier reading of the same counts.
  public func since(_ earlier: StreamGuestCounts) -> StreamGuestCounts {
    var difference = self
    for field in Self.fields { difference[keyPath: field] -= earlier[keyPath: field] }
    for index in operations.indices { difference.operations[index] -= earlier.operations[index] }
    return difference
  }

  /// What of it costs cycles on bare hardware too.
  /// - Parameter pageSize: the size of the guest's pages.
  public func work(pageSize: PageSize) -> KernelWork {
    var work = KernelWork()
    work.tableStores = tableStores
    work.cr3Loads = cr3Loads
    work.pageInvalidations = pageInvalidations
    work.pageCopies = copiesOnWrite * pageSize.pages
    work.operations = operations
    return work
  }
}
