public import Addressing
public import Files
internal import PageContents

/// A recorded memory with its bytes: whole pages at their addresses, read where they lie in the file.
///
/// Whatever the format, an image is a list of runs: pages that follow one another both in the address space and in the file. The invariant,
/// established once when the file is opened: *runs ascend, do not overlap, consist of whole aligned pages, and lie inside the file*. So
/// whoever reads a page of a run needs no further check of what the file claimed.
public final class MemoryImage: Sendable {
  /// How the memory is recorded.
  public enum Format: String, Sendable {
    /// Bytes of guest-physical memory from address 0 on.
    case raw
    /// An ELF64 core.
    case elfCore
    /// LiME.
    case lime
  }

  /// What the addresses are.
  public enum Space: String, Sendable {
    /// What the guest takes for physical memory.
    case physical
    /// A process's own.
    case virtual
  }

  /// Pages in a row.
  public struct Run: Hashable, Sendable {
    /// The address of the first page.
    public let address: UInt64
    /// Where its bytes begin in the file.
    public let offset: Int
    /// How many pages there are.
    public let pageCount: Int
    /// The index of the first one among all pages of the image.
    public let firstPage: Int

    /// The address behind the last page.
    public var endAddress: UInt64 { address + UInt64(pageCount) * UInt64(MemoryImage.pageSize) }
  }

  /// Bytes that a header says are at an address, not yet checked.
  struct Extent {
    let address: UInt64
    let bytes: UInt64
    let offset: UInt64
    /// Where the header stands, for errors.
    let header: UInt64
  }

  /// Bytes in a page.
  public static let pageSize = PageContent.byteCount

  /// The file.
  public let file: MappedFile
  /// How the memory is recorded.
  public let format: Format
  /// What the addresses are.
  public let space: Space
  /// The pages, by ascending address.
  public let runs: [Run]
  /// How many pages there are.
  public let pageCount: Int
  /// Recorded bytes that make up no whole page: LiME writes ranges as the firmware reports them, which may begin or end inside a page.
  public let bytesLeftOut: UInt64

  /// Checks what a header claims, and orders it by address.
  init(_ file: MappedFile, _ format: Format, _ space: Space, _ extents: [Extent]) throws(ImageError) {
    let page = UInt64(Self.pageSize)
    var runs: [Run] = []
    var pages: UInt64 = 0
    var leftOut: UInt64 = 0
    var previous: Extent?
    for extent in extents.sorted(by: { ($0.address, $0.offset) < ($1.address, $1.offset) }) where extent.bytes > 0 {
      try Self.check(extent, after: previous, in: file)
      previous = extent
      let skipped = (page - extent.address % page) % page
      guard extent.bytes >= skipped + page else {
        leftOut += extent.bytes
        continue
      }
      let count = (extent.bytes - skipped) / page
      let run = Run(address: extent.address + skipped, offset: Int(extent.offset + skipped), pageCount: Int(count), firstPage: Int(pages))
      if let last = runs.last, last.endAddress == run.address, last.offset + last.pageCount * Self.pageSize == run.offset {
        runs[runs.count - 1] = Run(
          address: last.address, offset: last.offset, pageCount: last.pageCount + run.pageCount, firstPage: last.firstPage)
      } else {
        runs.append(run)
      }
      pages += count
      leftOut += extent.bytes - count * page
    }
    guard pages > 0 else { throw ImageError(file.path, .empty, "no whole page of memory is recorded in it") }
    self.file = file
    self.format = format
    self.space = space
    self.runs = runs
    pageCount = Int(pages)
    bytesLeftOut = leftOut
  }

  private static func check(_ extent: Extent, after previous: Extent?, in file: MappedFile) throws(ImageError) {
    let end = extent.offset.addingReportingOverflow(extent.bytes)
    guard !end.overflow && end.partialValue <= UInt64(file.count) else {
      let problem =
        "\(extent.bytes) bytes of memory at \(hex(extent.address)) should follow at byte \(extent.offset), but the file ends at byte \(file.count)"
      throw ImageError(file.path, .truncated, at: extent.header, problem)
    }
    guard !extent.address.addingReportingOverflow(extent.bytes).overflow else {
      throw ImageError(file.path, .malformed, at: extent.header, "memory at \(hex(extent.address)) runs beyond the address space")
    }
    if let previous, previous.address + previous.bytes > extent.address {
      let problem = "memory at \(hex(extent.address)) is recorded twice: the range at \(hex(previous.address)) overlaps it"
      throw ImageError(file.path, .malformed, at: extent.header, problem)
    }
  }

  static func hex(_ address: UInt64) -> String { "0x" + String(address, radix: 16) }

  // MARK: By address

  /// The run that holds an address, or nil if that address is not recorded.
  public func run(at address: UInt64) -> Run? {
    var (low, high) = (0, runs.count)
    while low < high {
      let middle = (low + high) / 2
      if runs[middle].endAddress <= address { low = middle + 1 } else { high = middle }
    }
    return low < runs.count && runs[low].address <= address ? runs[low] : nil
  }

  /// Where in the file the byte at an address is, or nil if it is not recorded.
  public func offset(of address: UInt64) -> Int? { run(at: address).map { $0.offset + Int(address - $0.address) } }

  /// The little-endian word at a guest-physical address, as a page walk reads it; nil if it is not recorded or the addresses are not
  /// physical.
  public func word(at address: GuestPhysicalAddress) -> UInt64? {
    guard space == .physical, let run = run(at: address.rawValue), run.endAddress - address.rawValue >= 8 else { return nil }
    return file.integer(at: run.offset + Int(address.rawValue - run.address))
  }
}
