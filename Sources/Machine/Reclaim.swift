internal import Addressing
internal import FrameAllocation
internal import PageContents
internal import PageTables
internal import Translation

/// Overcommit without a balloon: the host swaps what guests seem not to use.
///
/// A clock goes round all guest pages (second chance): a page that was accessed since the hand last passed loses that mark and stays;
/// one that was not goes to the swap device. Shared frames, the zero frame and tables stay: taking them would free little or nothing. The
/// host knows nothing of what a page is to its guest, which is what makes this the last resort (VSwapper, ASPLOS 2014).
extension Host {
  /// A frame for a guest page, scrubbed. Reclaims first when frames run low; stops the largest guest if nothing else helps.
  /// - Returns: nil if the guest itself was stopped.
  func allocateGuestFrame(for vm: VirtualMachine) -> HostFrame? {
    if freeFrames < watermarks.low { reclaim(upTo: watermarks.high) }
    while vm.isRunning {
      if freeFrames > watermarks.min / 4, let frame = frames.allocate(for: .unmapped(.guestPage)) { return frame }
      makeRoom()
    }
    return nil
  }

  /// Frees frames by any means: swapping, and if that fails stopping the guest that is charged most, as an out-of-memory killer would.
  func makeRoom() {
    if reclaim(upTo: watermarks.high) > 0 { return }
    guard let largest = vms.filter(\.isRunning).max(by: { ($0.chargedFrames, $1.id) < ($1.chargedFrames, $0.id) }) else { return }
    stop(largest)
    events.killed += 1
  }

  /// Moves pages to the swap device until so many frames are free.
  /// - Returns: how many pages were moved.
  @discardableResult func reclaim(upTo goal: Int) -> Int {
    let pages = UInt32(spanOwners.count) << Host.spanShift
    guard pages > 0, !swap.isFull else { return 0 }
    var moved = 0
    // Two rounds: the first may only take marks away.
    for _ in 0..<2 * UInt64(pages) {
      if freeFrames >= goal || swap.isFull { break }
      let page = PageOrdinal(clockHand)
      clockHand = clockHand + 1 == pages ? 0 : clockHand + 1
      if swapOut(page) { moved += 1 }
    }
    return moved
  }

  private func swapOut(_ page: PageOrdinal) -> Bool {
    guard let (vm, frame) = owner(of: page), vm.isRunning else { return false }
    let leaf = vm.map.leaf(of: frame)
    guard leaf.isPresent, frames[leaf.frame].use == .guestPage else { return false }
    if vm.translator.testAndClearAccessed(frame) { return false }
    let current = vm.map.leaf(of: frame)
    let content = contents.take(from: leaf.frame)
    guard let slot = swap.store(content) else {
      contents.put(content, into: leaf.frame)
      return false
    }
    vm.replace(current, of: frame, by: .swapped(slot: UInt64(slot)))
    vm.swappedPages += 1
    events.swapOuts += 1
    return true
  }
}
