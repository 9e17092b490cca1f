public import Addressing
internal import Columns

/// Pages that were just filled from a block device: a ring that keeps the last ones.
@usableFromInline final class HintBuffer {
  private let pages: Column<UInt32>
  private let times: Column<UInt64>
  private let order: XLHSettings.HintOrder
  private let life: UInt64
  /// Where the oldest hint is, and how many there are.
  private var oldest = 0
  private var count = 0

  init(_ settings: XLHSettings) {
    let capacity = min(max(settings.hintCapacity, 1), 1 << 30)
    pages = Column(count: capacity)
    times = Column(count: capacity)
    order = settings.hintOrder
    life = settings.hintLifeNanoseconds
  }

  private func slot(_ number: Int) -> Int { (oldest + number) % pages.count }

  /// Adds the newest hint.
  @usableFromInline func push(_ page: PageOrdinal, at now: UInt64) {
    if count == pages.count {
      oldest = slot(1)
      count -= 1
    }
    pages[slot(count)] = page.rawValue
    times[slot(count)] = now
    count += 1
  }

  /// Takes the hint that is next; nil if none is left that is young enough.
  @usableFromInline func pop(at now: UInt64) -> PageOrdinal? {
    while count > 0 {
      let taken = order == .newestFirst ? slot(count - 1) : oldest
      if order == .oldestFirst { oldest = slot(1) }
      count -= 1
      if life == 0 || now - min(now, times[taken]) <= life { return PageOrdinal(pages[taken]) }
    }
    return nil
  }
}
