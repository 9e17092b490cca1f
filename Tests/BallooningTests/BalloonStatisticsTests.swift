import Addressing
import Ballooning
import Testing

/// The statistics queue (virtio 1.2, 5.5.6.3).
@Suite struct BalloonStatisticsQueue {
  func report(_ free: UInt64) -> BalloonStatistics {
    var statistics = BalloonStatistics()
    statistics[.freeMemory] = free
    statistics[.swapIn] = .max
    statistics[.directReclaims] = 0x0102_0304_0506_0708
    return statistics
  }

  @Test("S1, S2: one buffer after initialisation, and one after each use")
  func oneBufferAtATime() throws {
    let (_, device, driver) = try balloon()
    #expect(driver.isReportWanted && device.statistics == nil && !device.requestStatistics())
    for turn: UInt64 in 0..<300 {
      #expect(driver.report(report(turn)))
      #expect(!driver.report(report(99)))
      device.handleKick()
      #expect(device.statistics == report(turn))
      #expect(device.requestStatistics() && !device.requestStatistics())
      _ = driver.handleInterrupt()
      #expect(driver.isReportWanted)
    }
  }

  @Test("Without STATS_VQ there is no report")
  func withoutFeature() throws {
    let (_, device, driver) = try balloon(offered: .mustTellHost)
    #expect(!driver.isReportWanted && !driver.report(report(1)) && !device.requestStatistics())
  }

  @Test("S4, S6: tags in any order, unknown ones ignored, a torn last entry too; entries are packed in 10 bytes", arguments: 0..<8)
  func parsesPackedEntries(_ offset: UInt64) throws {
    let guest = FakeGuest(pageCount: 64)
    let device = guest.makeDevice()
    device.accept(.statisticsQueue)
    device.setStatus(.featuresOK)
    let queue = try Virtqueue(size: 8, contiguousAt: GuestPhysicalAddress(0))
    device.setQueue(.statistics, queue)
    device.setStatus(.driverOK)
    let entries: [(UInt16, UInt64)] = [(5, 0x1122_3344_5566_7788), (4, 0xaabb_ccdd_eeff_0011), (16, 1), (0xffff, 2), (0, 3)]
    let words = entries.map { tag, value in (0..<2).map { UInt64(tag) >> (8 * $0) } + (0..<8).map { value >> (8 * $0) } }
    guest.writeBytes(words.joined().map { UInt8(truncatingIfNeeded: $0) }, at: 8192 + offset)
    guest.writeDescriptor(queue, 0, address: 8192 + offset, length: 49)
    guest.announce(queue, [0])
    device.processStatistics()
    var expected = BalloonStatistics()
    expected[.totalMemory] = 0x1122_3344_5566_7788
    expected[.freeMemory] = 0xaabb_ccdd_eeff_0011
    #expect(device.statistics == expected)
    #expect(guest.load16(GuestPhysicalAddress(queue.usedRing.rawValue + 2)) == 0)
    // A second buffer returns the first.
    guest.announce(queue, [0, 0])
    device.processStatistics()
    #expect(guest.load16(GuestPhysicalAddress(queue.usedRing.rawValue + 2)) == 1)
  }
}
