public import Addressing
internal import Columns

/// A memory as the scanner of one domain sees it: the stable frames of other domains are no stable frames.
///
/// A scanner that shares a memory with others must not take a frame that it once made stable, that came free and that another scanner made
/// stable since, for its own. So every frame keeps the number of the domain that made it stable last.
public final class DomainMemory<Memory: ScannableMemory>: ScannableMemory {
  @usableFromInline let memory: Memory
  @usableFromInline let owners: FrameOwners
  @usableFromInline let domain: UInt32

  @usableFromInline init(_ memory: Memory, owners: FrameOwners, domain: UInt32) {
    self.memory = memory
    self.owners = owners
    self.domain = domain
  }

  /// What backs a page now.
  @inlinable public func backing(of page: PageOrdinal) -> PageBacking { memory.backing(of: page) }
  /// The checksum that Linux KSM would keep of the frame.
  @inlinable public func ksmChecksum(of frame: HostFrame) -> UInt32 { memory.ksmChecksum(of: frame) }
  /// XXH3-64 of the frame.
  @inlinable public func indexHash(of frame: HostFrame) -> UInt64 { memory.indexHash(of: frame) }
  /// Whether two frames hold the same bytes.
  @inlinable public func areEqual(_ a: HostFrame, _ b: HostFrame) -> Bool { memory.areEqual(a, b) }
  /// Whether a frame holds zeros only.
  @inlinable public func isZero(_ frame: HostFrame) -> Bool { memory.isZero(frame) }

  /// Whether the frame is one that this domain made stable, still in use since.
  @inlinable public func isStable(_ frame: HostFrame) -> Bool { owners[frame] == domain && memory.isStable(frame) }

  /// Makes a page's frame a stable one of this domain.
  @inlinable public func makeStable(_ page: PageOrdinal) -> HostFrame? {
    guard let frame = memory.makeStable(page) else { return nil }
    owners[frame] = domain
    return frame
  }

  /// Maps a page to a stable frame of this domain.
  @inlinable public func merge(_ page: PageOrdinal, into stable: HostFrame) -> Bool {
    owners[stable] == domain && memory.merge(page, into: stable)
  }

  /// Maps a page of zeros to the zero frame, which belongs to nobody.
  @inlinable public func placeZeroPage(at page: PageOrdinal) -> Bool { memory.placeZeroPage(at: page) }
  /// Gives a page that maps a stable frame a frame of its own again.
  @inlinable public func unshare(_ page: PageOrdinal) { memory.unshare(page) }
  /// -1, 0 or 1 as a frame's bytes stand before, equal or behind another's.
  @inlinable public func order(_ a: HostFrame, _ b: HostFrame) -> Int { memory.order(a, b) }
  /// The frame's first eight bytes as a big-endian number.
  @inlinable public func prefix(of frame: HostFrame) -> UInt64 { memory.prefix(of: frame) }
  /// Shows a frame's bytes.
  @inlinable public func withBytes<Result>(of frame: HostFrame, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    unsafe memory.withBytes(of: frame) { unsafe body($0) }
  }
  /// The NUMA node that the frame lies on.
  @inlinable public func numaNode(of frame: HostFrame) -> Int { memory.numaNode(of: frame) }
  /// Counts changes of the memory, those that the scanners of other domains make excepted.
  @inlinable public var changes: UInt64 { memory.changes }
  /// How often a stable frame came free, of any domain.
  @inlinable public var stableFramesLost: UInt64 { memory.stableFramesLost }
  /// Whether a frame's bytes are what they were when its checksum was computed.
  @inlinable public func isUnchangedSinceChecksum(_ frame: HostFrame) -> Bool { memory.isUnchangedSinceChecksum(frame) }
  /// The scanner has computed a frame's checksum.
  @inlinable public func noteChecksummed(_ frame: HostFrame) { memory.noteChecksummed(frame) }
}

/// Which domain made each frame stable last.
@usableFromInline final class FrameOwners {
  private let domains: Column<UInt32>

  @usableFromInline init(frameCount: Int) { domains = Column(count: frameCount, isSparse: true) }

  @usableFromInline subscript(frame: HostFrame) -> UInt32 {
    get { domains[frame.index] }
    set { domains[frame.index] = newValue }
  }
}
