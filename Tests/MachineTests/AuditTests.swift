import Addressing
import Ballooning
import FrameAllocation
import PageContents
import PageTables
import Testing
import Translation

@testable import Machine

/// A small machine with a page of every kind: private, stable, zero, placed zero, swapped and ballooned; and translations of each that has
/// one.
private struct Fixture {
  let host: Host
  let a: VirtualMachine
  let b: VirtualMachine

  /// Frames of `a` and `b` by what they hold.
  static let privatePage = 10
  static let otherPrivatePage = 11
  static let sharedPage = 12
  static let alsoSharedPage = 13
  static let zeroPage = 14
  static let placedZeroPage = 15
  static let swappedPage = 16
  static let otherSwappedPage = 17
  static let balloonedPage = 18

  init(_ paging: PagingMode, unsync: UnsyncPolicy = .kvm, audited: Bool = true) throws {
    host = try makeHost(swapSlots: 8, audited: audited)
    var options = PagingOptions()
    options.unsync = unsync
    a = try host.makeVM("a", paging, options)
    b = try host.makeVM("b", paging, options)
    for vm in [a, b] {
      for frame in [Self.privatePage, Self.otherPrivatePage] { vm.put(1, in: frame) }
      for frame in [Self.sharedPage, Self.alsoSharedPage] { vm.put(2, in: frame) }
      _ = vm.load64(GuestFrame(Self.zeroPage).address)
      _ = vm.fill(GuestFrame(Self.placedZeroPage), with: .zero)
      for frame in [Self.swappedPage, Self.otherSwappedPage] { vm.put(3, in: frame) }
    }
    // While nothing else is a candidate: all other pages are pinned.
    for vm in [a, b] {
      vm.pinned = (0..<vm.pageCount).filter { $0 != Self.swappedPage && $0 != Self.otherSwappedPage }.map { GuestFrame($0) }
    }
    host.reclaim(upTo: host.frameCount, visits: 4 * host.frameCount * 8)
    for vm in [a, b] { vm.pinned = [] }
    let stable = try #require(host.makeStable(a.ordinal(Self.sharedPage)))
    for page in [a.ordinal(Self.alsoSharedPage), b.ordinal(Self.sharedPage), b.ordinal(Self.alsoSharedPage)] {
      #expect(host.merge(page, into: stable))
    }
    for vm in [a, b] {
      #expect(host.placeZeroPage(at: vm.ordinal(Self.placedZeroPage)))
      vm.put(4, in: Self.balloonedPage)
      #expect(vm.discard(GuestFrame(Self.balloonedPage)) == .freedFrame)
      #expect(vm.swappedPages == 2 && vm.zeroPages == 2 && vm.placedZeroPages == 1 && vm.stablePages == 2 && vm.balloonedPages == 1)
    }
  }

