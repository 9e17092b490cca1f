internal import Addressing
internal import Columns

/// The free memory of a guest that runs an access stream: single frames for tables from the bottom of its memory up, aligned pages of
/// the guest's size from the top down, and what came back of both.
///
/// A buddy allocator, as Linux has it, ends at 4 MiB; a page of 1 GiB has to be reserved when memory is still in one piece (Linux: `hugepages=` at
/// boot). Taking large pages from the other end keeps the rest in one piece for as long as possible. The invariant: a frame is in the gap between
/// both ends, in a list, or in use.
final class StreamFrames {
  /// Frames of a program's page.
  let pageFrames: Int
  /// Frames that were never given out, between both ends.
  private var gap: Range<Int>
  /// Runs of single frames: what alignment left over, and pages that were broken up because nothing else was left.
  private var runs: [Range<Int>] = []
  private var freeFrames: [UInt32] = []
  private var freePages: [UInt32] = []

  init(pageCount: Int, pageFrames: Int) {
    self.pageFrames = pageFrames
    gap = 0..<pageCount
  }

  /// How many frames are free.
  var count: Int { gap.count + runs.reduce(0) { $0 + $1.count } + freeFrames.count + freePages.count * pageFrames }

  /// A single frame.
  func allocateFrame() -> GuestFrame? {
    if let frame = freeFrames.popLast() { return GuestFrame(UInt64(frame)) }
    if runs.isEmpty {
      if !gap.isEmpty {
        defer { gap = gap.lowerBound + 1..<gap.upperBound }
        return GuestFrame(gap.lowerBound)
      }
      guard let page = freePages.popLast() else { return nil }
      runs.append(Int(page)..<Int(page) + pageFrames)
    }
    let run = runs.removeLast()
    if run.count > 1 { runs.append(run.lowerBound + 1..<run.upperBound) }
    return GuestFrame(run.lowerBound)
  }

  /// A page of the guest's size, aligned: its first frame.
  func allocatePage() -> GuestFrame? {
    guard pageFrames > 1 else { return allocateFrame() }
    if let page = freePages.popLast() { return GuestFrame(UInt64(page)) }
    let first = (gap.upperBound - pageFrames) & ~(pageFrames - 1)
    guard first >= gap.lowerBound else { return nil }
    if first + pageFrames < gap.upperBound { runs.append(first + pageFrames..<gap.upperBound) }
    gap = gap.lowerBound..<first
    return GuestFrame(first)
  }

  func release(frame: GuestFrame) { freeFrames.append(UInt32(truncatingIfNeeded: frame.rawValue)) }

  func release(page: GuestFrame) {
    if pageFrames == 1 { release(frame: page) } else { freePages.append(UInt32(truncatingIfNeeded: page.rawValue)) }
  }
}
