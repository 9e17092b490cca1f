import Addressing
import Columns
import PageContents
import PageSharing
import Testing

/// A memory by the book: each page's bytes of its own, and an identity for what pages map. A fork copies the list.
private struct NaiveMemory {
  enum Slot: Equatable { case absent, zero, frame(Int) }

  var slots: [Slot]
  var frames: [[UInt8]] = []
  var isStable: [Bool] = []

  init(pages: Int) { slots = Array(repeating: .absent, count: pages) }

  func bytes(_ page: Int) -> [UInt8]? {
    switch slots[page] {
    case .absent: nil
    case .zero: [UInt8](repeating: 0, count: 4096)
    case .frame(let frame): frames[frame]
    }
  }

  func mappers(_ frame: Int) -> Int { slots.count { $0 == .frame(frame) } }
  var usedFrames: Int { Set(slots.compactMap { if case .frame(let frame) = $0 { frame } else { nil } }).count }

  mutating func write(_ page: Int, _ change: (inout [UInt8]) -> Void) {
    var held = bytes(page) ?? [UInt8](repeating: 0, count: 4096)
    change(&held)
    if case .frame(let frame) = slots[page], mappers(frame) == 1, !isStable[frame] {
      frames[frame] = held
    } else {
      slots[page] = .frame(frames.count)
      frames.append(held)
      isStable.append(false)
    }
  }
}

@Suite struct TrialMemoryTests {
  private static let contents = [PageContent.zero, .repeated(7)] + (1..<6).map { .synthetic(seed: UInt64($0)) }
  private static let palette = SyntheticPages(contents)

  private static func bytes(of content: Int) -> [UInt8] {
    unsafe palette.withPage(content) { page in unsafe [UInt8](page) }
  }

  @Test("Whatever is written, forked, merged and discarded, every page reads as in a memory of separate bytes", arguments: 1...6)
  func naiveTwin(seed: UInt64) {
    var random = RandomSource(seed: seed).stream("trial memory")
    let memory = TrialMemory(pageCount: 24, palette: Self.palette)
    var naive = NaiveMemory(pages: 24)
    for step in 0..<400 {
      let page = random.index(below: 24)
      Self.change(page, memory, &naive, &random)
      if step.isMultiple(of: 10) { Self.compare(memory, naive) }
    }
  }

  private static func change(_ page: Int, _ memory: TrialMemory<SyntheticPages>, _ naive: inout NaiveMemory, _ random: inout RandomStream) {
    let other = random.index(below: 24)
    switch random.index(below: 9) {
    case 0, 1:
      let content = random.index(below: contents.count)
      memory.write(content, to: page)
      naive.write(page) { $0 = bytes(of: content) }
    case 2:
      let offset = random.index(below: 4096)
      memory.writeByte(9, at: offset, of: page)
      naive.write(page) { $0[offset] = 9 }
    case 3:
      memory.read(page)
      if naive.slots[page] == .absent { naive.slots[page] = .zero }
    case 4:
      memory.discard(page)
      naive.slots[page] = .absent
    case 5:
      // A fork: the second half forgets what it held and comes to map what the first maps.
      guard random.oneIn(4) else { return }
      for child in 12..<24 {
        memory.discard(child)
        naive.slots[child] = naive.slots[child - 12]
      }
      memory.fork(0..<12, to: 12..<24)
    case 6: stabilize(page, memory, &naive)
    case 7: merge(page, into: other, memory, &naive)
    default: placeOrUnshare(page, memory, &naive)
    }
  }

  private static func ordinal(_ page: Int) -> PageOrdinal { PageOrdinal(UInt32(page)) }

  private static func stabilize(_ page: Int, _ memory: TrialMemory<SyntheticPages>, _ naive: inout NaiveMemory) {
    let made = memory.makeStable(ordinal(page))
    guard case .frame(let frame) = naive.slots[page], !naive.isStable[frame] else {
      #expect(made == nil)
      return
    }
    #expect(made != nil)
    naive.isStable[frame] = true
  }

  private static func merge(_ page: Int, into other: Int, _ memory: TrialMemory<SyntheticPages>, _ naive: inout NaiveMemory) {
    guard case .stable(let target) = memory.backing(of: ordinal(other)), case .frame(let kept) = naive.slots[other] else { return }
    let isMerged = memory.merge(ordinal(page), into: target)
    guard case .frame(let frame) = naive.slots[page], !naive.isStable[frame], naive.frames[frame] == naive.frames[kept] else {
      #expect(!isMerged)
      return
    }
    #expect(isMerged)
    naive.slots[page] = .frame(kept)
  }

  private static func placeOrUnshare(_ page: Int, _ memory: TrialMemory<SyntheticPages>, _ naive: inout NaiveMemory) {
    if case .frame(let frame) = naive.slots[page], !naive.isStable[frame] {
      let isZero = naive.frames[frame].allSatisfy { $0 == 0 }
      #expect(memory.placeZeroPage(at: ordinal(page)) == isZero)
      if isZero { naive.slots[page] = .zero }
    } else {
      memory.unshare(ordinal(page))
      if naive.slots[page] != .absent { naive.write(page) { _ in } }
    }
  }

  private static func compare(_ memory: TrialMemory<SyntheticPages>, _ naive: NaiveMemory) {
    #expect(memory.usedFrames == naive.usedFrames)
    for page in 0..<24 {
      let held = unsafe memory.withBytes(ofPage: page) { bytes in unsafe bytes.map { unsafe [UInt8]($0) } }
      #expect(held == naive.bytes(page))
      switch (memory.backing(of: ordinal(page)), naive.slots[page]) {
      case (.absent, .absent), (.zeroFrame, .zero): continue
      case (.stable, .frame(let frame)): #expect(naive.isStable[frame])
      case (.private, .frame(let frame)): #expect(!naive.isStable[frame])
      default: Issue.record("page \(page) is backed otherwise")
      }
    }
  }

  @Test("A page that ceases to map the zero frame is told once, when it is written, discarded or unshared")
  func zeroFrameLeft() {
    let memory = TrialMemory(pageCount: 4, palette: Self.palette)
    var left: [UInt32] = []
    memory.zeroFrameLeft = { left.append($0.rawValue) }
    for page in 0..<4 { memory.read(page) }
    memory.write(2, to: 0)
    memory.discard(1)
    memory.unshare(PageOrdinal(2))
    #expect(left == [0, 1, 2])
  }
}
