public import Columns

/// # One pass for every associativity (Mattson et al., 1970)
///
/// Under true LRU a set of w ways holds the w pages used last among those that map to the set: a set of w + 1 ways holds the same and one
/// more. So with the number of sets fixed, an access hits in a structure of w ways exactly if fewer than w other pages of its set were
/// used since its own last use. That number is its *stack distance*; counted once, it gives the hits of every number of ways.
///
/// The invariant: each set's list is in the order of last use. It holds as far as `limit` goes: pages deeper than that are forgotten,
/// and their return counts as a first use.
///
/// When the property does not hold: other policies (FIFO, random, and tree PLRU have no stacks), flushes between which some entries stay,
/// and second levels, which see only what the first level misses; those need a simulation each.
public struct StackDistances: ~Copyable {
  /// Sets, a power of two.
  public let sets: Int
  /// The largest number of ways that `hits` can answer for.
  public let limit: Int
  /// Pages counted.
  public private(set) var references: UInt64 = 0
  private let stacks: Column<UInt64>
  private let counts: Column<UInt64>

  /// No accesses yet. `sets` is a power of two and `sets * limit` at most 2^26.
  public init(sets: Int, limit: Int) {
    precondition(sets > 0 && sets.nonzeroBitCount == 1 && limit > 0, "stacks need a power of two of sets, and depth")
    precondition(sets.multipliedReportingOverflow(by: limit).partialValue <= 1 << 26, "stacks of 2^26 pages at most")
    self.sets = sets
    self.limit = limit
    stacks = Column(count: sets * limit)
    counts = Column(count: limit)
  }

  /// Counts an access to a page, any number but 2^64 - 1.
  public mutating func access(_ page: UInt64) {
    references &+= 1
    // Stored plus one, so that 0 is an empty place.
    let key = page &+ 1
    let base = Int(truncatingIfNeeded: page & UInt64(sets &- 1)) &* limit
    var carried = key
    var depth = 0
    while depth < limit {
      let next = stacks[base &+ depth]
      stacks[base &+ depth] = carried
      if next == key {
        counts[depth] &+= 1
        return
      }
      if next == 0 { return }
      carried = next
      depth &+= 1
    }
  }

  /// How many accesses hit in a structure of this many ways, up to `limit`.
  public func hits(ways: Int) -> UInt64 {
    precondition(ways >= 0 && ways <= limit, "stacks answer up to their limit")
    return (0..<ways).reduce(0) { $0 + counts[$1] }
  }
}

/// Hits of several structures of one level and one page size, from one pass over a stream of pages: one set of stacks for each number of
/// sets among them, as deep as the most ways asked for. True LRU only; see `StackDistances`.
public struct TLBSweep: ~Copyable {
  /// What is asked for.
  public let sizes: [TLBGeometry.Level]
  private var references: UInt64 = 0
  private var seen: [Stacks] = []

  /// Stacks in a box, since an array cannot hold what cannot be copied.
  private final class Stacks {
    var distances: StackDistances
    init(_ distances: consuming StackDistances) { self.distances = distances }
    func add(_ pages: borrowing Column<UInt64>, _ count: Int) { for index in 0..<count { distances.access(pages[index]) } }
  }

  /// A sweep over structures.
  public init(_ sizes: [TLBGeometry.Level]) {
    self.sizes = sizes
    for sets in Set(sizes.map(\.sets)).sorted() {
      let limit = sizes.filter { $0.sets == sets }.map(\.ways).max() ?? 1
      seen.append(Stacks(StackDistances(sets: sets, limit: limit)))
    }
  }

  /// Counts the first `count` accesses of a column, each the number of its page.
  public mutating func add(_ pages: borrowing Column<UInt64>, count: Int) {
    references &+= UInt64(count)
    for stacks in seen { stacks.add(pages, count) }
  }

  /// Hits and misses of each structure, in the order of `sizes`.
  public var results: [(size: TLBGeometry.Level, hits: UInt64, misses: UInt64)] {
    sizes.map { size in
      let hits = seen.first { $0.distances.sets == size.sets }?.distances.hits(ways: size.ways) ?? 0
      return (size, hits, references - hits)
    }
  }
}
