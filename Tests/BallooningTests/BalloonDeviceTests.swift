import Addressing
import Ballooning
import Testing

/// The laws of the device, whatever a guest writes.
@Suite struct BalloonDeviceLaws {
  @Test("Only a page with a frame of its own frees one; never backed and shared pages do not")
  func onlyBackedPagesFreeFrames() throws {
    let (guest, device, driver) = try balloon(pages: 304)
    for page: UInt64 in 4..<104 { guest.backed.insert(page) }
    for page: UInt64 in 94..<124 {
      guest.backed.insert(page)
      guest.shared.insert(page)
    }
    device.setTarget(pages: 300)
    _ = driver.run(with: device, maxPages: .max)
    #expect(device.counters.freedFrames == 90 && device.counters.wasShared == 30 && device.counters.wasNotBacked == 180)
    #expect(device.counters.inflated == 300 && device.counters.rejected == 0)
  }

  @Test("Numbers out of range, repeated or ballooned already are refused and counted")
  func refusesBadNumbers() throws {
    let (guest, device, inflate, deflate) = try hostileGuest(pages: 64)
    guest.writeNumbers([10, 11, 10, 64, .max, .max, 12], at: 8192)
    guest.writeDescriptor(inflate, 0, address: 8192, length: 28)
    guest.announce(inflate, [0])
    device.processInflate()
    #expect(guest.discards == [10, 11, 12])
    // The second .max is a duplicate of a number that is out of range.
    #expect(device.counters.duplicates == 2 && device.counters.outOfRange == 2)
    guest.announce(inflate, [0, 0])
    device.processInflate()
    #expect(guest.discards.count == 3 && device.counters.duplicates == 2 + 5 && device.balloonedPages == 3)
    guest.writeNumbers([11, 11, 13, 64, 12], at: 8192)
    guest.writeDescriptor(deflate, 0, address: 8192, length: 20)
    guest.announce(deflate, [0])
    device.processDeflate()
    #expect(guest.restores == [11, 12] && device.balloonedPages == 1)
    #expect(device.counters.notBallooned == 2 && device.counters.deflated == 2)
    #expect(!device.status.contains(.needsReset))
  }

  @Test("What the driver claims changes the claim and nothing else")
  func neverTrustsActual() throws {
    let (_, device, driver) = try balloon()
    device.setTarget(pages: 20)
    _ = driver.run(with: device, maxPages: .max)
    device.writeActual(.max)
    #expect(device.actualPages == .max && device.balloonedPages == 20 && device.counters.inflated == 20)
  }

  @Test("A page number is the address shifted right by 12")
  func numbersArePages() throws {
    let (guest, device, inflate, _) = try hostileGuest()
    guest.writeNumbers([UInt32(0x2_f000 >> 12)], at: 8192)
    guest.writeDescriptor(inflate, 0, address: 8192, length: 4)
    guest.announce(inflate, [0])
    device.processInflate()
    #expect(device.isBallooned(GuestPhysicalAddress(0x2_ffff).page))
    #expect(!device.isBallooned(GuestFrame(UInt64.max)))
  }

  @Test("Buffers at any address, in several segments, are read as little-endian words")
  func readsMisalignedBuffers() throws {
    for offset: UInt64 in 0..<8 {
      let (guest, device, inflate, _) = try hostileGuest()
      guest.writeNumbers([20, 21], at: 12284 + offset)
      guest.writeNumbers([22], at: 16384 + offset)
      guest.writeDescriptor(inflate, 3, address: 12284 + offset, length: 8, flags: 1, next: 5)
      guest.writeDescriptor(inflate, 5, address: 16384 + offset, length: 4)
      guest.announce(inflate, [3])
      device.processInflate()
      #expect(guest.discards == [20, 21, 22])
      #expect(guest.load32(GuestPhysicalAddress(inflate.usedRing.rawValue + 4)) == 3)
    }
  }

  @Test("Segments of odd length or for the device to write are acknowledged and ignored")
  func ignoresOddSegments() throws {
    let (guest, device, inflate, _) = try hostileGuest()
    guest.writeNumbers([20], at: 8192)
    guest.writeDescriptor(inflate, 0, address: 8192, length: 7)
    guest.writeDescriptor(inflate, 1, address: 8192, length: 4, flags: 2)
    guest.announce(inflate, [0, 1])
    device.processInflate()
    #expect(guest.discards.isEmpty && device.counters.ignoredSegments == 2 && device.counters.buffers == 2)
    #expect(guest.load16(GuestPhysicalAddress(inflate.usedRing.rawValue + 2)) == 2)
  }

  @Test("Neighbours in a buffer are discarded as one range, in whatever order they come")
  func joinsNeighbours() throws {
    let (guest, device, inflate, _) = try hostileGuest()
    guest.writeNumbers([12, 30, 10, 11, 31, 13, 40], at: 8192)
    guest.writeDescriptor(inflate, 0, address: 8192, length: 28)
    guest.announce(inflate, [0])
    device.processInflate()
    #expect(guest.discards == [10, 11, 12, 13, 30, 31, 40] && device.counters.discardedRanges == 3)
  }

  @Test("A buffer of more than 1024 numbers is read no further, and the rest is counted")
  func limitsBuffers() throws {
    let (guest, device, inflate, _) = try hostileGuest()
    guest.writeDescriptor(inflate, 0, address: 8192, length: 0xffff_fffc)
    guest.announce(inflate, [0])
    device.processInflate()
    #expect(device.counters.excess == 0xffff_fffc / 4 - 1024)
    #expect(guest.discards == [0])
  }

