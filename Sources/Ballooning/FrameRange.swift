/// Consecutive page numbers.
///
/// A discard costs the host a system call (`madvise`) a range, not a page, so a device sorts the numbers of a buffer and joins neighbours
/// first, as Firecracker's does.
public struct FrameRange: Hashable, Sendable {
  /// The first number.
  public var first: UInt32
  /// How many there are, 1 to 2^32.
  public var count: UInt64

  /// All fields.
  public init(first: UInt32, count: UInt64) {
    self.first = first
    self.count = count
  }

  /// The numbers of the range.
  public var frames: Range<UInt64> { UInt64(first)..<UInt64(first) + count }

  /// Sorts numbers and joins them into the fewest ranges, in ascending order and without duplicates.
  /// - Returns: how many duplicates there were.
  @discardableResult public static func compact(_ numbers: inout [UInt32], into ranges: inout [FrameRange]) -> Int {
    ranges.removeAll(keepingCapacity: true)
    numbers.sort()
    var duplicates = 0
    for number in numbers {
      guard let last = ranges.last else {
        ranges.append(FrameRange(first: number, count: 1))
        continue
      }
      let end = UInt64(last.first) + last.count
      if UInt64(number) == end {
        ranges[ranges.count - 1].count += 1
      } else if UInt64(number) < end {
        duplicates += 1
      } else {
        ranges.append(FrameRange(first: number, count: 1))
      }
    }
    return duplicates
  }
}
