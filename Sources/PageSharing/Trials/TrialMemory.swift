public import Addressing
internal import Columns
internal import PageContents

/// # A memory in which trials take place
///
/// Address spaces whose pages are absent, map the zero frame, or map a frame with a count of mappers, as a kernel's page tables do. A fork
/// shares every frame; whoever writes to a frame that another page maps too gets a copy; a stable frame is copied even by its last mapper.
///
/// The invariant: *what a page reads as changes by writes and discards to that page alone*, whatever the scanner merges and whoever forks.
/// Its companion: a frame's count is the number of pages that map it, and it comes free with the last of them.
///
/// A frame holds a page of the table of contents, by its number, until somebody writes single bytes; then it holds bytes of its own.
public final class TrialMemory<Palette: PageSource>: ScannableMemory {
  /// The table of contents.
  public let palette: Palette
  /// How many pages, present or not, there can be.
  public let pageCount: Int
  /// How many frames there are: one for each page, and one for a copy that is made before the original is let go.
  public var frameCount: Int { pageCount + 1 }

  /// What a page maps: one of the constants below, or `firstFrame` plus a frame's number.
  private let mapping: Column<UInt32>
  private let mappers: Column<UInt32>
  /// The number of the content, or `ownBytes`.
  private let held: Column<UInt32>
  private let stable: BitColumn
  private let checksummed: BitColumn
  private let bytes: Column<UInt64>
  private var free: [UInt32] = []
  private var fresh: UInt32 = 0

  private static var absent: UInt32 { 0 }
  private static var zeroFrame: UInt32 { 1 }
  private static var firstFrame: UInt32 { 2 }
  private static var ownBytes: UInt32 { .max }

  /// Counts up with every write, discard, fork and end.
  public private(set) var changes: UInt64 = 0
  /// Counts up whenever a stable frame comes free.
  public private(set) var stableFramesLost: UInt64 = 0
  /// Told of every page that ceases to map the zero frame, from inside the change.
  public var zeroFrameLeft: (PageOrdinal) -> Void = { _ in }

  /// A memory of absent pages, fewer than 2^31.
  public init(pageCount: Int, palette: Palette) {
    precondition(pageCount < 1 << 31, "more pages than a trial may have")
    self.pageCount = pageCount
    self.palette = palette
    mapping = Column(count: pageCount)
    mappers = Column(count: pageCount + 1)
    held = Column(count: pageCount + 1)
    stable = BitColumn(count: pageCount + 1)
    checksummed = BitColumn(count: pageCount + 1)
    bytes = Column(count: (pageCount + 1) * PageContent.wordCount, isSparse: true)
  }

  /// How many frames are in use.
  public var usedFrames: Int { Int(fresh) - free.count }

  // MARK: What processes do

  /// The page takes a content of the table.
  public func write(_ content: Int, to page: Int) {
    let frame = frameToWrite(page)
    held[frame] = UInt32(truncatingIfNeeded: content)
  }

  /// One byte of the page is written.
  public func writeByte(_ value: UInt8, at offset: Int, of page: Int) {
    precondition((0..<PageContent.byteCount).contains(offset), "byte offset out of a page's bounds")
    let old = mapping[page]
    let frame = frameToWrite(page)
    // A page without a frame reads as zeros; one that got a copy still has its frame's bytes in the copy.
    if old < Self.firstFrame { clear(frame) } else { materialize(frame) }
    let word = frame * PageContent.wordCount + offset / 8
    let shift = UInt64(offset % 8 * 8)
    bytes[word] = (bytes[word].littleEndianWord & ~(0xff << shift) | UInt64(value) << shift).littleEndianWord
  }

  /// The page is read: an absent one comes to map the zero frame.
  public func read(_ page: Int) {
    guard mapping[page] == Self.absent else { return }
    changes += 1
    mapping[page] = Self.zeroFrame
  }

  /// The page is given back.
  public func discard(_ page: Int) {
    changes += 1
    let old = mapping[page]
    mapping[page] = Self.absent
    letGo(old, of: page)
  }