  @Test("A driver that reads the used ring sees ids, written lengths of 0 and a free-running index")
  func usedRingAsSpecified() throws {
    let (guest, device, inflate, _) = try hostileGuest(size: 2)
    guest.writeNumbers([9], at: 8192)
    guest.writeDescriptor(inflate, 1, address: 8192, length: 4)
    for turn: UInt16 in 1...5 {
      guest.announce(inflate, [1, 1], index: turn)
      device.processInflate()
      #expect(guest.load16(GuestPhysicalAddress(inflate.usedRing.rawValue + 2)) == turn)
    }
    for slot: UInt64 in 0..<2 {
      #expect(guest.load32(GuestPhysicalAddress(inflate.usedRing.rawValue + 4 + 8 * slot)) == 1)
      #expect(guest.load32(GuestPhysicalAddress(inflate.usedRing.rawValue + 8 + 8 * slot)) == 0)
    }
  }

  @Test("A reset keeps the target and the counters, forgets the claim, and gives every page back")
  func resetKeepsTarget() throws {
    let (guest, device, driver) = try balloon()
    device.setTarget(pages: 50)
    _ = driver.run(with: device, maxPages: .max)
    device.reset()
    #expect(device.configuration.numPages == 50 && device.actualPages == 0 && device.balloonedPages == 0)
    #expect(guest.restores.sorted() == guest.discards.sorted() && device.counters.inflated == 50)
    let again = try FakeDriver(transport: device, memory: guest, queueFrames: FakeGuest.queueFrames, pages: guest)
    #expect(again.run(with: device, maxPages: .max).inflated == 50)
  }

  @Test("The target is at most the guest's pages, and a change of it interrupts once")
  func targetAndInterrupts() throws {
    let (_, device, driver) = try balloon(pages: 64)
    device.setTarget(pages: .max)
    #expect(device.configuration.numPages == 64)
    #expect(device.takeInterrupts() == .configurationChange && device.takeInterrupts() == [])
    _ = driver.step(maxPages: 10)
    device.handleKick()
    #expect(device.takeInterrupts() == .usedBuffer)
  }

  @Test("Nothing is served before DRIVER_OK, and nothing that was not notified")
  func servesOnlyWhenSetUp() throws {
    let guest = FakeGuest(pageCount: 64)
    let device = guest.makeDevice()
    let queue = try Virtqueue(size: 8, contiguousAt: GuestPhysicalAddress(0))
    device.setQueue(.inflate, queue)
    guest.announce(queue, [0])
    device.notify(.inflate)
    device.handleKick()
    #expect(device.counters.buffers == 0)
    let (other, ready, inflate, _) = try hostileGuest()
    other.writeDescriptor(inflate, 0, address: 8192, length: 4)
    other.announce(inflate, [0])
    ready.handleKick()
    #expect(ready.counters.buffers == 0)
    ready.notify(.inflate)
    ready.handleKick()
    #expect(ready.counters.buffers == 1)
  }

  @Test("A guest that balloons the pages of its own rings loses them and nobody else does")
  func balloonsItsOwnRings() throws {
    let (guest, device, inflate, _) = try hostileGuest()
    guest.writeNumbers([0, 1, 2], at: 8192)
    guest.writeDescriptor(inflate, 0, address: 8192, length: 12)
    guest.announce(inflate, [0, 0, 0])
    device.processInflate()
    #expect(guest.discards == [0, 1, 2] && device.balloonedPages == 3)
    // The used ring was lost with its page and began anew: only what was given back since then stands in it.
    #expect(guest.load16(GuestPhysicalAddress(inflate.usedRing.rawValue + 2)) == 1)
    #expect(device.fault(of: .inflate) == .availableIndexTooFar)
  }

  @Test("A page that the hypervisor does not have is refused")
  func hypervisorRefuses() throws {
    let guest = FakeGuest(pageCount: 64)
    let device = guest.makeDevice(pageCount: 100)
    let driver = try FakeDriver(transport: device, memory: guest, queueFrames: FakeGuest.queueFrames, pages: guest)
    guest.free = [99, 63]
    device.setTarget(pages: 2)
    _ = driver.run(with: device, maxPages: 2)
    #expect(device.counters.refused == 1 && device.balloonedPages == 1 && device.actualPages == 2)
  }
}

/// Sorting and joining page numbers, as Firecracker's device does.
@Suite struct FrameRanges {
  func compact(_ numbers: [UInt32]) -> [FrameRange] {
    var numbers = numbers
    var ranges: [FrameRange] = []
    FrameRange.compact(&numbers, into: &ranges)
    return ranges
  }

  @Test("0..<100 in any order is one range, and the largest number does not overflow")
  func published() {
    var order: [UInt32] = Array(0..<100)
    #expect(compact(order) == [FrameRange(first: 0, count: 100)])
    order.reverse()
    #expect(compact(order) == [FrameRange(first: 0, count: 100)])
    #expect(compact([.max, .max]) == [FrameRange(first: .max, count: 1)])
    #expect(compact([]) == [])
  }

  @Test("Taking ranges apart gives the sorted numbers without duplicates, and no two ranges touch")
  func roundTrip() {
    var state: UInt64 = 1
    for _ in 0..<300 {
      var numbers: [UInt32] = []
      for _ in 0..<(state >> 8 & 63) {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        numbers.append(state >> 60 == 0 ? .max - UInt32(state >> 40 & 3) : UInt32(state >> 33 & 63))
      }
      state &+= 0x9e37
      var ranges: [FrameRange] = []
      var sorted = numbers
      let duplicates = FrameRange.compact(&sorted, into: &ranges)
      let expected = Set(numbers).sorted()
      #expect(ranges.flatMap { $0.frames.map { UInt32($0) } } == expected)
      #expect(duplicates == numbers.count - expected.count)
      for (a, b) in zip(ranges, ranges.dropFirst()) { #expect(a.frames.upperBound < b.frames.lowerBound) }
    }
  }
}
