/// Whether a host backs a guest's memory with huge pages.
public enum HugePages: String, CaseIterable, Sendable {
  /// Pages of 4 KiB only.
  case never
  /// The first write into an untouched 2 MiB of guest memory is backed by a huge page if the host has one (Linux
  /// `transparent_hugepage=always`).
  case always
  /// The same with pages of 1 GiB, and of 2 MiB where the host has none or the guest has used part of so much memory already (Linux
  /// hugetlbfs with pages of 1 GiB).
  case gigabyte = "1g"
}

/// When a guest's memory is backed.
public enum Population: String, CaseIterable, Sendable {
  /// A page when it is first used.
  case onFirstUse = "on-first-use"
  /// All of it before the guest starts, as Xen's domain builder does.
  case atCreation = "at-creation"
}

/// How a host backs a virtual machine's memory.
public struct MemoryBacking: Hashable, Sendable {
  /// Whether with huge pages.
  public var hugePages: HugePages
  /// Whether a page sharer may split them at any time (Linux KSM), or only while the host's free memory is below its low watermark (ESX).
  public var splitsHugeOnMerge: Bool
  /// The NUMA node that frames are taken from first.
  public var numaNode: Int
  /// When.
  public var population = Population.onFirstUse

  /// Levels of the guest-physical map: 4 or 5.
  public var levels: Int

  /// By default pages of 4 KiB, from the first node, behind four levels.
  public init(hugePages: HugePages = .never, splitsHugeOnMerge: Bool = true, numaNode: Int = 0, levels: Int = 4) {
    self.hugePages = hugePages
    self.levels = levels
    self.splitsHugeOnMerge = splitsHugeOnMerge
    self.numaNode = numaNode
  }
}
