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
