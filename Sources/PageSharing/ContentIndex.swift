internal import Columns

/// An index from contents to 32-bit entries: open addressing with linear probing over slots of eight bytes.
///
/// The index knows 32 bits of each content's hash and nothing of contents. It proposes entries; whoever asks compares bytes. So a
/// weak hash makes it slower and never wrong.
///
/// The invariant: between an entry's home slot (the hash, scaled to the number of slots) and its own slot no slot is empty, and entries of
/// equal hash stand in order of insertion. Insertion keeps it by taking the first empty slot, removal by moving later entries back, growth
/// by inserting again in order, beginning behind an empty slot. A fifth of the slots at least stays empty.
///
/// The slots are one column as long as the index can ever get, of which only the slots in use were ever touched. It grows by a quarter: an
/// index that doubled would, just after it did, take twice the memory that its entries need.
@usableFromInline final class ContentIndex {
  /// A place in a search: the next slot to look at and the hash that is searched for.
  @frozen @usableFromInline struct Probe {
    var slot: Int
    let hash: UInt32
  }

  /// The slots of an index that holds nothing.
  static let smallest = 64

  /// The hash in bits 63:32, the entry plus one in bits 31:0; 0 is an empty slot.
  private let slots: Column<UInt64>
  private let largest: Int
  /// How many slots are in use, full or empty.
  private(set) var size = ContentIndex.smallest
  private(set) var count = 0

  /// An index of at most `capacity` entries, each below 2^32 - 1.
  init(capacity: Int) {
    largest = max(Self.smallest, (capacity + 3) / 4 * 5)
    slots = Column(count: largest)
  }

  /// The 32 bits that the index keeps of a hash.
  @inlinable static func shortened(_ hash: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: hash >> 32) }

  private func home(_ hash: UInt32) -> Int { Int((UInt64(hash) &* UInt64(size)) >> 32) }

  @inline(__always) private func after(_ slot: Int) -> Int { slot + 1 == size ? 0 : slot + 1 }

  /// How many steps lead from one slot to another.
  private func steps(from slot: Int, to other: Int) -> Int { other >= slot ? other - slot : other - slot + size }

  /// Begins a search.
  @usableFromInline func probe(_ hash: UInt32) -> Probe { Probe(slot: home(hash), hash: hash) }

  /// The next entry of the searched hash, in order of insertion; nil after the last.
  @usableFromInline func next(_ probe: inout Probe) -> UInt32? {
    var slot = probe.slot
    while true {
      let content = slots[slot]
      if content == 0 { return nil }
      slot = after(slot)
      if UInt32(truncatingIfNeeded: content >> 32) == probe.hash {
        probe.slot = slot
        return UInt32(truncatingIfNeeded: content) &- 1
      }
    }
  }

  /// Adds an entry behind the others of its hash. Ends every search under way.
  @usableFromInline func insert(_ entry: UInt32, hash: UInt32) {
    if count + 1 > size / 5 * 4 && size < largest { grow() }
    precondition(count + 1 < size, "more contents than the index was made for")
    place(UInt64(hash) << 32 | UInt64(entry) + 1, from: home(hash))
    count += 1
  }

  /// Puts another entry in the place of one.
  func replace(_ entry: UInt32, with other: UInt32, hash: UInt32) {
    slots[slot(of: entry, hash: hash)] = UInt64(hash) << 32 | UInt64(other) + 1
  }

  /// Takes out an entry that is there. Ends every search under way.
  @usableFromInline func remove(_ entry: UInt32, hash: UInt32) {
    var hole = slot(of: entry, hash: hash)
    var next = after(hole)
    while slots[next] != 0 {
      // Only an entry whose home is not behind the hole may move into it.
      if steps(from: home(UInt32(truncatingIfNeeded: slots[next] >> 32)), to: next) >= steps(from: hole, to: next) {
        slots[hole] = slots[next]
        hole = next
      }
      next = after(next)
    }
    slots[hole] = 0
    count -= 1
  }

  /// Takes all entries out. This writes eight bytes a slot in sequence, which against a scan of the pages that filled the slots is nothing;
  /// telling scans apart by a number in each slot would cost that slot bits of its hash.
  @usableFromInline func removeAll() {
    if count > 0 { slots.fill(0..<size, with: 0) }
    count = 0
  }

  private func slot(of entry: UInt32, hash: UInt32) -> Int {
    let wanted = UInt64(hash) << 32 | UInt64(entry) + 1
    var slot = home(hash)
    while slots[slot] != wanted {
      precondition(slots[slot] != 0, "the entry is not in the index")
      slot = after(slot)
    }
    return slot
  }

  private func place(_ content: UInt64, from home: Int) {
    var slot = home
    while slots[slot] != 0 { slot = after(slot) }
    slots[slot] = content
  }

  /// Adds a quarter to the slots, so that an insertion costs a constant on average.
  private func grow() {
    let old = Column<UInt64>(count: size)
    for slot in 0..<size { old[slot] = slots[slot] }
    slots.fill(0..<size, with: 0)
    size = min(largest, size + max(size / 4, Self.smallest))
    var start = 0
    // From an empty slot on, every entry comes after those that were inserted before it with its hash.
    while old[start] != 0 { start += 1 }
    for offset in 1..<old.count {
      let slot = start + offset
      let content = old[slot < old.count ? slot : slot - old.count]
      if content != 0 { place(content, from: home(UInt32(truncatingIfNeeded: content >> 32))) }
    }
  }
}
