public import Addressing

/// What a frame in use is used for.
public enum FrameUse: UInt8, CaseIterable, Sendable {
  /// Nothing: the record of a frame that was just allocated.
  case none
  /// One guest page.
  case guestPage
  /// Any number of guest pages, all read-only: a stable page of the sharer.
  case stable
  /// The host's zero page, mapped read-only wherever a guest reads what it never wrote.
  case zero
  /// A table of a guest's translation.
  case table
}

/// What is known of a frame in use, in one word.
public struct FrameRecord: Hashable, Sendable {
  /// What it is used for.
  public var use: FrameUse
  /// How many guest pages map it: less than 2^29.
  public var references: UInt32
  /// Of a guest's pages: the first page that maps the frame. Of a table: nil.
  public var firstPage: PageOrdinal?
  /// Of a table: the virtual machine that it serves. Of a guest's pages: nil.
  public var tableOwner: VMID?

  static let referenceLimit: UInt32 = (1 << 29) - 1

  init(word: UInt64) {
    use = FrameUse(rawValue: UInt8(word & 7)) ?? .none
    references = UInt32(word >> 3 & UInt64(Self.referenceLimit))
    let link = UInt32(word >> 32)
    firstPage = use != .table && link != 0 ? PageOrdinal(link - 1) : nil
    tableOwner = use == .table && link != 0 ? VMID(link - 1) : nil
  }

  var word: UInt64 {
    precondition(references <= Self.referenceLimit, "more references than a frame's record can count")
    let link = (firstPage?.rawValue ?? tableOwner?.rawValue).map { UInt64($0) + 1 } ?? 0
    return UInt64(use.rawValue) | UInt64(references) << 3 | link << 32
  }

  /// A table of a virtual machine's translation.
  public static func table(of owner: VMID) -> FrameRecord {
    var record = FrameRecord(word: 0)
    record.use = .table
    record.tableOwner = owner
    return record
  }

  /// A use without pages yet.
  public static func unmapped(_ use: FrameUse) -> FrameRecord {
    var record = FrameRecord(word: 0)
    record.use = use
    return record
  }
}
