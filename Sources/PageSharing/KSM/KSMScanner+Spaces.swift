public import Addressing
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
  /// The parts that may be merged, by ascending ordinal, none empty, none touching another: the areas with VM_MERGEABLE.
  var mergeable: [Range<Int>]
  /// Whether the space has ended: the scanner drops its items when it comes by.
  var isExiting = false
}

/// What the kernel says of one process in /proc/PID/ksm_stat.
public struct KSMProcessStatistics: Hashable, Sendable {
  /// Items of its pages, 64 bytes each in the kernel (`ksm_rmap_items`).
  public var rmapItems: UInt64 = 0
  /// Its pages that share a stable page, the first sharer of each included (`ksm_merging_pages`).
  public var mergingPages: UInt64 = 0
  /// Its pages that KSM mapped to the zero page (`ksm_zero_pages`).
  public var zeroPages: UInt64 = 0

  /// Nothing.
  public init() {}

  /// Bytes that its pages save less bytes that its items take: (merging + zero) * 4096 - items * 64 (`ksm_process_profit`). First sharers
  /// count as savings here and not in `general_profit`: the sum over all processes is greater by 4096 for each stable page.
  public var profit: Int64 { Int64(mergingPages + zeroPages) * 4096 - Int64(rmapItems) * 64 }
}

extension KSMScanner {
  /// Adds an address space, the page ordinals in a range, which overlaps no other registered space.
  ///
  /// Spaces are visited in order of registration. One that is registered during a full scan is put just behind the cursor: the scanner
  /// comes to it in the next full scan, before the space that it is working on now (mm/ksm.c, `__ksm_enter`).
  /// - Parameter mergeable: the parts of the space that may be merged, by ascending ordinal; nil for all of it.
  @discardableResult public func register(_ pages: Range<Int>, mergeable: [Range<Int>]? = nil) -> SpaceID {
    precondition(pages.lowerBound >= 0 && pages.upperBound <= items.count, "the space lies outside the scanner's capacity")
    precondition(!(spaces + idleSpaces).contains { $0.pages.overlaps(pages) }, "the space overlaps a registered one")
    let space = RegisteredSpace(id: SpaceID(rawValue: nextSpace), pages: pages, mergeable: mergeable ?? (pages.isEmpty ? [] : [pages]))
    nextSpace += 1
    enlist(space)
    return space.id
  }

  private func enlist(_ space: RegisteredSpace) {
    if let cursor {
      spaces.insert(space, at: cursor)
      self.cursor = cursor + 1
    } else {
      spaces.append(space)
    }
  }

  /// Ends an address space. Ignores one that has ended already.
  ///
  /// As in the kernel (mm/ksm.c, `__ksm_exit`), only its zero pages are discounted at once. It moves up to be next in line, and its items
  /// are dropped, and the other counters corrected, when the scanner gets there; until then its ordinals stay taken. A space that was never
  /// scanned goes at once.
  public func unregister(_ id: SpaceID) {
    idleSpaces.removeAll { $0.id == id }
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

  /// Says that a part of a space may be merged from now on (MADV_MERGEABLE). A space of which nothing was, and which the scanner has
  /// noticed to be so, is registered anew.
  public func makeMergeable(_ pages: Range<Int>, of id: SpaceID) {
    if let index = idleSpaces.firstIndex(where: { $0.id == id }) { enlist(idleSpaces.remove(at: index)) }
    guard let index = spaces.firstIndex(where: { $0.id == id }) else { return }
    let added = pages.clamped(to: spaces[index].pages)
    guard !added.isEmpty else { return }
    var joined: [Range<Int>] = []
    for part in (spaces[index].mergeable + [added]).sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let last = joined.last, last.upperBound >= part.lowerBound {
        joined[joined.count - 1] = last.lowerBound..<max(last.upperBound, part.upperBound)
      } else {
        joined.append(part)
      }
    }
    spaces[index].mergeable = joined
  }

  /// Says that a part of a space may no longer be merged, and gives its shared pages frames of their own at once (MADV_UNMERGEABLE). The
  /// counters follow when the scanner comes by.
  public func makeUnmergeable<Memory: ScannableMemory>(_ pages: Range<Int>, of id: SpaceID, in memory: Memory) {
    guard let index = spaces.firstIndex(where: { $0.id == id }) else { return }
    hasUnmerged = true
    var left: [Range<Int>] = []
    for part in spaces[index].mergeable {
      breakSharing(part.clamped(to: pages), in: memory)
      let before = part.lowerBound..<max(part.lowerBound, min(part.upperBound, pages.lowerBound))
      let behind = min(part.upperBound, max(part.lowerBound, pages.upperBound))..<part.upperBound
      for rest in [before, behind] where !rest.isEmpty { left.append(rest) }
    }
    spaces[index].mergeable = left
  }

