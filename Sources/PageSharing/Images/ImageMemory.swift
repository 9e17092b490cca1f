public import Addressing
public import Columns
public import PageContents

/// A recorded memory as a scanner sees a host's: every page is present, backed by a frame of its own, and nobody writes.
///
/// Page `n` begins in frame `n`. Merging maps a page to another frame and forgets its own; the source's bytes never change. So four
/// bytes a page say all: which frame maps the page, and of a page in its own frame, whether that is a stable one.
public final class ImageMemory<Source: PageSource>: ScannableMemory {
  /// Where the bytes come from.
  public let source: Source

  /// What a page is mapped to: one of the constants below, or `firstFrame` plus the number of another page's frame.
  @usableFromInline let mapping: Column<UInt32>

  @usableFromInline static var ownFrame: UInt32 { 0 }
  @usableFromInline static var ownStableFrame: UInt32 { 1 }
  @usableFromInline static var zeroFrame: UInt32 { 2 }
  @usableFromInline static var entrusted: UInt32 { 3 }
  @usableFromInline static var firstFrame: UInt32 { 4 }

  /// What a keeper gives back of a page that it is to take.
  @usableFromInline let kept = Column<UInt8>(count: PageContent.byteCount)

  /// The memory of a source of fewer than 2^32 - 4 pages.
  public init(_ source: Source) {
    precondition(source.pageCount < Int(UInt32.max) - 4, "more pages than frame numbers")
    self.source = source
    mapping = Column(count: source.pageCount)
  }

  /// How many pages, and so frames, there are.
  public var pageCount: Int { mapping.count }

  /// What backs a page now.
  @inlinable public func backing(of page: PageOrdinal) -> PageBacking {
    switch mapping[page.index] {
    case ImageMemory.ownFrame: .private(HostFrame(UInt64(page.rawValue)))
    case ImageMemory.ownStableFrame: .stable(HostFrame(UInt64(page.rawValue)))
    case ImageMemory.zeroFrame: .zeroFrame
    case ImageMemory.entrusted: .absent
    case let mapped: .stable(HostFrame(UInt64(mapped - ImageMemory.firstFrame)))
    }
  }

  /// The low 32 bits of XXH64 of the frame's bytes.
  @inlinable public func ksmChecksum(of frame: HostFrame) -> UInt32 {
    unsafe source.withPage(frame.index) { unsafe PageHash.ksmChecksum($0) }
  }

  /// XXH3-64 of the frame's bytes.
  @inlinable public func indexHash(of frame: HostFrame) -> UInt64 {
    unsafe source.withPage(frame.index) { unsafe PageHash.index($0) }
  }

  /// Whether two frames hold the same bytes, compared to the last one.
  @inlinable public func areEqual(_ a: HostFrame, _ b: HostFrame) -> Bool {
    unsafe source.withPage(a.index) { left in
      unsafe source.withPage(b.index) { right in unsafe PageComparison.areEqual(left, right) }
    }
  }

  /// Whether the frame holds zero bytes only.
  @inlinable public func isZero(_ frame: HostFrame) -> Bool {
    unsafe source.withPage(frame.index) { unsafe PageHash.isZero($0) }
  }

  /// Whether the frame is a stable one. Nobody writes, so it is so for ever.
  @inlinable public func isStable(_ frame: HostFrame) -> Bool { mapping[frame.index] == ImageMemory.ownStableFrame }

  /// -1, 0 or 1 as a frame's bytes stand before, equal or behind another's.
  @inlinable public func order(_ a: HostFrame, _ b: HostFrame) -> Int {
    unsafe source.withPage(a.index) { left in
      unsafe source.withPage(b.index) { right in unsafe PageComparison.order(left, right) }
    }
  }

  /// The frame's first eight bytes as a big-endian number.
  @inlinable public func prefix(of frame: HostFrame) -> UInt64 {
    // SAFETY: a page holds 4096 bytes.
    unsafe source.withPage(frame.index) { unsafe UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self)) }
  }

  /// Shows a frame's bytes.
  @inlinable public func withBytes<Result>(of frame: HostFrame, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    unsafe source.withPage(frame.index) { unsafe body($0) }
  }

  /// Nobody writes.
  @inlinable public var changes: UInt64 { 0 }
  /// Nobody writes.
  @inlinable public var stableFramesLost: UInt64 { 0 }

  /// Nobody writes.
  @inlinable public func isUnchangedSinceChecksum(_ frame: HostFrame) -> Bool { true }
  /// Nobody accesses.
  @inlinable public func testAndClearAccessed(_ page: PageOrdinal) -> Bool? { false }
  /// Nobody accesses: every trap waits for ever.
  @inlinable public func trapAccesses(to page: PageOrdinal) -> Bool { true }
  /// Nobody accesses.
  @inlinable public func isTrapped(_ page: PageOrdinal) -> Bool { true }
  /// Where a page lies is nothing to a recorded memory: it stays in its own frame.
  @inlinable public func relocate(_ page: PageOrdinal) -> HostFrame? {
    mapping[page.index] == ImageMemory.ownFrame ? HostFrame(UInt64(page.rawValue)) : nil
  }

  /// Makes the page's own frame a stable one.
  @inlinable public func makeStable(_ page: PageOrdinal) -> HostFrame? {
    guard mapping[page.index] == ImageMemory.ownFrame else { return nil }
    mapping[page.index] = ImageMemory.ownStableFrame
    return HostFrame(UInt64(page.rawValue))
  }

  /// Maps the page to a stable frame of the same bytes.
  @inlinable public func merge(_ page: PageOrdinal, into stable: HostFrame) -> Bool {
    guard mapping[page.index] == ImageMemory.ownFrame, isStable(stable), areEqual(HostFrame(UInt64(page.rawValue)), stable) else {
      return false
    }
    mapping[page.index] = UInt32(truncatingIfNeeded: stable.rawValue) + ImageMemory.firstFrame
    return true
  }

  /// Maps the page, if it holds zero bytes only, to the zero frame.
  @inlinable public func placeZeroPage(at page: PageOrdinal) -> Bool {
    guard mapping[page.index] == ImageMemory.ownFrame, isZero(HostFrame(UInt64(page.rawValue))) else { return false }
    mapping[page.index] = ImageMemory.zeroFrame
    return true
  }

  /// Takes a page whose bytes the keeper has. Nobody accesses it: it stays with the keeper, who is asked for the bytes once, to compare
  /// them.
  @inlinable public func entrust(_ page: PageOrdinal, to keeper: any PageKeeper) -> Bool {
    guard mapping[page.index] == ImageMemory.ownFrame else { return false }
    keeper.read(page, into: kept)
    let isWhole = unsafe source.withPage(page.index) { bytes in
      unsafe kept.withBuffer { unsafe PageComparison.areEqual(bytes, UnsafeRawBufferPointer($0)) }
    }
    if isWhole { mapping[page.index] = ImageMemory.entrusted }
    return isWhole
  }

  /// A stable frame never comes free here: its own page maps it for ever.
  @inlinable public func hold(_ stable: HostFrame) -> Bool { isStable(stable) }

  /// Makes a stable page that nobody else maps a private one again: nobody writes, so the frame itself will do.
  @inlinable public func unshare(_ page: PageOrdinal) {
    if mapping[page.index] == ImageMemory.ownStableFrame { mapping[page.index] = ImageMemory.ownFrame }
  }
}
