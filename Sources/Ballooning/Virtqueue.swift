public import Addressing

/// # Virtqueue: how a guest hands buffers to a device
///
/// A split virtqueue (virtio 1.2, section 2.7) is three tables in guest memory, all little endian:
///
///     descriptor table   size x { u64 address, u32 length, u16 flags, u16 next }        16 bytes each, aligned to 16
///     available ring     { u16 flags, u16 idx, u16 ring[size], u16 used_event }         written by the driver, aligned to 2
///     used ring          { u16 flags, u16 idx, { u32 id, u32 length }[size], u16 avail_event }   by the device, aligned to 4
///
/// The driver chains descriptors into a buffer, writes the head's number into the available ring and then raises `idx`; the device takes
/// heads in that order and gives each back through the used ring. Both indices run freely modulo 2^16, and slot = index mod size, so the
/// size must be a power of two.
///
/// The invariant of the layout: its parts are aligned, and none of them wraps round the end of the address space, so an address that is
/// computed from an index below `size` is exact. It says nothing of what the tables hold: a guest may write anything there at
/// any time, and `VirtqueueDevice` checks every field when it reads it.
public struct Virtqueue: Hashable, Sendable {
  /// How many descriptors there are, a power of two up to 32768.
  public let size: UInt16
  /// Where the descriptor table begins.
  public let descriptorTable: GuestPhysicalAddress
  /// Where the available ring begins.
  public let availableRing: GuestPhysicalAddress
  /// Where the used ring begins.
  public let usedRing: GuestPhysicalAddress

  /// The largest size of a queue (virtio 1.2, 2.7).
  public static let maximumSize: UInt16 = 32768

  /// A queue whose three parts the driver has placed.
  /// - Throws: what the specification forbids about the placement.
  public init(
    size: UInt16, descriptorTable: GuestPhysicalAddress, availableRing: GuestPhysicalAddress, usedRing: GuestPhysicalAddress
  ) throws(VirtqueueLayoutError) {
    guard size > 0, size <= Self.maximumSize, size & (size - 1) == 0 else { throw .sizeNotPowerOfTwo }
    guard descriptorTable.rawValue & 15 == 0, availableRing.rawValue & 1 == 0, usedRing.rawValue & 3 == 0 else { throw .misaligned }
    let ends = [
      (descriptorTable, Self.descriptorBytes(size)), (availableRing, Self.availableBytes(size)), (usedRing, Self.usedBytes(size)),
    ]
    for (start, bytes) in ends where start.rawValue > UInt64.max - bytes { throw .beyondAddressSpace }
    self.size = size
    self.descriptorTable = descriptorTable
    self.availableRing = availableRing
    self.usedRing = usedRing
  }

  /// A queue whose parts follow each other from an address aligned to 16, as `byteCount(size:)` counts them.
  public init(size: UInt16, contiguousAt base: GuestPhysicalAddress) throws(VirtqueueLayoutError) {
    let (available, overflow) = base.rawValue.addingReportingOverflow(Self.descriptorBytes(size))
    let (used, overflowOfUsed) = available.addingReportingOverflow((Self.availableBytes(size) + 3) & ~3)
    guard !overflow, !overflowOfUsed else { throw .beyondAddressSpace }
    try self.init(
      size: size, descriptorTable: base, availableRing: GuestPhysicalAddress(available), usedRing: GuestPhysicalAddress(used))
  }

  /// How many bytes a queue takes whose parts follow each other; 128 descriptors fit a 4 KiB page.
  public static func byteCount(size: UInt16) -> UInt64 {
    descriptorBytes(size) + (availableBytes(size) + 3) & ~3 + usedBytes(size)
  }

  static func descriptorBytes(_ size: UInt16) -> UInt64 { 16 * UInt64(size) }
  static func availableBytes(_ size: UInt16) -> UInt64 { 6 + 2 * UInt64(size) }
  static func usedBytes(_ size: UInt16) -> UInt64 { 6 + 8 * UInt64(size) }

  /// The ring slot of a free-running index.
  func slot(_ index: UInt16) -> UInt64 { UInt64(index & (size - 1)) }

  func descriptor(_ index: UInt16) -> GuestPhysicalAddress { descriptorTable.advanced(by: 16 * UInt64(index)) }
  var availableFlags: GuestPhysicalAddress { availableRing }
  var availableIndex: GuestPhysicalAddress { availableRing.advanced(by: 2) }
  func availableEntry(_ index: UInt16) -> GuestPhysicalAddress { availableRing.advanced(by: 4 + 2 * slot(index)) }
  var usedFlags: GuestPhysicalAddress { usedRing }
  var usedIndex: GuestPhysicalAddress { usedRing.advanced(by: 2) }
  func usedEntry(_ index: UInt16) -> GuestPhysicalAddress { usedRing.advanced(by: 4 + 8 * slot(index)) }
}

/// What is wrong with the placement of a queue.
public enum VirtqueueLayoutError: Error, Equatable, Sendable {
  /// The size is not a power of two from 1 to 32768.
  case sizeNotPowerOfTwo
  /// A part is not aligned as the specification says: 16, 2 and 4 bytes.
  case misaligned
  /// A part would reach past 2^64.
  case beyondAddressSpace
}

/// The flags of a descriptor (virtio 1.2, 2.7.5).
public struct DescriptorFlags: OptionSet, Hashable, Sendable {
  /// The 16 bits.
  public let rawValue: UInt16

  /// Takes 16 bits for flags.
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// The buffer goes on in the descriptor that `next` names.
  public static let next = DescriptorFlags(rawValue: 1)
  /// The device writes the buffer; without it, the device reads it.
  public static let deviceWritable = DescriptorFlags(rawValue: 2)
  /// The buffer is a table of further descriptors; only if VIRTIO_F_INDIRECT_DESC was negotiated, which it never is here.
  public static let indirect = DescriptorFlags(rawValue: 4)
}

/// A stretch of guest memory that is part of a buffer.
public struct BufferSegment: Hashable, Sendable {
  /// Where it begins.
  public var address: GuestPhysicalAddress
  /// How many bytes it has.
  public var length: UInt32
  /// Whether the device writes it.
  public var isDeviceWritable: Bool

  /// All fields.
  public init(address: GuestPhysicalAddress, length: UInt32, isDeviceWritable: Bool) {
    self.address = address
    self.length = length
    self.isDeviceWritable = isDeviceWritable
  }
}
