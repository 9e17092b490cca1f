internal import Addressing

/// The driver's end of a virtqueue: offers buffers and collects those that the device has used.
///
/// It keeps the free descriptors and the length of each outstanding chain for itself, so a device that returns a number it was never given
/// is found out and changes nothing.
public struct VirtqueueDriver: Sendable {
  /// Where the queue lies.
  public let queue: Virtqueue
  private var free: [UInt16]
  /// The descriptors of each outstanding chain, by head; empty where none is outstanding.
  private var outstanding: [[UInt16]]
  private var nextAvailable: UInt16 = 0
  private var nextUsed: UInt16 = 0

  /// The driver's end of a queue, whose rings it clears; nil if the guest has no memory there.
  public init?(queue: Virtqueue, memory: some GuestMemory) {
    self.queue = queue
    free = (0..<queue.size).reversed()
    outstanding = Array(repeating: [], count: Int(queue.size))
    guard memory.store16(0, queue.availableFlags), memory.store16(0, queue.availableIndex), memory.store16(0, queue.usedFlags),
      memory.store16(0, queue.usedIndex), memory.store16(0, queue.availableEntry(queue.size - 1)),
      memory.store64(0, queue.descriptor(queue.size - 1)), memory.store32(0, queue.usedEntry(queue.size - 1))
    else { return nil }
  }

  /// How many descriptors are free.
  public var freeDescriptors: Int { free.count }

  /// Offers a buffer, after which the device should be notified.
  /// - Returns: the number under which the device will give it back; nil if it is empty, the queue has fewer free descriptors than it has
  ///   segments, or the guest has no memory at the queue.
  public mutating func add(_ segments: [BufferSegment], to memory: some GuestMemory) -> UInt16? {
    guard let last = segments.indices.last, segments.count <= free.count else { return nil }
    let chain = Array(free.suffix(segments.count).reversed())
    for (position, segment) in segments.enumerated() {
      var flags: DescriptorFlags = segment.isDeviceWritable ? .deviceWritable : []
      if position < last { flags.insert(.next) }
      let base = queue.descriptor(chain[position])
      guard memory.store64(segment.address.rawValue, base), memory.store32(segment.length, base.advanced(by: 8)),
        memory.store16(flags.rawValue, base.advanced(by: 12)),
        memory.store16(position < last ? chain[position + 1] : 0, base.advanced(by: 14))
      else { return nil }
    }
    guard memory.store16(chain[0], queue.availableEntry(nextAvailable)), memory.store16(nextAvailable &+ 1, queue.availableIndex) else {
      return nil
    }
    nextAvailable &+= 1
    free.removeLast(segments.count)
    outstanding[Int(chain[0])] = chain
    return chain[0]
  }

  /// The next buffer that the device has used, by the number that `add` returned; nil if there is none, or if the device returned a
  /// number that is not outstanding.
  public mutating func pollUsed(in memory: some GuestMemory) -> UInt16? {
    guard let announced = memory.load16(queue.usedIndex), announced != nextUsed else { return nil }
    guard let id = memory.load32(queue.usedEntry(nextUsed)) else { return nil }
    nextUsed &+= 1
    guard let head = UInt16(exactly: id), head < queue.size, !outstanding[Int(head)].isEmpty else { return nil }
    free.append(contentsOf: outstanding[Int(head)].reversed())
    outstanding[Int(head)] = []
    return head
  }
}
