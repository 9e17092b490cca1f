import Addressing
import Columns
import PageContents
import PageSharing

/// A memory of real bytes whose pages can be made to trap and can be entrusted to a keeper: what a host does to the scanners that need
/// that.
///
/// It believes no scanner: it compares what it is told is equal, and a frame in use is given to nobody.
final class TrappingMemory: ScannableMemory {
  enum Slot: Equatable { case absent, zero, frame(Int), trapped(Int), entrusted }

  /// What an access made the memory do.
  struct Cost: Hashable {
    var traps = 0
    var copies = 0
  }

  private(set) var slots: [Slot]
  private var bytes: [[UInt8]]
  private var mappers: [Int]
  private var holds: [Int]
  private var stable: [Bool]
  private var free: [Int]
  private var accessed: [Bool]
  private var keeper: (any PageKeeper)?
  private var draws = RandomSource(seed: 1).stream("frames")

  /// Pages that cannot be shared, moved or taken now.
  var pinned: Set<Int> = []
  /// Bits of the index hash that are kept.
  var hashMask = UInt64.max
  /// Whether accesses are known, as by the accessed bit.
  var tellsAccesses = true
  /// Whether frames of trapped pages are drawn at random; else the next free one is taken.
  var drawsAtRandom = true
  private(set) var changes: UInt64 = 0
  private(set) var stableFramesLost: UInt64 = 0

  init(pages: Int, frames: Int) {
    slots = Array(repeating: .absent, count: pages)
    accessed = Array(repeating: false, count: pages)
    bytes = Array(repeating: [], count: frames)
    mappers = Array(repeating: 0, count: frames)
    holds = Array(repeating: 0, count: frames)
    stable = Array(repeating: false, count: frames)
    free = Array((0..<frames).reversed())
  }

  var usedFrames: Int { bytes.count - free.count }
  var heldFrames: Int { holds.count { $0 > 0 } }
  /// Frames that nobody maps: they are kept for what refers to them.
  var framesHeldAlone: Int { holds.indices.count { holds[$0] > 0 && mappers[$0] == 0 } }
  func frame(of page: Int) -> Int? {
    switch slots[page] {
    case .frame(let frame), .trapped(let frame): frame
    default: nil
    }
  }
  /// Whether other pages map the page's frame.
  func isShared(_ page: Int) -> Bool { frame(of: page).map { mappers[$0] > 1 } ?? false }
  func isFree(_ frame: Int) -> Bool { free.contains(frame) }

  /// A page's bytes, without an access.
  func peek(_ page: Int) -> [UInt8]? {
    switch slots[page] {
    case .absent: return nil
    case .zero: return [UInt8](repeating: 0, count: 4096)
    case .frame(let frame), .trapped(let frame): return bytes[frame]
    case .entrusted: return kept(PageOrdinal(UInt32(page)), by: keeper!)
    }
  }

  private func kept(_ page: PageOrdinal, by keeper: any PageKeeper) -> [UInt8] {
    let target = Column<UInt8>(count: 4096, repeating: 0xa5)
    keeper.read(page, into: target)
    return (0..<4096).map { target[$0] }
  }

  // MARK: Guests

  /// A guest reads a page.
  @discardableResult func read(_ page: Int) -> Cost {
    let cost = settle(page)
    if slots[page] == .absent { slots[page] = .zero }
    return cost
  }

  /// A guest replaces a page's bytes.
  @discardableResult func write(_ value: [UInt8], to page: Int) -> Cost {
    var cost = settle(page)
    changes += 1
    if case .frame(let frame) = slots[page], !stable[frame] {
      bytes[frame] = value
    } else {
      if case .frame = slots[page] { cost.copies += 1 }
      leave(page)
      slots[page] = .frame(take(value))
    }
    return cost
  }

  /// A page goes: ballooned, or its guest ended.
  func discard(_ page: Int) {
    changes += 1
    leave(page)
    slots[page] = .absent
  }

  /// The access reaches the page: a trap is sprung, stored bytes come back.
  private func settle(_ page: Int) -> Cost {
    accessed[page] = true
    switch slots[page] {
    case .trapped(let frame):
      let fresh = take(bytes[frame], atRandom: drawsAtRandom)
      release(frame)
      slots[page] = .frame(fresh)
      return Cost(traps: 1, copies: 1)
    case .entrusted:
      let ordinal = PageOrdinal(UInt32(page))
      slots[page] = .frame(take(kept(ordinal, by: keeper!)))
      keeper!.forget(ordinal)
      return Cost(traps: 1, copies: 1)
    case .absent, .zero, .frame: return Cost()
    }
  }

  private func leave(_ page: Int) {
    if let frame = frame(of: page) { release(frame) }
    if slots[page] == .entrusted { keeper!.forget(PageOrdinal(UInt32(page))) }
  }

  private func take(_ value: [UInt8], atRandom: Bool = false) -> Int {
    let frame = atRandom ? free.remove(at: draws.index(below: free.count)) : free.removeLast()
    (bytes[frame], mappers[frame], stable[frame]) = (value, 1, false)
    return frame
  }

