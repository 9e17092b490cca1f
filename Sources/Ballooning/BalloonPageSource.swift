public import Addressing

/// What the balloon driver asks of its guest's kernel.
public protocol BalloonPageSource: AnyObject {
  /// A page that the guest can do without, reclaimed if it must be; nil if there is none now.
  func takePageForBalloon() -> GuestFrame?
  /// Gives a page back to the guest.
  func returnPageFromBalloon(_ frame: GuestFrame)
}
