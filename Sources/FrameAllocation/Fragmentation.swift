extension BuddyAllocator {
  /// Linux's unusable free space index for an order, in thousandths: the free memory that no block of the order can come from
  /// (mm/vmstat.c, `unusable_free_index`). 1000 where nothing is free.
  public func unusableIndex(order: Int) -> Int {
    guard freeFrames > 0 else { return 1000 }
    return (freeFrames - suitableBlocks(order: order) << order) * 1000 / freeFrames
  }

  /// Linux's fragmentation index for an order (mm/vmstat.c, `fragmentation_index`): -1000 if the request would succeed, 0 where nothing
  /// is free, else towards 0 if it fails for want of memory and towards 1000 if it fails because memory is in pieces.
  public func fragmentationIndex(order: Int) -> Int {
    let blocks = (0...Self.maxOrder).reduce(0) { $0 + freeBlocks(order: $1) }
    guard blocks > 0 else { return 0 }
    guard suitableBlocks(order: order) == 0 else { return -1000 }
    return 1000 - (1000 + freeFrames * 1000 / (1 << order)) / blocks
  }

  /// How many blocks of an order the free memory could give.
  private func suitableBlocks(order: Int) -> Int {
    (order...Self.maxOrder).reduce(0) { $0 + freeBlocks(order: $1) << ($1 - order) }
  }
}
