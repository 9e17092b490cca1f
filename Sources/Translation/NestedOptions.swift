public import Addressing
public import PageTables

/// What can be chosen about the host's tables that the processor walks. Nested; in all other ways of paging only the hypervisor reads the
/// guest-physical map.
public struct NestedOptions: Hashable, Sendable {
  /// Intel's extended page tables, or AMD's nested ones, whose tags are ASIDs.
  public var format = NestedFormat.ept
  /// EPT A/D bits: bit 6 of the EPTP.
  public var accessedDirty = true
  /// Whether the processor logs every page whose D bit it sets (PML), and the hypervisor keeps a list of dirty pages by it.
  public var modificationLog = false

  /// Extended page tables with A and D bits.
  public init() {}

  /// A choice, by its name in scenarios; the command line has - for _.
  public enum Choice: String, Sendable {
    case nestedFormat = "nested_format"
    case accessedDirty = "ept_accessed_dirty"
    case modificationLog = "pml"
    case hostPage = "huge_pages"
  }

  /// Two choices that do not go together.
  public struct Conflict: Hashable, Sendable {
    /// The one that cannot be had.
    public let choice: Choice
    /// The one that is against it.
    public let other: Choice
    /// Why, in plain words.
    public let reason: String
  }

  /// What is chosen against each other.
  /// - Parameter hostPage: the size of the pages that the host backs the guest with.
  public func conflicts(hostPage: PageSize) -> [Conflict] {
    var found: [Conflict] = []
    if modificationLog && format == .npt {
      found.append(Conflict(choice: .modificationLog, other: .nestedFormat, reason: "AMD's nested paging has no page-modification log"))
    }
    if !accessedDirty && format == .npt {
      found.append(
        Conflict(choice: .accessedDirty, other: .nestedFormat, reason: "AMD's nested tables always have accessed and dirty bits"))
    }
    if modificationLog && !accessedDirty && format == .ept {
      found.append(
        Conflict(
          choice: .modificationLog, other: .accessedDirty,
          reason: "the page-modification log notes pages whose dirty bit is set, and without accessed and dirty bits there is none"))
    }
    if modificationLog && hostPage != .size4K {
      found.append(
        Conflict(
          choice: .modificationLog, other: .hostPage,
          reason: "while dirty pages are logged, the host backs a guest with pages of 4K, as KVM does: a large page has one dirty bit"))
    }
    return found
  }
}
