internal import Addressing
internal import FrameAllocation
internal import Machine
internal import PageContents

/// The memory management of a synthetic guest: its frames, its page cache, and what it gives up when memory is short.
final class GuestKernel {
  let vm: VirtualMachine
  let initOnFree: Bool
  private let allocator: BuddyAllocator
  private(set) var cache: PageCache
  var anonymousPages = 0
  var faults: UInt64 = 0
  private(set) var failedAllocations: UInt64 = 0

  /// Pages that reclaim keeps free and that the balloon may never take (Linux's high watermark of one zone). When nothing is left to
  /// reclaim, allocations go down to a quarter of it, and fail there.
  let reserve: Int

  init(vm: VirtualMachine, initOnFree: Bool, cache: PageCache) {
    self.vm = vm
    self.initOnFree = initOnFree
    self.cache = cache
    allocator = BuddyAllocator(frameCount: vm.pageCount)
    reserve = Watermarks(managedPages: vm.pageCount).high
  }

  var freePages: Int { allocator.freeFrames }

  /// A frame with whatever content it had, reclaiming from the page cache if need be; nil if nothing is left.
  func allocate() -> GuestFrame? {
    while allocator.freeFrames <= reserve {
      guard evictOne() else { break }
    }
    guard allocator.freeFrames > reserve / 4, let frame = allocator.allocate() else {
      failedAllocations += 1
      return nil
    }
    return GuestFrame(frame)
  }

  /// Frees a frame; fills it with zeros first if the kernel is set so.
  func free(_ frame: GuestFrame) {
    if initOnFree { _ = vm.fill(frame, with: .zero) }
    allocator.release(frame.index)
  }

  /// A frame of zeros.
  func allocateZeroed() -> GuestFrame? {
    guard let frame = allocate() else { return nil }
    guard vm.fill(frame, with: .zero) else {
      allocator.release(frame.index)
      return nil
    }
    return frame
  }

  /// Whether a frame is free.
  func isFree(_ frame: GuestFrame) -> Bool { allocator.isFree(frame.index) }

  // MARK: Page cache

  /// The frame of a file's page, read from disk if it is not cached; nil if there is no memory for it.
  func filePage(_ page: Int) -> GuestFrame? {
    if let cached = cache.find(page) { return cached }
    guard let frame = allocate() else { return nil }
    guard vm.fill(frame, with: cache.content(of: page)) else {
      allocator.release(frame.index)
      return nil
    }
    cache.insert(page, at: frame)
    vm.noteBlockRead(frame, block: cache.block(of: page))
    return frame
  }

  /// Maps a file's page once more, so that it stays.
  func pin(_ page: Int) { cache.pin(page) }
  func unpin(_ page: Int) { cache.unpin(page) }

  private func evictOne() -> Bool {
    guard let frame = cache.evict() else { return false }
    free(frame)
    return true
  }

  // MARK: Balloon

  /// A page for the balloon: a free one, or one of the cache; never the reserve.
  func takeForBalloon() -> GuestFrame? {
    while allocator.freeFrames <= reserve {
      guard evictOne() else { return nil }
    }
    return allocator.allocate().map { GuestFrame($0) }
  }

  /// A page comes back from the balloon. Its content is gone: nothing is backed, nothing needs clearing.
  func returnFromBalloon(_ frame: GuestFrame) { allocator.release(frame.index) }
}
