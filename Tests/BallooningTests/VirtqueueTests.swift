import Addressing
import Ballooning
import Columns
import Testing

/// The layout of a split virtqueue (virtio 1.2, 2.7) and what a device does with a guest that breaks it.
@Suite struct Virtqueues {
  @Test("The parts of a queue follow the specification's sizes and alignments")
  func layout() throws {
    // Size, bytes of the whole, offsets of the available and the used ring, computed by hand.
    let table: [(UInt16, UInt64, UInt64, UInt64)] = [(1, 38, 16, 24), (2, 66, 32, 44), (8, 222, 128, 152), (128, 3342, 2048, 2312)]
    for (size, bytes, available, used) in table {
      #expect(Virtqueue.byteCount(size: size) == bytes)
      let queue = try Virtqueue(size: size, contiguousAt: GuestPhysicalAddress(0x1000))
      #expect(queue.availableRing.rawValue == 0x1000 + available)
      #expect(queue.usedRing.rawValue == 0x1000 + used)
    }
    #expect(Virtqueue.byteCount(size: 128) <= 4096 && Virtqueue.byteCount(size: 256) > 4096)
  }

  @Test("A queue whose size is no power of two, or whose parts are misaligned or wrap, is refused")
  func refusedLayouts() {
    for size: UInt16 in [0, 3, 12, 32769, .max] {
      #expect(throws: VirtqueueLayoutError.sizeNotPowerOfTwo) { try Virtqueue(size: size, contiguousAt: GuestPhysicalAddress(0)) }
    }
    let (good, odd) = (GuestPhysicalAddress(4096), GuestPhysicalAddress(4096 + 1))
    for (d, a, u) in [(odd, good, good), (good, odd, good), (good, good, odd)] {
      #expect(throws: VirtqueueLayoutError.misaligned) { try Virtqueue(size: 8, descriptorTable: d, availableRing: a, usedRing: u) }
    }
    let end = GuestPhysicalAddress(UInt64.max & ~15)
    for (d, a, u) in [(end, good, good), (good, end, good), (good, good, end)] {
      #expect(throws: VirtqueueLayoutError.beyondAddressSpace) { try Virtqueue(size: 8, descriptorTable: d, availableRing: a, usedRing: u) }
    }
    #expect(throws: VirtqueueLayoutError.beyondAddressSpace) { try Virtqueue(size: 8, contiguousAt: end) }
  }

  @Test("Driver and device pass chains through memory in order, round the ring and round 2^16")
  func passesChains() throws {
    let guest = FakeGuest(pageCount: 16)
    let queue = try Virtqueue(size: 8, contiguousAt: GuestPhysicalAddress(0))
    var driver = try #require(VirtqueueDriver(queue: queue, memory: guest))
    var device = VirtqueueDevice(queue: queue)
    var chain = DescriptorChain()
    let early = device.pop(into: &chain, from: guest)
    #expect(!early)
    for turn in 0..<70_000 {
      let segments = (0...(turn % 3)).map {
        BufferSegment(address: GuestPhysicalAddress(UInt64(4096 + turn + $0)), length: UInt32($0), isDeviceWritable: $0 == 2)
      }
      guard let head = driver.add(segments, to: guest), device.pop(into: &chain, from: guest), chain.head == head,
        chain.segments == segments, device.push(head: head, written: 0, to: guest), driver.pollUsed(in: guest) == head
      else {
        Issue.record("turn \(turn): a chain was lost or changed on its way")
        return
      }
    }
    #expect(driver.freeDescriptors == 8 && device.fault == nil)
  }

