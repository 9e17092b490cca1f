import Addressing
import PageContents
import PageSharing

/// The page contents that the tests use, as real bytes with their real hashes, numbered.
///
/// Content 0 is all zeros; 1 and 2 differ from it in one bit, at either end. The others come in pairs that differ in the last bit.
struct Contents: Sendable {
  let pages: [[UInt8]]
  let checksums: [UInt32]
  let hashes: [UInt64]

  /// Where each content stands in memcmp's order.
  let ranks: [Int]
  let prefixes: [UInt64]

  static let shared = Contents(count: 24)

  /// -1, 0 or 1 as one content stands before, equal or behind another.
  func order(_ a: Int, _ b: Int) -> Int { (ranks[a] - ranks[b]).signum() }

  init(count: Int) {
    var pages = [[UInt8](repeating: 0, count: 4096)]
    for content in 1..<count {
      var page = [UInt8](repeating: content < 3 ? 0 : UInt8(content / 2), count: 4096)
      if content == 1 { page[0] = 1 } else if content % 2 == 0 { page[4095] ^= 0x80 }
      pages.append(page)
    }
    precondition(Set(pages).count == count)
    self.pages = pages
    let sorted = pages.indices.sorted { pages[$0].lexicographicallyPrecedes(pages[$1]) }
    ranks = pages.indices.map { content in sorted.firstIndex(of: content)! }
    prefixes = pages.map { $0.prefix(8).reduce(0) { $0 << 8 | UInt64($1) } }
    checksums = pages.map { page in unsafe page.withUnsafeBytes { unsafe PageHash.ksmChecksum($0) } }
    hashes = pages.map { page in unsafe page.withUnsafeBytes { unsafe PageHash.index($0) } }
  }
}

/// A memory that guests write to, frees and uses frames again, and in which pages can be pinned: what a host does to a scanner.
final class WritableMemory: ScannableMemory {
  enum Slot: Equatable { case absent, zero, frame(Int) }

  /// How good the index hash is.
  enum Hash { case real, twoBits, constant }

  private(set) var slots: [Slot]
  private var content: [Int]
  private var mappers: [Int]
  private var stable: [Bool]
  private var free: [Int]
  var pinned: Set<Int> = []
  var hash = Hash.real
  /// What `ksmChecksum` says of a content, to make checksums collide.
  var checksums = Contents.shared.checksums
  /// How many NUMA nodes there are; frame n lies on node n modulo that.
  var numaNodes = 1
  /// Whether there is memory for the copies that `unshare` makes.
  var canUnshare = true

  init(pages: Int) {
    slots = Array(repeating: .absent, count: pages)
    content = Array(repeating: 0, count: pages)
    mappers = Array(repeating: 0, count: pages)
    stable = Array(repeating: false, count: pages)
    free = Array((0..<pages).reversed())
  }

  /// A memory whose pages hold these contents.
  convenience init(_ contents: [Int]) {
    self.init(pages: contents.count)
    for (page, content) in contents.enumerated() { write(content, to: page) }
  }

  /// How many frames are in use.
  var usedFrames: Int { content.count - free.count }

  /// What a page holds; nil where it is absent.
  func content(of page: Int) -> Int? {
    switch slots[page] {
    case .absent: nil
    case .zero: 0
    case .frame(let frame): content[frame]
    }
  }

  private(set) var changes: UInt64 = 0
  private(set) var stableFramesLost: UInt64 = 0

  /// A guest overwrites a page: in place if the frame is its own, else in a new frame.
  func write(_ value: Int, to page: Int) {
    changes += 1
    if case .frame(let frame) = slots[page], !stable[frame] {
      content[frame] = value
    } else {
      discard(page)
      let frame = free.removeLast()
      (content[frame], mappers[frame], stable[frame]) = (value, 1, false)
      slots[page] = .frame(frame)
    }
  }

