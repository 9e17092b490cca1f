/// The page sizes of x86-64 and EPT leaves.
@frozen public enum PageSize: UInt8, CaseIterable, Sendable, BitwiseCopyable {
  /// 4 KiB, mapped by a level-1 entry.
  case size4K = 12
  /// 2 MiB, mapped by a level-2 entry.
  case size2M = 21
  /// 1 GiB, mapped by a level-3 entry.
  case size1G = 30

  /// log2 of the size.
  @inlinable public var shift: UInt64 { UInt64(rawValue) }

  /// The size in bytes.
  @inlinable public var bytes: UInt64 { 1 << shift }

  /// How many 4 KiB pages it spans.
  @inlinable public var pages: UInt64 { 1 << (shift - 12) }

  /// The level of the table entry that maps a page of this size: 1, 2 or 3.
  @inlinable public var level: Int { Int(rawValue - 12) / 9 + 1 }

  /// The page size that a leaf at a level maps, or nil at levels that have no leaves.
  @inlinable public init?(leafLevel level: Int) {
    switch level {
    case 1: self = .size4K
    case 2: self = .size2M
    case 3: self = .size1G
    default: return nil
    }
  }
}

extension PageSize: CustomStringConvertible {
  /// "4K", "2M" or "1G", as in commands and results.
  public var description: String {
    switch self {
    case .size4K: "4K"
    case .size2M: "2M"
    case .size1G: "1G"
    }
  }

  /// Reads "4K", "2M" or "1G"; anything else is nil.
  public init?(_ text: String) {
    guard let size = PageSize.allCases.first(where: { $0.description == text }) else { return nil }
    self = size
  }
}
