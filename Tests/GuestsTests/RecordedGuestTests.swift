import Addressing
import Ballooning
import Columns
import Machine
import PageContents
import PageTables
import TestSupport
import Testing
import Translation

@testable import Guests

@Suite("A recorded guest")
struct RecordedGuestTests {
  private static let recording = ContentSpace(number: 1)
  private static let pages = 2048

  /// A third zeros, the others from a hundred contents.
  private static let identities: [UInt32] = {
    var random = SeededGenerator(seed: 5)
    return (0..<pages).map { _ in Int.random(in: 0..<3, using: &random) == 0 ? 0 : UInt32.random(in: 1...100, using: &random) }
  }()

  private func guest(
    _ paging: PagingMode = .nested, _ accesses: AccessPattern = .zipf, writes: Int = 300, identities: [UInt32] = identities
  ) throws -> (host: Host, guest: RecordedGuest) {
    let host = try GuestRig.host(64)
    let memory = ByteSize(bytes: UInt64(identities.count) << 12 + RecordedGuest.addedMemory(recordedPages: identities.count).bytes)
    let spec = RecordedGuestSpec(
      trace: "t.pit", guest: "w1", accesses: accesses, readsPerSecond: 500, writesPerSecond: writes, load: [])
    let vm = try host.createVM(name: "w1", memory: memory, paging: paging)
    return (
      host,
      RecordedGuest(
        vm: vm, spec: spec, identities: identities, recording: Self.recording, own: ContentSpace(number: 2), random: RandomSource(seed: 1))
    )
  }

  @Test("boots with every recorded page present, equal exactly where the recording has equal pages")
  func bootsAsRecorded() throws {
    let (host, guest) = try guest()
    defer { withExtendedLifetime(host) {} }
    guest.boot()
    var hashes: [UInt32: UInt64] = [:]
    for (page, identity) in Self.identities.enumerated() {
      let frame = GuestFrame(page)
      #expect(guest.vm.map.leaf(of: frame).isPresent)
      #expect(guest.vm.content(of: frame) == Self.recording.recorded(identity))
      let hash = try #require(guest.vm.hash(of: frame))
      #expect(hashes[identity, default: hash] == hash)
      hashes[identity] = hash
    }
    #expect(Set(hashes.values).count == hashes.count)
    #expect(hashes.count == 101)
  }

  @Test("has tables that map every recorded page, in the memory above them and nowhere else", arguments: [1, 511, 512, 513, 2048])
  func tablesMapEverything(pages: Int) throws {
    let (host, guest) = try guest(identities: Array(Self.identities.prefix(pages)))
    defer { withExtendedLifetime(host) {} }
    guest.boot()
    let naive = NaiveTables(guest.vm, root: guest.vm.cr3.page)
    let expected = (0..<UInt64(pages)).map {
      MappedPage(address: 0xffff_8880_0000_0000 + $0 << 12, frame: $0, isWritable: true, isUser: false, isExecutable: false)
    }
    #expect(naive.pages == Set(expected))
    let added = UInt64(pages)..<UInt64(guest.vm.pageCount)
    #expect(naive.tables.allSatisfy(added.contains))
    #expect(guest.balloonQueueFrames.allSatisfy { added.contains($0.rawValue) && !naive.tables.contains($0.rawValue) })
    #expect(guest.vm.pageCount - pages == Int(RecordedGuest.addedMemory(recordedPages: pages).bytes >> 12))
  }

  @Test("gives its balloon the pages of zeros first, then every other one, the coldest first")
  func balloonOrder() throws {
    let (host, guest) = try guest(writes: 0)
    defer { withExtendedLifetime(host) {} }
    guest.boot()
    let zeros = Set(Self.identities.indices.filter { Self.identities[$0] == 0 })
    #expect(guest.statistics.free == zeros.count)
    var taken: [Int] = []
    while let frame = guest.takePageForBalloon() { taken.append(frame.index) }
    #expect(Set(taken.prefix(zeros.count)) == zeros)
    #expect(taken.sorted() == Array(Self.identities.indices))
    #expect(guest.statistics.free == 0)
    // Zipf's most popular page is drawn in one of eight reads: it must go last.
    var stream = RandomSource(seed: 1).stream("vm/w1/events")
    let picker = PagePicker(.zipf, count: Self.pages, stream: &stream)
    #expect(taken.dropFirst(zeros.count).elementsEqual(picker.coldestFirst.map(Int.init).filter { !zeros.contains($0) }))
  }

