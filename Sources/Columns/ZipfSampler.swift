/// Draws ranks by Zipf's law with exponent 1: rank r (from 0) is drawn in proportion to 1 / (r + 1).
///
/// The cumulative weights are built by division and addition alone, which IEEE 754 rounds the same way everywhere: transcendental
/// functions of the C library differ between versions and would make results depend on the machine. A guide table (Chen and
/// Asau, 1974) makes a draw a look-up and, on average, one or two steps.
public struct ZipfSampler: ~Copyable, Sendable {
  /// How many ranks there are.
  public let count: Int
  private let cumulative: Column<Double>
  private let guide: Column<UInt32>

  /// A sampler over `count` ranks, from 1 to 2^32 - 1.
  public init(count: Int) {
    precondition(count > 0 && count < Int(UInt32.max), "a Zipf sampler needs from 1 to 2^32 - 1 ranks")
    self.count = count
    cumulative = Column(count: count)
    guide = Column(count: count + 1)
    var total = 0.0
    for rank in 0..<count {
      total += 1 / Double(rank + 1)
      cumulative[rank] = total
    }
    var rank = 0
    for slot in 0...count {
      while rank < count - 1 && cumulative[rank] * Double(count) <= total * Double(slot) { rank += 1 }
      guide[slot] = UInt32(rank)
    }
  }

  /// Draws a rank from a stream.
  public func rank(from stream: inout RandomStream) -> Int {
    let unit = Double(stream.next() >> 11) * 0x1p-53
    let target = unit * cumulative[count - 1]
    var rank = Int(guide[min(Int(unit * Double(count)), count)])
    while rank > 0 && cumulative[rank - 1] > target { rank -= 1 }
    while rank < count - 1 && cumulative[rank] <= target { rank += 1 }
    return rank
  }
}
