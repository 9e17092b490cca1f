import Addressing
import Columns
import Testing

@testable import PageSharing

@Suite("Difference Engine shares, patches and compresses")
struct DifferenceEngineTests {
  typealias Engine = DifferenceEngine<TrappingMemory>

  static func make(_ pages: [[UInt8]], frames: Int? = nil, seed: UInt64 = 1, _ change: (inout DifferenceEngineSettings) -> Void = { _ in })
    -> (TrappingMemory, Engine)
  {
    let memory = TrappingMemory(pages: pages.count, frames: frames ?? pages.count)
    for (page, bytes) in pages.enumerated() { memory.write(bytes, to: page) }
    var settings = DifferenceEngineSettings()
    change(&settings)
    let engine = DifferenceEngine(settings, memory: memory, capacity: pages.count, frameCount: frames ?? pages.count, seed: seed)
    _ = engine.register(0..<pages.count, tenant: 0)
    return (memory, engine)
  }

  static func scan(_ engine: Engine, rounds: Int) { VUsionTests.scan(engine, rounds: rounds) }

  static func noise(_ seed: UInt64) -> [UInt8] {
    var random = RandomSource(seed: seed).stream("noise")
    return (0..<512).flatMap { _ in
      let word = random.next()
      return (0..<8).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) }
    }
  }

  /// Noise with some bytes changed, at places that hit a sampled block seldom.
  static func variant(_ seed: UInt64, _ number: Int) -> [UInt8] {
    var page = noise(seed)
    for index in 0..<number { page[(index * 997 + number) % 4096] ^= 0x55 }
    return page
  }

  // MARK: The classes

  @Test("Equal pages are shared, similar idle ones patched, and what is like nothing but can be pressed compressed; noise stays")
  func allThree() {
    let text = [UInt8](repeating: 7, count: 2048) + Self.noise(9)[..<512] + [UInt8](repeating: 8, count: 1536)
    let pages = [Self.noise(1), Self.noise(1), Self.noise(2), Self.variant(2, 3), Self.variant(2, 5), text, Self.noise(3)]
    let (memory, engine) = Self.make(pages)
    Self.scan(engine, rounds: 10)
    #expect(engine.counters.pagesShared == 1 && engine.counters.pagesSharing == 1)
    #expect(engine.storedPatches == 2 && engine.compressedPages == 1)
    // One frame for the shared page, one for the reference, one for the noise.
    #expect(memory.usedFrames == 3 && memory.heldFrames == 1 && memory.framesHeldAlone == 0)
    #expect(engine.patchBytes < 2 * 64 && engine.compressedBytes < 2048 && engine.compressedBytes > 512)
    #expect(engine.storedBytes == engine.patchBytes + engine.compressedBytes + 3 * 16)
    for (page, bytes) in pages.enumerated() { #expect(memory.peek(page) == bytes) }
    for (page, bytes) in pages.enumerated() {
      memory.read(page)
      #expect(memory.peek(page) == bytes)
    }
    #expect(engine.storedBytes == 0 && memory.heldFrames == 0 && engine.storedPatches == 0 && engine.compressedPages == 0)
  }

  @Test("A page that is written in every round is neither shared, nor a reference, nor stored", arguments: [true, false])
  func modifiedPages(tellsAccesses: Bool) {
    let (memory, engine) = Self.make([Self.variant(1, 0), Self.variant(1, 4), Self.variant(1, 6)], frames: 4)
    memory.tellsAccesses = tellsAccesses
    for round in 0..<9 {
      for page in 0..<2 { memory.write(Self.variant(1, 10 + 2 * round + page), to: page) }
      Self.scan(engine, rounds: 1)
    }
    #expect(engine.storedBytes == 0 && memory.usedFrames == 3 && memory.heldFrames == 0)
  }

  @Test("A page that is read in every round may be shared and be a reference, but is not stored itself")
  func readPages() {
    let text = [UInt8](repeating: 7, count: 4096)
    let (memory, engine) = Self.make([Self.noise(1), Self.variant(1, 4), text])
    for _ in 0..<9 {
      memory.read(0)
      memory.read(2)
      Self.scan(engine, rounds: 1)
    }
    #expect(
      engine.storedPatches == 1 && engine.compressedPages == 0 && memory.heldFrames == 1 && memory.isStable(HostFrame(memory.frame(of: 0)!))
    )
  }

  @Test("Patching begins after one idle round, compression after four; both limits are kept")
  func ages() {
    let text = [UInt8](repeating: 7, count: 4096)
    let (_, engine) = Self.make([Self.noise(1), Self.variant(1, 4), text])
    var history: [[UInt64]] = []
    for _ in 0..<6 {
      Self.scan(engine, rounds: 1)
      history.append([engine.storedPatches, engine.compressedPages])
    }
    // Seen and written before the first round; the first idle round is the second.
    #expect(history == [[0, 0], [1, 0], [1, 0], [1, 0], [1, 1], [1, 1]])
    let (_, strict) = Self.make([Self.noise(1), Self.variant(1, 100), text]) { ($0.patchLimit, $0.compressLimit) = (100, 10) }
    Self.scan(strict, rounds: 8)
    #expect(strict.storedPatches == 0 && strict.compressedPages == 0)
  }

  @Test("A write to a reference goes to a copy: its frame stays with its bytes until the last patch has gone")
  func references() {
    let (memory, engine) = Self.make([Self.noise(1), Self.variant(1, 4), Self.variant(1, 6)], frames: 5)
    Self.scan(engine, rounds: 3)
    #expect(engine.storedPatches == 2)
    let reference = (0..<3).first { memory.frame(of: $0) != nil }!
    memory.write(Self.noise(5), to: reference)
    #expect(memory.framesHeldAlone == 1 && memory.usedFrames == 2, "its own, and the one that was kept")
    let pages = [Self.noise(1), Self.variant(1, 4), Self.variant(1, 6)]
    for page in 0..<3 where page != reference { #expect(memory.peek(page) == pages[page]) }
    memory.discard((reference + 1) % 3)
    #expect(memory.framesHeldAlone == 1 && engine.storedPatches == 1)
    memory.read((reference + 2) % 3)
    #expect(memory.framesHeldAlone == 0 && memory.usedFrames == 2 && memory.peek((reference + 2) % 3) == pages[(reference + 2) % 3])
  }

  @Test("A page that comes to be equal to a reference shares its frame, and the patches against it stay good")
  func sharingReferences() {
    let (memory, engine) = Self.make([Self.noise(1), Self.variant(1, 4), Self.noise(7)], frames: 4)
    Self.scan(engine, rounds: 3)
    #expect(engine.storedPatches == 1)
    let reference = memory.frame(of: 0) == nil ? 1 : 0
    memory.write(reference == 0 ? Self.noise(1) : Self.variant(1, 4), to: 2)
    Self.scan(engine, rounds: 2)
    #expect(memory.isShared(2) && memory.usedFrames == 1 && engine.counters.pagesSharing == 1)
    #expect(memory.peek(1 - reference) == (reference == 0 ? Self.variant(1, 4) : Self.noise(1)))
  }

  @Test("More keys find similar pages that fewer miss; a page that differs everywhere in its samples is missed by all")
  func detection() {
    // One byte in about half of the runs of 64 bytes is changed, so that a block, wherever it is, is the same one time in two.
    func changed(_ seed: UInt64) -> [UInt8] {
      var page = Self.noise(seed)
      var random = RandomSource(seed: seed).stream("runs")
      let mask = random.next()
      for run in 0..<64 where mask >> UInt64(run) & 1 == 1 { page[run * 64] ^= 1 }
      return page
    }
    let pages = (0..<40).flatMap { [Self.noise(100 + $0), changed(100 + $0)] }
    var found: [UInt64] = []
    for groups in [1, 2, 6] {
      let (_, engine) = Self.make(pages) { $0.groups = groups }
      Self.scan(engine, rounds: 3)
      found.append(engine.storedPatches)
    }
    // Of 40 pairs about 20, 30, and all but one in 64.
    #expect((12...28).contains(found[0]) && found[1] > found[0] && (22...38).contains(found[1]) && found[2] >= 36)
    let (_, blind) = Self.make([Self.noise(1), changed(1)]) { $0.blocksPerGroup = 64 }
    Self.scan(blind, rounds: 3)
    #expect(blind.storedPatches == 0)
  }

  @Test("An image, which nobody can take pages from, is shared as by any sharer")
  func image() {
    let memory = ImageMemory(IdentityPages([0, 5, 6, 5, 0, 0, 5]))
    let engine = DifferenceEngine(DifferenceEngineSettings(), memory: memory, capacity: 7, frameCount: 7, seed: 1)
    _ = engine.register(0..<7, tenant: 0)
    VUsionTests.scan(engine, rounds: 8)
    let counters = engine.counters
    #expect((counters.pagesShared, counters.pagesSharing, counters.pagesUnshared) == (2, 4, 1) && engine.storedBytes == 0)
  }

  // MARK: Against a twin

  @Test(
    "Whatever guests do, every page holds what was written last, nothing written stays shared, and no frame is kept for nothing",
    arguments: 0..<30)
  func agreesWithTwin(seed: UInt64) {
    let pages = 32
    var random = RandomSource(seed: seed).stream("engine")
    let memory = TrappingMemory(pages: pages, frames: 3 * pages)
    memory.hashMask = [.max, 3 << 62, 0][Int(seed % 3)]
    memory.tellsAccesses = seed % 2 == 0
    var settings = DifferenceEngineSettings()
    settings.compressAfter = 2
    settings.candidates = 1 + Int(seed % 2)
    let engine = DifferenceEngine(settings, memory: memory, capacity: pages, frameCount: 3 * pages, seed: seed)
    var spaces: [SpaceID?] = (0..<4).map { engine.register($0 * 8..<$0 * 8 + 8, tenant: UInt32($0)) }
    var twin = [[UInt8]?](repeating: nil, count: pages)
    func content() -> [UInt8] {
      switch random.below(4) {
      case 0: samplePage(random.index(below: 6))
      case 1: Self.noise(random.below(2))
      default: Self.variant(random.below(2), random.index(below: 8))
      }
    }
    var (patches, compressed) = (UInt64(0), UInt64(0))
    for step in 0..<160 {
      let page = random.index(below: pages)
      switch random.below(16) {
      case 0...3:
        let value = content()
        memory.write(value, to: page)
        twin[page] = value
        #expect(!memory.isShared(page))
      case 4, 5:
        memory.read(page)
        twin[page] = twin[page] ?? [UInt8](repeating: 0, count: 4096)
      case 6:
        memory.discard(page)
        twin[page] = nil
      case 7: if memory.pinned.remove(page) == nil { memory.pinned.insert(page) }
      case 8 where seed % 5 == 0:
        let number = random.index(below: 4)
        if let space = spaces[number] { engine.unregister(space) }
        spaces[number] = spaces[number] == nil ? engine.register(number * 8..<number * 8 + 8, tenant: 0) : nil
      default: _ = engine.scanBatch(pages: random.below(80), at: UInt64(step))
      }
      (patches, compressed) = (max(patches, engine.storedPatches), max(compressed, engine.compressedPages))
      if step % 20 == 19 { #expect((0..<pages).allSatisfy { memory.peek($0) == twin[$0] }) }
    }
    #expect(patches > 0 && compressed > 0)
    let stored = (0..<pages).count { memory.slots[$0] == .entrusted }
    #expect(UInt64(stored) == engine.storedPatches + engine.compressedPages)
    // Every frame is a page's or a reference's, and what is saved is what the frames say.
    let mapped = Set((0..<pages).compactMap { memory.frame(of: $0) }).count
    #expect(memory.usedFrames == mapped + memory.framesHeldAlone && memory.heldFrames <= Int(engine.storedPatches))
    for page in 0..<pages { memory.read(page) }
    #expect((0..<pages).allSatisfy { memory.peek($0) == (twin[$0] ?? [UInt8](repeating: 0, count: 4096)) })
    #expect(engine.storedBytes == 0 && memory.heldFrames == 0)
  }
}
