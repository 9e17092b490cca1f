import Addressing
import Ballooning
import FrameAllocation
import PageContents
import PageSharing
import PageTables
import Testing
import Translation
import TranslationCaching

@testable import Machine

@Suite("No translation outlives its frame")
struct StaleTranslationTests {
  /// A guest whose pages 0 to 3, all equal, are written through virtual pages 0 to 3, so that writable translations of them are held.
  private func guest(_ mode: PagingMode) throws -> (Host, VirtualMachine) {
    let host = try makeHost(swapSlots: 64)
    let vm = try host.makeVM("vm", mode)
    let space = AddressSpace(vm, tablesBelow: 64)
    for frame in 0..<4 { space.map(UInt64(frame), to: frame) }
    space.load()
    for frame in 0..<4 {
      let result = vm.write(.zero, at: GuestVirtualAddress(UInt64(frame) << 12), frame: GuestFrame(frame))
      #expect(result == .mapped(vm.leaf(frame).frame.address))
    }
    return (host, vm)
  }

  /// After a door has taken page 1: no translation of its old frame is left, a read reaches what the map says now, and a write a frame of
  /// the page's own.
  private func check(_ host: Host, _ vm: VirtualMachine, sourceLocation: SourceLocation = #_sourceLocation) throws {
    expectLawful(host, sourceLocation: sourceLocation)
    let read = try #require(vm.touch(1), sourceLocation: sourceLocation)
    #expect(read == vm.leaf(1).frame, sourceLocation: sourceLocation)
    let written = try #require(vm.touch(1, .write), sourceLocation: sourceLocation)
    #expect(written == vm.leaf(1).frame && vm.leaf(1).isWritable, sourceLocation: sourceLocation)
    expectLawful(host, sourceLocation: sourceLocation)
  }

  @Test("after sharing: reads reach the shared frame, and a write a copy", arguments: AuditTests.modes)
  func afterSharing(_ mode: PagingMode) throws {
    let (host, vm) = try guest(mode)
    let old = vm.leaf(1).frame
    #expect(host.makeStable(vm.ordinal(1)) == old)
    #expect(vm.touch(1) == old)
    try check(host, vm)
    #expect(vm.leaf(1).frame != old)
  }

  @Test("after merging: reads reach the other page's frame, and a write a copy", arguments: AuditTests.modes)
  func afterMerging(_ mode: PagingMode) throws {
    let (host, vm) = try guest(mode)
    let old = vm.leaf(1).frame
    let stable = try #require(host.makeStable(vm.ordinal(0)))
    #expect(host.merge(vm.ordinal(1), into: stable) && vm.touch(1) == stable && host.frames.allocator.isFree(old.index))
    try check(host, vm)
    #expect(vm.leaf(1).frame != stable && vm.touch(0) == stable)
  }

  @Test("after placing the zero frame", arguments: AuditTests.modes)
  func afterPlacingZero(_ mode: PagingMode) throws {
    let (host, vm) = try guest(mode)
    #expect(host.placeZeroPage(at: vm.ordinal(1)) && vm.touch(1) == host.zeroFrame)
    try check(host, vm)
  }

  @Test("after a copy: translations of the shared frame are gone too", arguments: AuditTests.modes)
  func afterCopying(_ mode: PagingMode) throws {
    let (host, vm) = try guest(mode)
    let stable = try #require(host.makeStable(vm.ordinal(1)))
    #expect(vm.touch(1) == stable)
    #expect(vm.store64(1, GuestFrame(1).address), "by the guest's kernel, which does not use this translation")
    #expect(vm.touch(1) == vm.leaf(1).frame && vm.leaf(1).frame != stable)
    try check(host, vm)
  }

  @Test("after ballooning", arguments: AuditTests.modes)
  func afterBallooning(_ mode: PagingMode) throws {
    let (host, vm) = try guest(mode)
    #expect(vm.discard(GuestFrame(1)) == .freedFrame)
    try check(host, vm)
  }

  @Test("after swapping, with the frame in another guest's hands", arguments: AuditTests.modes)
  func afterSwapping(_ mode: PagingMode) throws {
    let (host, vm) = try guest(mode)
    let old = vm.leaf(1).frame
    host.reclaim(upTo: host.frameCount, visits: 4 * host.frameCount)
    let other = try host.makeVM("other")
    var frame = 0
    while host.frames.allocator.isFree(old.index) {
      other.put(1, in: frame)
      frame += 1
    }
    try check(host, vm)
  }

  @Test("after a stop, with another guest in the same frames", arguments: AuditTests.modes)
  func afterStopping(_ mode: PagingMode) throws {
    let (host, vm) = try guest(mode)
    host.stop(vm)
    var held = 0
    host.tlb.forEachLive(VPID(UInt16(vm.id.rawValue + 1))) { _ in held += 1 }
    #expect(held == 0)
    let other = try host.makeVM("other", mode)
    #expect(other.access(GuestVirtualAddress(1 << 12), .read) == .guestFault)
    expectLawful(host)
  }
}
