public import Addressing
internal import Columns

/// In which order a scanner goes through the pages.
public enum ScanOrder: String, CaseIterable, Hashable, Sendable {
  /// Space by space in order of registration, addresses ascending.
  case linear
  /// A new permutation of all pages in every round.
  case random
}

/// A walk through the pages of all spaces, round after round; each round visits every page once.
///
/// A round goes through the spaces that were registered when it began. One that ends meanwhile is left out, one that begins waits for the
/// next round.
@usableFromInline final class ScanRound {
  /// Where the walk goes next.
  @usableFromInline enum Step {
    /// To a page.
    case page(Int)
    /// To the next round: this one is over.
    case roundEnded
    /// Nowhere: no page is registered.
    case nothing
  }

  private let spaces: SpaceList
  private let order: ScanOrder
  private var random: RandomStream
  private var isUnderWay = false
  /// The round's spaces, and before which position of the round each begins. Ended ones are empty.
  private var ranges: [Range<Int>] = []
  private var starts: [Int] = []
  private var ids: [SpaceID] = []
  private var total = 0
  private var position = 0
  /// The space that a linear walk is in.
  private var index = 0
  private var permutation = PagePermutation(count: 0, key: 0)

  /// Rounds that are over.
  @usableFromInline private(set) var rounds: UInt64 = 0

  init(_ spaces: SpaceList, order: ScanOrder, random: RandomStream) {
    self.spaces = spaces
    self.order = order
    self.random = random
  }

  /// Whether the next step begins a round.
  @usableFromInline var isBetweenRounds: Bool { !isUnderWay }

  /// Leaves a space that ends out of the round under way.
  @usableFromInline func leaveOut(_ id: SpaceID) {
    guard isUnderWay, let ended = ids.firstIndex(of: id) else { return }
    ranges[ended] = ranges[ended].lowerBound..<ranges[ended].lowerBound
  }

  /// The next page; begins a round where none is under way.
  @usableFromInline func next() -> Step {
    if !isUnderWay && !begin() { return .nothing }
    return order == .linear ? nextInOrder() : nextAtRandom()
  }

  /// Lets a scanner look at pages until it has scanned as many as the batch may or the round is over.
  @inlinable func scan(upTo budget: UInt64, _ result: inout BatchResult, _ visit: (PageOrdinal, inout BatchResult) -> Void) {
    while result.pagesScanned < budget {
      switch next() {
      case .page(let page): visit(PageOrdinal(UInt32(truncatingIfNeeded: page)), &result)
      case .roundEnded:
        result.completedFullScan = true
        return
      case .nothing: return
      }
    }
  }

  private func begin() -> Bool {
    (ranges, starts, ids, total) = ([], [], [], 0)
    for space in spaces.spaces where !space.pages.isEmpty {
      ranges.append(space.pages)
      starts.append(total)
      ids.append(space.id)
      total += space.pages.count
    }
    guard total > 0 else { return false }
    (position, index, isUnderWay) = (0, 0, true)
    if order == .random { permutation = PagePermutation(count: total, key: random.next()) }
    return true
  }

  private func end() -> Step {
    isUnderWay = false
    rounds += 1
    return .roundEnded
  }

  private func nextInOrder() -> Step {
    while index < ranges.count {
      let page = ranges[index].lowerBound + position
      if page < ranges[index].upperBound {
        position += 1
        return .page(page)
      }
      (index, position) = (index + 1, 0)
    }
    return end()
  }

  private func nextAtRandom() -> Step {
    while position < total {
      let place = permutation[position]
      position += 1
      var (low, high) = (0, starts.count)
      while low + 1 < high {
        let middle = (low + high) / 2
        if starts[middle] <= place { low = middle } else { high = middle }
      }
      let page = ranges[low].lowerBound + place - starts[low]
      if page < ranges[low].upperBound { return .page(page) }
    }
    return end()
  }
}

/// A permutation of the numbers below a count, chosen by a key and kept in no table.
///
/// Three steps, each a bijection of the words of `bits` bits, scatter a number: multiplying by an odd number and adding one, and folding
/// the upper half into the lower one. What falls on or behind the count is scattered again until it falls before it, which the cycles of a
/// bijection guarantee, in less than two turns on average since the words are fewer than twice the count.
struct PagePermutation {
  private let count: UInt64
  private let mask: UInt64
  private let half: UInt64
  private let key: UInt64

  init(count: Int, key: UInt64) {
    self.count = UInt64(max(count, 0))
    let bits = count > 1 ? UInt64(64 - UInt64(count - 1).leadingZeroBitCount) : 1
    mask = bits == 64 ? .max : 1 << bits - 1
    half = (bits + 1) / 2
    self.key = key
  }

  /// Where the number at an index below the count goes.
  subscript(index: Int) -> Int {
    var word = UInt64(index)
    repeat {
      for step in 0..<UInt64(3) {
        let constant = SplitMix64.mix(key &+ step)
        word = (word &* (constant | 1) &+ constant >> 32) & mask
        word ^= word >> half
      }
    } while word >= count
    return Int(word)
  }
}
