internal import Addressing
internal import Columns
internal import FrameAllocation
internal import PageContents

/// What sharing saves, counted from the frames themselves.
public struct SharingCensus: Hashable, Sendable {
  /// Pages of zeros without a frame of their own.
  public var savedZero = 0
  /// Other pages that share with a page of the same guest: the sum of (copies - 1) over guests and frames.
  public var savedSelf = 0
  /// Other pages that share with another guest: the sum of (guests - 1) over frames.
  public var savedInter = 0
  /// Pages that a keeper stores. What it needs for that is to be subtracted, and so are the frames kept for it.
  public var storedPages = 0
  /// Stable frames that no page maps: they are kept because stored pages refer to them.
  public var keptFrames = 0
  /// The first three.
  public var savedPages: Int { savedZero + savedSelf + savedInter }
}

extension Host {
  /// Counts what sharing saves now. Pages that map the zero frame because they were only read are no saving of the scanner's: only those
  /// that it placed count.
  public func sharingCensus() -> SharingCensus {
    var census = SharingCensus()
    // The last frame that each guest was found to map, so that a guest is counted once a frame.
    let lastFrames = Column<UInt64>(count: vms.count)
    for index in 0..<frames.allocator.frameCount where !frames.allocator.isFree(index) {
      let frame = HostFrame(index)
      let record = frames[frame]
      guard record.use == .stable else { continue }
      let pages = Int(record.references - (holds[frame] ?? 0))
      guard pages > 0 else {
        census.keptFrames += 1
        continue
      }
      if contents.isZero(frame) {
        census.savedZero += pages - 1
        continue
      }
      var guests = 0
      frames.forEachPage(of: frame) { page in
        let owner = spanOwners[Int(page.rawValue >> Host.spanShift)].index
        if lastFrames[owner] != frame.rawValue + 1 { guests += 1 }
        lastFrames[owner] = frame.rawValue + 1
      }
      census.savedSelf += pages - guests
      census.savedInter += guests - 1
    }
    for vm in vms {
      census.savedZero += vm.placedZeroPages
      census.storedPages += vm.entrustedPages
    }
    return census
  }
}
