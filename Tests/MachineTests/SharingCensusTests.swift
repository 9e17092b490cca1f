import Addressing
import FrameAllocation
import PageContents
import PageSharing
import PageTables
import Testing
import Translation

@testable import Machine

@Suite("The census counts what sharing saves")
struct SharingCensusTests {
  /// The same count from the guests' maps alone.
  private func naiveCensus(_ host: Host) -> SharingCensus {
    var pages: [HostFrame: [Int]] = [:]
    var census = SharingCensus()
    for vm in host.vms where vm.isRunning {
      for index in 0..<vm.pageCount {
        let leaf = vm.leaf(index)
        if !leaf.isPresent, case .entrusted = leaf.absence { census.storedPages += 1 }
        guard leaf.hasFrame else { continue }
        if leaf.isZeroPlaced { census.savedZero += 1 }
        if leaf.frame != host.zeroFrame { pages[leaf.frame, default: []].append(vm.id.index) }
      }
    }
    for (frame, owners) in pages {
      let isZero = (0..<PageContent.wordCount).allSatisfy { host.contents.loadWord($0, of: frame) == 0 }
      if isZero {
        census.savedZero += owners.count - 1
      } else {
        census.savedSelf += owners.count - Set(owners).count
        census.savedInter += Set(owners).count - 1
      }
    }
    census.keptFrames = (0..<host.frameCount).count { host.isStable(HostFrame($0)) && pages[HostFrame($0)] == nil }
    return census
  }

  @Test("Three copies in one guest and two in another save three pages inside guests and one between them")
  func byHand() throws {
    let host = try makeHost()
    let (a, b) = (try host.makeVM("a"), try host.makeVM("b"))
    for frame in 0..<3 { a.put(1, in: frame) }
    for frame in 0..<2 { b.put(1, in: frame) }
    for vm in [a, b] { for frame in 10..<13 { #expect(vm.fill(GuestFrame(frame), with: .zero)) } }
    _ = a.load64(GuestFrame(20).address)
    #expect(host.sharingCensus() == SharingCensus())
    let free = host.freeFrames
    let stable = try #require(host.makeStable(a.ordinal(0)))
    for page in [a.ordinal(1), a.ordinal(2), b.ordinal(0), b.ordinal(1)] { #expect(host.merge(page, into: stable)) }
    // A stable page of zeros, as without use_zero_pages, and three on the zero frame.
    let zeros = try #require(host.makeStable(a.ordinal(10)))
    #expect(host.merge(a.ordinal(11), into: zeros) && host.merge(b.ordinal(10), into: zeros))
    for page in [a.ordinal(12), b.ordinal(11), b.ordinal(12)] { #expect(host.placeZeroPage(at: page)) }
    var expected = SharingCensus()
    (expected.savedZero, expected.savedSelf, expected.savedInter) = (2 + 3, 2 + 1, 1)
    #expect(host.sharingCensus() == expected && naiveCensus(host) == expected)
    #expect(expected.savedPages == host.freeFrames - free, "what is saved is free")
    host.stop(a)
    (expected.savedZero, expected.savedSelf, expected.savedInter) = (2, 1, 0)
    #expect(host.sharingCensus() == expected)
  }

  @Test("It agrees with a count from the maps, at any moment of a random run", arguments: 21...24 as ClosedRange<UInt64>)
  func agreesWithMaps(_ seed: UInt64) throws {
    let machine = try RandomMachine(seed: seed, modes: [.nested, .native, .nested], frames: 2048, swapSlots: 128)
    var sawSome = false
    for step in 0..<600 {
      machine.step()
      guard step % 60 == 59 else { continue }
      #expect(machine.host.sharingCensus() == naiveCensus(machine.host))
      sawSome = sawSome || machine.host.sharingCensus().savedPages > 20
    }
    #expect(sawSome)
  }
}