  /// Gives `a` an address space in which page n is frame n, and touches its private pages, so that translations are held.
  func touchAll() -> AddressSpace {
    let space = AddressSpace(a, tablesBelow: a.pageCount)
    for frame in [Self.privatePage, Self.otherPrivatePage, Self.sharedPage, Self.zeroPage] { space.map(UInt64(frame), to: frame) }
    space.load()
    for frame in [Self.privatePage, Self.otherPrivatePage] { #expect(a.touch(UInt64(frame), .write) != nil) }
    for frame in [Self.sharedPage, Self.zeroPage] { #expect(a.touch(UInt64(frame)) != nil) }
    return space
  }

  /// Moves a page to another frame with everything but the translations kept in order.
  func moveBehindTheTranslator(_ frame: Int) throws {
    let old = a.leaf(frame).frame
    let new = try #require(host.frames.allocate(for: .unmapped(.guestPage)))
    host.contents.copy(old, to: new)
    a.setExistingLeaf(.page(new, writable: true), of: GuestFrame(frame))
    _ = host.frames.unlink(a.ordinal(frame), from: old)
    host.frames.link(a.ordinal(frame), to: new)
    host.giveBack(old)
  }
}

@Suite("An audit finds each broken law and no other")
struct AuditTests {
  static let modes: [PagingMode] = [.native, .nested, .shadow]

  @Test("A healthy machine with pages of every kind breaks no law", arguments: modes)
  func healthyMachineBreaksNoLaw(_ mode: PagingMode) throws {
    let fixture = try Fixture(mode)
    expectLawful(fixture.host)
    _ = fixture.touchAll()
    expectLawful(fixture.host)
  }

  // MARK: Law 1

  @Test("Law 1: a reference too many or too few is found")
  func law1References() throws {
    let fixture = try Fixture(.nested)
    for frame in [Fixture.privatePage, Fixture.sharedPage, Fixture.zeroPage] {
      let backing = fixture.a.leaf(frame).frame
      fixture.host.frames[backing].references += 1
      #expect(fixture.host.brokenLaws == [1])
      fixture.host.frames[backing].references -= 2
      #expect(fixture.host.brokenLaws == [1])
      fixture.host.frames[backing].references += 1
      expectLawful(fixture.host)
    }
  }

  @Test("Law 1: a frame that was released while a page maps it is found")
  func law1ReleasedWhileMapped() throws {
    let fixture = try Fixture(.nested)
    let frame = fixture.a.leaf(Fixture.privatePage).frame
    _ = fixture.host.frames.unlink(fixture.a.ordinal(Fixture.privatePage), from: frame)
    fixture.host.frames.release(frame)
    let laws = fixture.host.brokenLaws
    #expect(laws.isSuperset(of: [1, 3]), "it is mapped, and it is not scrubbed")
  }

  @Test("Law 1: a frame that is in use but nobody's is found")
  func law1Leak() throws {
    let fixture = try Fixture(.nested)
    let leaked = try #require(fixture.host.frames.allocate(for: .unmapped(.guestPage)))
    #expect(fixture.host.brokenLaws == [1, 5], "a leak is nobody's and charged to nobody")
    fixture.host.frames.release(leaked)
    expectLawful(fixture.host)
  }

  @Test("Law 1: a reverse map that names the wrong page is found")
  func law1ReverseMap() throws {
    let fixture = try Fixture(.nested)
    let (first, second) = (GuestFrame(Fixture.privatePage), GuestFrame(Fixture.otherPrivatePage))
    let (one, other) = (fixture.a.map.leaf(of: first), fixture.a.map.leaf(of: second))
    fixture.a.setExistingLeaf(other, of: first)
    fixture.a.setExistingLeaf(one, of: second)
    #expect(fixture.host.brokenLaws == [1], "both hold the same bytes, so that nothing else is wrong")
  }

  @Test("Law 1: a page that maps a table, or no frame of the host, is found")
  func law1ForeignFrames() throws {
    let fixture = try Fixture(.nested)
    let frame = GuestFrame(Fixture.privatePage)
    for backing in [fixture.a.map.root, HostFrame(fixture.host.frameCount), HostFrame((1 << 36) - 1)] {
      let leaf = fixture.a.map.leaf(of: frame)
      fixture.a.setExistingLeaf(.page(backing, writable: false), of: frame)
      #expect(fixture.host.brokenLaws.contains(1))
      fixture.a.setExistingLeaf(leaf, of: frame)
      expectLawful(fixture.host)
    }
  }

  // MARK: Law 2

  @Test("Law 2: a shadow entry that leads to another of the guest's own frames, or allows a write that its tables do not, is found")
  func law2ShadowEntry() throws {
    // What is out of step may say what the guest's tables said before.
    let fixture = try Fixture(.shadow, unsync: .none)
    let space = fixture.touchAll()
    let place = try #require(shadowEntry(of: fixture.a.leaf(Fixture.privatePage).frame, fixture))
    let word = fixture.host.contents.load(place)
    let other = fixture.a.leaf(Fixture.otherPrivatePage).frame
    fixture.host.contents.store(word & ~X86Entry.frameMask | other.address.rawValue, place)
    #expect(fixture.host.brokenLaws == [2])
    fixture.host.contents.store(word, place)
    expectLawful(fixture.host)

    space.map(UInt64(Fixture.privatePage), to: Fixture.privatePage, writable: false)
    #expect(fixture.a.touch(UInt64(Fixture.privatePage)) != nil)
    let readOnly = try #require(shadowEntry(of: fixture.a.leaf(Fixture.privatePage).frame, fixture))
    fixture.host.contents.store(fixture.host.contents.load(readOnly) | X86Entry.writable, readOnly)
    #expect(fixture.host.brokenLaws == [2])
  }

  @Test("Law 2: a guest's table that changed behind the shadow's back is found")
  func law2TableChanged() throws {
    let fixture = try Fixture(.shadow, audited: false)
    let space = fixture.touchAll()
    let entry = space.entryAddress(UInt64(Fixture.privatePage))
    let place = fixture.a.map.leaf(of: entry.page).frame.address(atOffsetOf: entry)
    fixture.host.contents.store(0, place)
    #expect(fixture.host.brokenLaws == [2])
  }

  @Test("Law 2: what a TLB may keep until the guest's INVLPG counts as a breach until then", arguments: [PagingMode.native, .nested])
  func law2BeforeInvalidation(_ mode: PagingMode) throws {
    let fixture = try Fixture(mode)
    let space = fixture.touchAll()
    #expect(fixture.a.store64(0, space.entryAddress(UInt64(Fixture.privatePage))))
    #expect(fixture.host.brokenLaws == [2])
    fixture.a.invalidatePage(GuestVirtualAddress(UInt64(Fixture.privatePage) << 12))
    expectLawful(fixture.host)
  }

  /// Where the shadow's leaf for a host frame lies: a present word that names the frame and lacks EPT's memory type.
  private func shadowEntry(of frame: HostFrame, _ fixture: Fixture) -> HostPhysicalAddress? {
    for table in (0..<fixture.host.frameCount).map({ HostFrame($0) }) where !fixture.host.frames.allocator.isFree(table.index) {
      guard fixture.host.frames[table].tableOwner == fixture.a.id else { continue }
      for index in 0..<512 {
        let word = fixture.host.contents.loadWord(index, of: table)
        let isLeaf = word & X86Entry.frameMask == frame.address.rawValue && word & 1 == 1 && word & EPTEntry.writeBack != EPTEntry.writeBack
        if isLeaf { return HostPhysicalAddress(table.address.rawValue | UInt64(index) << 3) }
      }
    }
    return nil
  }

  // MARK: Law 3

  @Test("Law 3: a shared frame that somebody can write to is found")
  func law3WritableShared() throws {
    for frame in [Fixture.sharedPage, Fixture.zeroPage, Fixture.placedZeroPage] {
      let fixture = try Fixture(.nested)
      fixture.b.setExistingLeaf(fixture.b.leaf(frame).with(EPTEntry.write), of: GuestFrame(frame))
      #expect(fixture.host.brokenLaws == [3])
    }
  }

  @Test("Law 3: a free frame that still holds bytes is found")
  func law3FreeFrame() throws {
    let fixture = try Fixture(.nested)
    let free = try #require((0..<fixture.host.frameCount).last { fixture.host.frames.allocator.isFree($0) })
    fixture.host.contents.setContent(.repeated(7), of: HostFrame(free))
    #expect(fixture.host.brokenLaws == [3])
    fixture.host.contents.setContent(.zero, of: HostFrame(free))
    fixture.host.contents.storeWord(0, 3, of: HostFrame(free))
    expectLawful(fixture.host, "zeros are zeros, however they are held")
  }

  @Test("Law 3: a page in the swap slot of another is found")
  func law3SwapSlot() throws {
    let fixture = try Fixture(.nested)
    fixture.a.setExistingLeaf(fixture.b.leaf(Fixture.swappedPage), of: GuestFrame(Fixture.swappedPage))
    #expect(fixture.host.brokenLaws == [3])
  }

  // MARK: Law 4

  @Test("Law 4: a translation that outlives its frame is found, whoever has the frame now", arguments: modes)
  func law4MovedBehindTheTranslator(_ mode: PagingMode) throws {
    let fixture = try Fixture(mode)
    _ = fixture.touchAll()
    let old = fixture.a.leaf(Fixture.privatePage).frame
    try fixture.moveBehindTheTranslator(Fixture.privatePage)
    #expect(fixture.host.brokenLaws == [4], "the frame is free")
    var frame = 100
    while fixture.host.frames.allocator.isFree(old.index) {
      fixture.b.put(5, in: frame)
      frame += 1
    }
    #expect(fixture.host.brokenLaws == [4], "the frame is the other guest's")
  }

  @Test("Law 4: a translation that still allows writes to a frame made stable is found", arguments: modes)
  func law4WritableStable(_ mode: PagingMode) throws {
    let fixture = try Fixture(mode)
    _ = fixture.touchAll()
    let leaf = fixture.a.leaf(Fixture.privatePage)
    fixture.a.setExistingLeaf(leaf.without(EPTEntry.write), of: GuestFrame(Fixture.privatePage))
    fixture.host.frames[leaf.frame].use = .stable
    fixture.a.privateFrames -= 1
    fixture.a.stablePages += 1
    fixture.host.stableFrames += 1
    #expect(fixture.host.brokenLaws == [4])
  }

  // MARK: Law 5

  @Test("Law 5: a wrong charge is found")
  func law5Charges() throws {
    let breaks: [(Fixture) -> Void] = [
      { $0.a.privateFrames += 1 }, { $0.a.stablePages -= 1 }, { $0.b.zeroPages += 1 }, { $0.b.placedZeroPages -= 1 },
      { $0.a.swappedPages += 1 }, { $0.a.balloonedPages -= 1 }, { $0.host.stableFrames += 1 },
      { _ = $0.host.swap.store($0.host.contents.take(from: HostFrame($0.host.frameCount - 1))) },
    ]
    for (index, breaking) in breaks.enumerated() {
      let fixture = try Fixture(.nested)
      breaking(fixture)
      #expect(fixture.host.brokenLaws == [5], "break \(index)")
    }
    let fixture = try Fixture(.nested)
    _ = fixture.host.frames.allocate(for: .table(of: fixture.a.id))
    #expect(fixture.host.brokenLaws == [5], "a table that is not charged")
  }

  // MARK: Law 6

  @Test("Law 6: a changed byte of a private, a shared, a zero or a swapped page is found")
  func law6ChangedBytes() throws {
    for frame in [Fixture.privatePage, Fixture.sharedPage, Fixture.zeroPage, Fixture.placedZeroPage] {
      let fixture = try Fixture(.nested)
      let backing = fixture.a.leaf(frame).frame
      fixture.host.contents.storeWord(fixture.host.contents.loadWord(200, of: backing) ^ 1 << 63, 200, of: backing)
      #expect(fixture.host.brokenLaws == [6])
    }
    let fixture = try Fixture(.nested)
    guard case .swapped(let slot) = fixture.a.leaf(Fixture.swappedPage).absence else { throw TestFailure() }
    let scratch = try #require(fixture.host.frames.allocate(for: .unmapped(.guestPage)))
    fixture.host.contents.put(fixture.host.swap.take(from: Int(slot)), into: scratch)
    fixture.host.contents.storeWord(9, 200, of: scratch)
    #expect(fixture.host.swap.store(fixture.host.contents.take(from: scratch)) == Int(slot))
    fixture.host.frames.release(scratch)
    #expect(fixture.host.brokenLaws == [6])
  }

  @Test("Law 6: a changed word of a page that the guest writes by words is found, before and after its next store")
  func law6ChangedWord() throws {
    let fixture = try Fixture(.nested)
    let address = GuestFrame(50).address
    #expect(fixture.a.store64(17, address))
    expectLawful(fixture.host)
    fixture.host.contents.storeWord(18, 9, of: fixture.a.leaf(50).frame)
    #expect(fixture.host.brokenLaws == [6])
    #expect(fixture.a.store64(19, address.advanced(by: 9 * 8)))
    #expect(fixture.host.brokenLaws == [6], "the guest stored over a word that was not its own")
  }

  @Test("Law 6: the first store to a page that was filled does not hide what had changed before")
  func law6ChangeBeforeFirstStore() throws {
    let fixture = try Fixture(.nested)
    fixture.host.contents.storeWord(18, 9, of: fixture.a.leaf(Fixture.privatePage).frame)
    #expect(fixture.a.store64(1, GuestFrame(Fixture.privatePage).address))
    #expect(fixture.host.brokenLaws == [6])
  }

  @Test("Law 6: a page that was never written and does not hold zeros is found")
  func law6FreshPage() throws {
    let fixture = try Fixture(.nested)
    #expect(fixture.a.store64(0, GuestFrame(60).address))
    _ = fixture.a.discard(GuestFrame(60))
    #expect(fixture.a.resolve(GuestFrame(60), .write) != nil)
    fixture.host.contents.storeWord(1, 0, of: fixture.a.leaf(60).frame)
    #expect(fixture.host.brokenLaws == [6])
  }

  @Test("Law 6: a page that is gone although nobody gave it up is found")
  func law6LostPage() throws {
    let fixture = try Fixture(.nested)
    fixture.a.replace(fixture.a.leaf(Fixture.privatePage), of: GuestFrame(Fixture.privatePage), by: .absent)
    #expect(fixture.host.brokenLaws == [6])
  }

  @Test("What a processor writes into tables, their accessed and dirty bits, breaks no law", arguments: modes)
  func accessedAndDirtyBitsAreNoChange(_ mode: PagingMode) throws {
    let fixture = try Fixture(mode)
    // A page filled as a whole serves as root: whatever it maps, the walk marks it.
    #expect(fixture.a.fill(GuestFrame(70), with: .repeated(0x07)))
    fixture.a.loadCR3(GuestFrame(70).address)
    for page in 0..<8 as Range<UInt64> { _ = fixture.a.touch(page, .write) }
    expectLawful(fixture.host)
  }
}

/// A test's own assumption failed.
struct TestFailure: Error {}
