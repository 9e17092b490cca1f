/// What a scanner did, counted in operations whose cost can be looked up: the same for every scanner, so that they can be compared.
public struct ScanWork: Hashable, Sendable {
  /// Pages looked at, merged ones included.
  public var visits: UInt64 = 0
  /// Bytes that hashes were computed over.
  public var bytesHashed: UInt64 = 0
  /// Steps through search trees or indexes, each of which looks at another page or its record.
  public var searchSteps: UInt64 = 0
  /// Bytes compared to decide whether two pages are equal.
  public var bytesCompared: UInt64 = 0
  /// Pages mapped to a frame that others map too, the zero page included.
  public var merges: UInt64 = 0
  /// Merges that were tried and failed, since the pages had changed or could not be shared.
  public var failedMerges: UInt64 = 0
  /// Pages given another frame, or made to trap, without being shared: what a scanner does so that pages that are shared do not stand out.
  public var fakeMerges: UInt64 = 0
  /// Bytes read to be patched or compressed.
  public var bytesEncoded: UInt64 = 0

  /// Nothing.
  public init() {}

  /// The sum of two.
  @inlinable public static func += (left: inout ScanWork, right: ScanWork) {
    left.visits += right.visits
    left.bytesHashed += right.bytesHashed
    left.searchSteps += right.searchSteps
    left.bytesCompared += right.bytesCompared
    left.merges += right.merges
    left.failedMerges += right.failedMerges
    left.fakeMerges += right.fakeMerges
    left.bytesEncoded += right.bytesEncoded
  }
}

/// What the operations of a scanner cost, in picoseconds of one processor.
///
/// The defaults were fitted to what Linux 6.18 took on one core of a server, unthrottled: visiting merged pages passed 2.6 to 3.0 GiB/s, a
/// first scan, which hashes each page, 0.4 to 1.2 GiB/s, unique pages through the tree 92 to 190 MiB/s, and merging pairs 104 MiB/s. They
/// are one kernel's on one machine: good to compare scanners, not to predict.
public struct ScanCosts: Hashable, Sendable {
  /// A visit: finding the page, its frame and its record.
  public var visit: UInt64 = 1_400_000
  /// A byte hashed: 4 KiB at 1.2 GiB/s, less the visit.
  public var hashedByte: UInt64 = 450
  /// A step through a tree: finding the other page and comparing until the first difference.
  public var searchStep: UInt64 = 1_300_000
  /// A byte compared.
  public var comparedByte: UInt64 = 60
  /// A merge, faked or not: write-protecting, flushing, remapping, and freeing the frame.
  public var merge: UInt64 = 15_000_000
  /// A byte patched or compressed (LZ4's class of compressors, 0.5 GB/s: assumed).
  public var encodedByte: UInt64 = 2_000

  /// The defaults.
  public init() {}

  /// The processor time of some work, in nanoseconds; the greatest number where it would be more than that.
  public func nanoseconds(of work: ScanWork) -> UInt64 {
    let parts = [
      (work.visits, visit), (work.bytesHashed, hashedByte), (work.searchSteps, searchStep), (work.bytesCompared, comparedByte),
      (work.merges, merge), (work.failedMerges, merge), (work.fakeMerges, merge), (work.bytesEncoded, encodedByte),
    ]
    var sum: UInt64 = 0
    for (count, picoseconds) in parts {
      let product = count.multipliedReportingOverflow(by: picoseconds)
      let total = sum.addingReportingOverflow(product.partialValue / 1000)
      if product.overflow || total.overflow { return .max }
      sum = total.partialValue
    }
    return sum
  }
}
