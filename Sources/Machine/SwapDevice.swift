internal import Columns
internal import PageContents

/// The host's swap device: a slot for each page, holding the page's whole content.
///
/// A slot is taken by one page and freed when the page is read back or given up. Freed slots are used again before fresh ones, so a
/// device that once was full does not grow the laboratory's memory.
public final class SwapDevice {
  /// How many slots there are.
  public let slotCount: Int
  private let slots: Column<DetachedContent>
  private let links: Column<UInt32>
  private var firstFree: UInt32 = 0
  private var fresh = 0
  /// How many slots hold a page.
  public private(set) var used = 0

  /// A device of `slots` pages, empty.
  init(slots slotCount: Int) {
    self.slotCount = slotCount
    slots = Column(count: slotCount)
    links = Column(count: slotCount)
  }

  /// Whether every slot is taken.
  public var isFull: Bool { used == slotCount }

  /// Stores a content; nil if the device is full, and the content then still is the caller's.
  func store(_ content: DetachedContent) -> Int? {
    guard !isFull else { return nil }
    let slot: Int
    if firstFree != 0 {
      slot = Int(firstFree) - 1
      firstFree = links[slot]
    } else {
      slot = fresh
      fresh += 1
    }
    slots[slot] = content
    used += 1
    return slot
  }

  /// The content of a taken slot, which stays there.
  func content(at slot: Int) -> DetachedContent { slots[slot] }

  /// Takes the content out of a slot and frees it.
  func take(from slot: Int) -> DetachedContent {
    links[slot] = firstFree
    firstFree = UInt32(slot + 1)
    used -= 1
    return slots[slot]
  }
}
