public import Addressing
internal import Columns
public import FrameAllocation
public import PageContents
public import PageTables
internal import PageSharing
public import TranslationCaching

/// # Machine: a host, its guests, and the laws that hold between them
///
/// Below this floor stand mechanisms that know nothing of each other: an allocator hands out frames, contents fill them, a guest-physical
/// map sends guest frames to host frames, a translator walks tables and caches what it found, a scanner merges, a balloon takes
/// pages away. Here they are wired together, and only here. Every change of who has which frame passes through one of eight doors:
///
/// - `populate` gives a guest page a frame of its own (the first write to it, or the first after the balloon let it go), or with huge pages
///   512 neighbours at once;
/// - `breakSharing` copies a shared frame for a guest that writes to it;
/// - `makeStable`, `merge` and `placeZeroPage` let pages share a frame, at the scanner's word;
/// - `trapAccesses`, `relocate` and `springTrap` let a page trap at its next access and move it to a frame drawn at random;
/// - `entrust` and `takeBack` give a page to a keeper and get it back;
/// - `discard` takes a page away, at the balloon device's word;
/// - `swapOut` and `swapIn` move a page's content to the swap device and back;
/// - `stop` ends a virtual machine.
///
/// Each door keeps the same order, and from it the laws follow. First the map's leaf changes; then every translation of the old leaf is
/// invalidated; then the page leaves the old frame's reverse map; and only when no page is left there is the frame scrubbed and given
/// back. So no translation outlives its frame (law 4), no frame is free while somebody maps it (law 1), and nobody finds another's bytes in
/// a fresh frame (law 3). `Audit` checks all six laws from the outside, by counting everything anew.
public final class Host {
  /// What every frame holds.
  public let contents: FrameContents
  /// Which frames are free, and who maps the others.
  public let frames: FrameTable
  /// Where pages go when frames run out.
  public let swap: SwapDevice
  /// The frame of zeros that reads of never written memory are mapped to.
  public let zeroFrame: HostFrame
  /// When reclaim begins and ends.
  public let watermarks: Watermarks
  /// The processor's TLB, shared by all guests under their VPIDs.
  public let tlb: TLBHierarchy
  /// Every virtual machine that was created, stopped ones included, by number.
  public internal(set) var vms: [VirtualMachine] = []
  /// What happened so far.
  public internal(set) var events = HostEvents()
  /// Frames that the scanner made stable and that are still in use.
  public internal(set) var stableFrames = 0

  /// Changes of contents that merging made, which a scanner need not be told.
  var changesByMerging: UInt64 = 0
  /// How often a stable frame came free.
  var stableLosses: UInt64 = 0

  /// How often somebody other than a page refers to a stable frame.
  var holds: [HostFrame: UInt32] = [:]
  /// Who stores pages, by number.
  var keepers: [any PageKeeper] = []
  /// Of a page that a keeper has: the descriptor that its frame held, or 0.
  let entrustedContents: Column<UInt64>
  /// Where pages pass from and to keepers.
  let pageBuffer = Column<UInt8>(count: PageContent.byteCount)
  /// Where frames that are drawn at random come from.
  var placement: RandomStream
  /// Who asks which pages were accessed.
  var aging: Aging

  /// Told of every page that the scanner had mapped to the zero frame and that no longer is: Linux corrects `ksm_zero_pages` at once.
  public var onZeroPageLost: ((PageOrdinal) -> Void)?
  /// Told of every page that a guest has just filled from a block device, and of the block's number: the host carries reads out, so it sees
  /// them. Equal numbers name blocks of equal bytes, whichever guest reads them.
  public var onBlockRead: ((PageOrdinal, UInt64) -> Void)?

  /// Follows what guests wrote, so that an audit can compare; nil unless audits are wanted.
  let witness: ContentWitness?
  /// The virtual machine of each span of 2^`spanShift` page ordinals.
  var spanOwners: [VMID] = []
  /// Where the reclaim clock stands.
  var clockHand: UInt32 = 0

  static let spanShift: UInt32 = 12