  /// Gives every shared page a frame of its own and forgets everything but the list of spaces and the cumulative counters: what writing 2
  /// to /sys/kernel/mm/ksm/run does.
  public func unmergeAll<Memory: ScannableMemory>(in memory: Memory) {
    // Space by space, as the kernel does: an item of an earlier space leaves its node while a later one still maps the page.
    for space in spaces {
      if !space.isExiting { for part in space.mergeable { breakSharing(part, in: memory) } }
      for page in space.pages { dropItem(of: PageOrdinal(UInt32(truncatingIfNeeded: page)), in: memory) }
    }
    spaces.removeAll { $0.isExiting }
    for tree in 0..<treeCount { removeStable(from: tree, in: memory) }
    unstable.removeAll()
    cursor = nil
    fullScans = 0
  }

  /// Takes nodes out of a tree, from the root on, until the first whose page is still mapped: by an area that may not be merged (mm/ksm.c,
  /// `remove_all_stable_nodes`).
  private func removeStable<Memory: ScannableMemory>(from tree: Int, in memory: Memory) {
    while case let element = stable.trees.root(of: tree), element != 0 {
      guard stable.isChain(element) else {
        guard isStale(element, in: memory) else { return }
        stable.prune(element)
        continue
      }
      while case let dup = stable.head(of: element), dup != 0 {
        guard isStale(dup, in: memory) else { return }
        stable.prune(dup)
      }
      stable.removeChain(element)
    }
  }

  private func breakSharing<Memory: ScannableMemory>(_ pages: Range<Int>, in memory: Memory) {
    for number in pages {
      let page = PageOrdinal(UInt32(truncatingIfNeeded: number))
      switch memory.backing(of: page) {
      case .stable: memory.unshare(page)
      case .zeroFrame where items[number].isZeroPlaced:
        memory.unshare(page)
        zeroPageLeft(page)
      default: break
      }
    }
  }

  /// Whether a page lies in a part of a space that may be merged.
  @usableFromInline func isMergeable(_ page: PageOrdinal) -> Bool {
    spaces.contains { $0.pages.contains(page.index) && $0.mergeable.contains { $0.contains(page.index) } }
  }

  /// What the kernel would say of one space in /proc/PID/ksm_stat. Counts its items.
  public func statistics(of id: SpaceID) -> KSMProcessStatistics {
    var statistics = KSMProcessStatistics()
    guard let space = (spaces + idleSpaces).first(where: { $0.id == id && !$0.isExiting }) else { return statistics }
    for page in space.pages {
      let item = items[page]
      if item.state != .none { statistics.rmapItems += 1 }
      if item.isZeroPlaced { statistics.zeroPages += 1 }
      if item.state == .stable && !stable.isPruned(item.node) { statistics.mergingPages += 1 }
    }
    return statistics
  }

  /// What the scanner has to do next.
  @usableFromInline enum Step {
    /// No space is registered.
    case nothing
    /// Visit pages, from the cursor to the end of a mergeable part.
    case visit(Range<Int>)
    /// Drop the items between two mergeable parts.
    case pass(Range<Int>)
    /// Drop the items of a space that has ended, or of which nothing is mergeable.
    case drop(Range<Int>)
    /// A full scan is over.
    case fullScanEnded
  }

  /// Moves the cursor past finished spaces to the next work.
  @usableFromInline func nextStep(changes: UInt64) -> Step {
    if cursor == nil {
      guard !spaces.isEmpty else { return .nothing }
      unstable.removeAll()
      changesAtScanStart = changes
      hasUnmerged = false
      enter(0)
    }
    while let cursor, cursor < spaces.count {
      let space = spaces[cursor]
      // A space of which nothing is mergeable goes where the scanner comes to its beginning; one that it stands in keeps, for a scan, what
      // lies behind it.
      if space.isExiting || (space.mergeable.isEmpty && position == space.pages.lowerBound) { return .drop(space.pages) }
      if let part = space.mergeable.first(where: { position < $0.upperBound }) {
        return position < part.lowerBound ? .pass(position..<part.lowerBound) : .visit(position..<part.upperBound)
      }
      if position < space.pages.upperBound { return .pass(position..<space.pages.upperBound) }
      enter(cursor + 1)
    }
    cursor = nil
    fullScans += 1
    return .fullScanEnded
  }

  /// Takes the dropped space under the cursor off the list.
  @usableFromInline func removeDroppedSpace() {
    guard let cursor else { return }
    let space = spaces.remove(at: cursor)
    if !space.isExiting { idleSpaces.append(space) }
    enter(cursor)
  }

  /// Sets the cursor's place in its space.
  @usableFromInline func moveCursor(to page: Int) { position = page }

  private func enter(_ index: Int) {
    cursor = index
    if index < spaces.count { position = spaces[index].pages.lowerBound }
  }
}
