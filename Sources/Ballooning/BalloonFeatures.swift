/// The feature bits of the balloon device (virtio 1.2, 5.5.3).
public struct BalloonFeatures: OptionSet, Hashable, Sendable {
  /// The bits.
  public let rawValue: UInt64

  /// Takes bits for features.
  public init(rawValue: UInt64) { self.rawValue = rawValue }

  /// VIRTIO_BALLOON_F_MUST_TELL_HOST: the driver tells the device before it uses a page of the balloon.
  public static let mustTellHost = BalloonFeatures(rawValue: 1 << 0)
  /// VIRTIO_BALLOON_F_STATS_VQ: there is a queue for the guest's memory statistics.
  public static let statisticsQueue = BalloonFeatures(rawValue: 1 << 1)
  /// VIRTIO_BALLOON_F_DEFLATE_ON_OOM: the guest may take pages back below the target when it runs out of memory.
  public static let deflateOnOutOfMemory = BalloonFeatures(rawValue: 1 << 2)
  /// VIRTIO_BALLOON_F_FREE_PAGE_HINT: the guest can hint at pages that it does not use.
  public static let freePageHints = BalloonFeatures(rawValue: 1 << 3)
  /// VIRTIO_BALLOON_F_PAGE_POISON: the guest tells what it fills free pages with.
  public static let pagePoison = BalloonFeatures(rawValue: 1 << 4)
  /// VIRTIO_BALLOON_F_REPORTING: the guest reports free pages of its own accord.
  public static let pageReporting = BalloonFeatures(rawValue: 1 << 5)
}

/// The device status register (virtio 1.2, 2.1).
public struct DeviceStatus: OptionSet, Hashable, Sendable {
  /// The eight bits.
  public let rawValue: UInt8

  /// Takes eight bits for a status.
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// The guest has noticed the device.
  public static let acknowledge = DeviceStatus(rawValue: 1)
  /// The guest knows how to drive it.
  public static let driver = DeviceStatus(rawValue: 2)
  /// The driver is set up.
  public static let driverOK = DeviceStatus(rawValue: 4)
  /// Driver and device agree on the features.
  public static let featuresOK = DeviceStatus(rawValue: 8)
  /// The device has met an error that only a reset mends.
  public static let needsReset = DeviceStatus(rawValue: 64)
  /// The driver has given up.
  public static let failed = DeviceStatus(rawValue: 128)
}
