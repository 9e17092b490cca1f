internal import Columns

/// Which contents have been seen: an open-addressing table that any number of threads fill at once without a lock.
///
/// An entry is one word: 32 bits of the content's hash and the number of a page that holds it, its representative, plus 1. An empty entry
/// is 0. Entries are only ever added, each by one compare-and-exchange, so a thread that loses the race looks at what the winner stored and
/// goes on from there. The index proposes candidates by their hash alone; whoever searches compares bytes, and asks for the next candidate
/// where they differ.
///
/// The invariant: a probe sequence has no gap before an entry that belongs to it, since nothing is removed; hence equal contents always
/// meet.
///
/// The table has room for half as many contents again as there are pages, so that it can never be full: with the column of holders that is
/// 16 bytes a page.
final class ContentIndex: Sendable {
  private let entries: Column<UInt64>
  private let holders: Column<UInt32>

  /// A table of as many slots as given, more than there will ever be contents in it. Holders are noted by slot.
  init(slots: Int, for name: String) throws(ImageError) {
    try Self.check(bytes: slots * 12, slots, "contents", for: name)
    entries = Column(count: slots)
    holders = Column(count: slots)
  }

  private static func check(bytes: Int, _ count: Int, _ what: String, for name: String) throws(ImageError) {
    guard ColumnMemory.isAvailable(bytes: bytes) else {
      throw ImageError(name, .tooLarge, "counting \(count) \(what) takes \(bytes >> 20) MiB of memory, which cannot be had")
    }
  }

  /// A table for at most `pages` pages, at most 2^32 - 2. Holders are noted by the representative's number.
  /// - Throws: if this process may not map that much memory.
  init(pages: Int, for name: String) throws(ImageError) {
    try Self.check(bytes: pages * 16 + (1 << 20), pages, "pages", for: name)
    entries = Column(count: pages + pages / 2 + 16)
    holders = Column(count: pages)
  }

  @inline(__always) private func home(_ hash: UInt64) -> Int { Int(hash.multipliedFullWidth(by: UInt64(entries.count)).high) }

  /// Asks for the line in which the search for a hash begins.
  @inline(__always) func prefetch(_ hash: UInt64) { entries.prefetch(home(hash)) }

  /// A page that may hold what was searched for, and where it stands.
  struct Candidate {
    /// The page; the one that was searched for itself if no other can have its content, which is noted then.
    let page: UInt32
    /// The number of its slot.
    let slot: Int
  }

  /// The first page that may hold the content of page `page`.
  @inline(__always) func candidate(for page: UInt32, hash: UInt64) -> Candidate { search(page, hash, from: home(hash)) }

  /// The next page that may, after one whose bytes were different.
  @inline(__always) func candidate(for page: UInt32, hash: UInt64, after last: Candidate) -> Candidate {
    search(page, hash, from: last.slot + 1 == entries.count ? 0 : last.slot + 1)
  }

  @inline(__always) private func search(_ page: UInt32, _ hash: UInt64, from start: Int) -> Candidate {
    let tag = hash << 32
    let fresh = tag | UInt64(page + 1)
    var slot = start
    while true {
      var found = entries.atomicLoad(slot)
      if found == 0 && entries.compareExchange(slot, expected: &found, desired: fresh) { return Candidate(page: page, slot: slot) }
      if found & (UInt64(UInt32.max) << 32) == tag { return Candidate(page: UInt32(truncatingIfNeeded: found) - 1, slot: slot) }
      slot += 1
      if slot == entries.count { slot = 0 }
    }
  }

  /// Notes that a guest holds the content of this representative, or in this slot.
  /// - Returns: the last guest that was noted before, or nil if this is the content's first page.
  @inline(__always) func note(guest: UInt32, holds place: Int) -> UInt32? {
    let before = holders.atomicExchange(place, with: guest + 1)
    return before == 0 ? nil : before - 1
  }
}
