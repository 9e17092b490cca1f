import Addressing
import Ballooning
import Testing

/// What virtio 1.2, section 5.5, asks of drivers (D1 to D12) and allows devices (V1, V2), each on queues in guest memory.
@Suite struct BalloonRules {
  @Test("D1: the driver accepts MUST_TELL_HOST where it is offered")
  func acceptsMustTellHost() throws {
    let (_, device, driver) = try balloon()
    #expect(device.acceptedFeatures.contains(.mustTellHost))
    #expect(driver.features == device.acceptedFeatures)
    #expect(device.status == [.acknowledge, .driver, .featuresOK, .driverOK])
  }

  @Test("D2: the driver clears PAGE_POISON, since it writes no poison value")
  func clearsPagePoison() throws {
    let all = BalloonFeatures(rawValue: 0x3f)
    let (_, device, _) = try balloon(offered: all, wanted: all)
    #expect(!device.acceptedFeatures.contains(.pagePoison))
    #expect(device.configuration.poisonValue == 0)
  }

  @Test("D3: the driver does not accept PAGE_REPORTING without PAGE_POISON")
  func refusesReporting() throws {
    for offered: BalloonFeatures in [.pageReporting, [.pageReporting, .pagePoison]] {
      let (_, device, _) = try balloon(offered: offered, wanted: [.pageReporting, .pagePoison])
      #expect(device.acceptedFeatures == [])
    }
  }

  @Test("A driver never accepts what is not offered, and a device refuses FEATURES_OK to one that does")
  func acceptsOnlyWhatIsOffered() throws {
    let (_, device, _) = try balloon(offered: .mustTellHost)
    #expect(device.acceptedFeatures == .mustTellHost)
    device.reset()
    device.accept([.mustTellHost, .freePageHints])
    device.setStatus(.featuresOK)
    #expect(!device.status.contains(.featuresOK))
  }

  @Test("D4: the driver supplies pages until as many are in the balloon as the host wants")
  func inflatesToTarget() throws {
    let (guest, device, driver) = try balloon()
    device.setTarget(pages: 1000)
    let step = driver.run(with: device, maxPages: .max)
    #expect(step.inflated == 1000 && step.deflated == 0 && !step.stalled)
    #expect(driver.pageCount == 1000 && device.balloonedPages == 1000 && device.actualPages == 1000)
    #expect(guest.discards.count == 1000 && Set(guest.discards).count == 1000)
    #expect(guest.free.count == 4096 - 4 - 1000)
  }

  @Test("A buffer holds at most 256 pages, and one is in flight at a time")
  func buffersOf256() throws {
    let (_, device, driver) = try balloon()
    device.setTarget(pages: 600)
    for expected: UInt64 in [256, 512, 600] {
      _ = driver.step(maxPages: 10_000)
      #expect(driver.isWaiting)
      let again = driver.step(maxPages: 10_000)
      #expect(again == BalloonStep())
      device.handleKick()
      #expect(device.balloonedPages == expected)
    }
    #expect(device.counters.buffers == 3)
  }

  @Test("A step moves no more pages than it was allowed")
  func budget() throws {
    let (_, device, driver) = try balloon()
    device.setTarget(pages: 1000)
    #expect(driver.run(with: device, maxPages: 300).inflated == 300)
    #expect(driver.run(with: device, maxPages: 0) == BalloonStep())
    device.setTarget(pages: 0)
    #expect(driver.run(with: device, maxPages: 299).deflated == 299)
    #expect(driver.pageCount == 1)
  }

  @Test("D5: the driver takes pages back while more are in the balloon than the host wants")
  func deflatesToTarget() throws {
    let (guest, device, driver) = try balloon()
    device.setTarget(pages: 700)
    _ = driver.run(with: device, maxPages: .max)
    device.setTarget(pages: 100)
    let step = driver.run(with: device, maxPages: .max)
    #expect(step.deflated == 600 && device.balloonedPages == 100 && device.actualPages == 100)
    #expect(guest.restores == guest.returned && guest.restores.count == 600)
    // As from Linux's list, the page that went in last comes out first.
    #expect(guest.returned.allSatisfy { $0 < 4096 - 100 })
  }

  @Test("D6: without DEFLATE_ON_OOM the driver takes no page at or below the target")
  func keepsTheTarget() throws {
    let (_, device, driver) = try balloon(wanted: .mustTellHost)
    device.setTarget(pages: 300)
    _ = driver.run(with: device, maxPages: .max)
    #expect(driver.deflateOnOutOfMemory(with: device) == 0)
    _ = driver.run(with: device, maxPages: .max)
    #expect(device.balloonedPages == 300)
  }

