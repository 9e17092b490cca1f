public import Addressing
internal import FrameAllocation
internal import PageContents
internal import PageTables
public import Translation

/// Guests that know their machine frames.
///
/// The host keeps its hands off their pages: it does not share them, swap them or let them trap, and reads of untouched memory get a frame
/// of their own. A balloon takes only pages that no table of the guest's names. What is left is moving a page openly (`move`).
extension VirtualMachine {
  /// The hypercalls that a direct guest changes its tables with; nil for other guests, and one that was stopped.
  public var hypercalls: (any ParavirtualPaging)? { isRunning ? translator.paravirtual : nil }

  /// Lets an audit know what hypercalls store.
  func witnessHypercalls() {
    guard host.witness != nil else { return }
    translator.paravirtual?.willStore = { [unowned self] store in
      host.witness?.willStore(store.new, over: store.old, at: store.index, of: page(of: store.frame))
    }
  }

  /// Lets the guest know of a page that was just backed; false where it had to be stopped for want of memory to write that down.
  func tellBacked(_ frame: GuestFrame) -> Bool {
    while isRunning {
      if translator.guestPageBacked(frame) { return true }
      host.makeRoom()
    }
    return false
  }

  /// Backs all memory; false where the host has not so much to spare.
  func populateAll() -> Bool {
    for index in 0..<pageCount {
      guard host.freeFrames > host.watermarks.high, resolve(GuestFrame(index), .write) != nil else { return false }
    }
    return true
  }

  /// Moves a private page to another frame, as an exchange of memory between nodes would: under direct paging every entry that names it is
  /// rewritten.
  /// - Returns: false where the page has no frame of its own, or the host has none to spare.
  public func move(_ frame: GuestFrame) -> Bool {
    guard isRunning, contains(frame), host.freeFrames > host.watermarks.low else { return false }
    let leaf = map.leaf(of: frame)
    guard leaf.isPresent, !leaf.isLarge, host.frames[leaf.frame].use == .guestPage else { return false }
    guard let fresh = host.frames.allocate(for: .unmapped(.guestPage), node: numaNode) else { return false }
    host.contents.copy(leaf.frame, to: fresh)
    replace(leaf, of: frame, by: leaf.moved(to: fresh))
    host.frames.link(page(of: frame), to: fresh)
    privateFrames += 1
    return true
  }
}
