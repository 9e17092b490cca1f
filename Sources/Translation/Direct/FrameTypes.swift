internal import Addressing
internal import Columns

/// What a guest's frame is in use as.
public enum FrameType: UInt8, CaseIterable, Sendable {
  /// Nothing in particular: it may be read, and become anything.
  case none
  /// A page table, by its level.
  case level1, level2, level3, level4, level5
  /// Some table maps it writable.
  case writable

  /// The type of tables of a level from 1 to 5.
  public init?(level: Int) {
    guard (1...5).contains(level) else { return nil }
    self.init(rawValue: UInt8(level))
  }

  /// The level of a table; nil for other types.
  public var level: Int? { (1...5).contains(rawValue) ? Int(rawValue) : nil }
}

/// What the hypervisor knows of each frame of a direct guest, by guest frame: its type and who refers to it (Xen: `struct page_info`).
///
/// A frame's type counts while `typeReferences` is above 0. When the last such reference goes, the type is remembered, with the time: on
/// what the TLB kept from it the frame's next use may have to wait. Time is the number of flushes.
struct FrameTypes: ~Copyable {
  private let types: Column<UInt8>
  /// References that need the type: entries of tables, writable leaves, pins, CR3.
  private let typeCounts: Column<UInt32>
  /// All references: those, and leaves that only read.
  private let totals: Column<UInt32>
  /// When the last reference to a type went.
  private let ended: Column<UInt32>
  private let pinned: BitColumn
  private let clock = Column<UInt32>(count: 1)

  init(guestPages: UInt64) {
    let count = Int(clamping: guestPages)
    types = Column(count: count)
    typeCounts = Column(count: count)
    totals = Column(count: count)
    ended = Column(count: count)
    pinned = BitColumn(count: count)
    clock[0] = 1
  }

  /// The type; `none` where nobody needs one.
  func type(of frame: GuestFrame) -> FrameType {
    typeCounts[frame.index] == 0 ? .none : lastType(of: frame)
  }

  /// The type that the frame has or had last.
  @inline(__always) func lastType(of frame: GuestFrame) -> FrameType { FrameType(rawValue: types[frame.index]) ?? .none }

  /// Whether the TLB may still hold what the frame's last use let into it.
  func isStale(_ frame: GuestFrame) -> Bool {
    typeCounts[frame.index] == 0 && types[frame.index] != FrameType.none.rawValue && ended[frame.index] == clock[0]
  }

  /// The TLB was flushed, so nothing of the past is in it.
  func noteFlush() { clock[0] &+= 1 }

  func typeReferences(to frame: GuestFrame) -> UInt32 { typeCounts[frame.index] }
  func references(to frame: GuestFrame) -> UInt32 { totals[frame.index] }

  func isPinned(_ frame: GuestFrame) -> Bool { pinned[frame.index] }
  func setPinned(_ frame: GuestFrame, _ isPinned: Bool) { pinned[frame.index] = isPinned }

  /// Whether one more reference can be counted.
  func hasRoom(_ frame: GuestFrame) -> Bool { totals[frame.index] < .max }

  func addReference(_ frame: GuestFrame) { totals[frame.index] += 1 }
  func dropReference(_ frame: GuestFrame) { totals[frame.index] -= 1 }

  /// Counts one more reference to the type that the frame has.
  func addTyped(_ frame: GuestFrame) {
    typeCounts[frame.index] += 1
    totals[frame.index] += 1
  }

  /// Begins a new type with one reference.
  func begin(_ type: FrameType, _ frame: GuestFrame) {
    types[frame.index] = type.rawValue
    addTyped(frame)
  }

  /// Counts one reference less; the answer is whether it was the last, and the type is over.
  func dropTyped(_ frame: GuestFrame) -> Bool {
    typeCounts[frame.index] -= 1
    totals[frame.index] -= 1
    guard typeCounts[frame.index] == 0 else { return false }
    ended[frame.index] = clock[0]
    return true
  }

  /// Takes back a type that did not come to be.
  func cancel(_ frame: GuestFrame, restoring last: FrameType) {
    typeCounts[frame.index] -= 1
    totals[frame.index] -= 1
    types[frame.index] = last.rawValue
  }

  /// The frame has left the guest: what it was is forgotten. The TLB was flushed.
  func forget(_ frame: GuestFrame) { types[frame.index] = FrameType.none.rawValue }
}