  /// The pages of a child come to map what those of its parent map.
  public func fork(_ parent: Range<Int>, to child: Range<Int>) {
    precondition(parent.count == child.count, "a child is as large as its parent")
    changes += 1
    for (from, to) in zip(parent, child) {
      let value = mapping[from]
      mapping[to] = value
      guard value >= Self.firstFrame else { continue }
      mappers[Int(value - Self.firstFrame)] += 1
      checksummed[Int(value - Self.firstFrame)] = false
    }
  }

  /// What a page reads as: the number of a content or bytes of its own, as a buffer that is valid during the call; nil where it is absent.
  public func withBytes<Result>(ofPage page: Int, _ body: (UnsafeRawBufferPointer?) -> Result) -> Result {
    switch mapping[page] {
    case Self.absent: return body(nil)
    case Self.zeroFrame:
      return unsafe TrialMemoryZeros.words.withBuffer { unsafe body(UnsafeRawBufferPointer($0)) }
    case let value: return unsafe withBytes(of: HostFrame(UInt64(value - Self.firstFrame))) { unsafe body($0) }
    }
  }

  // MARK: Frames

  /// A frame that the page alone maps, to be written to; its bytes are those of the frame before, if there was one.
  private func frameToWrite(_ page: Int) -> Int {
    changes += 1
    let old = mapping[page]
    if old >= Self.firstFrame {
      let frame = Int(old - Self.firstFrame)
      if mappers[frame] == 1 && !stable[frame] {
        checksummed[frame] = false
        return frame
      }
    }
    let frame = take()
    if old >= Self.firstFrame { copy(Int(old - Self.firstFrame), to: frame) }
    mapping[page] = UInt32(frame) + Self.firstFrame
    letGo(old, of: page)
    return frame
  }

  private func take() -> Int {
    let frame: Int
    if let last = free.popLast() {
      frame = Int(last)
    } else {
      frame = Int(fresh)
      fresh += 1
    }
    mappers[frame] = 1
    stable[frame] = false
    checksummed[frame] = false
    return frame
  }

  private func letGo(_ value: UInt32, of page: Int) {
    if value == Self.zeroFrame { return zeroFrameLeft(PageOrdinal(UInt32(truncatingIfNeeded: page))) }
    guard value >= Self.firstFrame else { return }
    let frame = Int(value - Self.firstFrame)
    mappers[frame] -= 1
    guard mappers[frame] == 0 else { return }
    if stable[frame] { stableFramesLost += 1 }
    stable[frame] = false
    free.append(UInt32(frame))
  }

  private func clear(_ frame: Int) {
    held[frame] = Self.ownBytes
    for word in 0..<PageContent.wordCount { bytes[frame * PageContent.wordCount + word] = 0 }
  }

  private func copy(_ source: Int, to target: Int) {
    held[target] = held[source]
    guard held[source] == Self.ownBytes else { return }
    for word in 0..<PageContent.wordCount {
      bytes[target * PageContent.wordCount + word] = bytes[source * PageContent.wordCount + word]
    }
  }

  /// Gives the frame bytes of its own.
  private func materialize(_ frame: Int) {
    let content = held[frame]
    guard content != Self.ownBytes else { return }
    unsafe palette.withPage(Int(content)) { page in
      for word in 0..<PageContent.wordCount {
        // SAFETY: a page holds 512 words.
        bytes[frame * PageContent.wordCount + word] = unsafe page.loadUnaligned(fromByteOffset: word * 8, as: UInt64.self)
      }
    }
    held[frame] = Self.ownBytes
  }

  private func ownFrame(_ page: PageOrdinal) -> Int? {
    let value = mapping[page.index]
    guard value >= Self.firstFrame, !stable[Int(value - Self.firstFrame)] else { return nil }
    return Int(value - Self.firstFrame)
  }

  // MARK: ScannableMemory: looking

  /// What backs a page now. A private frame may back pages of several spaces, until one of them writes.
  public func backing(of page: PageOrdinal) -> PageBacking {
    switch mapping[page.index] {
    case Self.absent: return .absent
    case Self.zeroFrame: return .zeroFrame
    case let value:
      let frame = value - Self.firstFrame
      return stable[Int(frame)] ? .stable(HostFrame(UInt64(frame))) : .private(HostFrame(UInt64(frame)))
    }
  }