  /// A host.
  /// - Throws: `HostError.tooSmall` if not even the host's own frames fit.
  public init(_ configuration: HostConfiguration) throws(HostError) {
    let frameCount = Int(configuration.memory.bytes >> PageSize.size4K.shift)
    let slots = Int(configuration.swap.bytes >> PageSize.size4K.shift)
    guard HostConfiguration.nodeLimits.contains(configuration.numaNodes) else { throw HostError.noSuchNode(configuration.numaNodes) }
    guard frameCount / configuration.numaNodes >= HostConfiguration.leastFrames else { throw HostError.tooSmall(configuration.memory) }
    for size in [configuration.memory, configuration.swap] where size > HostConfiguration.largest { throw HostError.tooLarge(size) }
    let guestPages = configuration.guestPageCapacity
    guard (0...HostConfiguration.mostGuestPages).contains(guestPages) else {
      throw HostError.tooLarge(ByteSize(bytes: UInt64(clamping: guestPages) << PageSize.size4K.shift))
    }
    contents = FrameContents(frameCount: frameCount, detachedCapacity: slots)
    frames = FrameTable(
      frameCount: frameCount, pageCapacity: configuration.guestPageCapacity, nodes: configuration.numaNodes)
    swap = SwapDevice(slots: slots)
    entrustedContents = Column(count: guestPages, isSparse: true)
    aging = Aging(guestPages: guestPages)
    placement = RandomSource(seed: configuration.placementSeed).stream("frames")
    watermarks = Watermarks(managedPages: frameCount)
    tlb = TLBHierarchy(configuration.tlb)
    witness = configuration.audited ? ContentWitness(pageCapacity: configuration.guestPageCapacity) : nil
    guard let zero = frames.allocate(for: .unmapped(.zero)) else { throw HostError.tooSmall(configuration.memory) }
    zeroFrame = zero
  }

  /// How many frames there are.
  public var frameCount: Int { frames.allocator.frameCount }

  /// How many frames are free.
  public var freeFrames: Int { frames.allocator.freeFrames }

  /// The virtual machine and guest frame of a page ordinal; nil where none was registered.
  func owner(of page: PageOrdinal) -> (vm: VirtualMachine, frame: GuestFrame)? {
    let span = Int(page.rawValue >> Host.spanShift)
    guard span < spanOwners.count else { return nil }
    let vm = vms[spanOwners[span].index]
    let index = page.rawValue - vm.firstPage.rawValue
    guard index < UInt32(vm.pageCount) else { return nil }
    return (vm, GuestFrame(UInt64(index)))
  }

  /// Gives back a frame that no page maps, scrubbed.
  func giveBack(_ frame: HostFrame) {
    contents.setContent(.zero, of: frame)
    frames.release(frame)
  }
}

extension Host {
  /// Guests' page ordinals begin at multiples of this many pages (16 MiB).
  public static let pageSpan = 1 << Int(spanShift)

  /// How many page ordinals a guest of some memory takes.
  public static func ordinals(for memory: ByteSize) -> Int {
    (Int(memory.bytes >> PageSize.size4K.shift) + pageSpan - 1) / pageSpan * pageSpan
  }
}

/// Why a host cannot do what was asked.
public enum HostError: Error, Equatable, Sendable {
  /// The memory is less than a host needs.
  case tooSmall(ByteSize)
  /// The memory, the swap device or the guests' pages are more than can be numbered.
  case tooLarge(ByteSize)
  /// A virtual machine does not fit into the page ordinals that the host was built for.
  case tooManyGuestPages(String)
  /// There is no NUMA node of that number, or no host of that many.
  case noSuchNode(Int)
  /// No frame is left for a virtual machine's first tables.
  case outOfMemory(String)
  /// No processor would enter a virtual machine that is set up so: a rule of VM entries is broken.
  case entryFails(String, VMEntryControls.Problem)
}

/// Counts of what happened on a host since its start.
public struct HostEvents: Hashable, Sendable {
  /// Pages whose own frame came free because the scanner mapped them to a stable frame or to the zero frame.
  public var merges: UInt64 = 0
  /// Shared pages, zero pages placed by the scanner included, copied because a guest wrote to them.
  public var copiesOnWrite: UInt64 = 0
  /// Frames given to guest pages on their first write: pages that had nothing, or the zero frame because they were only read.
  public var populated: UInt64 = 0
  /// Writes into untouched memory that a huge page was found for, each 512 frames of `populated` (Linux `thp_fault_alloc`).
  public var hugeFaults: UInt64 = 0
  /// Such writes that got 4 KiB because the host had no huge page to spare (Linux `thp_fault_fallback`).
  public var hugeFallbacks: UInt64 = 0
  /// Huge mappings split because one of their pages was to be shared, ballooned or swapped (Linux `thp_split_pmd`).
  public var hugeSplits: UInt64 = 0
  /// Pages that trapped, copied for the guest that accessed them.
  public var copiesOnAccess: UInt64 = 0
  /// Pages given to a keeper.
  public var entrusted: UInt64 = 0
  /// Pages that came back from a keeper because they were accessed.
  public var takenBack: UInt64 = 0
  /// Pages moved to the swap device.
  public var swapOuts: UInt64 = 0
  /// Pages read back from the swap device.
  public var swapIns: UInt64 = 0
  /// Accesses of guests to pages that their balloon holds.
  public var balloonedTouches: UInt64 = 0
  /// Virtual machines stopped because the host had no memory left.
  public var killed: UInt64 = 0
}
