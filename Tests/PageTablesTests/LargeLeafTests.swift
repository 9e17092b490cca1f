import Addressing
import PageContents
import Testing

@testable import PageTables

/// A map as a dictionary of leaves and a set of regions that are in one piece.
private struct TwinMap {
  var leaves: [UInt64: EPTEntry] = [:]
  var large: Set<UInt64> = []
  /// Regions in which a leaf was ever set on its own.
  var small: Set<UInt64> = []

  func leaf(_ frame: UInt64) -> EPTEntry { leaves[frame] ?? .absent }

  /// Sets the leaves of a region from their numbers in it and what they were.
  mutating func setRegion(of frame: UInt64, _ entry: (UInt64, EPTEntry) -> EPTEntry?) {
    for index in 0..<512 as Range<UInt64> { leaves[frame & ~511 | index] = entry(index, leaf(frame & ~511 | index)) }
  }
}

@Suite struct LargeLeafTests {
  private let contents = FrameContents(frameCount: 64)
  private let rights = [1, 3, 5, 7] as [UInt64]

  private func block(_ number: UInt64) -> HostFrame { HostFrame(number * 512) }

  /// A leaf with rights and A and D bits from a number's low bits, for the block of a number.
  private func leaf(_ number: UInt64) -> EPTEntry {
    EPTEntry(rawValue: block(number).address.rawValue | EPTEntry.writeBack | rights[Int(number & 3)] | (number >> 2 & 3) << 8)
  }

  @Test(
    "A map with large leaves gives back what a dictionary of pages and a set of regions say, whatever is set, split and removed",
    arguments: [4, 5], NestedFormat.allCases)
  func twin(levels: Int, format: NestedFormat) throws {
    let frames = TableFrames(contents, capacity: 48)
    let map = try GuestPhysicalMap(contents: contents, frames: frames, levels: levels, format: format)
    var twin = TwinMap()
    var state: UInt64 = 7
    let bases: [UInt64] = (0..<24).map { $0 * 512 } + [1 << 18, 1 << 27, 64 * 512, levels == 4 ? 1 << 36 - 512 : 1 << 40 - 512, 1 << 23]
    for step in 0..<4000 as Range<UInt64> {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let frame = bases[Int(state >> 40) % bases.count] + (state >> 50) % 512
      let (region, number) = (frame >> 9, GuestFrame(frame))
      let isLarge = twin.large.contains(region)
      #expect(map.leaf(of: number) == twin.leaf(frame) && map.hasNoLeaves(around: number) == !(isLarge || twin.small.contains(region)))
      switch (state >> 33) % 64 {
      case 0..<8:
        let isFree = map.hasNoLeaves(around: number)
        #expect(map.setLargeLeaf(leaf(step), of: GuestFrame(region << 9)) == isFree)
        if isFree {
          twin.large.insert(region)
          twin.setRegion(of: frame) { index, _ in EPTEntry(rawValue: leaf(step).rawValue + index << 12).with(EPTEntry.large) }
        }
      case 8:
        #expect(map.splitLargeLeaf(around: number) == isLarge)
        if isLarge { twin.setRegion(of: frame) { $1.without(EPTEntry.large) } }
        if twin.large.remove(region) != nil { twin.small.insert(region) }
      case 9:
        #expect(map.removeLargeLeaf(around: number) == isLarge)
        if isLarge { twin.setRegion(of: frame) { _, _ in nil } }
        if twin.large.remove(region) != nil { twin.small.insert(region) }
      case 10..<24:
        let entry = map.leaf(of: number)
        guard entry.isPresent else { continue }
        let isWrite = step % 2 == 0
        map.markUsed(number, entry, isWrite: isWrite)
        let used = { (entry: EPTEntry) in entry.with(isWrite ? 0x300 : 0x100) }
        if isLarge { twin.setRegion(of: frame) { used($1) } } else { twin.leaves[frame] = used(entry) }
      case 24..<40:
        let entry = map.leaf(of: number)
        guard entry.isPresent else { continue }
        map.clearAccessed(number, entry)
        if isLarge { twin.setRegion(of: frame) { $1.without(0x100) } } else { twin.leaves[frame] = entry.without(0x100) }
      case 40..<42:
        // Seldom, so that regions stay free for a large leaf.
        #expect(map.setLeaf(leaf(step), of: number) == !isLarge)
        if !isLarge { twin.leaves[frame] = leaf(step) }
        if !isLarge { twin.small.insert(region) }
      default: break
      }
      #expect(map.largeLeaves == twin.large.count)
    }
    var seen: [UInt64] = []
    map.forEachLeaf(in: GuestFrame(5 as UInt64)..<GuestFrame(1020 as UInt64)) { frame, entry in
      seen.append(frame.rawValue)
      #expect(twin.leaf(frame.rawValue) == entry)
    }
    #expect(seen == twin.leaves.filter { $0.value != .absent && (5..<1020).contains($0.key) }.keys.sorted())
    #expect(map.tableFrames == frames.used)
    map.destroy()
    #expect(frames.used == 0 && map.tableFrames == 0 && map.largeLeaves == 0)
  }

