import Addressing
import Columns
import PageSharing
import Testing

/// A page of one number, and one that differs from it in the last bit.
func samplePage(_ number: Int) -> [UInt8] {
  var page = [UInt8](repeating: UInt8(truncatingIfNeeded: number / 2 + 1), count: 4096)
  page[2000] = UInt8(truncatingIfNeeded: number >> 9)
  if number % 2 == 1 { page[4095] ^= 1 }
  return page
}

@Suite("VUsion shares what is idle, and nobody can tell")
struct VUsionTests {
  /// A memory whose pages hold these numbers, and a scanner of all of it.
  static func make(_ numbers: [Int], frames: Int? = nil, _ change: (TrappingMemory) -> Void = { _ in })
    -> (TrappingMemory, VUsionScanner<TrappingMemory>)
  {
    let memory = TrappingMemory(pages: numbers.count, frames: frames ?? 2 * numbers.count)
    for (page, number) in numbers.enumerated() { memory.write(samplePage(number), to: page) }
    change(memory)
    let scanner = VUsionScanner(memory: memory, capacity: numbers.count, frameCount: frames ?? 2 * numbers.count)
    _ = scanner.register(0..<numbers.count, tenant: 0)
    return (memory, scanner)
  }

  static func scan(_ scanner: some PageScanner, rounds: Int) {
    for _ in 0..<rounds { while !scanner.scanBatch(pages: .max, at: 0).completedFullScan {} }
  }

  @Test("An idle page traps from its second quiet round on, with a duplicate or without", arguments: [true, false])
  func allCandidatesTrap(tellsAccesses: Bool) {
    let (memory, scanner) = Self.make([2, 2, 4, 6, 6, 6]) { $0.tellsAccesses = tellsAccesses }
    Self.scan(scanner, rounds: 1)
    #expect((0..<6).allSatisfy { !memory.isTrapped(PageOrdinal(UInt32($0))) } && memory.usedFrames == 6)
    Self.scan(scanner, rounds: 1)
    #expect((0..<6).allSatisfy { memory.isTrapped(PageOrdinal(UInt32($0))) } && memory.usedFrames == 3)
    let counters = scanner.counters
    #expect((counters.pagesShared, counters.pagesSharing, counters.pagesUnshared, counters.pagesVolatile) == (2, 3, 1, 0))
    #expect((scanner.work.merges, scanner.work.fakeMerges) == (3, 3))
  }

  @Test("A page that is accessed in every round is left alone, though it is only read")
  func workingSetIsLeftAlone() {
    let (memory, scanner) = Self.make([2, 2, 2])
    for _ in 0..<8 {
      memory.read(0)
      Self.scan(scanner, rounds: 1)
      #expect(!memory.isTrapped(PageOrdinal(0)))
    }
    #expect(memory.isTrapped(PageOrdinal(1)) && memory.isTrapped(PageOrdinal(2)) && memory.usedFrames == 2)
  }

  @Test("A read takes a page out of its group for itself alone, with its bytes, and it may come back when it is idle")
  func copyOnAccess() {
    let (memory, scanner) = Self.make([2, 2, 2])
    Self.scan(scanner, rounds: 2)
    #expect(memory.usedFrames == 1)
    #expect(memory.read(1) == TrappingMemory.Cost(traps: 1, copies: 1))
    #expect(memory.usedFrames == 2 && memory.peek(1) == samplePage(2) && !memory.isShared(1))
    #expect(memory.read(1) == TrappingMemory.Cost(), "once")
    Self.scan(scanner, rounds: 1)
    #expect(scanner.counters.pagesSharing == 1)
    Self.scan(scanner, rounds: 2)
    #expect(memory.usedFrames == 1 && scanner.counters.pagesSharing == 2)
  }

  @Test("Pages that cannot trap, or find no frame to move to, are not shared")
  func failures() {
    let (memory, scanner) = Self.make([2, 2, 2, 2]) { $0.pinned = [0, 1] }
    Self.scan(scanner, rounds: 3)
    #expect(memory.usedFrames == 3 && memory.isShared(2) && memory.isShared(3))
    let (full, waiting) = Self.make([2, 4, 2, 4], frames: 4)
    Self.scan(waiting, rounds: 3)
    #expect(full.usedFrames == 4 && waiting.work.merges == 0 && waiting.counters.pagesVolatile == 4)
    full.discard(3)
    Self.scan(waiting, rounds: 2)
    #expect(full.usedFrames == 2 && full.isShared(0) && full.isShared(2))
  }

