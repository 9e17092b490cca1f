public import Addressing

/// What a hierarchy consists of: TLB structures in one or two levels, a replacement policy, walk caches.
public struct TLBGeometry: Hashable, Sendable {
  /// The size of one structure.
  public struct Level: Hashable, Sendable {
    /// Entries in all.
    public let entries: Int
    /// Entries a set; as many as there are entries makes a structure fully associative.
    public let ways: Int

    /// Sets: a power of two.
    public var sets: Int { entries / ways }

    /// The largest structure that is accepted: 2^20 entries.
    public static let maximumEntries = 1 << 20

    /// A structure of `entries` in sets of `ways`.
    /// - Throws: where the ways do not divide the entries into a power of two of sets, since sets are chosen by bits of the page number.
    public init(entries: Int, ways: Int) throws(TLBGeometryError) {
      guard entries > 0, ways > 0 else { throw .init("a TLB level needs at least one entry and one way") }
      guard entries <= Level.maximumEntries else {
        throw .init("\(entries) entries are more than a TLB level can have, \(Level.maximumEntries)")
      }
      guard entries % ways == 0 else { throw .init("\(entries) entries are not a whole number of sets of \(ways) ways") }
      guard (entries / ways).nonzeroBitCount == 1 else {
        throw .init("\(entries) entries of \(ways) ways make \(entries / ways) sets, which is not a power of two")
      }
      self.entries = entries
      self.ways = ways
    }
  }

  /// Where a structure stands and whose accesses it serves.
  public enum Place: String, CaseIterable, Hashable, Sendable {
    /// First level, fetches and data.
    case l1
    /// First level, instruction fetches.
    case l1i
    /// First level, data.
    case l1d
    /// Second level, fetches and data.
    case l2
    /// Second level, instruction fetches.
    case l2i
    /// Second level, data.
    case l2d

    /// 1 or 2.
    public var level: Int { self == .l1 || self == .l1i || self == .l1d ? 1 : 2 }
    /// Whether it serves fetches.
    public var servesFetches: Bool { self != .l1d && self != .l2d }
    /// Whether it serves data.
    public var servesData: Bool { self != .l1i && self != .l2i }
  }

  /// One structure.
  public struct Structure: Hashable, Sendable {
    /// Where it stands.
    public let place: Place
    /// The page sizes that it holds.
    public let sizes: PageSizes
    /// How large it is.
    public let level: Level

    /// A structure of its parts.
    public init(_ place: Place, _ sizes: PageSizes = .all, _ level: Level) {
      self.place = place
      self.sizes = sizes
      self.level = level
    }
  }

  /// The structures, first level first.
  public let structures: [Structure]
  /// Which way of a full set makes room, in every structure.
  public let policy: ReplacementPolicy
  /// The paging-structure caches and the nested TLB.
  public var walkCaches: WalkCacheGeometry

  /// A geometry of its parts.
  /// - Throws: where two structures of a level would hold the same pages, the first level has no place for 4 KiB pages, or the policy does
  ///   not fit a structure.
  public init(_ structures: [Structure], policy: ReplacementPolicy = .lru, walkCaches: WalkCacheGeometry = .none) throws(TLBGeometryError) {
    for (index, one) in structures.enumerated() {
      guard !one.sizes.isEmpty else { throw .init("\(one.place.rawValue) holds no page size") }
      for other in structures[..<index] where Self.overlap(one, other) {
        throw .init("\(Self.name(other)) and \(Self.name(one)) would hold the same pages")
      }
      try Self.check(policy, one.level, Self.name(one))
    }
    for (name, level) in walkCaches.all { if let level { try Self.check(policy, level, name) } }
    func holdsSmall(_ serves: (Place) -> Bool) -> Bool {
      structures.contains { $0.place.level == 1 && serves($0.place) && $0.sizes.contains(PageSizes(.size4K)) }
    }
    guard holdsSmall(\.servesFetches) else { throw .init("l1i is missing") }
    guard holdsSmall(\.servesData) else { throw .init("l1d is missing") }
    self.structures = structures.sorted { a, b in
      let places = Place.allCases
      let (first, second) = (places.firstIndex(of: a.place) ?? 0, places.firstIndex(of: b.place) ?? 0)
      return first != second ? first < second : a.sizes.rawValue < b.sizes.rawValue
    }
    self.policy = policy
    self.walkCaches = walkCaches
  }

  private static func overlap(_ a: Structure, _ b: Structure) -> Bool {
    a.place.level == b.place.level && !a.sizes.isDisjoint(with: b.sizes)
      && ((a.place.servesData && b.place.servesData) || (a.place.servesFetches && b.place.servesFetches))
  }

  private static func check(_ policy: ReplacementPolicy, _ level: Level, _ name: String) throws(TLBGeometryError) {
    guard policy == .plru, level.ways.nonzeroBitCount != 1 || level.ways > 64 else { return }
    throw .init("\(name): a tree of pseudo-LRU needs a power of two of ways, at most 64, not \(level.ways)")
  }

  /// The structure that holds a size for fetches or data on a level; nil if none does.
  public func structure(level: Int, isFetch: Bool, _ size: PageSize) -> Structure? {
    structures.first {
      $0.place.level == level && (isFetch ? $0.place.servesFetches : $0.place.servesData) && $0.sizes.contains(PageSizes(size))
    }
  }
}

/// Sizes that make no TLB.
public struct TLBGeometryError: Error, Equatable, CustomStringConvertible {
  /// What is wrong, in words for whoever wrote the text.
  public let problem: String

  init(_ problem: String) { self.problem = problem }

  /// The problem.
  public var description: String { problem }
}
