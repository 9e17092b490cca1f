import Addressing
import Ballooning

/// A guest and its hypervisor in one: pages as dictionaries of words, a list of free pages, and a log of what was asked of them.
final class FakeGuest: GuestMemory, BalloonBackend, BalloonPageSource {
  let pageCount: UInt64
  var words: [UInt64: UInt64] = [:]
  var backed: Set<UInt64> = []
  var shared: Set<UInt64> = []
  var free: [UInt64]
  var discards: [UInt64] = []
  var restores: [UInt64] = []
  var returned: [UInt64] = []
  /// Loads and stores so far: a device that loops is found out by it.
  var accesses = 0
  /// What else the guest does when the balloon asks for a page.
  var whenAsked: () -> Void = {}
  /// Devices and drivers do not own what they work on, so a fake guest keeps itself, and what is made for it, until the process ends.
  private var kept: [AnyObject] = []
  /// The queue frames are the first four pages; the guest may spare the rest, the last page first.
  static let queueFrames = (0..<4).map { GuestFrame(UInt64($0)) }

  init(pageCount: UInt64) {
    self.pageCount = pageCount
    free = pageCount > 4 ? Array(4..<pageCount) : []
    kept = [self]
  }

  /// A device for this guest that lives as long as it.
  func makeDevice(
    pageCount: UInt64? = nil, features: BalloonFeatures = [.mustTellHost, .statisticsQueue, .deflateOnOutOfMemory],
    requiresMustTellHost: Bool = false
  ) -> FakeDevice {
    let device = FakeDevice(
      memory: self, backend: self, pageCount: pageCount ?? self.pageCount, features: features, requiresMustTellHost: requiresMustTellHost)
    kept.append(device)
    return device
  }

  func load(_ address: GuestPhysicalAddress, bytes: UInt64) -> UInt64? {
    precondition(address.rawValue % bytes == 0, "a misaligned access reached memory")
    accesses += 1
    guard address.page.rawValue < pageCount else { return nil }
    backed.insert(address.page.rawValue)
    let word = words[address.rawValue / 8] ?? 0
    return word >> (8 * (address.rawValue % 8)) & (UInt64.max >> (64 - 8 * bytes))
  }

  func store(_ value: UInt64, _ address: GuestPhysicalAddress, bytes: UInt64) -> Bool {
    precondition(address.rawValue % bytes == 0, "a misaligned access reached memory")
    accesses += 1
    guard address.page.rawValue < pageCount else { return false }
    backed.insert(address.page.rawValue)
    let shift = 8 * (address.rawValue % 8)
    let mask = (UInt64.max >> (64 - 8 * bytes)) << shift
    words[address.rawValue / 8] = (words[address.rawValue / 8] ?? 0) & ~mask | value << shift & mask
    return true
  }

  func load16(_ address: GuestPhysicalAddress) -> UInt16? { load(address, bytes: 2).map { UInt16($0) } }
  func load32(_ address: GuestPhysicalAddress) -> UInt32? { load(address, bytes: 4).map { UInt32($0) } }
  func load64(_ address: GuestPhysicalAddress) -> UInt64? { load(address, bytes: 8) }
  func store16(_ value: UInt16, _ address: GuestPhysicalAddress) -> Bool { store(UInt64(value), address, bytes: 2) }
  func store32(_ value: UInt32, _ address: GuestPhysicalAddress) -> Bool { store(UInt64(value), address, bytes: 4) }
  func store64(_ value: UInt64, _ address: GuestPhysicalAddress) -> Bool { store(value, address, bytes: 8) }

  func discard(_ frame: GuestFrame) -> DiscardOutcome {
    guard frame.rawValue < pageCount else { return .rejected }
    discards.append(frame.rawValue)
    for word in 0..<512 { words[frame.rawValue * 512 + UInt64(word)] = nil }
    defer { backed.remove(frame.rawValue) }
    if shared.remove(frame.rawValue) != nil { return .wasShared }
    return backed.contains(frame.rawValue) ? .freedFrame : .wasNotBacked
  }