  @Test("With DEFLATE_ON_OOM the guest gets 256 pages a call below the target, and the target makes them go back")
  func deflatesOnOutOfMemory() throws {
    let (guest, device, driver) = try balloon()
    device.setTarget(pages: 300)
    _ = driver.run(with: device, maxPages: .max)
    #expect(driver.deflateOnOutOfMemory(with: device) == 256)
    #expect(guest.returned.count == 256 && device.balloonedPages == 44 && device.actualPages == 44)
    #expect(driver.deflateOnOutOfMemory(with: device) == 44)
    #expect(driver.deflateOnOutOfMemory(with: device) == 0)
    #expect(driver.run(with: device, maxPages: .max).inflated == 300)
  }

  @Test("D7, D8: a page is told of in the deflate queue, and not touched or given back before the acknowledgement")
  func tellsHostFirst() throws {
    let (guest, device, driver) = try balloon()
    device.setTarget(pages: 10)
    _ = driver.run(with: device, maxPages: .max)
    device.setTarget(pages: 0)
    _ = driver.step(maxPages: 10)
    #expect(guest.returned.isEmpty && guest.backed.isDisjoint(with: guest.discards))
    #expect(device.isBallooned(GuestFrame(guest.discards[0])))
    device.handleKick()
    #expect(guest.restores.sorted() == guest.discards.sorted() && guest.returned.isEmpty)
    #expect(driver.handleInterrupt().deflated == 10)
    #expect(guest.returned.sorted() == guest.discards.sorted())
  }

  @Test("D9: without MUST_TELL_HOST a page may be used first, and its deflation is still accepted")
  func toleratesEarlyUse() throws {
    let (guest, device, driver) = try balloon(wanted: [])
    device.setTarget(pages: 10)
    _ = driver.run(with: device, maxPages: .max)
    let page = guest.discards[9]
    #expect(guest.load64(GuestFrame(page).address) == 0)
    #expect(guest.store64(7, GuestFrame(page).address))
    device.setTarget(pages: 0)
    #expect(driver.run(with: device, maxPages: .max).deflated == 10)
    #expect(guest.load64(GuestFrame(page).address) == 7)
    #expect(device.counters.rejected == 0)
  }

  @Test("D10, D11: a page whose inflation is not acknowledged is neither used nor deflated")
  func leavesPendingPagesAlone() throws {
    let (guest, device, driver) = try balloon()
    device.setTarget(pages: 5)
    _ = driver.step(maxPages: 5)
    device.setTarget(pages: 0)
    _ = driver.step(maxPages: 5)
    #expect(driver.deflateOnOutOfMemory() == 0)
    #expect(guest.returned.isEmpty && driver.pageCount == 0)
    device.handleKick()
    #expect(device.balloonedPages == 5 && device.counters.deflated == 0)
    #expect(driver.step(maxPages: 5).inflated == 5)
    device.handleKick()
    #expect(driver.handleInterrupt().deflated == 5)
  }

  @Test("D12: actual follows every acknowledgement, up and down")
  func updatesActual() throws {
    let (_, device, driver) = try balloon()
    device.setTarget(pages: 400)
    var seen: [UInt32] = []
    for target: UInt32 in [400, 400, 90, 90] {
      device.setTarget(pages: target)
      _ = driver.step(maxPages: 256)
      device.handleKick()
      _ = driver.handleInterrupt()
      seen.append(device.actualPages)
    }
    #expect(seen == [256, 400, 144, 90])
  }

