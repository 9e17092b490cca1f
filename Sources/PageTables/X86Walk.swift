public import Addressing

/// A walk of x86-64 tables, one entry at a time, without the memory that holds them.
///
/// The owner of the walk loads the word at `entryAddress` (through an EPT, a guest-physical map or not at all translated: that is
/// what the translators differ in) and gives it to `step`. So one rule of descent serves guests' tables and shadow tables alike.
@frozen public struct X86Walk<Space: AddressSpace> {
  /// The virtual address that is looked up.
  public let address: GuestVirtualAddress
  /// The level of the next entry; after the leaf, the leaf's own.
  public var level: Int
  /// The table that holds the next entry.
  public var table: Address<Space>
  /// What the entries so far let pass.
  public var rights: X86Rights
  /// Whether A is set in all entries so far.
  public var allAccessed: Bool
  /// The last entry given to `step`.
  public var entry: X86Entry
  /// The bits that must be zero in every present entry.
  public let reserved: UInt64

  /// A walk from the table at `root` with 4 or 5 levels.
  @inlinable public init(
    _ address: GuestVirtualAddress, root: Address<Space>, levels: Int = 4, reserved: UInt64 = X86Entry.reservedAddressBits
  ) {
    self.address = address
    self.reserved = reserved
    level = levels
    table = root
    rights = .all
    allAccessed = true
    entry = .notPresent
  }

  /// Where the next entry lies.
  @inlinable public var entryAddress: Address<Space> { X86Index.entryAddress(in: table, of: address, level: level) }

  /// Takes the entry at `entryAddress` and says how the walk goes on.
  @inlinable public mutating func step(_ entry: X86Entry) -> X86Step {
    self.entry = entry
    guard entry.isPresent else { return .notPresent }
    guard entry.rawValue & entry.reservedBits(level: level, everywhere: reserved) == 0 else { return .reserved }
    rights = rights.intersection(X86Rights(of: entry))
    allAccessed = allAccessed && entry.isAccessed
    if entry.isLeaf(level: level) { return .leaf }
    level &-= 1
    table = Address(entry.rawValue & X86Entry.frameMask)
    return .table
  }

  /// After `.leaf`: the number of the 4 KiB page that the address selects in the leaf's page.
  @inlinable public var target: PageNumber<Space> {
    let low = (1 as UInt64) << (9 &* UInt64(truncatingIfNeeded: level &- 1)) &- 1
    return PageNumber((entry.rawValue & X86Entry.frameMask) >> 12 & ~low | address.page.rawValue & low)
  }

  /// After `.leaf`: what the walk lets pass, as a rights word: the AND of the levels, the leaf's D and its protection key.
  @inlinable public var leafRights: UInt64 {
    AccessCheck.present | rights.rawValue | entry.rawValue & (X86Entry.dirty | X86Entry.keyMask)
  }

  /// After `.leaf`: the size of the page.
  @inlinable public var pageSize: PageSize { PageSize(leafLevel: level) ?? .size4K }

  /// The error code of a walk that ended at an entry not present or reserved.
  @inlinable public func fault(_ step: X86Step, _ tried: PageFaultErrorCode) -> PageFaultErrorCode {
    step == .reserved ? tried.union([.present, .reserved]) : tried
  }
}

/// How a walk goes on after an entry.
@frozen public enum X86Step: UInt8, Sendable {
  /// To the table of the next level down.
  case table
  /// Nowhere: the entry maps the page.
  case leaf
  /// Nowhere: P is clear.
  case notPresent
  /// Nowhere: a reserved bit is set.
  case reserved
}
