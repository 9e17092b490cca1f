/// Where a scanner stands among the address spaces on its list: they are visited in order of registration, their pages in ascending order,
/// again and again. A space that is registered during a full scan is visited last in it; one that ends is gone at once.
@usableFromInline struct ScanCursor {
  private var spaces: [(id: SpaceID, pages: Range<Int>)] = []
  private var nextID: UInt32 = 0
  /// Which space is being scanned: from 0 up to, at the end of a full scan, how many there are.
  private var index = 0
  /// The next page of that space; less than all of its pages where it was not begun.
  private var position = -1

  @usableFromInline init() {}

  /// Whether there is nothing to scan.
  @usableFromInline var isEmpty: Bool { spaces.isEmpty }

  /// Adds a space, which overlaps no other on the list.
  @usableFromInline mutating func register(_ pages: Range<Int>, capacity: Int) -> SpaceID {
    precondition(pages.lowerBound >= 0 && pages.upperBound <= capacity, "the space lies outside the scanner's capacity")
    precondition(!spaces.contains { $0.pages.overlaps(pages) }, "the space overlaps a registered one")
    let id = SpaceID(rawValue: nextID)
    nextID += 1
    spaces.append((id, pages))
    return id
  }

  /// Takes a space off the list.
  /// - Returns: its pages; nil where it was taken off before.
  @usableFromInline mutating func unregister(_ id: SpaceID) -> Range<Int>? {
    guard let found = spaces.firstIndex(where: { $0.id == id }) else { return nil }
    if found < index { index -= 1 } else if found == index { position = -1 }
    return spaces.remove(at: found).pages
  }

  /// The pages from here to the end of a space; nil at the end of a full scan, after which the next one begins.
  @usableFromInline mutating func nextRun() -> Range<Int>? {
    while index < spaces.count {
      let pages = spaces[index].pages
      let start = max(position, pages.lowerBound)
      if start < pages.upperBound { return start..<pages.upperBound }
      (index, position) = (index + 1, -1)
    }
    (index, position) = (0, -1)
    return nil
  }

  /// Sets the next page of the space that `nextRun` was in.
  @usableFromInline mutating func move(to page: Int) { position = page }
}
