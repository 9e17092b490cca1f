internal import Addressing
internal import Columns
internal import PageTables

/// The root that the processor walks from and the three before it, by CR3 with its PCID and by role (KVM, `kvm_mmu::prev_roots`).
///
/// A guest that goes back to one of them with bit 63 of CR3 set finds it as it was: nothing is looked up or brought in step. Pages in the
/// cache are pinned: they are the last to be given up for others.
struct RootCache: ~Copyable {
  /// One root.
  struct Entry: BitwiseCopyable {
    /// CR3 without bit 63.
    var cr3: UInt64 = 0
    var role = ShadowRole(processor: X86Controls())
    /// The page, 0 for none, and its serial number: a page that was given up since is no hit.
    var number: UInt32 = 0
    var serial: UInt64 = 0
  }

  static let count = 4
  private let entries = Column<Entry>(count: RootCache.count)

  /// The one at a place; 0 is the current one.
  subscript(place: Int) -> Entry { entries[place] }

  /// The page of a place, 0 where it is gone.
  func root(_ place: Int, in pages: ShadowPages) -> UInt32 {
    let entry = entries[place]
    return pages.isAlive(entry.number, serial: entry.serial) ? entry.number : 0
  }

  /// Makes a cached root the current one.
  /// - Returns: false where it is not in the cache.
  func enter(cr3: UInt64, _ role: ShadowRole, in pages: ShadowPages) -> Bool {
    for place in 0..<Self.count where root(place, in: pages) != 0 && entries[place].cr3 == cr3 && entries[place].role == role {
      let hit = entries[place]
      for lower in stride(from: place, to: 0, by: -1) { entries[lower] = entries[lower - 1] }
      entries[0] = hit
      return true
    }
    return false
  }

  /// Makes a root that is not in the cache the current one; the oldest falls out. Number 0 stands for a root that there is no frame for.
  func push(cr3: UInt64, _ role: ShadowRole, _ number: UInt32, in pages: ShadowPages) {
    unpin(Self.count - 1, in: pages)
    for lower in stride(from: Self.count - 1, to: 0, by: -1) { entries[lower] = entries[lower - 1] }
    entries[0] = Entry(cr3: cr3, role: role)
    replaceCurrent(number, in: pages)
  }

  /// Puts another page in the place of the current one, which is gone.
  func replaceCurrent(_ number: UInt32, in pages: ShadowPages) {
    unpin(0, in: pages)
    entries[0].number = number
    entries[0].serial = number == 0 ? 0 : pages.pages[Int(number)].serial
    if number != 0 { pages.pages[Int(number)].pins += 1 }
  }

  /// Forgets previous roots: those that `isMeant`.
  func dropPrevious(in pages: ShadowPages, _ isMeant: (Entry) -> Bool) {
    for place in 1..<Self.count where isMeant(entries[place]) {
      unpin(place, in: pages)
      entries[place] = Entry()
    }
  }

  private func unpin(_ place: Int, in pages: ShadowPages) {
    let number = root(place, in: pages)
    if number != 0 { pages.pages[Int(number)].pins -= 1 }
  }
}
