public import Addressing
public import Columns

/// # VUsion: sharing that cannot be told from not sharing
///
/// A guest that writes to a page and finds the write slow knows that some other page on the host held the same bytes; one that can guess
/// which of its frames a merge will keep can put another guest's data where it knows the memory to be weak (Flip Feng Shui). VUsion
/// (Oliverio, Razavi, Bos and Giuffrida, SOSP 2017) takes both away by two rules:
///
/// - *Same behaviour*: every page that is considered for sharing loses all access rights, whether or not a duplicate is found; the next
///   access, reads included, traps and gives the page a copy in a fresh frame (copy on access). A page without a duplicate is merged with
///   nobody: a fake merge.
/// - *Randomized allocation*: the frame of a page that was merged, faked or not, is drawn at random, both when it is put up for others to
///   join and when an access takes the page away again.
///
/// Accesses to such pages are dear, so only idle ones are considered (working-set estimation).
///
/// The invariant: *between the moment when a page is made to trap and the next access to it, nothing that is done to it depends on its
/// bytes except which frame others see it in*. It holds since `visit` makes a page trap before it looks at a byte of it, and since a trap
/// ends in one way only. It may not hold where the memory cannot make accesses trap: such a page is left alone.
///
/// What is the paper's: the two rules, the copy on every access, that only idle pages are taken. Assumed: a page is idle if it was not
/// accessed between two visits (two rounds); a memory that knows no accesses counts writes, by the checksum. Not modelled: that the frame
/// given up at an access is freed later, by another thread, so that not even the time of freeing tells; that pages which stay merged move
/// to other random frames from round to round; huge pages. The paper keeps a pool of free frames to draw from; here the draw is from all
/// free frames of the host: that is more entropy and, where huge pages are wanted, breaks more of the free blocks that they need.
public final class VUsionScanner<Memory: ScannableMemory>: PageScanner {
  @usableFromInline let memory: Memory
  @usableFromInline let nodes: CandidateNodes
  @usableFromInline let states: Column<UInt8>
  @usableFromInline let checksums: Column<UInt32>
  @usableFromInline let round: ScanRound
  private let spaces: SpaceList
  private var items: UInt64 = 0

  /// All the work done so far.
  public private(set) var work = ScanWork()

  /// What is known of a page.
  @frozen @usableFromInline enum State: UInt8 {
    /// Nothing: never visited, or gone.
    case none
    /// It was there at the last visit.
    case seen
    /// It was made to trap, but stands at no node: there was no frame to move it to.
    case trapped
    /// It was made to trap and stands at a node.
    case placed
  }

  /// A scanner that has seen nothing.
  /// - Parameters:
  ///   - capacity: how many page ordinals there can be.
  ///   - frameCount: how many frames the memory has.
  public init(memory: Memory, capacity: Int, frameCount: Int) {
    self.memory = memory
    spaces = SpaceList(capacity: capacity)
    round = ScanRound(spaces, order: .linear, random: RandomStream(seed: 0))
    nodes = CandidateNodes(capacity: capacity, frameCount: frameCount)
    states = Column(count: capacity)
    checksums = Column(count: capacity, isSparse: true)
  }

  /// Adds an address space; pages are shared across tenants, which is what VUsion makes safe.
  public func register(_ pages: Range<Int>, tenant: UInt32) -> SpaceID { spaces.register(pages, tenant: tenant) }

  /// Ends an address space. Its pages that still trap go on to do so until they are accessed.
  public func unregister(_ space: SpaceID) {
    round.leaveOut(space)
    for page in spaces.unregister(space) ?? 0..<0 { setState(.none, of: page) }
  }

  /// Looks at pages up to the budget or the end of the full scan.
  @inlinable public func scanBatch(pages budget: UInt64, at now: UInt64) -> BatchResult {
    var result = BatchResult()
    var done = ScanWork()
    round.scan(upTo: budget, &result) { if visit($0.index, &done) { $1.pagesScanned += 1 } }
    result.pagesMerged = done.merges
    result.work = done
    count(done)
    return result
  }

