import Addressing
import Machine
import PageSharing
import PageContents
import PageTables
import Testing
import Translation

@testable import Guests

@Suite("A write storm")
struct WriteStormTests {
  /// A guest's pages as descriptors, those of real bytes and those that are not there left out.
  private func contents(_ vm: VirtualMachine) -> [Int: PageContent] {
    var contents: [Int: PageContent] = [:]
    vm.map.forEachLeaf(in: GuestFrame(0)..<GuestFrame(vm.pageCount)) { frame, leaf in
      guard leaf.isPresent else { return }
      contents[frame.index] = vm.content(of: frame)
    }
    return contents
  }

  private func stormed(_ storm: WriteStormSpec, machine: Int = 0) throws -> (before: [Int: PageContent], after: [Int: PageContent]) {
    let (host, vm) = try GuestRig.machine()
    defer { withExtendedLifetime(host) {} }
    var spec = GuestRig.small
    spec.storm = storm
    let guest = GuestRig.guest(vm, spec, own: ContentSpace(number: UInt64(2 + machine)))
    GuestRig.live(guest)
    let before = contents(vm)
    guest.storm()
    let after = contents(vm)
    // The guest goes on as if nothing had happened to its tables and queues.
    let faults = guest.statistics.failedAllocations
    GuestRig.live(guest, levels: [10, 100])
    #expect(guest.statistics.failedAllocations == faults)
    return (before, after)
  }

  private func share(_ percent: Int, _ bytes: StormBytes = .own) -> WriteStormSpec {
    var storm = WriteStormSpec()
    storm.pagesPercent = percent
    storm.bytes = bytes
    return storm
  }

  @Test("changes the stated share of all pages but tables and queues, evenly spread", arguments: [1, 50, 99, 100])
  func share(percent: Int) throws {
    let (before, after) = try stormed(share(percent))
    let changed = before.keys.filter { before[$0] != after[$0] }.count
    #expect(Set(before.keys) == Set(after.keys))
    // Tables that hold no entry and queues never used look like pages of zeros, and are spared.
    let written = before.count - 4 - 1
    #expect(abs(changed - written * percent / 100) <= 1 + written / 100)
    for index in 0..<1000 where index % 100 == 99 {
      #expect((index - 99...index).filter { WriteStorm.isChosen($0, percent: percent) }.count == percent)
    }
  }

  @Test("leaves no two pages alike, in one guest or two, where it writes bytes of its own")
  func ownBytes() throws {
    let first = try stormed(share(100)).after
    let second = try stormed(share(100), machine: 1).after
    let all = Array(first.values) + Array(second.values)
    let different = Set(all).count
    // Idle tables and queues, five pages of zeros in each guest, are spared.
    #expect(all.count - different == 9)
  }

  @Test("changes no content where it writes what was there")
  func sameBytes() throws {
    let (before, after) = try stormed(share(100, .same))
    #expect(before == after)
  }

  @Test("gives every sharer a frame of its own again", arguments: StormBytes.allCases)
  func breaksSharing(bytes: StormBytes) throws {
    let host = try GuestRig.host(64)
    let machines = try ["a", "b"].map { try host.createVM(name: $0, memory: GuestRig.mebibytes(8), paging: .nested) }
    let recording = ContentSpace(number: 1)
    let identities = (0..<256).map { UInt32($0 % 8) }
    var spec = RecordedGuestSpec(trace: "", guest: "", accesses: .random, readsPerSecond: 0, writesPerSecond: 0, load: [])
    spec.storm = share(100, bytes)
    let guests = machines.enumerated().map { index, vm in
      RecordedGuest(
        vm: vm, spec: spec, identities: identities, recording: recording, own: ContentSpace(number: UInt64(2 + index)),
        random: GuestRig.random)
    }
    for guest in guests { guest.boot() }
    // Every page of both guests is merged with those of its content.
    for identity in 0..<8 {
      let pages = machines.flatMap { vm in (0..<32).map { PageOrdinal(vm.firstPage.rawValue + UInt32(identity + 8 * $0)) } }
      let stable = try #require(host.makeStable(pages[0]))
      for page in pages.dropFirst() { #expect(host.merge(page, into: stable)) }
    }
    let free = host.freeFrames
    for guest in guests { guest.storm() }
    // 512 pages shared 8 frames.
    #expect(free - host.freeFrames == 504)
    let contents = machines.flatMap { vm in (0..<256).compactMap { vm.content(of: GuestFrame($0)) } }
    #expect(Set(contents).count == (bytes == .same ? 8 : 512))
    // A page of zeros that was written is not free any more.
    #expect(guests[0].statistics.free == (bytes == .same ? 32 : 0))
  }
}
