import Addressing
import TestSupport
import Testing

@testable import FrameAllocation

@Suite("Frames and the pages that map them")
struct FrameTableTests {
  @Test("The pages of a frame are those of a dictionary twin, the last linked first", arguments: 0..<6 as Range<UInt64>)
  func twin(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let table = FrameTable(frameCount: 20, pageCapacity: 60)
    var twin: [HostFrame: [PageOrdinal]] = [:]
    var mapped: [PageOrdinal: HostFrame] = [:]
    for _ in 0..<8 {
      guard let frame = table.allocate(for: .unmapped(twin.count % 2 == 0 ? .guestPage : .stable)) else { continue }
      twin[frame] = []
    }
    for step in 0..<2000 {
      let page = PageOrdinal(UInt32.random(in: 0..<60, using: &generator))
      if let frame = mapped[page] {
        mapped[page] = nil
        twin[frame]?.removeAll { $0 == page }
        #expect(Int(table.unlink(page, from: frame)) == twin[frame]?.count)
      } else if let frame = twin.keys.sorted().randomElement(using: &generator) {
        mapped[page] = frame
        twin[frame]?.insert(page, at: 0)
        table.link(page, to: frame)
      }
      guard step % 50 == 0 else { continue }
      for (frame, pages) in twin {
        var listed: [PageOrdinal] = []
        table.forEachPage(of: frame) { listed.append($0) }
        #expect(listed == pages)
        #expect(Int(table[frame].references) == pages.count)
        #expect(table[frame].firstPage == pages.first)
      }
    }
  }

  @Test("Every page can be unlinked while the pages of a frame are gone through")
  func unlinkingOnTheWay() throws {
    let table = FrameTable(frameCount: 2, pageCapacity: 10)
    let frame = try #require(table.allocate(for: .unmapped(.stable)))
    for page in 0..<10 { table.link(PageOrdinal(UInt32(page)), to: frame) }
    var left: [UInt32] = []
    table.forEachPage(of: frame) { left.append(table.unlink($0, from: frame)) }
    #expect(left == (0..<10).reversed())
    table.release(frame)
    #expect(table.allocator.freeFrames == 2)
  }

  @Test("The zero frame's pages are counted and not listed, so one page may map it and another frame's list stays whole")
  func zeroFrame() throws {
    let table = FrameTable(frameCount: 2, pageCapacity: 2)
    let zero = try #require(table.allocate(for: .unmapped(.zero)))
    for page: UInt32 in [0, 1] { table.link(PageOrdinal(page), to: zero) }
    #expect(table[zero].references == 2)
    #expect(table[zero].firstPage == nil)
    table.forEachPage(of: zero) { Issue.record("page \($0.rawValue) is listed") }
    #expect(table.unlink(PageOrdinal(0), from: zero) == 1)
    #expect(table[zero].use == .zero)
  }

  @Test("A frame's record survives in one word, to the ends of its fields", arguments: FrameUse.allCases)
  func recordWords(use: FrameUse) {
    for references: UInt32 in [0, 1, FrameRecord.referenceLimit] {
      for link: UInt32? in [nil, 0, 1, UInt32.max - 1] {
        var record = FrameRecord.unmapped(use)
        record.references = references
        if use == .table { record.tableOwner = link.map { VMID($0) } } else { record.firstPage = link.map { PageOrdinal($0) } }
        #expect(FrameRecord(word: record.word) == record)
      }
    }
    #expect(FrameRecord.table(of: VMID(3)).tableOwner == VMID(3))
    #expect(FrameRecord(word: 0) == .unmapped(.none))
  }

  @Test("A frame that pages map is not released, and a page is not unlinked from a frame that it does not map")
  func misuse() async {
    await #expect(processExitsWith: .failure) {
      let table = FrameTable(frameCount: 1, pageCapacity: 1)
      guard let frame = table.allocate(for: .unmapped(.guestPage)) else { return }
      table.link(PageOrdinal(0), to: frame)
      table.release(frame)
    }
    await #expect(processExitsWith: .failure) {
      let table = FrameTable(frameCount: 2, pageCapacity: 2)
      guard let frame = table.allocate(for: .unmapped(.guestPage)) else { return }
      table.link(PageOrdinal(0), to: frame)
      _ = table.unlink(PageOrdinal(1), from: frame)
    }
  }
}
