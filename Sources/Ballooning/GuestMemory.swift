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