  @Test("An image is shared page for page as its contents say")
  func image() {
    let memory = ImageMemory(IdentityPages([0, 5, 6, 5, 0, 0, 5]))
    let scanner = VUsionScanner(memory: memory, capacity: 7, frameCount: 7)
    _ = scanner.register(0..<7, tenant: 0)
    Self.scan(scanner, rounds: 3)
    let counters = scanner.counters
    #expect((counters.pagesShared, counters.pagesSharing, counters.pagesUnshared) == (2, 4, 1))
  }

  // MARK: What an attacker sees

  /// An attacker's view of the first accesses to merged and unmerged pages: how often each cost came up, and in which part of memory the
  /// page then was; and how many pages were no longer in the frame that they had before the scanner came by.
  struct View: Equatable {
    var costs: [TrappingMemory.Cost: Int] = [:]
    var places = [Int](repeating: 0, count: 8)
    var moved = 0

    mutating func note(_ cost: TrappingMemory.Cost, place: Int, moved: Bool) {
      costs[cost, default: 0] += 1
      places[place] += 1
      if moved { self.moved += 1 }
    }
  }

  /// Half of the pages have a duplicate in another guest, half have none; the attacker accesses its own pages after the scanner has come
  /// by.
  func attack(_ make: (TrappingMemory) -> any PageScanner<TrappingMemory>, seed: UInt64, write: Bool) -> (merged: View, alone: View) {
    let (pages, frames) = (64, 1024)
    var random = RandomSource(seed: seed).stream("attack")
    let memory = TrappingMemory(pages: 2 * pages, frames: frames)
    var (merged, alone) = (View(), View())
    for _ in 0..<8 {
      var hasTwin = (0..<pages).map { $0 % 2 == 0 }
      for index in hasTwin.indices { hasTwin.swapAt(index, random.index(below: pages)) }
      for page in 0..<pages { memory.write(samplePage(hasTwin[page] ? 4 * page : 4 * page + 2), to: pages + page) }
      for page in 0..<pages { memory.write(samplePage(4 * page), to: page) }
      let before = (0..<pages).map { memory.frame(of: $0) }
      let scanner = make(memory)
      _ = scanner.register(0..<2 * pages, tenant: 0)
      VUsionTests.scan(scanner, rounds: 4)
      for page in 0..<pages {
        let cost = write ? memory.write(samplePage(1000 + page), to: page) : memory.read(page)
        let frame = memory.frame(of: page)
        let place = (frame ?? 0) * 8 / frames
        if hasTwin[page] {
          merged.note(cost, place: place, moved: frame != before[page])
        } else {
          alone.note(cost, place: place, moved: frame != before[page])
        }
      }
    }
    return (merged, alone)
  }

  /// The chi-square statistic of two samples of equal size over the same classes, times 1000, in integers: the sum of (a - b)^2 / (a + b).
  func chiSquare(_ a: [Int], _ b: [Int]) -> Int {
    zip(a, b).reduce(0) { $0 + ($1.0 + $1.1 == 0 ? 0 : 1000 * ($1.0 - $1.1) * ($1.0 - $1.1) / ($1.0 + $1.1)) }
  }

  /// Seven degrees of freedom: 24.3 is passed by chance once in a thousand times (any table of the distribution).
  static let limit = 24_322

