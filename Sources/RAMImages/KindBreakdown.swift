internal import Columns

/// What is shared: pages, zero pages and savings by what the guests' kernels use them for.
///
/// A content may be held by pages of several kinds. So each page is counted by itself: in the order of the inputs and of their pages, the
/// first page of each content is the one that is kept, and every later one is saved, under its own kind: as zero; as self if its guest has
/// held the content before; as inter otherwise. So the sums over all kinds are the totals of the exact count.
public struct KindBreakdown: Sendable {
  /// What was counted of one kind.
  public struct Count: Hashable, Sendable {
    /// The kind.
    public let kind: PageKind
    /// Pages of the kind.
    public internal(set) var pages: UInt64 = 0
    /// Zero pages among them.
    public internal(set) var zeroPages: UInt64 = 0
    /// Pages that are saved as pages of zeros.
    public internal(set) var savedZero: UInt64 = 0
    /// Pages that are saved since their own guest holds the content already.
    public internal(set) var savedSelf: UInt64 = 0
    /// Pages that are saved since another guest holds the content already.
    public internal(set) var savedInter: UInt64 = 0

    /// Pages that are saved in all.
    public var savedPages: UInt64 { savedZero + savedSelf + savedInter }
  }

  /// One count a kind, in the order of `PageKind.allCases`.
  public let counts: [Count]

  /// Counts classified pages.
  /// - Parameter kinds: for each input as many kinds as it has pages.
  /// - Throws: if there are not as many: pages of a process vanished while they were hashed, and the others moved up.
  public init(_ classes: PageClasses, kinds: [[PageKind]]) throws(ImageError) {
    precondition(kinds.count == classes.inputs.count, "each input has its kinds")
    for (input, kinds) in zip(classes.inputs, kinds) where input.vanished > 0 || input.classes.count != kinds.count {
      throw .placesLost(input.name)
    }
    var counts = PageKind.allCases.map { Count(kind: $0) }
    // The last guest that held each class, from 1.
    let holders = Column<UInt32>(count: classes.classCount)
    var guest: UInt32 = 0
    for (input, kinds) in zip(classes.inputs, kinds) {
      guest += 1
      for (number, kind) in zip(input.classes, kinds) where number != PageClasses.absent {
        let place = Int(kind.rawValue)
        let before = holders[Int(number)]
        holders[Int(number)] = guest
        counts[place].pages += 1
        if number == 0 { counts[place].zeroPages += 1 }
        guard before != 0 else { continue }
        if number == 0 {
          counts[place].savedZero += 1
        } else if before == guest {
          counts[place].savedSelf += 1
        } else {
          counts[place].savedInter += 1
        }
      }
    }
    self.counts = counts
  }
}
