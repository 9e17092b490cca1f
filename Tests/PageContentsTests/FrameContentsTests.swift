import Addressing
import PageContents
import TestSupport
import Testing

@Suite("Contents of frames")
struct FrameContentsTests {
  /// Frame contents and a twin that keeps 4096 bytes for each, taken through the same operations.
  struct Pair {
    let contents: FrameContents
    var twin: [[UInt8]]
    /// Which frames must hold real bytes: those that were written to since their content was last replaced.
    var real: [Bool]
    var detached: [(content: DetachedContent, bytes: [UInt8], real: Bool)] = []
    let detachedCapacity: Int
    var generator: SeededGenerator

    init(seed: UInt64) {
      generator = SeededGenerator(seed: seed)
      (twin, real) = ([[UInt8]](repeating: NaivePage.zero, count: 6), [Bool](repeating: false, count: 6))
      detachedCapacity = 3
      contents = FrameContents(frameCount: 6, detachedCapacity: detachedCapacity)
    }

    mutating func step() {
      let (a, b) = (Int.random(in: 0..<6, using: &generator), Int.random(in: 0..<6, using: &generator))
      switch Int.random(in: 0..<10, using: &generator) {
      case 0...1: replace(a)
      case 2...3: store(in: a)
      case 4: write(in: a)
      case 5: copy(a, to: b)
      case 6: take(from: a)
      case 7: put(into: a)
      case 8: drop()
      default: compare(a, b)
      }
    }

    private mutating func replace(_ frame: Int) {
      let content = PageContent.random(using: &generator)
      contents.setContent(content, of: HostFrame(frame))
      (twin[frame], real[frame]) = (NaivePage.bytes(of: content), false)
    }

    private mutating func store(in frame: Int) {
      let (index, word) = (Int.random(in: 0..<512, using: &generator), generator.next())
      if Bool.random(using: &generator) {
        contents.storeWord(word, index, of: HostFrame(frame))
      } else {
        contents.store(word, HostFrame(frame).address.advanced(by: UInt64(index * 8)))
      }
      NaivePage.store(word, index, in: &twin[frame])
      real[frame] = true
    }

    private mutating func write(in frame: Int) {
      let offset = Int.random(in: 0...4096, using: &generator)
      let bytes = (0..<Int.random(in: 0...min(100, 4096 - offset), using: &generator)).map { UInt8(truncatingIfNeeded: $0 * 37) }
      unsafe bytes.withUnsafeBytes { unsafe contents.write($0, at: offset, of: HostFrame(frame)) }
      twin[frame].replaceSubrange(offset..<offset + bytes.count, with: bytes)
      real[frame] = true
    }

    private mutating func copy(_ source: Int, to target: Int) {
      contents.copy(HostFrame(source), to: HostFrame(target))
      (twin[target], real[target]) = (twin[source], real[source])
    }

    private mutating func take(from frame: Int) {
      guard detached.count < detachedCapacity else { return }
      detached.append((contents.take(from: HostFrame(frame)), twin[frame], real[frame]))
      (twin[frame], real[frame]) = (NaivePage.zero, false)
    }

    private mutating func put(into frame: Int) {
      guard let last = detached.popLast() else { return }
      contents.put(last.content, into: HostFrame(frame))
      (twin[frame], real[frame]) = (last.bytes, last.real)
    }

    private mutating func drop() {
      if !detached.isEmpty { contents.drop(detached.removeFirst().content) }
    }

    private func compare(_ a: Int, _ b: Int) {
      #expect(contents.order(HostFrame(a), HostFrame(b)) == NaivePage.order(twin[a], twin[b]))
      let (same, zero) = (twin[a] == twin[b], twin[a] == NaivePage.zero)
      #expect(contents.areEqual(HostFrame(a), HostFrame(b)) == same)
      #expect(contents.isZero(HostFrame(a)) == zero)
      if let content = contents.content(of: HostFrame(b)) { #expect(contents.holds(content, HostFrame(a)) == same) }
    }

    func check() {
      for frame in 0..<6 {
        #expect(NaivePage.difference(contents.shown(HostFrame(frame)), twin[frame]) == nil)
        #expect(contents.load(HostFrame(frame).address.advanced(by: 1016)) == NaivePage.word(127, of: twin[frame]))
        #expect((contents.content(of: HostFrame(frame)) == nil) == real[frame])
      }
      for held in detached {
        for index in [0, 127, 255, 511] { #expect(contents.loadWord(index, of: held.content) == NaivePage.word(index, of: held.bytes)) }
      }
      #expect(contents.framesWithBytes == real.count { $0 } + detached.count { $0.real })
    }

    mutating func releaseAll() {
      for held in detached { contents.drop(held.content) }
      for frame in 0..<6 { contents.setContent(.zero, of: HostFrame(frame)) }
    }
  }

  @Test("Frames hold what a twin of plain bytes holds, whatever is done to them; nothing leaks", arguments: 0..<10 as Range<UInt64>)
  func twin(seed: UInt64) {
    var pair = Pair(seed: seed)
    for step in 0..<1000 {
      pair.step()
      if step % 25 == 0 { pair.check() }
    }
    pair.check()
    pair.releaseAll()
    #expect(pair.contents.framesWithBytes == 0)
  }

  @Test("Slots of freed pages are used again, so as many pages hold bytes as there are frames, for ever")
  func slotsAreReused() {
    let contents = FrameContents(frameCount: 3)
    for round in 0..<50 as Range<UInt64> {
      for frame in 0..<3 { contents.storeWord(round, 0, of: HostFrame(frame)) }
      #expect(contents.framesWithBytes == 3)
      for frame in 0..<3 { contents.setContent(.repeated(UInt8(round)), of: HostFrame(frame)) }
      #expect(contents.framesWithBytes == 0)
    }
    // A slot that held other bytes before shows none of them.
    contents.storeWord(1, 0, of: HostFrame(0))
    #expect((1..<512).allSatisfy { contents.loadWord($0, of: HostFrame(0)) == 0x3131_3131_3131_3131 })
  }

  @Test("A word index or a range outside the page ends the program, for descriptors as for bytes")
  func bounds() async {
    await #expect(processExitsWith: .failure) { _ = FrameContents(frameCount: 1).loadWord(512, of: HostFrame(0)) }
    await #expect(processExitsWith: .failure) {
      let contents = FrameContents(frameCount: 1)
      contents.storeWord(1, 0, of: HostFrame(0))
      _ = contents.loadWord(-1, of: HostFrame(0))
    }
    await #expect(processExitsWith: .failure) { _ = FrameContents(frameCount: 1).loadWord(0, of: HostFrame(1)) }
    await #expect(processExitsWith: .failure) { FrameContents(frameCount: 1).fill(HostFrame(0), with: [UInt8](repeating: 0, count: 4097)) }
  }
}
