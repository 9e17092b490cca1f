public import Addressing

/// Guest memory as a device or a driver sees it: bytes at guest physical addresses.
///
/// A machine conforms; an access makes the hypervisor back the page if it has none.
public protocol GuestMemory: AnyObject {
  /// The little-endian 16-bit word at an address, which must be 2-byte aligned; nil where the guest has no memory.
  func load16(_ address: GuestPhysicalAddress) -> UInt16?
  /// The little-endian 32-bit word at an address, which must be 4-byte aligned; nil where the guest has no memory.
  func load32(_ address: GuestPhysicalAddress) -> UInt32?
  /// The little-endian 64-bit word at an address, which must be 8-byte aligned; nil where the guest has no memory.
  func load64(_ address: GuestPhysicalAddress) -> UInt64?
  /// Stores a 16-bit word; false where the guest has no memory.
  func store16(_ value: UInt16, _ address: GuestPhysicalAddress) -> Bool
  /// Stores a 32-bit word; false where the guest has no memory.
  func store32(_ value: UInt32, _ address: GuestPhysicalAddress) -> Bool
  /// Stores a 64-bit word; false where the guest has no memory.
  func store64(_ value: UInt64, _ address: GuestPhysicalAddress) -> Bool
}

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

/// What the balloon driver asks of its guest's kernel.
public protocol BalloonPageSource: AnyObject {
  /// A page that the guest can do without, reclaimed if it must be; nil if there is none now.
  func takePageForBalloon() -> GuestFrame?
  /// Gives a page back to the guest.
  func returnPageFromBalloon(_ frame: GuestFrame)
}
