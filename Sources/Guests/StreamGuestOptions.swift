public import Addressing

/// How a guest that runs an access stream uses its processor.
public struct StreamGuestOptions: Hashable, Sendable {
  /// The size of the pages that its kernel gives to programs.
  public var pageSize = PageSize.size4K
  /// Levels of its page tables: 4 or 5.
  public var levels = 4
  /// Whether its kernel tags address spaces, so that a switch between them keeps translations (Linux on processors with PCIDs and INVPCID).
  public var usesPCIDs = false
  /// Of 100 pages that programs use, how many keep the zeros that the kernel gives out.
  public var zeroPercent = 100
  /// Of 100 pages that programs use, how many hold what other guests of the same image hold; the rest are like no other.
  public var duplicatePercent = 0

  /// Pages of 4 KiB, four levels, no PCIDs.
  public init() {}
}
