import Addressing
import PageContents
import Testing

@testable import PageTables

@Suite("Walks from remembered tables")
struct RememberedWalkTests {
  private let contents = FrameContents(frameCount: 64)
  private let map: GuestPhysicalMap
  private let frame = GuestFrame(5 * 512 + 9)

  init() throws {
    map = try GuestPhysicalMap(contents: contents, frames: TableFrames(contents, capacity: 16))
    #expect(map.setLeaf(.page(HostFrame(40), writable: true), of: frame))
    _ = walk(.write)
    map.rememberTable(of: frame)
  }

  /// A walk of every level.
  @discardableResult private func walk(_ access: AccessKind = .read) -> NestedWalk {
    var references: UInt64 = 0
    return map.walk(frame.address, map.access(access), references: &references)
  }

  /// The walk that is repeated from memory, nil where it has to be made.
  private func repeated(_ access: AccessKind = .read) -> NestedWalk? {
    let walk = map.rememberedWalk(frame.address, map.access(access), changes: contents.walkChanges)
    return walk.word == 0 ? nil : walk
  }

  /// Where the entry of a level stands.
  private func place(level: Int) -> HostPhysicalAddress {
    var table = map.root
    for above in stride(from: map.levels, to: level, by: -1) {
      table = EPTEntry(rawValue: contents.load(X86Index.entryAddress(in: table.address, of: frame.address, level: above))).frame
    }
    return X86Index.entryAddress(in: table.address, of: frame.address, level: level)
  }

  private func change(level: Int, _ body: (UInt64) -> UInt64) {
    let place = place(level: level)
    contents.store(body(contents.load(place)), place)
  }

  private func same(_ a: NestedWalk?, _ b: NestedWalk) -> Bool { a?.word == b.word && a?.rights == b.rights && a?.level == b.level }

  @Test("It gives what the walk gives", arguments: AccessKind.allCases)
  func equal(access: AccessKind) {
    #expect(same(repeated(access), walk(access)))
    let leaf = map.usedLeaf(of: frame, access, changes: contents.walkChanges)
    #expect(leaf == map.leaf(of: frame) && leaf.frame == HostFrame(40))
  }

  @Test("A store into a table of level 1 counts at once, whoever makes it, though it changes nothing that is remembered")
  func lastLevel() {
    let before = contents.walkChanges
    change(level: 1) { $0 & ~EPTEntry.frameMask | 41 << 12 }
    #expect(contents.walkChanges == before)
    #expect(repeated()?.leaf.frame == HostFrame(41) && same(repeated(), walk()))
    change(level: 1) { $0 & ~EPTEntry.write }
    #expect(repeated(.write) == nil && walk(.write).kind == .violation && same(repeated(.read), walk(.read)))
    change(level: 1) { $0 & ~EPTEntry.accessed }
    #expect(repeated() == nil, "A has to be set")
    change(level: 1) { _ in 0 }
    #expect(repeated() == nil && walk().kind == .violation)
    #expect(!map.usedLeaf(of: frame, .read, changes: contents.walkChanges).isPresent && map.leaf(of: frame) == .absent)
  }

  @Test("A store into a table above makes the walk be made again, which goes by it", arguments: 2...4)
  func above(level: Int) {
    change(level: level) { $0 & ~EPTEntry.write }
    #expect(repeated() == nil && walk(.write).kind == .violation)
    map.rememberTable(of: frame)
    #expect(same(repeated(.read), walk(.read)) && repeated(.write) == nil)
    change(level: level) { _ in 0 }
    #expect(repeated() == nil && walk().kind == .violation)
    map.rememberTable(of: frame)
    #expect(repeated() == nil)
  }

  @Test("The map looks for a leaf's table once: a store into one above that goes past the map is for walks alone", arguments: 2...4)
  func books(level: Int) {
    #expect(map.leaf(of: frame).frame == HostFrame(40))
    change(level: level) { _ in 0 }
    #expect(walk().kind == .violation)
    #expect(!map.usedLeaf(of: frame, .read, changes: contents.walkChanges).isPresent)
    #expect(map.leaf(of: frame).frame == HostFrame(40))
  }

  @Test("A leaf that the map removes, moves or ages is not remembered")
  func changesOfTheMap() {
    let changes: [() -> Void] = [
      { #expect(map.setLeaf(.page(HostFrame(41), writable: false), of: frame)) }, { map.clearAccessed(frame, map.leaf(of: frame)) },
      { map.clearDirty(frame, map.leaf(of: frame)) }, { #expect(map.setLeaf(.absent, of: frame)) },
    ]
    for change in changes {
      walk(.read)
      map.rememberTable(of: frame)
      let before = contents.walkChanges
      change()
      #expect(contents.walkChanges > before && repeated() == nil)
    }
  }
}
