internal import Addressing
internal import Columns

/// The number of an address space that a scanner was given, in order of registration.
public struct SpaceID: Hashable, Sendable {
  /// The number, from 0.
  public let rawValue: UInt32
}

/// An address space on the scanner's list, in the order of visits.
struct RegisteredSpace {
  let id: SpaceID
  let pages: Range<Int>
  /// Whether the space has ended: the scanner drops its items when it comes by.
  var isExiting = false
}

extension KSMScanner {
  /// Adds an address space, the page ordinals in a range, which overlaps no other registered space.
  ///
  /// Spaces are visited in order of registration. One that is registered during a full scan is put just behind the cursor: the scanner
  /// comes to it in the next full scan, before the space that it is working on now (mm/ksm.c, `__ksm_enter`).
  @discardableResult public func register(_ pages: Range<Int>) -> SpaceID {
    precondition(pages.lowerBound >= 0 && pages.upperBound <= items.count, "the space lies outside the scanner's capacity")
    precondition(!spaces.contains { $0.pages.overlaps(pages) }, "the space overlaps a registered one")
    let space = RegisteredSpace(id: SpaceID(rawValue: nextSpace), pages: pages)
    nextSpace += 1
    if let cursor {
      spaces.insert(space, at: cursor)
      self.cursor = cursor + 1
    } else {
      spaces.append(space)
    }
    return space.id
  }

  /// Ends an address space. Ignores one that has ended already.
  ///
  /// As in the kernel (mm/ksm.c, `__ksm_exit`), only its zero pages are discounted at once. It moves up to be next in line, and its items are
  /// dropped, and the other counters corrected, when the scanner gets there; until then its ordinals stay taken. A space that was never
  /// scanned goes at once.
  public func unregister(_ id: SpaceID) {
    guard let index = spaces.firstIndex(where: { $0.id == id && !$0.isExiting }) else { return }
    var hasItems = false
    for page in spaces[index].pages {
      zeroPageLeft(PageOrdinal(UInt32(truncatingIfNeeded: page)))
      if items.state(of: page) != .none { hasItems = true }
    }
    guard index != cursor else {
      spaces[index].isExiting = true
      return
    }
    var space = spaces.remove(at: index)
    if let cursor, index < cursor { self.cursor = cursor - 1 }
    guard hasItems else { return }
    space.isExiting = true
    spaces.insert(space, at: cursor.map { $0 + 1 } ?? 0)
  }

  /// What the scanner has to do next.
  @usableFromInline enum Step {
    /// No space is registered.
    case nothing
    /// Visit pages, from the cursor to the end of its space.
    case visit(Range<Int>)
    /// Drop the items of a space that has ended.
    case drop(Range<Int>)
    /// A full scan is over.
    case fullScanEnded
  }

  /// Moves the cursor past finished spaces to the next work.
  @usableFromInline func nextStep() -> Step {
    if cursor == nil {
      guard !spaces.isEmpty else { return .nothing }
      unstable.removeAll()
      enter(0)
    }
    while let cursor, cursor < spaces.count {
      let space = spaces[cursor]
      if space.isExiting { return .drop(space.pages) }
      if position < space.pages.upperBound { return .visit(position..<space.pages.upperBound) }
      enter(cursor + 1)
    }
    cursor = nil
    fullScans += 1
    return .fullScanEnded
  }

  /// Takes the dropped space under the cursor off the list.
  @usableFromInline func removeDroppedSpace() {
    guard let cursor else { return }
    spaces.remove(at: cursor)
    enter(cursor)
  }

  /// Sets the cursor's place in its space.
  @usableFromInline func moveCursor(to page: Int) { position = page }

  private func enter(_ index: Int) {
    cursor = index
    if index < spaces.count { position = spaces[index].pages.lowerBound }
  }
}