  @Test("V1: a device may refuse a driver that does not accept MUST_TELL_HOST")
  func mayRefuseFeatures() {
    let guest = FakeGuest(pageCount: 64)
    let device = guest.makeDevice(requiresMustTellHost: true)
    #expect(throws: BalloonDriverError.featuresRefused) {
      try FakeDriver(transport: device, memory: guest, queueFrames: FakeGuest.queueFrames, pages: guest, features: [])
    }
    #expect(device.status.contains(.failed) && !device.status.contains(.driverOK))
  }

  @Test("V2: a page's content may change once the device has seen it: it reads as zero")
  func contentIsLost() throws {
    let (guest, device, driver) = try balloon()
    let page = GuestFrame(4095)
    #expect(guest.store64(0x1234, page.address))
    device.setTarget(pages: 1)
    _ = driver.run(with: device, maxPages: 1)
    #expect(device.isBallooned(page) && guest.load64(page.address) == 0)
  }

  @Test("A guest without a page to spare sends what it has, is stalled, and tries again when it is asked to")
  func stalls() throws {
    let (guest, device, driver) = try balloon(pages: 104)
    device.setTarget(pages: 104)
    let step = driver.run(with: device, maxPages: .max)
    #expect(step.inflated == 100 && step.stalled && driver.isStalled && driver.stalls == 1)
    #expect(
      driver.run(with: device, maxPages: .max)
        == {
          var s = BalloonStep(); s.stalled = true; return s
        }())
    #expect(driver.stalls == 1)
    device.setTarget(pages: 90)
    #expect(driver.run(with: device, maxPages: .max).deflated == 10)
    #expect(!driver.isStalled && guest.free.count == 10)
  }

  @Test("A guest that runs out of memory while it looks for a page for the balloon gets none back in the middle of that")
  func outOfMemoryWhileInflating() throws {
    let (guest, device, driver) = try balloon()
    device.setTarget(pages: 300)
    _ = driver.run(with: device, maxPages: 100)
    guest.whenAsked = {
      let given = driver.deflateOnOutOfMemory()
      let step = driver.step(maxPages: 10)
      #expect(given == 0 && step.inflated == 0 && step.deflated == 0)
    }
    #expect(driver.run(with: device, maxPages: .max).inflated == 200)
    #expect(device.balloonedPages == 300 && device.counters.rejected == 0 && guest.returned.isEmpty)
  }

  @Test("A page beyond 16 TiB has no 32-bit number: it goes back, and the balloon is stalled")
  func pageBeyondNumbers() throws {
    let (guest, device, driver) = try balloon()
    guest.free = [1 << 32, 50]
    device.setTarget(pages: 2)
    let step = driver.run(with: device, maxPages: 2)
    #expect(step.inflated == 1 && step.stalled && guest.returned == [1 << 32])
  }

  @Test("A driver whose device asks for a reset does nothing more")
  func brokenDevice() throws {
    let (guest, device, driver) = try balloon()
    device.setTarget(pages: 300)
    _ = driver.step(maxPages: 300)
    _ = guest.store16(500, GuestPhysicalAddress(2048 + 2))
    device.handleKick()
    #expect(driver.isBroken && driver.handleInterrupt() == BalloonStep())
    let asked = guest.free.count
    #expect(driver.run(with: device, maxPages: .max) == BalloonStep() && guest.free.count == asked)
    driver.remove()
    #expect(guest.free.count == 4092)
    let again = try FakeDriver(transport: device, memory: guest, queueFrames: FakeGuest.queueFrames, pages: guest)
    #expect(again.run(with: device, maxPages: .max).inflated == 300)
  }

  @Test("A queue that breaks while nothing is in flight stops the driver too")
  func brokenWhileIdle() throws {
    let (guest, device, driver) = try balloon()
    device.setTarget(pages: 300)
    _ = driver.run(with: device, maxPages: 100)
    // The available index of the deflate queue, whose 128 descriptors are the second page.
    _ = guest.store16(500, GuestPhysicalAddress(4096 + 2048 + 2))
    device.notify(.deflate)
    device.handleKick()
    let spare = guest.free.count
    #expect(driver.run(with: device, maxPages: 100) == BalloonStep() && guest.free.count == spare)
    let given = driver.deflateOnOutOfMemory()
    #expect(given == 0)
  }

  @Test("A driver that is removed gives every page back, and does nothing more")
  func removal() throws {
    let (guest, device, driver) = try balloon()
    device.setTarget(pages: 300)
    _ = driver.run(with: device, maxPages: 280)
    _ = driver.step(maxPages: 20)
    driver.remove()
    #expect(guest.returned.count == 300 && guest.free.count == 4092 && device.balloonedPages == 0 && device.actualPages == 0)
    #expect(driver.run(with: device, maxPages: .max) == BalloonStep() && guest.free.count == 4092)
  }

  @Test("A driver needs four pages that exist")
  func needsQueueFrames() {
    let guest = FakeGuest(pageCount: 64)
    let device = guest.makeDevice()
    #expect(throws: BalloonDriverError.tooFewQueueFrames(needed: 4)) {
      try FakeDriver(transport: device, memory: guest, queueFrames: [], pages: guest)
    }
    let beyond = (62..<66).map { GuestFrame(UInt64($0)) }
    #expect(throws: BalloonDriverError.queueOutsideMemory) {
      try FakeDriver(transport: device, memory: guest, queueFrames: beyond, pages: guest)
    }
  }
}
