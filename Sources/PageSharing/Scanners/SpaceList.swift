/// The address spaces that a scanner was given, and to whom they belong.
@usableFromInline final class SpaceList {
  /// An address space.
  struct Space {
    let id: SpaceID
    let pages: Range<Int>
    let tenant: UInt32
  }

  /// In order of registration.
  private(set) var spaces: [Space] = []
  /// The same spaces by ascending page numbers.
  private var sorted: [Space] = []
  private var nextSpace: UInt32 = 0
  private let capacity: Int

  /// A list for page ordinals below `capacity`.
  init(capacity: Int) { self.capacity = capacity }

  /// How many pages all spaces hold together.
  var pageCount: Int { spaces.reduce(0) { $0 + $1.pages.count } }

  /// Adds a space that overlaps no other.
  @usableFromInline func register(_ pages: Range<Int>, tenant: UInt32) -> SpaceID {
    precondition(pages.lowerBound >= 0 && pages.upperBound <= capacity, "the space lies outside the scanner's capacity")
    precondition(!spaces.contains { $0.pages.overlaps(pages) }, "the space overlaps a registered one")
    let space = Space(id: SpaceID(rawValue: nextSpace), pages: pages, tenant: tenant)
    nextSpace += 1
    spaces.append(space)
    sorted.insert(space, at: sorted.firstIndex { $0.pages.lowerBound > pages.lowerBound } ?? sorted.count)
    return space.id
  }

  /// Takes a space off the list and returns its pages; nil if it has ended before.
  @usableFromInline func unregister(_ id: SpaceID) -> Range<Int>? {
    guard let index = spaces.firstIndex(where: { $0.id == id }) else { return nil }
    sorted.removeAll { $0.id == id }
    return spaces.remove(at: index).pages
  }

  /// The tenant of the space that a page belongs to; nil where there is none.
  @usableFromInline func tenant(of page: Int) -> UInt32? {
    var (low, high) = (0, sorted.count)
    while low < high {
      let middle = (low + high) / 2
      if sorted[middle].pages.upperBound <= page { low = middle + 1 } else { high = middle }
    }
    guard low < sorted.count, sorted[low].pages.contains(page) else { return nil }
    return sorted[low].tenant
  }
}
