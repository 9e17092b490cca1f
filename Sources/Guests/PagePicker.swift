internal import Columns

/// Chooses pages 0 ..< count by an access pattern.
///
/// Popular pages of a Zipf stream are scattered over the range by a random permutation, as they are in real heaps.
struct PagePicker {
  let count: Int
  private let pattern: AccessPattern
  private let sampler: Sampler?
  private let permutation: [UInt32]
  private var cursor = 0

  /// Holds the sampler, which is not copied; a picker is.
  private final class Sampler {
    let zipf: ZipfSampler
    init(count: Int) { zipf = ZipfSampler(count: count) }
  }

  init(_ pattern: AccessPattern, count: Int, stream: inout RandomStream) {
    // Pages are numbered in 32 bits; a sampler needs one number more. Only files can be more, and none reads beyond 16 TiB of them.
    let count = min(count, Int(UInt32.max) - 1)
    self.count = count
    self.pattern = pattern
    guard pattern == .zipf, count > 0 else {
      sampler = nil
      permutation = []
      return
    }
    sampler = Sampler(count: count)
    var order = (0..<UInt32(count)).map { $0 }
    for index in order.indices.dropFirst() { order.swapAt(index, stream.index(below: index + 1)) }
    permutation = order
  }

  /// The next page; 0 if there is none.
  mutating func next(_ stream: inout RandomStream) -> Int {
    guard count > 0 else { return 0 }
    switch pattern {
    case .sequential:
      defer { cursor = cursor + 1 == count ? 0 : cursor + 1 }
      return cursor
    case .random: return stream.index(below: count)
    case .zipf: return sampler.map { Int(permutation[$0.zipf.rank(from: &stream)]) } ?? 0
    }
  }

  /// Pages from the least to the most popular; in order where the pattern has no favourites.
  var coldestFirst: [UInt32] { permutation.isEmpty ? (0..<UInt32(count)).map { $0 } : permutation.reversed() }
}