  @Test("A full queue takes no more; used buffers free their descriptors in any order")
  func fills() throws {
    let guest = FakeGuest(pageCount: 16)
    let queue = try Virtqueue(size: 4, contiguousAt: GuestPhysicalAddress(0))
    var driver = try #require(VirtqueueDriver(queue: queue, memory: guest))
    var device = VirtqueueDevice(queue: queue)
    let segment = BufferSegment(address: GuestPhysicalAddress(4096), length: 4, isDeviceWritable: false)
    let empty = driver.add([], to: guest)
    #expect(empty == nil)
    let heads = [driver.add([segment, segment, segment], to: guest), driver.add([segment], to: guest)].compactMap { $0 }
    let excess = driver.add([segment], to: guest)
    #expect(heads.count == 2 && driver.freeDescriptors == 0 && excess == nil)
    var chain = DescriptorChain()
    while device.pop(into: &chain, from: guest) {}
    for head in heads.reversed() {
      let given = device.push(head: head, written: 0, to: guest)
      let collected = driver.pollUsed(in: guest)
      #expect(given && collected == head)
    }
    #expect(driver.freeDescriptors == 4)
    // A device that returns a number twice, or one that does not exist, frees nothing.
    for head in [heads[0], 9] {
      let given = device.push(head: head, written: 0, to: guest)
      let collected = driver.pollUsed(in: guest)
      #expect(given && collected == nil && driver.freeDescriptors == 4)
    }
  }

  @Test("Each way to break a queue is found, the queue stops, and the device asks for a reset", arguments: VirtqueueFault.allCases)
  func faults(_ fault: VirtqueueFault) throws {
    var (guest, device, inflate, _) = try hostileGuest()
    guest.writeDescriptor(inflate, 0, address: 8192, length: 4)
    guest.announce(inflate, [0])
    switch fault {
    case .ringOutsideMemory:
      inflate = try Virtqueue(size: 8, contiguousAt: GuestPhysicalAddress(64 * 4096))
      device.reset()
      device.setStatus(.featuresOK)
      device.setQueue(.inflate, inflate)
      device.setStatus(.driverOK)
    case .availableIndexTooFar: guest.announce(inflate, [0], index: 9)
    case .descriptorOutOfRange: guest.announce(inflate, [8])
    case .chainTooLong: guest.writeDescriptor(inflate, 0, address: 8192, length: 4, flags: 1, next: 0)
    case .indirectNotNegotiated: guest.writeDescriptor(inflate, 0, address: 8192, length: 16, flags: 4)
    case .readableAfterWritable:
      guest.writeDescriptor(inflate, 0, address: 8192, length: 4, flags: 3, next: 1)
      guest.writeDescriptor(inflate, 1, address: 8192, length: 4)
    case .bufferOutsideMemory: guest.writeDescriptor(inflate, 0, address: 64 * 4096 - 4, length: 8)
    }
    device.notify(.inflate)
    device.handleKick()
    #expect(device.fault(of: .inflate) == fault)
    #expect(device.status.contains(.needsReset) && device.counters.queueFaults == 1 && guest.discards.isEmpty)
    guest.writeDescriptor(inflate, 0, address: 8192, length: 4)
    guest.announce(inflate, [0])
    device.processInflate()
    #expect(device.counters.buffers == 0 && device.counters.queueFaults == 1)
  }

  @Test("A buffer that ends beyond 2^64 breaks the queue")
  func wrappingBuffer() throws {
    let (guest, device, inflate, _) = try hostileGuest()
    guest.writeDescriptor(inflate, 0, address: .max - 3, length: 8)
    guest.announce(inflate, [0])
    device.processInflate()
    #expect(device.fault(of: .inflate) == .bufferOutsideMemory)
  }

