internal import Addressing

/// The device's end of a virtqueue: takes buffers from the available ring and gives them back through the used ring.
///
/// It trusts nothing. Whatever the guest has written, an operation reads a bounded number of words and either succeeds or sets `fault`; a
/// queue with a fault takes and gives nothing more until the driver resets the device, as QEMU's does.
public struct VirtqueueDevice: Sendable {
  /// Where the queue lies.
  public let queue: Virtqueue
  /// What the guest did wrong; nil while the queue works.
  public private(set) var fault: VirtqueueFault?
  private var nextAvailable: UInt16 = 0
  private var nextUsed: UInt16 = 0

  /// The device's end of a queue that nobody has used yet.
  public init(queue: Virtqueue) { self.queue = queue }

  /// Takes the next buffer; false if there is none or the queue has a fault.
  ///
  /// A caller that wants all of them should call it at most `queue.size` times: a queue cannot hold more, and a
  /// guest that lays its available ring over its used ring could otherwise make each buffer given back announce another.
  public mutating func pop(into chain: inout DescriptorChain, from memory: some GuestMemory) -> Bool {
    guard fault == nil else { return false }
    guard let announced = memory.load16(queue.availableIndex) else { return stop(.ringOutsideMemory) }
    let waiting = announced &- nextAvailable
    guard waiting > 0 else { return false }
    guard waiting <= queue.size else { return stop(.availableIndexTooFar) }
    guard let head = memory.load16(queue.availableEntry(nextAvailable)) else { return stop(.ringOutsideMemory) }
    guard read(head, into: &chain, from: memory) else { return false }
    nextAvailable &+= 1
    return true
  }

  /// Follows a chain. A chain longer than the queue has a loop, so counting its descriptors finds every loop.
  private mutating func read(_ head: UInt16, into chain: inout DescriptorChain, from memory: some GuestMemory) -> Bool {
    chain.head = head
    chain.segments.removeAll(keepingCapacity: true)
    var index = head
    while true {
      guard index < queue.size else { return stop(.descriptorOutOfRange) }
      guard chain.segments.count < Int(queue.size) else { return stop(.chainTooLong) }
      let base = queue.descriptor(index)
      guard let address = memory.load64(base), let length = memory.load32(base.advanced(by: 8)),
        let rawFlags = memory.load16(base.advanced(by: 12)), let next = memory.load16(base.advanced(by: 14))
      else { return stop(.ringOutsideMemory) }
      let flags = DescriptorFlags(rawValue: rawFlags)
      guard !flags.contains(.indirect) else { return stop(.indirectNotNegotiated) }
      guard !address.addingReportingOverflow(UInt64(length)).overflow else { return stop(.bufferOutsideMemory) }
      let writable = flags.contains(.deviceWritable)
      if let last = chain.segments.last, last.isDeviceWritable, !writable { return stop(.readableAfterWritable) }
      chain.segments.append(BufferSegment(address: GuestPhysicalAddress(address), length: length, isDeviceWritable: writable))
      guard flags.contains(.next) else { return true }
      index = next
    }
  }

  /// Gives a buffer back; `written` is how many bytes of it the device wrote. False if the queue has, or gets, a fault.
  public mutating func push(head: UInt16, written: UInt32, to memory: some GuestMemory) -> Bool {
    guard fault == nil else { return false }
    let entry = queue.usedEntry(nextUsed)
    guard memory.store32(UInt32(head), entry), memory.store32(written, entry.advanced(by: 4)),
      memory.store16(nextUsed &+ 1, queue.usedIndex)
    else { return stop(.ringOutsideMemory) }
    nextUsed &+= 1
    return true
  }

  /// Whether the driver wants to hear of used buffers: VIRTQ_AVAIL_F_NO_INTERRUPT, bit 0 of the available ring's flags, is a hint against
  /// it.
  public func wantsInterrupt(in memory: some GuestMemory) -> Bool { (memory.load16(queue.availableFlags) ?? 0) & 1 == 0 }

  /// Ends the queue's service; for its user, which may find that a buffer reaches outside memory only when it reads it.
  @discardableResult public mutating func stop(_ fault: VirtqueueFault) -> Bool {
    self.fault = self.fault ?? fault
    return false
  }
}

/// A buffer that a device has taken: the number of its first descriptor, which gives it back, and its segments in order.
public struct DescriptorChain: Sendable {
  /// The first descriptor.
  public internal(set) var head: UInt16 = 0
  /// The segments: first those that the device reads, then those that it writes.
  public internal(set) var segments: [BufferSegment] = []

  /// An empty chain, to be filled by `VirtqueueDevice.pop`.
  public init() {}
}

/// What a guest can do wrong with a queue.
public enum VirtqueueFault: Error, Equatable, CaseIterable, Sendable {
  /// A ring or the descriptor table lies where the guest has no memory.
  case ringOutsideMemory
  /// The available index is more than a queue's length ahead of the device.
  case availableIndexTooFar
  /// A descriptor's number is not below the queue's size.
  case descriptorOutOfRange
  /// A chain has more descriptors than the queue: it loops.
  case chainTooLong
  /// A descriptor asks for an indirect table, which was not negotiated.
  case indirectNotNegotiated
  /// A segment that the device reads follows one that it writes.
  case readableAfterWritable
  /// A segment reaches past the guest's memory.
  case bufferOutsideMemory
}
