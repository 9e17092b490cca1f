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
