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
///
/// A huge mapping has one mark for its 512 pages: they are looked at together, and stay together if any was accessed. If none was, the
/// first page that goes splits it, and the others follow without a mark.
extension Host {
  /// How many page ordinals the background looks at for each frame that is allocated below the low watermark. Whatever the guests' pages
  /// are like, an allocation then costs no more than this.
  static let backgroundVisits = 512

  /// A frame for a guest page, scrubbed. Reclaims first when frames run low; stops the largest guest if nothing else helps.
  /// - Returns: nil if the guest itself was stopped.
  func allocateGuestFrame(for vm: VirtualMachine, atRandom: Bool = false) -> HostFrame? {
    if freeFrames < watermarks.low { reclaim(upTo: watermarks.high, visits: Host.backgroundVisits) }
    while vm.isRunning {
      if freeFrames > watermarks.min / 4, let frame = takeFrame(for: vm, atRandom: atRandom) { return frame }
      makeRoom()
    }
    return nil
  }

  private func takeFrame(for vm: VirtualMachine, atRandom: Bool) -> HostFrame? {
    atRandom
      ? frames.allocate(for: .unmapped(.guestPage), drawnFrom: &placement) : frames.allocate(for: .unmapped(.guestPage), node: vm.numaNode)
  }

  /// Frees frames by any means: swapping, and if two rounds of the clock do not bring them above the least watermark, stopping the guest
  /// that is charged most, as an out-of-memory killer would.
  ///
  /// The first round may only take marks away; after the second nothing is left that could be swapped. A host that goes on with
  /// the few frames that such a search found would search for ever.
  func makeRoom() {
    reclaim(upTo: watermarks.high, visits: 2 * spanOwners.count << Int(Host.spanShift))
    if freeFrames > watermarks.min { return }
    guard let largest = vms.filter(\.isRunning).max(by: { ($0.chargedFrames, $1.id) < ($1.chargedFrames, $0.id) }) else { return }
    stop(largest)
    events.killed += 1
  }

  /// Moves pages to the swap device until so many frames are free, or the clock's hand has stood at so many places.
  func reclaim(upTo goal: Int, visits: Int) {
    let end = spanOwners.count << Int(Host.spanShift)
    var left = visits
    while left > 0, freeFrames < goal, !swap.isFull, end > 0 {
      let hand = Int(clockHand)
      let endOfSpan = (hand | (Host.pageSpan - 1)) + 1
      let vm = vms[spanOwners[hand >> Int(Host.spanShift)].index]
      let endOfGuest = vm.isRunning && vm.allowsRemapping ? Int(vm.firstPage.rawValue) + vm.pageCount : 0
      var next = hand
      while left > 0, next < min(endOfSpan, endOfGuest), freeFrames < goal, !swap.isFull {
        let frame = GuestFrame(next - Int(vm.firstPage.rawValue))
        let passed = accessedPages(from: frame, of: vm)
        if passed == 0 { swapOut(frame, of: vm) }
        next += max(passed, 1)
        left -= max(passed, 1)
      }
      if next >= endOfGuest {
        // The rest of the span is nobody's, or a guest's that the host may not swap.
        next = endOfSpan
        left -= 1
      }
      clockHand = next == end ? 0 : UInt32(next)
    }
  }

  /// Moves a page to the swap device, unless it was accessed since the hand last passed, or is shared, or pinned.
  private func swapOut(_ frame: GuestFrame, of vm: VirtualMachine) {
    let leaf = vm.map.leaf(of: frame)
    guard leaf.hasFrame, frames[leaf.frame].use == .guestPage, !vm.pinned.contains(frame) else { return }
    // A page that traps was not accessed, or it would trap no more.
    if leaf.isPresent && testAndClearAccessed(frame, of: vm, for: .reclaim) { return }
    let content = contents.take(from: leaf.frame)
    guard let slot = swap.store(content) else { return contents.put(content, into: leaf.frame) }
    vm.replace(leaf, of: frame, by: .swapped(slot: UInt64(slot)))
    vm.swappedPages += 1
    events.swapOuts += 1
  }
}