  /// A page goes: ballooned, or its guest ended.
  func discard(_ page: Int) {
    changes += 1
    if case .frame(let frame) = slots[page] { release(frame) }
    slots[page] = .absent
  }

  /// A guest reads a page that it never touched.
  func readFault(_ page: Int) { if slots[page] == .absent { slots[page] = .zero } }

  /// A page comes to map the stable frame of another, as after a fork.
  func share(_ page: Int, with other: Int) {
    guard slots[page] == .absent, case .frame(let frame) = slots[other], stable[frame] else { return }
    slots[page] = .frame(frame)
    mappers[frame] += 1
  }

  private func release(_ frame: Int) {
    mappers[frame] -= 1
    guard mappers[frame] == 0 else { return }
    if stable[frame] { stableFramesLost += 1 }
    stable[frame] = false
    free.append(frame)
  }

  // MARK: ScannableMemory

  func backing(of page: PageOrdinal) -> PageBacking {
    switch slots[page.index] {
    case .absent: .absent
    case .zero: .zeroFrame
    case .frame(let frame): stable[frame] ? .stable(HostFrame(frame)) : .private(HostFrame(frame))
    }
  }

  func ksmChecksum(of frame: HostFrame) -> UInt32 { checksums[content[frame.index]] }

  func indexHash(of frame: HostFrame) -> UInt64 {
    let full = Contents.shared.hashes[content[frame.index]]
    return switch hash {
    case .real: full
    case .twoBits: full & 3 << 62
    case .constant: .max
    }
  }

  func areEqual(_ a: HostFrame, _ b: HostFrame) -> Bool {
    precondition(mappers[a.index] > 0 && mappers[b.index] > 0, "the scanner compares frames that are free")
    return content[a.index] == content[b.index]
  }

  func order(_ a: HostFrame, _ b: HostFrame) -> Int { Contents.shared.order(content[a.index], content[b.index]) }
  func prefix(of frame: HostFrame) -> UInt64 { Contents.shared.prefixes[content[frame.index]] }
  /// What a frame holds.
  func held(by frame: HostFrame) -> Int { content[frame.index] }

  func withBytes<Result>(of frame: HostFrame, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    unsafe Contents.shared.pages[content[frame.index]].withUnsafeBytes { unsafe body($0) }
  }

  func numaNode(of frame: HostFrame) -> Int { frame.index % numaNodes }

  func isZero(_ frame: HostFrame) -> Bool { content[frame.index] == 0 }
  func isStable(_ frame: HostFrame) -> Bool { stable[frame.index] }

  func makeStable(_ page: PageOrdinal) -> HostFrame? {
    guard let frame = ownFrame(page) else { return nil }
    stable[frame] = true
    return HostFrame(frame)
  }

  func merge(_ page: PageOrdinal, into target: HostFrame) -> Bool {
    guard let frame = ownFrame(page), stable[target.index], content[frame] == content[target.index] else { return false }
    release(frame)
    slots[page.index] = .frame(target.index)
    mappers[target.index] += 1
    return true
  }

  func placeZeroPage(at page: PageOrdinal) -> Bool {
    guard let frame = ownFrame(page), content[frame] == 0 else { return false }
    release(frame)
    slots[page.index] = .zero
    return true
  }

  func unshare(_ page: PageOrdinal) {
    if canUnshare, let value = content(of: page.index) { write(value, to: page.index) }
  }

  private func ownFrame(_ page: PageOrdinal) -> Int? {
    guard case .frame(let frame) = slots[page.index], !stable[frame], !pinned.contains(page.index) else { return nil }
    return frame
  }
}

extension KSMScanner {
  /// A scanner of one space that holds all of a memory's pages.
  convenience init(of memory: WritableMemory, _ change: (inout KSMSettings) -> Void = { _ in }) {
    var settings = KSMSettings()
    settings.smartScan = false
    change(&settings)
    self.init(settings: settings, capacity: memory.slots.count, frameCount: memory.slots.count)
    register(0..<memory.slots.count)
  }
}
