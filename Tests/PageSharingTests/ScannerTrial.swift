import Addressing
import Columns
import PageSharing
import Testing

/// A scanner on a small memory to which everything happens that a host does, and the truth: what was written last to every page.
final class ScannerTrial {
  static let pages = 48
  static let spaces = 4
  static var spaceSize: Int { pages / spaces }

  let memory = WritableMemory(pages: ScannerTrial.pages)
  let scanner: any PageScanner<WritableMemory>
  /// What each page must read.
  var written: [Int?] = Array(repeating: nil, count: ScannerTrial.pages)
  /// The registered spaces, by number.
  var registered: [Int: SpaceID] = [:]
  var random: RandomStream
  let contents: UInt64
  var now: UInt64 = 0
  /// Whether the scanner is told of zero pages that were written.
  let tellsOfZeroPages: Bool
  /// Whether the scanner gives up the pages of an ended space later.
  let dropsLate: Bool
  /// Whether pages are read from blocks: block `b` holds content `b % contents`.
  var readsBlocks = false

  init(_ kind: ScannerKind, seed: UInt64, hash: WritableMemory.Hash = .real, _ change: (inout ScannerSettings) -> Void = { _ in }) {
    random = RandomSource(seed: seed).stream("trial")
    contents = 2 + random.below(10)
    tellsOfZeroPages = random.oneIn(2)
    dropsLate = kind == .sameVM
    memory.hash = hash
    memory.canUnshare = random.oneIn(2)
    var settings = ScannerSettings()
    settings.seed = seed
    settings.ksm.smartScan = false
    change(&settings)
    scanner = kind.makeScanner(settings, for: memory, capacity: ScannerTrial.pages, frameCount: ScannerTrial.pages)!
    for space in 0..<ScannerTrial.spaces { toggleSpace(space) }
  }

  /// Spaces 0 and 1 belong to one tenant, 2 and 3 to one each.
  static func tenant(ofSpace space: Int) -> UInt32 { UInt32(max(space, 1)) }
  static func space(of page: Int) -> Int { page / spaceSize }

  func toggleSpace(_ number: Int) {
    let pages = number * ScannerTrial.spaceSize..<(number + 1) * ScannerTrial.spaceSize
    if let space = registered.removeValue(forKey: number) {
      scanner.unregister(space)
      // What ends is gone: its pages are no concern of the scanner's any more.
      for page in pages { change(page, to: nil) }
    } else {
      // KSM drops the pages of a space that has ended when it comes by; until then they are taken.
      if dropsLate { for _ in 0..<2 { scan() } }
      registered[number] = scanner.register(pages, tenant: ScannerTrial.tenant(ofSpace: number))
    }
  }

  /// A page is written, or goes.
  func change(_ page: Int, to content: Int?) {
    if memory.slots[page] == .zero && tellsOfZeroPages { scanner.zeroPageLeft(PageOrdinal(UInt32(page))) }
    written[page] = content
    if let content { memory.write(content, to: page) } else { memory.discard(page) }
  }

  /// A page is filled from a block.
  func read(_ block: UInt64, into page: Int) {
    change(page, to: Int(block % contents))
    scanner.pageRead(PageOrdinal(UInt32(page)), from: block, at: now)
  }

  /// Something happens.
  func step() {
    let page = random.index(below: ScannerTrial.pages)
    switch random.below(16) {
    case 0...8:
      if readsBlocks && random.oneIn(2) {
        read(random.below(2 * contents), into: page)
      } else {
        change(page, to: Int(random.below(contents)))
      }
    case 9: for page in page..<min(page + 9, ScannerTrial.pages) { change(page, to: Int(random.below(2))) }
    case 10: change(page, to: nil)
    case 11 where written[page] == nil:
      memory.readFault(page)
      written[page] = 0
    case 13: if memory.pinned.remove(page) == nil { memory.pinned.insert(page) }
    case 14: toggleSpace(random.index(below: ScannerTrial.spaces))
    default: break
    }
  }

  @discardableResult func scan(pages: UInt64 = .max) -> BatchResult {
    now += 20_000_000
    return scanner.scanBatch(pages: pages, at: now)
  }

  /// Whether nothing was lost, and no frame is shared by pages of different contents: each page reads what was written last.
  var isTruthful: Bool { (0..<ScannerTrial.pages).allSatisfy { memory.content(of: $0) == written[$0] } }

  /// Nothing is pinned and every space is registered, and then nothing happens any more.
  func rest(rounds: Int = 8) {
    memory.pinned = []
    memory.canUnshare = true
    for space in 0..<ScannerTrial.spaces where registered[space] == nil { toggleSpace(space) }
    var left = rounds
    while left > 0 { if scan().completedFullScan { left -= 1 } }
  }

  /// The frames that are in use when all pages of one content and one domain share a frame.
  func framesByRule(domain: (Int) -> Int, shares: (Int) -> Bool = { _ in true }) -> Int {
    var groups: Set<[Int]> = []
    var single = 0
    for page in 0..<ScannerTrial.pages where memory.slots[page] != .zero {
      guard let content = written[page] else { continue }
      if shares(content) { groups.insert([domain(page), content]) } else { single += 1 }
    }
    return groups.count + single
  }

  /// Sharers as the frames tell: stable frames in use, and their further mappers.
  var sharing: (shared: UInt64, sharing: UInt64) {
    var mappers: [HostFrame: UInt64] = [:]
    for page in 0..<ScannerTrial.pages {
      if case .stable(let frame) = memory.backing(of: PageOrdinal(UInt32(page))) { mappers[frame, default: 0] += 1 }
    }
    return (UInt64(mappers.count), mappers.values.reduce(0) { $0 + $1 - 1 })
  }

  /// Runs a fuzzed history; false as soon as a page reads something else than was written to it.
  func survive(steps: Int = 60) -> Bool {
    for _ in 0..<steps {
      for _ in 0..<random.below(8) { step() }
      scan(pages: random.below(40))
      if !isTruthful { return false }
    }
    return true
  }
}
