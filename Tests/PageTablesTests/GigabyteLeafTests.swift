import Addressing
import PageContents
import Testing

@testable import PageTables

@Suite struct GigabyteLeafTests {
  private let contents = FrameContents(frameCount: 2048)
  private let first = GuestFrame(3 << 18)
  private let block = HostFrame(7 << 18)

  private func leaf(_ rights: UInt64 = 7) -> EPTEntry {
    EPTEntry(rawValue: block.address.rawValue | EPTEntry.writeBack | rights | EPTEntry.accessed)
  }

  @Test(
    "A leaf of 1 GiB maps each of its pages; splits leave every page in its place", arguments: [4, 5], NestedFormat.allCases)
  func split(levels: Int, format: NestedFormat) throws {
    let frames = TableFrames(contents, capacity: 600)
    let map = try GuestPhysicalMap(contents: contents, frames: frames, levels: levels, format: format)
    #expect(map.hasNoLeaves(around: first, size: .size1G))
    #expect(map.setLargeLeaf(leaf(5), of: first, size: .size1G) && map.largeLeaves == 1)
    #expect(!map.hasNoLeaves(around: first, size: .size1G) && !map.hasNoLeaves(around: first))
    #expect(!map.setLargeLeaf(leaf(), of: first, size: .size1G) && !map.setLeaf(leaf(), of: first))
    let pages = [0, 1, 511, 512, 513, 77_777, (1 << 18) - 1]
    func expectAll(split parts: (Int) -> PageSize?) {
      for page in pages {
        let frame = GuestFrame(first.index + page)
        let entry = map.leaf(of: frame)
        #expect(entry.without(EPTEntry.large).rawValue == leaf(5).rawValue + UInt64(page) << 12)
        #expect(entry.isLarge == (parts(page) != nil) && map.largeLeafSize(of: frame) == parts(page))
      }
    }
    expectAll { _ in .size1G }
    #expect(map.splitLargeLeaf(around: GuestFrame(first.index + 9999)) && map.largeLeaves == 512)
    expectAll { _ in .size2M }
    #expect(map.splitLargeLeaf(around: GuestFrame(first.index + 600)) && map.largeLeaves == 511)
    expectAll { $0 / 512 == 1 ? nil : .size2M }
    #expect(map.removeLargeLeaf(around: GuestFrame(first.index + 77_777)) && map.largeLeaves == 510)
    #expect(map.leaf(of: GuestFrame(first.index + 77_777)) == .absent)
    var visited = 0
    map.forEachLeaf(in: first..<GuestFrame(first.index + 1 << 18)) { _, _ in visited += 1 }
    #expect(visited == 1 << 18 - 512 && map.tableFrames == frames.used)
    map.destroy()
    #expect(frames.used == 0 && map.tableFrames == 0 && map.largeLeaves == 0)
  }

  @Test("A leaf of 1 GiB can be taken away and set again in parts; without frames for every later split it is refused")
  func removal() throws {
    let frames = TableFrames(contents, capacity: 515)
    let map = try GuestPhysicalMap(contents: contents, frames: frames)
    #expect(map.setLargeLeaf(leaf(), of: first, size: .size1G) && map.tableFrames == 515)
    #expect(map.removeLargeLeaf(around: GuestFrame(first.index + 5)) && map.leaf(of: first) == .absent && map.largeLeaves == 0)
    #expect(map.tableFrames == 3 && frames.used == 3)
    #expect(!map.hasNoLeaves(around: first, size: .size1G) && map.hasNoLeaves(around: first))
    #expect(map.setLargeLeaf(leaf(), of: first) && map.leaf(of: GuestFrame(first.index + 511)).isLarge)
    let short = try GuestPhysicalMap(contents: contents, frames: TableFrames(contents, capacity: 514))
    #expect(!short.setLargeLeaf(leaf(), of: first, size: .size1G) && short.leaf(of: first) == .absent && short.tableFrames == 2)
    #expect(short.hasNoLeaves(around: first, size: .size1G))
  }

  @Test("A walk ends two levels earlier at a leaf of 1 GiB, and marks it for all of its pages", arguments: NestedFormat.allCases)
  func walk(format: NestedFormat) throws {
    let map = try GuestPhysicalMap(contents: contents, frames: TableFrames(contents, capacity: 515), format: format)
    #expect(map.setLargeLeaf(leaf().without(EPTEntry.accessed), of: first, size: .size1G))
    var references: UInt64 = 0
    let address = GuestFrame(first.index + 77_777).address.advanced(by: 0x88)
    let result = map.walk(address, map.access(.write), references: &references)
    #expect(result.isMapped && result.level == 3 && result.pageSize == .size1G && references == 2)
    #expect(result.leaf.frame.index == block.index + 77_777 && result.leaf == map.leaf(of: address.page))
    #expect(map.leaf(of: first).isAccessed && map.leaf(of: first).isDirty)
  }
}
