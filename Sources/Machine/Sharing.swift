public import Addressing
internal import FrameAllocation
internal import PageContents
public import PageSharing
internal import PageTables
internal import Translation

/// The host as a page sharer sees it.
extension Host: ScannableMemory {
  /// What backs a page now. Pages of stopped machines and of those that know their machine frames, ballooned and swapped ones are absent.
  public func backing(of page: PageOrdinal) -> PageBacking {
    guard let (vm, frame) = owner(of: page), vm.isRunning, vm.allowsRemapping else { return .absent }
    let leaf = vm.map.leaf(of: frame)
    guard leaf.hasFrame else { return .absent }
    switch frames[leaf.frame].use {
    case .guestPage: return .private(leaf.frame)
    case .stable: return .stable(leaf.frame)
    case .zero: return .zeroFrame
    case .none, .table: return .absent
    }
  }

  /// Whether the scanner mapped a page of a running machine to the zero frame; a page that maps it since it was only read was not mapped
  /// so.
  public func isZeroPlaced(_ page: PageOrdinal) -> Bool {
    guard let (vm, frame) = owner(of: page), vm.isRunning else { return false }
    return vm.map.leaf(of: frame).isZeroPlaced
  }

  /// The checksum that Linux KSM would keep of the frame.
  public func ksmChecksum(of frame: HostFrame) -> UInt32 { contents.ksmChecksum(of: frame) }

  /// XXH3-64 of the frame.
  public func indexHash(of frame: HostFrame) -> UInt64 { contents.indexHash(of: frame) }

  /// Whether two frames hold the same bytes.
  public func areEqual(_ a: HostFrame, _ b: HostFrame) -> Bool { contents.areEqual(a, b) }

  /// Whether a frame holds zeros only.
  public func isZero(_ frame: HostFrame) -> Bool { contents.isZero(frame) }

  /// -1, 0 or 1 as a frame's bytes stand before, equal or behind another's.
  public func order(_ a: HostFrame, _ b: HostFrame) -> Int { contents.order(a, b) }

  /// The frame's first eight bytes as a big-endian number.
  public func prefix(of frame: HostFrame) -> UInt64 { contents.loadWord(0, of: frame).byteSwapped }

  /// Shows a frame's bytes.
  public func withBytes<Result>(of frame: HostFrame, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    unsafe contents.withBytes(of: frame) { unsafe body($0) }
  }

  /// The NUMA node that the frame lies on.
  public func numaNode(of frame: HostFrame) -> Int { frames.allocator.node(of: frame.index) }

  /// Counts every change of a content, the scrubbing of freed frames included, but for those that merging makes.
  public var changes: UInt64 { contents.changes - changesByMerging }

  /// How often a stable frame came free.
  public var stableFramesLost: UInt64 { stableLosses }

  /// Whether a frame's bytes are what they were when its checksum was computed.
  public func isUnchangedSinceChecksum(_ frame: HostFrame) -> Bool { contents.isUnchangedSinceChecksum(frame) }

  /// The scanner has computed a frame's checksum.
  public func noteChecksummed(_ frame: HostFrame) { contents.noteChecksummed(frame) }

  /// Whether a frame was made stable and is still in use.
  public func isStable(_ frame: HostFrame) -> Bool { !frames.allocator.isFree(frame.index) && frames[frame].use == .stable }

  /// Write-protects a page's frame and makes it stable.
  public func makeStable(_ page: PageOrdinal) -> HostFrame? {
    guard let (vm, frame, leaf) = privateLeaf(of: page) else { return nil }
    let before = contents.changes
    defer { changesByMerging += contents.changes - before }
    if leaf.isPresent {
      vm.setExistingLeaf(leaf.without(EPTEntry.write), of: frame)
      vm.translator.guestPhysicalMapChanged(frame, old: leaf)
    }
    frames[leaf.frame].use = .stable
    vm.privateFrames -= 1
    vm.stablePages += 1
    stableFrames += 1
    return leaf.frame
  }

  /// Maps a page to a stable frame that holds the same bytes.
  public func merge(_ page: PageOrdinal, into stable: HostFrame) -> Bool {
    guard let (vm, frame, leaf) = privateLeaf(of: page), leaf.frame != stable, isStable(stable) else { return false }
    guard contents.areEqual(leaf.frame, stable) else { return false }
    let before = contents.changes
    defer { changesByMerging += contents.changes - before }
    vm.replace(leaf, of: frame, by: leaf.isTrapped ? .trapped(stable) : .page(stable, writable: false))
    frames.link(page, to: stable)
    vm.stablePages += 1
    events.merges += 1
    return true
  }

  /// Maps a page of zeros to the host's zero frame; not one that shall trap.
  public func placeZeroPage(at page: PageOrdinal) -> Bool {
    guard let (vm, frame, leaf) = privateLeaf(of: page), leaf.isPresent, contents.isZero(leaf.frame) else { return false }
    let before = contents.changes
    defer { changesByMerging += contents.changes - before }
    vm.replace(leaf, of: frame, by: .zeroPlaced(zeroFrame))
    frames.link(page, to: zeroFrame)
    vm.zeroPages += 1
    vm.placedZeroPages += 1
    events.merges += 1
    return true
  }

  /// Gives a page that maps a stable frame a frame of its own again.
  public func unshare(_ page: PageOrdinal) {
    guard let (vm, frame) = owner(of: page), case .stable = backing(of: page) else { return }
    _ = vm.resolve(frame, .write)
  }

  /// A page that has its frame to itself, whether it is mapped or traps.
  func privateLeaf(of page: PageOrdinal) -> (vm: VirtualMachine, frame: GuestFrame, leaf: EPTEntry)? {
    guard let (vm, frame) = owner(of: page), vm.isRunning, vm.allowsRemapping else { return nil }
    let leaf = vm.map.leaf(of: frame)
    guard leaf.hasFrame, frames[leaf.frame].use == .guestPage, !leaf.isLarge || maySplitForSharing(vm) else { return nil }
    return (vm, frame, leaf)
  }
}
