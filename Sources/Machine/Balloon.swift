public import Addressing
public import Ballooning
internal import FrameAllocation
internal import PageTables
internal import Translation

/// The hypervisor's end of a balloon: pages go at the device's word, and come back when the guest touches them again.
extension VirtualMachine: BalloonBackend {
  /// Takes a page away from the guest; not one that a direct guest's tables still name. Only a page that it had alone frees a host frame.
  public func discard(_ frame: GuestFrame) -> DiscardOutcome {
    guard isRunning, contains(frame), translator.allowsRelease(frame) else { return .rejected }
    let leaf = map.leaf(of: frame)
    let outcome: DiscardOutcome
    if leaf.hasFrame {
      outcome = host.frames[leaf.frame].use == .guestPage ? .freedFrame : .wasShared
    } else if leaf.absence == .ballooned {
      return .rejected
    } else {
      outcome = .wasNotBacked
      // A page that was never touched may lack even its table; then nothing is lost by not noting that the balloon has it.
      if leaf.absence == .never, !map.setLeaf(.absent, of: frame) { return .rejected }
    }
    host.unback(frame, of: self, leaving: .ballooned)
    balloonedPages += 1
    return outcome
  }

  /// Lets the guest use a page again; nothing is backed until it does.
  public func restore(_ frame: GuestFrame) {
    guard isRunning, contains(frame), map.leaf(of: frame).absence == .ballooned, !map.leaf(of: frame).isPresent else { return }
    setExistingLeaf(.absent, of: frame)
    balloonedPages -= 1
  }
}
