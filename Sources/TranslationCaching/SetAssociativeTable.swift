internal import Columns

/// One level of a TLB: sets of ways in the order of their last use, the most recent first.
///
/// A slot is two words, the tag and the entry. Tag 0 is an empty way: no context has number 0.
struct SetAssociativeTable: ~Copyable {
  struct Way: BitwiseCopyable {
    var tag: UInt64
    var entry: UInt64
  }

  private let ways: Int
  private let setMask: UInt64
  private let slots: Column<Way>

  init(_ size: TLBGeometry.Level) {
    ways = size.ways
    setMask = UInt64(size.sets - 1)
    slots = Column(count: size.entries)
  }

  @inline(__always) private func base(_ page: UInt64) -> Int { Int(truncatingIfNeeded: page & setMask) &* ways }

  /// The entry of a tag if it has all the rights needed; it becomes the most recent of its set.
  @inline(__always) func find(_ tag: UInt64, page: UInt64, need: UInt64) -> UInt64? {
    let first = base(page)
    let end = first &+ ways
    var index = first
    while index < end {
      let found = slots[index]
      if found.tag == tag {
        guard found.entry & need == need else { return nil }
        while index > first {
          slots[index] = slots[index &- 1]
          index &-= 1
        }
        slots[first] = found
        return found.entry
      }
      index &+= 1
    }
    return nil
  }

  /// Puts an entry first in its set, in place of its tag's old one or else of the least recently used.
  @inline(__always) func insert(_ tag: UInt64, page: UInt64, entry: UInt64) {
    var carried = Way(tag: tag, entry: entry)
    let first = base(page)
    for index in first..<(first + ways) {
      let next = slots[index]
      slots[index] = carried
      if next.tag == tag { return }
      carried = next
    }
  }

  /// Forgets a tag; the ways after it move up.
  func remove(_ tag: UInt64, page: UInt64) {
    let base = self.base(page)
    guard let way = (0..<ways).first(where: { slots[base + $0].tag == tag }) else { return }
    for index in way..<(ways - 1) { slots[base + index] = slots[base + index + 1] }
    slots[base + ways - 1] = Way(tag: 0, entry: 0)
  }

  /// Forgets everything.
  func clear() { slots.fill(0..<slots.count, with: Way(tag: 0, entry: 0)) }

  /// Calls `body` with every tag and entry.
  func forEach(_ body: (_ tag: UInt64, _ entry: UInt64) -> Void) {
    for index in 0..<slots.count where slots[index].tag != 0 { body(slots[index].tag, slots[index].entry) }
  }
}
