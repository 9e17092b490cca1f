import Addressing
import PageContents
import Testing

@testable import PageTables

@Suite struct PageModificationLogTests {
  private let contents = FrameContents(frameCount: 64)

  private func map(pages: Int) throws -> (GuestPhysicalMap, PageModificationLog) {
    let map = try GuestPhysicalMap(contents: contents, frames: TableFrames(contents, capacity: 16))
    let log = PageModificationLog(contents: contents, frame: HostFrame(40))
    map.modificationLog = log
    for page in 0..<pages { #expect(map.setLeaf(.page(HostFrame(page), writable: true), of: GuestFrame(page))) }
    return (map, log)
  }

  private func write(_ map: GuestPhysicalMap, _ page: Int, ad: Bool = true) -> NestedWalk.Kind {
    var references: UInt64 = 0
    return map.walk(GuestFrame(page).address.advanced(by: 8), map.access(.write, setsAccessedDirty: ad), references: &references).kind
  }

  private func drained(_ log: PageModificationLog) -> [Int] {
    var pages: [Int] = []
    log.drain { pages.append($0.index) }
    return pages
  }

  @Test("The first write to a page is logged, from the last word of the frame down; later ones, reads and fetches are not")
  func firstWrites() throws {
    let (map, log) = try map(pages: 8)
    var references: UInt64 = 0
    #expect(map.walk(GuestPhysicalAddress(0), map.access(.read), references: &references).isMapped && log.count == 0)
    for page in [3, 5, 3, 3, 1] { #expect(write(map, page) == .mapped) }
    #expect(log.index == 508 && log.count == 3)
    #expect([511, 510, 509].map { contents.loadWord($0, of: HostFrame(40)) } == [0x3000, 0x5000, 0x1000])
    #expect(drained(log) == [3, 5, 1] && log.index == 511 && drained(log) == [])
    map.clearDirty(GuestFrame(5), map.leaf(of: GuestFrame(5)))
    #expect(write(map, 5) == .mapped && write(map, 3) == .mapped && drained(log) == [5])
    #expect(write(map, 7, ad: false) == .mapped && log.count == 0, "without A and D bits there is nothing to log")
  }

  @Test("A load of a guest's table is logged as a write of it")
  func guestTables() throws {
    let (map, log) = try map(pages: 2)
    var references: UInt64 = 0
    let load = map.access(.read, for: .guestTable)
    #expect(map.walk(GuestPhysicalAddress(0x1008), load, references: &references).isMapped && drained(log) == [1])
  }

  @Test("The 513th page finds the log full: the access is not made and marks nothing, and succeeds once the log was drained")
  func full() throws {
    let (map, log) = try map(pages: 600)
    for page in 0..<512 { #expect(write(map, page) == .mapped) }
    #expect(log.isFull && log.index == 0xffff && log.count == 512)
    #expect(write(map, 512) == .logFull && map.leaf(of: GuestFrame(512)).rawValue & 0x300 == 0)
    #expect(write(map, 7) == .mapped, "its D bit is set already")
    #expect(drained(log) == Array(0..<512))
    #expect(write(map, 512) == .mapped && drained(log) == [512])
  }
}

@Suite struct EPTPointerTests {
  @Test("An EPTP names type, levels, A/D and root, and every reserved bit is refused (Intel SDM table 25-9)")
  func validity() {
    let pointer = EPTPointer(root: HostFrame(0x12345), levels: 4, keepsAccessedDirty: true)
    #expect(pointer.rawValue == 0x1234_505e && pointer.problem() == nil && pointer.levels == 4 && pointer.tag == 0x1234_5000)
    #expect(EPTPointer(root: HostFrame(1), levels: 5, keepsAccessedDirty: false).rawValue == 0x1026)
    for raw in 0..<0x1000 as Range<UInt64> {
      for hasFive in [false, true] {
        for hasAD in [false, true] {
          let isValid =
            [0, 6].contains(raw & 7) && (raw >> 3 & 7 == 3 || (hasFive && raw >> 3 & 7 == 4)) && (hasAD || raw >> 6 & 1 == 0)
            && raw >> 7 == 0
          let problem = EPTPointer(rawValue: 0x7000 | raw).problem(hasFiveLevels: hasFive, hasAccessedDirty: hasAD)
          #expect((problem == nil) == isValid)
        }
      }
    }
    for bit in 12..<64 as Range<UInt64> {
      let problem = EPTPointer(rawValue: 0x5e | 1 << bit).problem(physicalAddressBits: 46)
      #expect(problem == (bit < 46 ? nil : .reservedBits))
    }
  }
}
