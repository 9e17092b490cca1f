internal import Addressing
internal import Columns
internal import PageContents

/// HashSimilarityDetector(k, s), c of Difference Engine (Gupta et al., OSDI 2008, section 3): which pages may be similar to a page.
///
/// k groups of s blocks of 64 bytes each, at places that are drawn once a run. The hash of a group's bytes is a key under which at most c
/// pages are remembered; pages that have a key in common are candidates. The detector proposes; a delta, which is computed from the bytes,
/// decides.
///
/// A key's place is shared by the keys that fall on it, told apart by 32 bits. A candidate that is of no use any more makes room; otherwise
/// who was there first stays (the paper says no more than that there are c: assumed).
final class SimilarityDetector {
  /// Bytes of a block.
  static let blockBytes = 64

  private let groups: Int
  private let blocks: Int
  private let candidates: Int
  /// The offsets of all groups' blocks.
  private let offsets: [Int]
  private let places: Int
  /// Of each group, of each place, c entries: 32 bits of the key and the page plus one; 0 is empty.
  private let entries: Column<UInt64>
  private let gathered: Column<UInt8>
  /// The keys of the page that was looked at last.
  private let keys: Column<UInt64>

  /// A detector of k groups of s blocks with c candidates, for so many pages.
  init(groups: Int, blocks: Int, candidates: Int, capacity: Int, seed: UInt64) {
    (self.groups, self.blocks, self.candidates) = (groups, blocks, candidates)
    var random = RandomSource(seed: seed).stream("difference-engine/blocks")
    offsets = (0..<groups * blocks).map { _ in random.index(below: PageDelta.pageBytes - Self.blockBytes + 1) }
    var places = 1 << 10
    while places < capacity / 2 { places <<= 1 }
    self.places = places
    entries = Column(count: groups * places * candidates, isSparse: true)
    gathered = Column(count: blocks * Self.blockBytes)
    keys = Column(count: groups)
  }

  /// How many bytes are hashed of a page.
  var bytesPerPage: UInt64 { UInt64(groups * blocks * Self.blockBytes) }

  /// Takes the keys of a page.
  func look(at page: borrowing Column<UInt8>) {
    for group in 0..<groups {
      for block in 0..<blocks {
        let offset = offsets[group * blocks + block]
        page.withSpan(offset..<offset + Self.blockBytes) { span in
          unsafe span.withUnsafeBytes { unsafe gathered.copy(from: $0, to: block * Self.blockBytes) }
        }
      }
      keys[group] = gathered.withSpan(0..<gathered.count) { PageBytes.hash($0) }
    }
  }

  /// The pages that have a key in common with the page that was looked at, each once.
  func forEachCandidate(_ body: (PageOrdinal) -> Void) {
    for group in 0..<groups {
      for slot in slots(group) {
        let entry = entries[slot]
        guard entry != 0, entry >> 32 == tag(group), !isNamedBefore(entry, group) else { continue }
        body(PageOrdinal(UInt32(truncatingIfNeeded: entry) - 1))
      }
    }
  }

  private func isNamedBefore(_ entry: UInt64, _ end: Int) -> Bool {
    (0..<end).contains { group in
      slots(group).contains {
        entries[$0] >> 32 == tag(group) && UInt32(truncatingIfNeeded: entries[$0]) == UInt32(truncatingIfNeeded: entry)
      }
    }
  }

  /// Remembers a page under the keys of the page that was looked at, which it is, where there is room or a page of no use.
  func remember(_ page: PageOrdinal, isUsable: (PageOrdinal) -> Bool) {
    for group in 0..<groups {
      let entry = tag(group) << 32 | UInt64(page.rawValue) + 1
      if slots(group).contains(where: { entries[$0] == entry }) { continue }
      let free = slots(group).first { entries[$0] == 0 || !isUsable(PageOrdinal(UInt32(truncatingIfNeeded: entries[$0]) - 1)) }
      if let free { entries[free] = entry }
    }
  }

  private func slots(_ group: Int) -> Range<Int> {
    let place = Int(truncatingIfNeeded: keys[group] & UInt64(places - 1))
    let first = (group * places + place) * candidates
    return first..<first + candidates
  }

  private func tag(_ group: Int) -> UInt64 { keys[group] >> 32 }
}
