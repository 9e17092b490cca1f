/// The device's configuration space (virtio 1.2, 5.5.4), four little-endian 32-bit words.
public struct BalloonConfiguration: Hashable, Sendable {
  /// How many 4 KiB pages the host wants in the balloon; written by the device.
  public var numPages: UInt32 = 0
  /// How many pages the driver says are in it; written by the driver, trusted by nobody.
  public var actual: UInt32 = 0
  /// The command of the current round of free page hints: 0 stop, 1 done, else a round's number; written by the device.
  public var freePageHintCommand: UInt32 = 0
  /// What the guest fills free pages with; written by the driver before DRIVER_OK if it accepts PAGE_POISON.
  public var poisonValue: UInt32 = 0

  /// All words 0.
  public init() {}
}

/// The queues of the device that are served here, by their number (virtio 1.2, 5.5.2).
public enum BalloonQueue: UInt8, CaseIterable, Sendable {
  /// Pages that go into the balloon.
  case inflate = 0
  /// Pages that come out of it.
  case deflate = 1
  /// Statistics, if STATS_VQ was accepted.
  case statistics = 2

  /// How many frames of the guest a driver needs for itself: one for each queue, one for its buffers.
  public static let framesNeeded = allCases.count + 1
}

/// Why a device interrupts (virtio 1.2, 4.1.4.5: the ISR status).
public struct InterruptStatus: OptionSet, Hashable, Sendable {
  /// The bits.
  public let rawValue: UInt8

  /// Takes bits for reasons.
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// A buffer was used.
  public static let usedBuffer = InterruptStatus(rawValue: 1)
  /// The configuration changed.
  public static let configurationChange = InterruptStatus(rawValue: 2)
}

/// The device's registers, which are all of it that a driver sees besides the queues in guest memory.
public protocol BalloonTransport: AnyObject {
  /// What the device offers.
  var offeredFeatures: BalloonFeatures { get }
  /// What the driver accepted.
  var acceptedFeatures: BalloonFeatures { get }
  /// The status register.
  var status: DeviceStatus { get }
  /// The configuration space.
  var configuration: BalloonConfiguration { get }
  /// Writes 0 to the status register: every queue is gone, nothing is accepted. The target stays.
  func reset()
  /// Sets bits of the status register. FEATURES_OK stays clear if the device cannot work with what was accepted.
  func setStatus(_ bits: DeviceStatus)
  /// Accepts features, before FEATURES_OK.
  func accept(_ features: BalloonFeatures)
  /// Places a queue, before DRIVER_OK.
  func setQueue(_ number: BalloonQueue, _ queue: Virtqueue)
  /// Says how many pages are in the balloon.
  func writeActual(_ pages: UInt32)
  /// Kicks: there are new buffers in a queue. The device serves it when its turn comes.
  func notify(_ number: BalloonQueue)
  /// Reads and clears the reasons for an interrupt.
  func takeInterrupts() -> InterruptStatus
}