  @Test(
    "A split leaves every page in its place with the same rights and the same A and D, and the table above with its A", arguments: 0..<16)
  func split(_ kind: Int) throws {
    let map = try GuestPhysicalMap(contents: contents, frames: TableFrames(contents, capacity: 8))
    let large = leaf(16 + UInt64(kind))
    let first = GuestFrame(3 * 512)
    #expect(map.setLargeLeaf(large, of: first))
    #expect(map.splitLargeLeaf(around: GuestFrame(first.index + 77)) && map.largeLeaves == 0)
    for index in 0..<512 {
      #expect(map.leaf(of: GuestFrame(first.index + index)).rawValue == large.rawValue + UInt64(index) << 12)
    }
    #expect(map.setLeaf(.ballooned, of: GuestFrame(first.index + 77)) && !map.splitLargeLeaf(around: first))
  }

  @Test("A large leaf may be split and taken away while the map is gone through; each page is then as it is left")
  func changeWhileVisiting() throws {
    let map = try GuestPhysicalMap(contents: contents, frames: TableFrames(contents, capacity: 8))
    for region in 0..<3 { #expect(map.setLargeLeaf(leaf(UInt64(region) * 4 + 3), of: GuestFrame(region * 512))) }
    var visited = 0
    map.forEachLeaf(in: GuestFrame(0)..<GuestFrame(1536)) { frame, entry in
      visited += 1
      #expect(entry.isLarge == (frame.index < 512 || frame.index == 512 || frame.index == 1034 || (1024..<1034).contains(frame.index)))
      if frame.index == 512 { #expect(map.splitLargeLeaf(around: frame)) }
      if frame.index == 1034 { #expect(map.removeLargeLeaf(around: frame)) }
    }
    #expect(visited == 512 + 512 + 11)
  }

  @Test("A walk ends one level earlier at a large leaf, at the frame of its own 4 KiB, and marks the leaf for all of them")
  func walk() throws {
    let map = try GuestPhysicalMap(contents: contents, frames: TableFrames(contents, capacity: 8))
    let first = GuestFrame(5 * 512)
    #expect(map.setLargeLeaf(.page(block(9), writable: true), of: first))
    for (index, access) in [(0, AccessKind.read), (511, .write), (300, .fetch)] {
      var references: UInt64 = 0
      let address = GuestFrame(first.index + index).address.advanced(by: 0x123)
      let walk = map.walk(address, map.access(access), references: &references)
      let entry = walk.leaf
      #expect(walk.isMapped && entry.frame.index == 9 * 512 + index && references == 3)
      #expect(entry == map.leaf(of: address.page) && entry.isAccessed && entry.isDirty == (index != 0))
    }
    #expect(map.leaf(of: first).isDirty, "a write to one page is a write to the large page")
    #expect(map.splitLargeLeaf(around: first))
    var references: UInt64 = 0
    let walk = map.walk(first.address, map.access(.read, setsAccessedDirty: false), references: &references)
    #expect(walk.isMapped && walk.leaf.frame == block(9) && references == 4 && !walk.leaf.isLarge)
  }

  @Test("Without frames for all tables of a large leaf, that of its split included, it is refused and nothing changes", arguments: 1...4)
  func outOfFrames(_ capacity: Int) throws {
    let frames = TableFrames(contents, capacity: capacity)
    let map = try GuestPhysicalMap(contents: contents, frames: frames)
    let first = GuestFrame(512)
    #expect(map.setLargeLeaf(leaf(7), of: first) == (capacity == 4))
    #expect(map.leaf(of: first).isLarge == (capacity == 4) && map.hasNoLeaves(around: first) == (capacity < 4))
    #expect(map.splitLargeLeaf(around: first) == (capacity == 4), "and so a split never fails for want of memory")
    #expect(map.tableFrames == frames.used)
  }

  @Test("Guest frames of more than 36 bits can have no large leaf")
  func outOfRange() throws {
    let map = try GuestPhysicalMap(contents: contents, frames: TableFrames(contents, capacity: 8))
    let far = GuestFrame(1 << 36 as UInt64)
    #expect(!map.hasNoLeaves(around: far) && !map.setLargeLeaf(leaf(7), of: far) && !map.splitLargeLeaf(around: far))
  }
}