  @Test("Random words in working rings: the device ends, keeps its books, and goes on after a reset", arguments: 0..<12)
  func randomRings(_ seed: UInt64) throws {
    var random = RandomSource(seed: seed).stream("rings")
    let size: UInt16 = seed % 2 == 0 ? 8 : 64
    let (guest, device, inflate, deflate) = try hostileGuest(pages: 24, size: size)
    var announced: [UInt16] = [0, 0]
    var faults: Set<VirtqueueFault> = []
    for _ in 0..<60 {
      for (number, queue) in [inflate, deflate].enumerated() {
        announced[number] &+= UInt16(random.below(6))
        writePlausible(queue, index: announced[number], to: guest, from: &random)
        // A few words of any value, anywhere in the queue: descriptors, rings and indices.
        for _ in 0..<random.below(4) {
          let word = random.below(Virtqueue.byteCount(size: size) / 2)
          let value = random.oneIn(2) ? random.next() : random.below(12)
          _ = guest.store16(UInt16(truncatingIfNeeded: value), queue.descriptorTable.advanced(by: 2 * word))
        }
      }
      guest.accesses = 0
      device.notify(.inflate)
      device.notify(.deflate)
      device.handleKick()
      // At most a queue's length of buffers, each of a queue's length of descriptors and 1024 numbers of two loads.
      #expect(guest.accesses <= 2 * Int(size) * (8 + 4 * Int(size) + 2 * 1024))
      #expect(guest.discards.count - guest.restores.count == Int(device.balloonedPages))
      #expect((0..<30).count { device.isBallooned(GuestFrame(UInt64($0))) } == Int(device.balloonedPages))
      guard device.status.contains(.needsReset) else { continue }
      faults.formUnion(BalloonQueue.allCases.compactMap { device.fault(of: $0) })
      device.reset()
      #expect(device.balloonedPages == 0 && guest.discards.count == guest.restores.count)
      setUp(device, inflate, deflate)
      announced = [0, 0]
    }
    // The seed was worth its while: pages went both ways, numbers were refused, queues were broken in several ways.
    #expect(device.counters.inflated > 20 && device.counters.deflated > 0 && device.counters.rejected > 20 && faults.count > 1)
  }

  /// Writes a queue as a driver might: short chains to buffers of up to 8 page numbers, some of them out of range.
  func writePlausible(_ queue: Virtqueue, index: UInt16, to guest: FakeGuest, from random: inout RandomStream) {
    let size = UInt64(queue.size)
    for descriptor in 0..<size {
      let goesOn = random.oneIn(4)
      guest.writeDescriptor(
        queue, descriptor, address: 8192 + random.below(128), length: 4 * UInt32(random.below(9)), flags: goesOn ? 1 : 0,
        next: UInt16(random.below(size)))
      _ = guest.store16(UInt16(random.below(size)), queue.availableRing.advanced(by: 4 + 2 * descriptor))
    }
    _ = guest.store16(index, queue.availableRing.advanced(by: 2))
    for word: UInt64 in 0..<64 { _ = guest.store32(UInt32(3 + random.below(24)), GuestPhysicalAddress(8192 + 4 * word)) }
  }

  func setUp(_ device: FakeDevice, _ inflate: Virtqueue, _ deflate: Virtqueue) {
    device.setStatus([.acknowledge, .driver, .featuresOK])
    device.setQueue(.inflate, inflate)
    device.setQueue(.deflate, deflate)
    device.setStatus(.driverOK)
  }

  @Test("Rings that lie on top of each other do not make a device loop", arguments: 0..<16)
  func overlappingRings(_ shift: UInt64) throws {
    let guest = FakeGuest(pageCount: 24)
    let device = guest.makeDevice()
    device.setStatus(.featuresOK)
    let used = GuestPhysicalAddress(4096)
    let available = GuestPhysicalAddress(4096 + 2 * shift)
    device.setQueue(
      .inflate, try Virtqueue(size: 8, descriptorTable: GuestPhysicalAddress(4096), availableRing: available, usedRing: used))
    device.setStatus(.driverOK)
    _ = guest.store16(1, GuestPhysicalAddress(available.rawValue + 2))
    for _ in 0..<100 {
      guest.accesses = 0
      device.processInflate()
      #expect(guest.accesses < 8 * (8 + 4 * 8 + 2 * 1024))
    }
  }
}
