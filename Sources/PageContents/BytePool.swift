public import Columns

/// Pages of real bytes, numbered by slot; freed slots are used again first.
///
/// The slots are one column, as long as the pool can ever get. Untouched slots cost address space only, so a slot's place is
/// one addition and no word access looks anything up. Few slots are kept in small pages: half a huge page left over would outweigh them.
@usableFromInline final class BytePool {
  @usableFromInline let words: Column<UInt64>
  private var free: [UInt32] = []
  private var fresh: UInt32 = 0

  /// Slots from which on huge pages are worth their remainder: 1 MiB of them. Walks of page tables hop from slot to slot, and a processor's
  /// own TLB reaches few small pages: with 1000 tables a walk took twice as long.
  private static let manySlots: UInt32 = 256

  /// A pool of at most `capacity` slots.
  init(capacity: Int) { words = Column(count: capacity * PageContent.wordCount, isSparse: true) }

  /// How many slots are taken.
  var used: Int { Int(fresh) - free.count }

  /// A slot, as the descriptor that names it. Its bytes are whatever was there before.
  func take() -> PageContent {
    let slot: UInt32
    if let freed = free.popLast() {
      slot = freed
    } else {
      precondition(Int(fresh) < words.count / PageContent.wordCount, "more pages hold bytes than there are frames and swap slots")
      slot = fresh
      fresh += 1
      if slot == Self.manySlots { words.preferHugePages() }
    }
    return PageContent(rawValue: PageContent.Kind.bytes.rawValue << 62 | UInt64(slot))
  }

  /// Gives a slot back.
  func giveBack(_ held: PageContent) { free.append(UInt32(truncatingIfNeeded: held.rawValue)) }

  /// A little-endian word of a slot; its index is below 512.
  @inlinable @inline(__always) func word(_ index: Int, of held: PageContent) -> UInt64 {
    UInt64(littleEndian: words[Int(UInt32(truncatingIfNeeded: held.rawValue)) &* PageContent.wordCount &+ index])
  }

  /// The 512 words of a slot, valid until the pool's end.
  @inline(__always) func slot(_ held: PageContent) -> UnsafeMutablePointer<UInt64> {
    let first = Int(UInt32(truncatingIfNeeded: held.rawValue)) * PageContent.wordCount
    // SAFETY: slot numbers come from take(), which keeps them below the capacity.
    return unsafe words.withBuffer { unsafe $0.baseAddress! + first }
  }
}