  @Test("takes pages back as free ones, and parts with them again first")
  func returnedPagesAreFree() throws {
    let (host, guest) = try guest(writes: 0)
    defer { withExtendedLifetime(host) {} }
    guest.boot()
    var taken: [GuestFrame] = []
    for _ in 0..<1500 { taken.append(try #require(guest.takePageForBalloon())) }
    for frame in taken.suffix(40) { guest.returnPageFromBalloon(frame) }
    #expect(guest.statistics.free == 40)
    guest.returnPageFromBalloon(taken[1499])
    guest.returnPageFromBalloon(GuestFrame(guest.vm.pageCount - 1))
    #expect(guest.statistics.free == 40)
    #expect(Set((0..<40).compactMap { _ in guest.takePageForBalloon() }) == Set(taken.suffix(40)))
  }

  @Test("leaves pages alone that its balloon holds", arguments: AccessPattern.allCases)
  func leavesBalloonedPages(accesses: AccessPattern) throws {
    let (host, guest) = try guest(.nested, accesses)
    defer { withExtendedLifetime(host) {} }
    guest.boot()
    var taken: [GuestFrame] = []
    for _ in 0..<1600 {
      let frame = try #require(guest.takePageForBalloon())
      #expect(guest.vm.discard(frame) != .rejected)
      taken.append(frame)
    }
    for _ in 0..<20 { guest.step(nanoseconds: GuestRig.tick, levelPercent: 100) }
    guest.window(accesses: 2000)
    #expect(host.events.balloonedTouches == 0)
    #expect(guest.vm.balloonedPages == 1600)
    for frame in taken {
      guest.vm.restore(frame)
      guest.returnPageFromBalloon(frame)
    }
    #expect(guest.statistics.free == 1600)
    for _ in 0..<20 { guest.step(nanoseconds: GuestRig.tick, levelPercent: 100) }
    #expect(guest.statistics.free < 1600)
  }

  @Test("writes content that no page of the recording holds")
  func writes() throws {
    let (host, guest) = try guest(writes: 100)
    defer { withExtendedLifetime(host) {} }
    guest.boot()
    for _ in 0..<10 { guest.step(nanoseconds: GuestRig.tick, levelPercent: 50) }
    let changed = Self.identities.indices.filter { guest.vm.content(of: GuestFrame($0)) != Self.recording.recorded(Self.identities[$0]) }
    let contents = Set(changed.compactMap { guest.vm.content(of: GuestFrame($0)) })
    #expect(contents.count == changed.count && (20...50).contains(changed.count))
    #expect(contents.isDisjoint(with: Self.identities.map(Self.recording.recorded)))
  }

  @Test("lives the same life under every way of paging")
  func pagingChangesNothing() throws {
    let hashes = try PagingMode.transparent.map { paging in
      let (host, guest) = try guest(paging)
      defer { withExtendedLifetime(host) {} }
      GuestRig.live(guest)
      return GuestRig.memoryHash(guest.vm)
    }
    #expect(hashes.allSatisfy { $0 == hashes[0] })
  }

  @Test("of a host that has no room for it is stopped without a trap")
  func stopped() throws {
    let host = try GuestRig.host(5)
    let memory = ByteSize(bytes: UInt64(Self.pages) << 12 + RecordedGuest.addedMemory(recordedPages: Self.pages).bytes)
    let spec = RecordedGuestSpec(trace: "t", guest: "w1", accesses: .random, readsPerSecond: 100, writesPerSecond: 100, load: [])
    let vm = try host.createVM(name: "w1", memory: memory, paging: .shadow)
    let guest = RecordedGuest(
      vm: vm, spec: spec, identities: Self.identities, recording: Self.recording, own: ContentSpace(number: 2),
      random: RandomSource(seed: 1))
    GuestRig.live(guest)
    #expect(!vm.isRunning)
    #expect(guest.takePageForBalloon() != nil)
  }
}
