internal import Columns

/// Which contents have been seen: an open-addressing table that any number of threads fill at once without a lock.
///
/// An entry is one word: 32 bits of the content's hash and the number of a page that holds it, its representative, plus 1. An empty entry
/// is 0. Entries are only ever added, each by one compare-and-exchange, so a thread that loses the race looks at what the winner
/// stored and goes on from there. Two pages are the same content only if `isEqual` says so after comparing their bytes: a hash alone never decides.
///
/// The invariant: a probe sequence has no gap before an entry that belongs to it, since nothing is removed; hence equal contents always meet.
///
/// The table has room for half as many contents again as there are pages, so that it can never be full: with the column of holders that is
/// 16 bytes a page.
final class ContentIndex: Sendable {
  private let entries: Column<UInt64>
  private let holders: Column<UInt32>

  /// A table for at most `pages` pages, at most 2^32 - 2.
  /// - Throws: if this process may not map that much memory.
  init(pages: Int, for name: String) throws(ImageError) {
    let bytes = pages * 16 + (1 << 20)
    guard ColumnMemory.isAvailable(bytes: bytes) else {
      throw ImageError(name, .tooLarge, "counting \(pages) pages takes \(bytes >> 20) MiB of memory, which cannot be had")
    }
    entries = Column(count: pages + pages / 2 + 16)
    holders = Column(count: pages)
  }

  @inline(__always) private func home(_ hash: UInt64) -> Int { Int(hash.multipliedFullWidth(by: UInt64(entries.count)).high) }

  /// Asks for the line in which the search for a hash begins.
  @inline(__always) func prefetch(_ hash: UInt64) { entries.prefetch(home(hash)) }

  /// The representative of the content of page `page`: an earlier page that is equal to it, or the page itself.
  @inline(__always) func representative(of page: UInt32, hash: UInt64, isEqual: (UInt32) -> Bool) -> UInt32 {
    let tag = hash << 32
    let fresh = tag | UInt64(page + 1)
    var slot = home(hash)
    while true {
      var found = entries.atomicLoad(slot)
      if found == 0 && entries.compareExchange(slot, expected: &found, desired: fresh) { return page }
      if found & (UInt64(UInt32.max) << 32) == tag {
        let candidate = UInt32(truncatingIfNeeded: found) - 1
        if isEqual(candidate) { return candidate }
      }
      slot += 1
      if slot == entries.count { slot = 0 }
    }
  }

  /// Notes that a guest holds the content of this representative.
  /// - Returns: the last guest that was noted before, or nil if this is the content's first page.
  @inline(__always) func note(guest: UInt32, holds representative: UInt32) -> UInt32? {
    let before = holders.atomicExchange(Int(representative), with: guest + 1)
    return before == 0 ? nil : before - 1
  }
}
