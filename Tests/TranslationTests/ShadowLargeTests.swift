import Addressing
import PageContents
import PageTables
import Testing
import TranslationCaching

@testable import Translation

/// A guest of 4 MiB in two large leaves of the host, whose level-2 entry maps its second half as one page.
private struct LargePageGuest {
  let contents = FrameContents(frameCount: 4096)
  let map: GuestPhysicalMap
  let translator: any Translator
  let address = GuestVirtualAddress(0x12_3440_0000)

  init(_ mode: PagingMode, isSplit: Bool = false, isDirty: Bool = true) throws {
    map = try GuestPhysicalMap(contents: contents, frames: TableFrames(contents, first: 0, capacity: 64))
    for half in 0..<2 { #expect(map.setLargeLeaf(.page(HostFrame((half + 2) * 512), writable: true), of: GuestFrame(half * 512))) }
    if isSplit { #expect(map.splitLargeLeaf(around: GuestFrame(512))) }
    let frames = TableFrames(contents, first: 64, capacity: 64)
    translator = mode.makeTranslator(
      TranslatorParts(
        contents: contents, map: map, tlb: TLBHierarchy(TLBPreset.golden.geometry), vpid: VPID(1), frames: frames, guestPages: 1024))
    let marks = X86Entry.accessed | (isDirty ? X86Entry.dirty : 0)
    let page = X86Entry.largePage(GuestFrame(512), writable: true, user: true, noExecute: false).with(marks)
    for (level, entry) in [(4, X86Entry.table(GuestFrame(1))), (3, .table(GuestFrame(2))), (2, page)] {
      contents.store(entry.rawValue, host(X86Index.entryAddress(in: GuestFrame(4 - level).address, of: address, level: level)))
    }
    translator.loadCR3(GuestPhysicalAddress(0))
  }

  func host(_ address: GuestPhysicalAddress) -> HostPhysicalAddress { map.leaf(of: address.page).frame.address(atOffsetOf: address) }

  func access(_ page: Int, _ kind: AccessKind) -> TranslationOutcome {
    translator.translate(address.advanced(by: UInt64(page) << 12), kind, .user)
  }

  var heldPages: [UInt64] {
    var pages: [UInt64] = []
    // The shadow's own come first.
    translator.forEachHeld { if pages.count < Int(translator.shadowStatistics?.pages ?? 0) { pages.append($0.pages) } }
    return pages
  }
}

@Suite struct ShadowLargeTests {
  @Test("A large page on large host memory has one shadow entry and costs 3 references; on small memory 512 entries and 4")
  func size() throws {
    for (isSplit, references, shadowPages) in [(false, 3, 3), (true, 4, 4)] as [(Bool, UInt64, UInt64)] {
      let guest = try LargePageGuest(.shadow, isSplit: isSplit)
      for page in [0, 511, 77] {
        #expect(guest.access(page, .write) == .mapped(HostFrame(3 * 512 + page).address))
      }
      #expect(guest.translator.shadowStatistics?.pages == shadowPages)
      let before = guest.translator.counters
      guest.translator.worldSwitch()
      guest.translator.loadCR3(GuestPhysicalAddress(0))
      #expect(guest.access(77, .read) == .mapped(HostFrame(3 * 512 + 77).address))
      #expect(guest.translator.counters.walkReferences - before.walkReferences == references)
    }
  }

  @Test("A table in the page keeps it from being one writable entry; one that comes later takes W from it")
  func tables() throws {
    let guest = try LargePageGuest(.shadow)
    #expect(guest.access(3, .write) == .mapped(HostFrame(3 * 512 + 3).address))
    #expect(guest.translator.peek(guest.address)?.isWritable == true)
    // Frame 600 becomes a root table.
    guest.translator.loadCR3(GuestFrame(600).address)
    #expect(guest.translator.storeTraps(GuestFrame(600)))
    guest.translator.loadCR3(GuestPhysicalAddress(0))
    #expect(guest.translator.peek(guest.address)?.isWritable == false)
    let exits = guest.translator.counters.exits[.pageTableWrite]
    #expect(guest.access(3, .write) == .mapped(HostFrame(3 * 512 + 3).address))
    #expect(guest.translator.counters.exits[.pageTableWrite] == exits)
    #expect(guest.access(600 - 512, .write) == .mapped(HostFrame(3 * 512 + 88).address))
    #expect(guest.translator.counters.exits[.pageTableWrite] == exits + 1)
    #expect(guest.translator.shadowStatistics?.pages == 5, "root, two tables, pieces, the other root")
  }

  @Test("A clean large page is mapped read-only until its first write")
  func clean() throws {
    let guest = try LargePageGuest(.shadow, isDirty: false)
    #expect(guest.access(0, .read) == .mapped(HostFrame(3 * 512).address))
    #expect(guest.translator.peek(guest.address)?.isWritable == false)
    #expect(guest.access(1, .write) == .mapped(HostFrame(3 * 512 + 1).address))
    #expect(guest.translator.peek(guest.address)?.isWritable == true && guest.translator.counters.exits[.shadowPageFault] == 2)
  }

  @Test("Once the host splits its page no large entry is left", arguments: [PagingMode.shadow, .agile])
  func split(mode: PagingMode) throws {
    let guest = try LargePageGuest(mode)
    #expect(guest.access(5, .write) == .mapped(HostFrame(3 * 512 + 5).address))
    #expect(guest.heldPages.contains(512))
    let old = guest.map.leaf(of: GuestFrame(600))
    #expect(guest.map.splitLargeLeaf(around: GuestFrame(600)))
    guest.translator.guestPhysicalMapChanged(GuestFrame(600), old: old)
    #expect(guest.heldPages.isEmpty)
    #expect(guest.access(5, .write) == .mapped(HostFrame(3 * 512 + 5).address))
    #expect(guest.heldPages.allSatisfy { $0 == 1 })
  }
}
