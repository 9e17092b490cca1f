/// What shadow tables cost and how they change, beside the exits.
public struct ShadowStatistics: Hashable, Sendable {
  /// Shadow pages now.
  public var pages: UInt64 = 0
  /// Shadow pages made so far.
  public var made: UInt64 = 0
  /// Shadow pages removed: given up for others, flooded, or their tables gone.
  public var zaps: UInt64 = 0
  /// Of those, the ones removed because their table was stored to three times without being used.
  public var floods: UInt64 = 0
  /// Entries filled in before anyone asked for them.
  public var prefetched: UInt64 = 0
  /// Shadow pages let out of step with their tables.
  public var unsyncs: UInt64 = 0
  /// Shadow pages brought back in step.
  public var syncs: UInt64 = 0
  /// Loads of CR3 whose root was the current one or one of the three before.
  public var rootCacheHits: UInt64 = 0
  /// Agile: guest tables that went over to nested walks.
  public var toNested: UInt64 = 0
  /// Agile: guest tables that came back.
  public var toShadow: UInt64 = 0

  /// All zero.
  public init() {}
}
