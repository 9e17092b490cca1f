internal import Addressing

/// Loads at any address.
///
/// Rings are aligned by their layout, but buffers lie where the guest says, and a hostile one says odd addresses. A load that straddles
/// two aligned words is put together from both, so no conforming memory ever sees a misaligned access.
extension GuestMemory {
  /// The `count` bytes (1 to 8) at an address, as a little-endian number; nil where the guest has no memory or beyond 2^64.
  func loadBytes(_ address: GuestPhysicalAddress, count: Int) -> UInt64? {
    let offset = address.rawValue & 7
    let base = address.rawValue & ~7
    guard let low = load64(GuestPhysicalAddress(base)) else { return nil }
    let mask = UInt64.max >> UInt64(64 - 8 * count)
    guard Int(offset) + count > 8 else { return low >> (8 * offset) & mask }
    let (next, overflow) = base.addingReportingOverflow(8)
    guard !overflow, let high = load64(GuestPhysicalAddress(next)) else { return nil }
    return (low >> (8 * offset) | high << (64 - 8 * offset)) & mask
  }

  /// The 32-bit little-endian word at any address.
  func loadUnaligned32(_ address: GuestPhysicalAddress) -> UInt32? {
    if address.rawValue & 3 == 0 { return load32(address) }
    return loadBytes(address, count: 4).map { UInt32(truncatingIfNeeded: $0) }
  }
}