  func restore(_ frame: GuestFrame) { restores.append(frame.rawValue) }

  func takePageForBalloon() -> GuestFrame? {
    whenAsked()
    return free.popLast().map { GuestFrame($0) }
  }

  func returnPageFromBalloon(_ frame: GuestFrame) {
    returned.append(frame.rawValue)
    free.append(frame.rawValue)
  }
}

typealias FakeDevice = BalloonDevice<FakeGuest, FakeGuest>
typealias FakeDriver = BalloonDriver<FakeGuest, FakeGuest>

/// A guest with a device and a driver that are set up.
func balloon(
  pages: UInt64 = 4096, offered: BalloonFeatures = [.mustTellHost, .statisticsQueue, .deflateOnOutOfMemory],
  wanted: BalloonFeatures = [.mustTellHost, .statisticsQueue, .deflateOnOutOfMemory]
) throws -> (FakeGuest, FakeDevice, FakeDriver) {
  let guest = FakeGuest(pageCount: pages)
  let device = guest.makeDevice(features: offered)
  let driver = try FakeDriver(transport: device, memory: guest, queueFrames: FakeGuest.queueFrames, pages: guest, features: wanted)
  return (guest, device, driver)
}

/// A guest that writes what it likes: a device that is set up, and the inflate queue as bytes.
func hostileGuest(pages: UInt64 = 64, size: UInt16 = 8) throws -> (FakeGuest, FakeDevice, Virtqueue, Virtqueue) {
  let guest = FakeGuest(pageCount: pages)
  let device = guest.makeDevice()
  device.setStatus([.acknowledge, .driver])
  device.accept(.mustTellHost)
  device.setStatus(.featuresOK)
  let inflate = try Virtqueue(size: size, contiguousAt: GuestPhysicalAddress(0))
  let deflate = try Virtqueue(size: size, contiguousAt: GuestPhysicalAddress(4096))
  device.setQueue(.inflate, inflate)
  device.setQueue(.deflate, deflate)
  device.setStatus(.driverOK)
  return (guest, device, inflate, deflate)
}

extension FakeGuest {
  /// Writes a descriptor as the specification lays it out, by hand.
  func writeDescriptor(_ queue: Virtqueue, _ index: UInt64, address: UInt64, length: UInt32, flags: UInt16 = 0, next: UInt16 = 0) {
    let base = queue.descriptorTable.rawValue + 16 * index
    _ = store64(address, GuestPhysicalAddress(base))
    _ = store32(length, GuestPhysicalAddress(base + 8))
    _ = store16(flags, GuestPhysicalAddress(base + 12))
    _ = store16(next, GuestPhysicalAddress(base + 14))
  }

  /// Announces heads in the available ring from slot 0 on, by hand.
  func announce(_ queue: Virtqueue, _ heads: [UInt16], index: UInt16? = nil) {
    for (slot, head) in heads.enumerated() {
      _ = store16(head, GuestPhysicalAddress(queue.availableRing.rawValue + 4 + 2 * UInt64(slot)))
    }
    _ = store16(index ?? UInt16(heads.count), GuestPhysicalAddress(queue.availableRing.rawValue + 2))
  }

  /// Writes page numbers as little-endian words at any address.
  func writeNumbers(_ numbers: [UInt32], at address: UInt64) {
    writeBytes(numbers.flatMap { number in (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * UInt32($0))) } }, at: address)
  }

  /// Writes bytes at any address.
  func writeBytes(_ bytes: [UInt8], at address: UInt64) {
    for (index, byte) in bytes.enumerated() {
      let target = address + UInt64(index)
      let half = GuestPhysicalAddress(target & ~1)
      let old = load16(half) ?? 0
      _ = store16(target & 1 == 0 ? old & 0xff00 | UInt16(byte) : old & 0xff | UInt16(byte) << 8, half)
    }
  }
}
