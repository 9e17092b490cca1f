/// How much free memory a host keeps, in pages: below `low` it begins to reclaim in the background, below `min` an
/// allocation must reclaim first, at `high` the background rests. One zone, as Linux computes them (mm/page_alloc.c).
public struct Watermarks: Hashable, Sendable {
  /// Below this an allocation reclaims by itself.
  public let min: Int
  /// Below this the background reclaims.
  public let low: Int
  /// Up to this the background reclaims.
  public let high: Int

  /// The marks of a zone: min_free_kbytes = sqrt(16 * kilobytes) within 128 ... 262144, and steps of a quarter of it or 0.1 % of the zone.
  public init(managedPages: Int) {
    let kilobytes = Swift.max(0, managedPages) * 4
    let free = Swift.min(Swift.max(Int((Double(16 * kilobytes)).squareRoot()), 128), 262_144)
    min = free / 4
    let step = Swift.max(min / 4, managedPages * 10 / 10_000)
    low = min + step
    high = low + step
  }
}
