public import Addressing

/// A set of page sizes.
public struct PageSizes: OptionSet, Hashable, Sendable {
  /// Bit 0 for 4K, 1 for 2M, 2 for 1G.
  public let rawValue: UInt8

  /// Takes bits for a set.
  public init(rawValue: UInt8) { self.rawValue = rawValue & 7 }

  /// The set of one size.
  public init(_ size: PageSize) { rawValue = 1 << UInt8(TLBEntry.code(size)) }

  /// 4K, 2M and 1G.
  public static let all = PageSizes(rawValue: 7)

  /// Its sizes, small ones first.
  public var sizes: [PageSize] { PageSize.allCases.filter { contains(PageSizes($0)) } }
}