  private func release(_ frame: Int) {
    mappers[frame] -= 1
    giveBackIfUnused(frame)
  }

  private func giveBackIfUnused(_ frame: Int) {
    guard mappers[frame] == 0, holds[frame] == 0 else { return }
    if stable[frame] { stableFramesLost += 1 }
    stable[frame] = false
    bytes[frame] = []
    free.append(frame)
  }

  // MARK: ScannableMemory

  func backing(of page: PageOrdinal) -> PageBacking {
    switch slots[page.index] {
    case .absent, .entrusted: .absent
    case .zero: .zeroFrame
    case .frame(let frame), .trapped(let frame): stable[frame] ? .stable(HostFrame(frame)) : .private(HostFrame(frame))
    }
  }

  private func used(_ frame: HostFrame) -> [UInt8] {
    precondition(mappers[frame.index] > 0 || holds[frame.index] > 0, "the scanner looks at a frame that is free")
    return bytes[frame.index]
  }

  func ksmChecksum(of frame: HostFrame) -> UInt32 { unsafe withBytes(of: frame) { unsafe PageHash.ksmChecksum($0) } }
  func indexHash(of frame: HostFrame) -> UInt64 { unsafe withBytes(of: frame) { unsafe PageHash.index($0) } & hashMask }
  func areEqual(_ a: HostFrame, _ b: HostFrame) -> Bool { used(a) == used(b) }
  func isZero(_ frame: HostFrame) -> Bool { used(frame).allSatisfy { $0 == 0 } }
  func isStable(_ frame: HostFrame) -> Bool { stable[frame.index] }
  func order(_ a: HostFrame, _ b: HostFrame) -> Int { used(a) == used(b) ? 0 : used(a).lexicographicallyPrecedes(used(b)) ? -1 : 1 }
  func prefix(of frame: HostFrame) -> UInt64 { used(frame).prefix(8).reduce(0) { $0 << 8 | UInt64($1) } }
  func withBytes<Result>(of frame: HostFrame, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    unsafe used(frame).withUnsafeBytes { unsafe body($0) }
  }

  func makeStable(_ page: PageOrdinal) -> HostFrame? {
    guard let frame = ownFrame(page) else { return nil }
    stable[frame] = true
    return HostFrame(frame)
  }

  func merge(_ page: PageOrdinal, into target: HostFrame) -> Bool {
    guard let frame = ownFrame(page), stable[target.index], bytes[frame] == bytes[target.index] else { return false }
    mappers[target.index] += 1
    move(page, to: target.index)
    return true
  }

  func placeZeroPage(at page: PageOrdinal) -> Bool {
    guard let frame = ownFrame(page), slots[page.index] == .frame(frame), isZero(HostFrame(frame)) else { return false }
    release(frame)
    slots[page.index] = .zero
    return true
  }

  func unshare(_ page: PageOrdinal) {
    guard let value = peek(page.index), case .frame = slots[page.index] else { return }
    leave(page.index)
    slots[page.index] = .frame(take(value))
  }

  func testAndClearAccessed(_ page: PageOrdinal) -> Bool? {
    guard tellsAccesses else { return nil }
    defer { accessed[page.index] = false }
    return accessed[page.index]
  }

  func trapAccesses(to page: PageOrdinal) -> Bool {
    guard let frame = frame(of: page.index), !pinned.contains(page.index) else { return false }
    slots[page.index] = .trapped(frame)
    return true
  }

  func isTrapped(_ page: PageOrdinal) -> Bool { if case .trapped = slots[page.index] { true } else { false } }

  func relocate(_ page: PageOrdinal) -> HostFrame? {
    guard let frame = ownFrame(page), !free.isEmpty else { return nil }
    let fresh = take(bytes[frame], atRandom: drawsAtRandom)
    move(page, to: fresh)
    return HostFrame(fresh)
  }

  func entrust(_ page: PageOrdinal, to keeper: any PageKeeper) -> Bool {
    guard let frame = ownFrame(page), kept(page, by: keeper) == bytes[frame] else { return false }
    self.keeper = keeper
    release(frame)
    slots[page.index] = .entrusted
    return true
  }

  func hold(_ frame: HostFrame) -> Bool {
    guard stable[frame.index] else { return false }
    holds[frame.index] += 1
    return true
  }

  func release(_ frame: HostFrame) {
    precondition(holds[frame.index] > 0, "a frame is released more often than it was held")
    holds[frame.index] -= 1
    giveBackIfUnused(frame.index)
  }

  private func move(_ page: PageOrdinal, to frame: Int) {
    let wasTrapped = isTrapped(page)
    if let old = self.frame(of: page.index) { release(old) }
    slots[page.index] = wasTrapped ? .trapped(frame) : .frame(frame)
  }

  private func ownFrame(_ page: PageOrdinal) -> Int? {
    guard let frame = frame(of: page.index), !stable[frame], !pinned.contains(page.index) else { return nil }
    return frame
  }
}