  @Test(
    "First accesses to merged and to unmerged pages cost the same, one by one, and lead to frames drawn from the same distribution",
    arguments: [true, false])
  func cannotBeTold(write: Bool) {
    for seed in 1...6 as ClosedRange<UInt64> {
      let seen = attack({ VUsionScanner(memory: $0, capacity: 128, frameCount: 1024) }, seed: seed, write: write)
      #expect(seen.merged.costs == seen.alone.costs && seen.merged.costs == [TrappingMemory.Cost(traps: 1, copies: 1): 256])
      #expect(chiSquare(seen.merged.places, seen.alone.places) < Self.limit, "seed \(seed)")
      // A frame is drawn again by chance, once in about 900 times.
      #expect(seen.merged.moved >= 253 && seen.alone.moved >= 253)
      // Nor is the distribution one of few frames: each eighth of memory gets about an eighth, merged or not.
      for view in [seen.merged, seen.alone] { #expect(chiSquare(view.places, [Int](repeating: 32, count: 8)) < Self.limit, "seed \(seed)") }
    }
  }

  @Test(
    "Linux KSM is told by all of these: its merged pages copy at a write where others do not, change their frames, and get those last freed"
  )
  func ksmCanBeTold() {
    let seen = attack(
      {
        var settings = KSMSettings()
        settings.smartScan = false
        return KSMPageScanner(KSMScanner(settings: settings, capacity: 128, frameCount: 1024), memory: $0)
      }, seed: 1, write: true)
    #expect(seen.merged.costs == [TrappingMemory.Cost(traps: 0, copies: 1): 256] && seen.alone.costs == [TrappingMemory.Cost(): 256])
    #expect(seen.merged.moved == 256 && seen.alone.moved == 0)
    for view in [seen.merged, seen.alone] { #expect(chiSquare(view.places, [Int](repeating: 32, count: 8)) > Self.limit) }
  }

  @Test("The frame that two pages end up in is neither's own: whoever chose one cannot choose where the other's bytes lie")
  func noReuseOfChosenFrames() {
    for seed in 0..<20 {
      let memory = TrappingMemory(pages: 2, frames: 256)
      for _ in 0..<seed { memory.write(samplePage(2), to: 0) }
      for page in 0..<2 { memory.write(samplePage(2), to: page) }
      let own = (0..<2).map { memory.frame(of: $0) }
      let scanner = VUsionScanner(memory: memory, capacity: 2, frameCount: 256)
      _ = scanner.register(0..<2, tenant: 0)
      Self.scan(scanner, rounds: 2)
      #expect(memory.isShared(0) && !own.contains(memory.frame(of: 0)))
    }
  }

  // MARK: Against a twin

  @Test(
    "Whatever guests do, nobody loses a byte, nothing written stays shared, and once all is quiet each content has one frame",
    arguments: 0..<60)
  func agreesWithTwin(seed: UInt64) {
    let pages = 40
    var random = RandomSource(seed: seed).stream("vusion")
    let memory = TrappingMemory(pages: pages, frames: 2 * pages)
    memory.hashMask = [.max, 3 << 62, 0][Int(seed % 3)]
    memory.tellsAccesses = seed % 2 == 0
    let scanner = VUsionScanner(memory: memory, capacity: pages, frameCount: 2 * pages)
    var spaces: [SpaceID?] = (0..<4).map { scanner.register($0 * 10..<$0 * 10 + 10, tenant: UInt32($0)) }
    var twin = [[UInt8]?](repeating: nil, count: pages)
    let contents = 2 + Int(random.below(8))
    for step in 0..<600 {
      let page = random.index(below: pages)
      switch random.below(20) {
      case 0...6:
        let value = samplePage(random.index(below: contents))
        memory.write(value, to: page)
        twin[page] = value
        #expect(!memory.isShared(page))
      case 7...9:
        memory.read(page)
        twin[page] = twin[page] ?? [UInt8](repeating: 0, count: 4096)
        #expect(!memory.isShared(page))
      case 10:
        memory.discard(page)
        twin[page] = nil
      case 11: if memory.pinned.remove(page) == nil { memory.pinned.insert(page) }
      case 12:
        let number = random.index(below: 4)
        if let space = spaces[number] { scanner.unregister(space) }
        spaces[number] = spaces[number] == nil ? scanner.register(number * 10..<number * 10 + 10, tenant: 0) : nil
      default: _ = scanner.scanBatch(pages: random.below(60), at: UInt64(step))
      }
      if step % 20 == 0 {
        #expect((0..<pages).allSatisfy { memory.peek($0) == twin[$0] })
        #expect((0..<pages).allSatisfy { memory.peek($0) == nil || !memory.isShared($0) || memory.isTrapped(PageOrdinal(UInt32($0))) })
      }
    }
    memory.pinned = []
    for number in 0..<4 where spaces[number] == nil { _ = scanner.register(number * 10..<number * 10 + 10, tenant: 0) }
    for page in 0..<pages { memory.write(twin[page] ?? samplePage(0), to: page) }
    // The round under way knows nothing of the spaces that were just registered.
    Self.scan(scanner, rounds: 5)
    let distinct = Set((0..<pages).map { twin[$0] ?? samplePage(0) }).count
    #expect(memory.usedFrames == distinct)
    let counters = scanner.counters
    #expect(counters.pagesShared + counters.pagesUnshared == UInt64(distinct) && counters.pagesSharing == UInt64(pages - distinct))
  }
}