  /// Shows a frame's bytes.
  public func withBytes<Result>(of frame: HostFrame, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    let content = held[frame.index]
    guard content == Self.ownBytes else { return unsafe palette.withPage(Int(content), body) }
    let first = frame.index * PageContent.wordCount
    return unsafe bytes.withBuffer { buffer in
      // SAFETY: the column holds 512 words for each frame, and slicing checks the range.
      unsafe body(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: buffer[first..<first + PageContent.wordCount])))
    }
  }

  /// The low 32 bits of XXH64 of the frame's bytes.
  public func ksmChecksum(of frame: HostFrame) -> UInt32 { unsafe withBytes(of: frame) { unsafe PageHash.ksmChecksum($0) } }
  /// XXH3-64 of the frame's bytes.
  public func indexHash(of frame: HostFrame) -> UInt64 { unsafe withBytes(of: frame) { unsafe PageHash.index($0) } }
  /// Whether two frames hold the same bytes.
  public func areEqual(_ a: HostFrame, _ b: HostFrame) -> Bool { order(a, b) == 0 }
  /// Whether the frame holds zero bytes only.
  public func isZero(_ frame: HostFrame) -> Bool { unsafe withBytes(of: frame) { unsafe PageHash.isZero($0) } }
  /// Whether the frame is a stable one in use.
  public func isStable(_ frame: HostFrame) -> Bool { stable[frame.index] }

  /// -1, 0 or 1 as a frame's bytes stand before, equal or behind another's.
  public func order(_ a: HostFrame, _ b: HostFrame) -> Int {
    let content = held[a.index]
    if a == b || (content != Self.ownBytes && content == held[b.index]) { return 0 }
    return unsafe withBytes(of: a) { left in unsafe withBytes(of: b) { right in unsafe PageComparison.order(left, right) } }
  }

  /// The frame's first eight bytes as a big-endian number.
  public func prefix(of frame: HostFrame) -> UInt64 {
    // SAFETY: a page holds 4096 bytes.
    unsafe withBytes(of: frame) { unsafe UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self)) }
  }

  /// Whether the frame's bytes are those of its last checksum.
  public func isUnchangedSinceChecksum(_ frame: HostFrame) -> Bool { checksummed[frame.index] }
  /// The scanner has just computed the frame's checksum. For a frame that several pages map this is not remembered: the scanner keeps a
  /// checksum for each page, and has computed it for one of them.
  public func noteChecksummed(_ frame: HostFrame) { checksummed[frame.index] = mappers[frame.index] == 1 }

  // MARK: ScannableMemory: merging

  /// Makes the page's frame a stable one, for all pages that map it.
  public func makeStable(_ page: PageOrdinal) -> HostFrame? {
    guard let frame = ownFrame(page) else { return nil }
    stable[frame] = true
    return HostFrame(UInt64(frame))
  }

  /// Maps the page to a stable frame of the same bytes; others that map the page's old frame keep it.
  public func merge(_ page: PageOrdinal, into target: HostFrame) -> Bool {
    guard let frame = ownFrame(page), stable[target.index], areEqual(HostFrame(UInt64(frame)), target) else { return false }
    let old = mapping[page.index]
    mappers[target.index] += 1
    mapping[page.index] = UInt32(target.index) + Self.firstFrame
    letGo(old, of: page.index)
    return true
  }

  /// Maps the page, if it holds zero bytes only, to the zero frame.
  public func placeZeroPage(at page: PageOrdinal) -> Bool {
    guard let frame = ownFrame(page), isZero(HostFrame(UInt64(frame))) else { return false }
    let old = mapping[page.index]
    mapping[page.index] = Self.zeroFrame
    letGo(old, of: page.index)
    return true
  }

  /// Gives a page that maps a stable frame or the zero frame a private frame of the same bytes, as a write would.
  public func unshare(_ page: PageOrdinal) {
    let old = mapping[page.index]
    guard old == Self.zeroFrame || (old >= Self.firstFrame && stable[Int(old - Self.firstFrame)]) else { return }
    let frame = frameToWrite(page.index)
    if old == Self.zeroFrame { clear(frame) }
  }
}

/// A page of zeros.
private enum TrialMemoryZeros { static let words = Column<UInt64>(count: PageContent.wordCount) }

extension UInt64 {
  /// The word as it lies in memory on a little-endian machine, and back.
  fileprivate var littleEndianWord: UInt64 { littleEndian }
}
