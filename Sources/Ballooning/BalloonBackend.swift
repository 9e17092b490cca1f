public import Addressing

/// What the balloon device asks of the hypervisor.
public protocol BalloonBackend: AnyObject {
  /// Takes the page away from the guest. The next access to it gets a zero page.
  func discard(_ frame: GuestFrame) -> DiscardOutcome
  /// The guest may use the page again. Nothing is backed until it does.
  func restore(_ frame: GuestFrame)
}

/// What became of a page that a balloon handed over.
public enum DiscardOutcome: Equatable, Sendable {
  /// A host frame came free.
  case freedFrame
  /// The page was shared: its mapping is gone, its frame is still used by others.
  case wasShared
  /// The page had never been backed, or was swapped out: no host frame came free.
  case wasNotBacked
  /// The page number lies outside the guest's memory, or the page is ballooned already: nothing has changed.
  case rejected
}