  @usableFromInline func count(_ done: ScanWork) { work += done }

  // MARK: One page

  /// Visits a page.
  /// - Returns: whether there was something to look at.
  @inlinable func visit(_ index: Int, _ done: inout ScanWork) -> Bool {
    let page = PageOrdinal(UInt32(truncatingIfNeeded: index))
    let backing = memory.backing(of: page)
    switch backing {
    case .absent, .zeroFrame:
      setState(.none, of: index)
      return false
    case .private, .stable: break
    }
    done.visits += 1
    let state = State(rawValue: states[index]) ?? .none
    if state == .placed || state == .trapped, memory.isTrapped(page) {
      if state == .trapped, case .private = backing { place(index, &done) }
      return true
    }
    // It was accessed since, or never made to trap.
    setState(.seen, of: index)
    guard isIdle(page, backing, wasSeen: state == .seen, &done), memory.trapAccesses(to: page) else { return true }
    setState(.trapped, of: index)
    place(index, &done)
    return true
  }

  /// Whether the page was left alone since its last visit.
  @inlinable func isIdle(_ page: PageOrdinal, _ backing: PageBacking, wasSeen: Bool, _ done: inout ScanWork) -> Bool {
    if let wasAccessed = memory.testAndClearAccessed(page) { return wasSeen && !wasAccessed }
    // A stable page cannot have been written.
    guard case .private(let frame) = backing else { return wasSeen }
    let checksum = memory.ksmChecksum(of: frame)
    done.bytesHashed += UInt64(PageSize.size4K.bytes)
    let isSame = checksums[page.index] == checksum
    checksums[page.index] = checksum
    return wasSeen && isSame
  }

  /// Merges a page that traps with one of the same bytes, or moves it to a random frame where others can join it.
  @inlinable func place(_ index: Int, _ done: inout ScanWork) {
    let page = PageOrdinal(UInt32(truncatingIfNeeded: index))
    switch memory.backing(of: page) {
    case .absent, .zeroFrame: return
    case .stable(let frame):
      // Somebody else shares it: it joins the others there, or is their first.
      let known = nodes.node(ofFrame: frame.index)
      if known != 0 && nodes.isCurrent(known, in: memory, isKept: memory.isTrapped) {
        nodes.join(index, to: known)
      } else {
        let hash = CandidateNodes.hash(of: frame, in: memory, &done)
        nodes.insert(index, frame: frame.index, hash: hash, isOwner: false)
      }
      states[index] = State.placed.rawValue
    case .private(let frame):
      let hash = CandidateNodes.hash(of: frame, in: memory, &done)
      if let node = nodes.match(frame, hash, in: memory, &done, isKept: memory.isTrapped), nodes.merge(page, into: node, in: memory, &done)
      {
        states[index] = State.placed.rawValue
        return
      }
      guard let fresh = memory.relocate(page) else { return }
      done.fakeMerges += 1
      nodes.insert(index, frame: fresh.index, hash: hash, isOwner: true)
      states[index] = State.placed.rawValue
    }
  }

  /// Sets the state of a page, `placed` excepted, and takes it off its node.
  @usableFromInline func setState(_ state: State, of index: Int) {
    let old = states[index]
    if old == state.rawValue { return }
    nodes.leave(index)
    if old == State.none.rawValue { items += 1 } else if state == .none { items -= 1 }
    states[index] = state.rawValue
  }

  /// The counters, as far as they have a meaning here: pages that share as KSM counts them; in `pagesUnshared` the pages that were merged
  /// with nobody, and in `pagesVolatile` those that are not idle. They follow the memory at the next visit of a page.
  public var counters: KSMCounters {
    var counters = nodes.counters(items: items)
    counters.fullScans = round.rounds
    counters.pagesScanned = work.visits
    return counters
  }
}
