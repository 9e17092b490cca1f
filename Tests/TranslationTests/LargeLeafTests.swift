import Addressing
import Columns
import PageContents
import PageTables
import Testing
import TranslationCaching

@testable import Translation

/// A guest of 4 MiB whose two halves lie in one block of host memory each, under any translator. Its tables of levels 4 to 1 are the pages
/// that are named.
private struct LargeGuest {
  static let blocks = [2, 5]
  let contents = FrameContents(frameCount: 4096)
  let map: GuestPhysicalMap
  let tlb = TLBHierarchy(TLBPreset.golden.geometry)
  let translator: any Translator
  let address = GuestVirtualAddress(0x12_3456_7000)
  let target: Int

  init(_ mode: PagingMode, tables: [Int], target: Int) throws {
    let (contents, vpid) = (contents, VPID(1))
    map = try GuestPhysicalMap(contents: contents, frames: TableFrames(contents, first: 0, capacity: 64))
    for half in 0..<2 {
      #expect(map.setLargeLeaf(.page(HostFrame(Self.blocks[half] * 512), writable: true), of: GuestFrame(half * 512)))
    }
    let frames = TableFrames(contents, first: 64, capacity: 64)
    translator = mode.makeTranslator(
      TranslatorParts(contents: contents, map: map, tlb: tlb, vpid: vpid, frames: frames, guestPages: 1024))
    self.target = target
    for (index, table) in tables.enumerated() {
      let level = 4 - index
      let place = X86Index.entryAddress(in: GuestFrame(table).address, of: address, level: level)
      let entry =
        level == 1
        ? X86Entry.page(GuestFrame(target), writable: true, user: true, noExecute: false)
        : X86Entry.table(GuestFrame(tables[index + 1]))
      contents.store(entry.rawValue, host(table).address(atOffsetOf: place))
    }
    translator.loadCR3(GuestFrame(tables[0]).address)
  }

  /// Where a guest frame is.
  func host(_ frame: Int) -> HostFrame { HostFrame(Self.blocks[frame >> 9] * 512 + frame & 511) }

  /// References of a walk after everything was marked used.
  func walkReferences(_ access: AccessKind) -> UInt64 {
    #expect(translator.translate(address, .write, .user) == .mapped(host(target).address))
    tlb.invalidate(.invvpidContext(VPID(1)))
    let before = translator.counters
    #expect(translator.translate(address, access, .user) == .mapped(host(target).address))
    #expect(translator.counters.walks == before.walks + 1)
    return translator.counters.walkReferences - before.walkReferences
  }
}

@Suite struct LargeLeafTests {
  @Test(
    "A nested walk costs, for each table, one reference and those of the map's own walk to it, and those to the page; 3 references to a large leaf, 4 to a small one"
  )
  func references() throws {
    let tables = [1, 600, 2, 601]
    for splits in 0..<4 {
      for access in AccessKind.allCases {
        let guest = try LargeGuest(.nested, tables: tables, target: 700)
        for half in 0..<2 where splits >> half & 1 == 1 { #expect(guest.map.splitLargeLeaf(around: GuestFrame(half * 512 + 9))) }
        let cost = (tables + [700]).map { (splits >> ($0 >> 9)) & 1 == 1 ? 4 : 3 }
        #expect(guest.walkReferences(access) == UInt64(cost.reduce(0, +) + 4))
      }
    }
    #expect(try LargeGuest(.nested, tables: tables, target: 700).walkReferences(.read) == 19, "(4 + 1)(3 + 1) - 1")
  }

  @Test("Native and shadow walks do not see how the guest's memory is mapped", arguments: [PagingMode.native, .shadow])
  func otherModes(_ mode: PagingMode) throws {
    let guest = try LargeGuest(mode, tables: [1, 600, 2, 601], target: 700)
    #expect(guest.walkReferences(.write) == 4)
    #expect(guest.map.splitLargeLeaf(around: GuestFrame(0)) && guest.walkReferences(.write) == 4)
  }

  @Test(
    "Every translator reaches the page that the composed walk names, large or split, and marks the leaf as used",
    arguments: PagingMode.transparent)
  func sameAnswer(_ mode: PagingMode) throws {
    for isSplit in [false, true] {
      let guest = try LargeGuest(mode, tables: [513, 3, 514, 4], target: 511)
      if isSplit { #expect(guest.map.splitLargeLeaf(around: GuestFrame(0)) && guest.map.splitLargeLeaf(around: GuestFrame(1023))) }
      #expect(guest.translator.translate(guest.address, .write, .user) == .mapped(guest.host(511).address))
      let composed = composedWalk(guest.address, cr3: GuestFrame(513).address, contents: guest.contents, map: guest.map)
      #expect(
        composed?.hostFrame == guest.host(511) && composed?.isWritable == true
          && guest.translator.peek(guest.address)?.hostFrame == guest.host(511))
      let leaf = guest.map.leaf(of: GuestFrame(511))
      #expect(leaf.isAccessed && leaf.isDirty && leaf.isLarge == !isSplit)
      var held: [HostFrame] = []
      guest.translator.forEachHeld { held.append($0.frame) }
      #expect(!held.isEmpty && held.allSatisfy { $0 == guest.host(511) })
    }
  }

  @Test(
    "A page of a large leaf that is accessed makes the large page accessed, once; under every translator", arguments: PagingMode.transparent
  )
  func aging(_ mode: PagingMode) throws {
    let guest = try LargeGuest(mode, tables: [1, 2, 3, 4], target: 700)
    #expect(guest.translator.translate(guest.address, .read, .user) == .mapped(guest.host(700).address))
    let inPage = { (0..<512).reduce(false) { guest.translator.testAndClearAccessed(GuestFrame(512 + $1)) || $0 } }
    #expect(inPage() && !inPage())
    #expect(guest.translator.translate(guest.address, .read, .user) == .mapped(guest.host(700).address))
    #expect(inPage() && !inPage(), "the access after that is seen again")
  }

  @Test(
    "Of a page whose large leaf was split and whose own leaf then lost W or went away, no writable translation is left",
    arguments: PagingMode.transparent)
  func splitAndProtect(_ mode: PagingMode) throws {
    for isGone in [false, true] {
      let guest = try LargeGuest(mode, tables: [1, 2, 3, 4], target: 700)
      let page = GuestFrame(700)
      #expect(guest.translator.translate(guest.address, .write, .user) == .mapped(guest.host(700).address))
      let old = guest.map.leaf(of: page)
      #expect(guest.map.splitLargeLeaf(around: page))
      guest.translator.guestPhysicalMapChanged(page, old: old)
      #expect(guest.map.setLeaf(isGone ? .ballooned : old.without(EPTEntry.write), of: page))
      guest.translator.guestPhysicalMapChanged(page, old: old)
      guest.translator.forEachHeld { #expect(!$0.isWritable && !isGone) }
      guard case .violation(let violation) = guest.translator.translate(guest.address, .write, .user) else { return #expect(Bool(false)) }
      #expect(violation.frame == page && violation.access == .write)
    }
  }
}
