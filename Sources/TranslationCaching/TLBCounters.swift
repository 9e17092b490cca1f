/// Hits and misses of a two-level TLB. An access that completes counts once in its first level and, missing there, once in the second.
@frozen public struct TLBCounters: Hashable, Sendable {
  /// Instruction fetches that hit in the first level.
  public var l1iHits: UInt64 = 0
  /// Instruction fetches that missed there.
  public var l1iMisses: UInt64 = 0
  /// Data accesses that hit in the first level.
  public var l1dHits: UInt64 = 0
  /// Data accesses that missed there.
  public var l1dMisses: UInt64 = 0
  /// First-level misses that hit in the second level.
  public var l2Hits: UInt64 = 0
  /// First-level misses that missed there too, and walked.
  public var l2Misses: UInt64 = 0

  /// All zero.
  public init() {}

  /// Accesses that completed.
  public var references: UInt64 { l1iHits + l1iMisses + l1dHits + l1dMisses }

  /// Counts an access that completed, by the level that it hit in, 0 for none.
  @inlinable public mutating func count(level: Int, isFetch: Bool) {
    if level == 1 {
      if isFetch { l1iHits &+= 1 } else { l1dHits &+= 1 }
      return
    }
    if isFetch { l1iMisses &+= 1 } else { l1dMisses &+= 1 }
    if level == 2 { l2Hits &+= 1 } else { l2Misses &+= 1 }
  }

  /// Adds another's counts.
  public static func += (a: inout TLBCounters, b: TLBCounters) {
    a.l1iHits += b.l1iHits
    a.l1iMisses += b.l1iMisses
    a.l1dHits += b.l1dHits
    a.l1dMisses += b.l1dMisses
    a.l2Hits += b.l2Hits
    a.l2Misses += b.l2Misses
  }
}

extension TLBCounters {
  /// What was counted after an earlier reading of the same counters.
  public func since(_ earlier: TLBCounters) -> TLBCounters {
    var difference = self
    difference.l1iHits -= earlier.l1iHits
    difference.l1iMisses -= earlier.l1iMisses
    difference.l1dHits -= earlier.l1dHits
    difference.l1dMisses -= earlier.l1dMisses
    difference.l2Hits -= earlier.l2Hits
    difference.l2Misses -= earlier.l2Misses
    return difference
  }
}
