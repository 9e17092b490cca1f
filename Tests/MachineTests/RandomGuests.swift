import Addressing
import Ballooning
import Columns
import PageContents
import PageSharing
import PageTables
import Testing
import Translation

@testable import Machine

/// What a guest expects a page to hold: a content and the words stored since.
struct TwinPage {
  var base = PageContent.zero
  var words: [Int: UInt64] = [:]

  func word(_ index: Int) -> UInt64 { words[index] ?? base.word(at: index) }
}

/// A guest with a naive twin of its memory, and two address spaces over the same pages.
final class TwinGuest {
  /// Pages that hold data; the tables stand above them.
  static let dataPages = 160
  static let pages = 200
  /// Virtual pages in use: a few in each of several level-1 tables.
  static let virtualPages: [UInt64] = (0..<40).map { UInt64($0 % 3) * 512 * 512 + UInt64($0) }

  let vm: VirtualMachine
  /// How many of the pages that hold data lie in each 2 MiB; nil for all in one piece.
  private let perHugePage: Int?
  var twin = [TwinPage](repeating: TwinPage(), count: dataPages)
  private let spaces: [AddressSpace]
  /// Of each address space: what its virtual pages map, and whether writes pass.
  private var maps: [[UInt64: (frame: Int, writable: Bool)]]
  private var current = 0

  init(_ vm: VirtualMachine, perHugePage: Int? = nil) {
    self.vm = vm
    self.perHugePage = perHugePage
    spaces = [AddressSpace(vm, tablesBelow: vm.pageCount), AddressSpace(vm, tablesBelow: vm.pageCount - 20)]
    maps = [[:], [:]]
    spaces[0].load()
  }

  /// The guest frame of a page that holds data.
  func guestFrame(_ page: Int) -> GuestFrame { GuestFrame(perHugePage.map { page / $0 * 512 + page % $0 } ?? page) }

  func randomFrame(_ random: inout RandomStream) -> Int { random.index(below: Self.dataPages) }

  /// Few contents, so that pages come to be equal.
  private func randomContent(_ random: inout RandomStream) -> PageContent {
    switch random.below(4) {
    case 0: .zero
    case 1: .repeated(UInt8(random.below(3)))
    default: .synthetic(seed: random.below(6))
    }
  }

  /// One action of the guest. Returns what the guest saw, or nil where it was stopped.
  func act(_ random: inout RandomStream) -> UInt64? {
    let frame = randomFrame(&random)
    let index = random.index(below: PageContent.wordCount)
    let address = guestFrame(frame).address.advanced(by: UInt64(index) * 8)
    let page = Self.virtualPages[random.index(below: Self.virtualPages.count)]
    switch random.below(12) {
    case 0, 1:
      let content = randomContent(&random)
      guard vm.fill(guestFrame(frame), with: content) else { return nil }
      twin[frame] = TwinPage(base: content)
      return 1
    case 2, 3:
      let value = random.below(4)
      guard vm.store64(value, address) else { return nil }
      twin[frame].words[index] = value
      return 2
    case 4, 5:
      guard let word = vm.load64(address) else { return nil }
      #expect(word == twin[frame].word(index), "\(vm.name): word \(index) of page \(frame)")
      return word
    case 6:
      let writable = !random.oneIn(4)
      spaces[current].map(page, to: guestFrame(frame).index, writable: writable)
      guard vm.isRunning else { return nil }
      maps[current][page] = (frame, writable)
      return 3
    case 7:
      guard vm.isRunning else { return nil }
      if random.oneIn(3) {
        current = 1 - current
        spaces[current].load()
      }
      return UInt64(current)
    case 8: return write(page, randomContent(&random))
    case 9:
      // What the processor set in the guest's own table: the guest must see the same under every kind of paging.
      return vm.load64(spaces[current].entryAddress(page))
    default: return read(page, index, isFetch: random.oneIn(4))
    }
  }

  private func read(_ page: UInt64, _ index: Int, isFetch: Bool) -> UInt64? {
    let address = GuestVirtualAddress(page << 12 | UInt64(index) * 8)
    switch vm.access(address, isFetch ? .fetch : .read) {
    case .stopped: return nil
    case .guestFault:
      #expect(maps[current][page] == nil, "\(vm.name): a fault at a page that is mapped")
      return 4
    case .mapped(let place):
      guard let mapped = maps[current][page] else {
        Issue.record("\(vm.name): no fault at a page that is not mapped")
        return 5
      }
      let word = vm.host.contents.load(place)
      #expect(word == twin[mapped.frame].word(index), "\(vm.name): word \(index) of virtual page \(page)")
      return word
    }
  }

  private func write(_ page: UInt64, _ content: PageContent) -> UInt64? {
    let mapped = maps[current][page]
    switch vm.write(content, at: GuestVirtualAddress(page << 12), frame: guestFrame(mapped?.frame ?? 0)) {
    case .stopped: return nil
    case .guestFault:
      #expect(mapped == nil || mapped?.writable == false, "\(vm.name): a fault at a page that can be written")
      return 6
    case .mapped:
      guard let mapped, mapped.writable else {
        Issue.record("\(vm.name): a write passed where it must not")
        return 7
      }
      twin[mapped.frame] = TwinPage(base: content)
      return 8
    }
  }

  /// The guest's balloon takes a page: its content is given up.
  func giveUp(_ frame: Int) {
    let outcome = vm.discard(guestFrame(frame))
    if outcome != .rejected { twin[frame] = TwinPage() }
  }

  /// Compares every page's words with the twin's.
  func checkAll() {
    guard vm.isRunning else { return }
    for (frame, page) in twin.enumerated() {
      let wrong = stride(from: 0, to: 512, by: 37).first {
        vm.load64(guestFrame(frame).address.advanced(by: UInt64($0) * 8)) != page.word($0)
      }
      let wrongStored = page.words.first { vm.load64(guestFrame(frame).address.advanced(by: UInt64($0.key) * 8)) != $0.value }
      if vm.isRunning { #expect(wrong == nil && wrongStored == nil, "\(vm.name): page \(frame)") }
    }
  }
}

/// Several guests on one host, with three scanners, balloons and a host that swaps, all driven by one stream of random numbers.
final class RandomMachine {
  let host: Host
  let guests: [TwinGuest]
  let scanner: KSMScanner
  let vusion: VUsionScanner<Host>
  let engine: DifferenceEngine<Host>
  let keeper = CopyKeeper()
  private var random: RandomStream
  private let reclaimVisits: Int
  /// The most pages that were ever stored as patches and compressed.
  private(set) var (mostPatches, mostCompressed) = (UInt64(0), UInt64(0))
  /// What the guests saw, one word an action.
  private(set) var seen: [UInt64] = []

  /// - Parameter backings: of each guest, whose data is then spread over seven times 2 MiB.
  init(seed: UInt64, modes: [PagingMode], frames: Int, swapSlots: Int, nodes: Int = 1, backings: [MemoryBacking]? = nil) throws {
    host = try makeHost(frames: frames, swapSlots: swapSlots, spans: modes.count, nodes: nodes)
    var guests: [TwinGuest] = []
    for (index, mode) in modes.enumerated() {
      let backing = backings?[index] ?? MemoryBacking()
      let perHugePage = backings == nil ? nil : 23
      // The last of the huge pages ends early, and so is none.
      let pages = perHugePage.map { (TwinGuest.dataPages + $0 - 1) / $0 * 512 + TwinGuest.pages } ?? TwinGuest.pages
      let vm = try host.makeVM("vm\(index)", pages: pages, mode, backing: backing)
      guests.append(TwinGuest(vm, perHugePage: perHugePage))
    }
    self.guests = guests
    reclaimVisits = backings == nil ? 256 : 4096
    var settings = KSMSettings()
    settings.useZeroPages = seed % 2 == 0
    settings.smartScan = false
    settings.maxPageSharing = seed % 3 == 0 ? 4 : 256
    scanner = KSMScanner(settings: settings, capacity: modes.count * Host.pageSpan, frameCount: host.frameCount)
    vusion = VUsionScanner(memory: host, capacity: modes.count * Host.pageSpan, frameCount: host.frameCount)
    random = RandomSource(seed: seed).stream("machine")
    var engineSettings = DifferenceEngineSettings()
    engineSettings.compressAfter = 2
    engine = DifferenceEngine(
      engineSettings, memory: host, capacity: modes.count * Host.pageSpan, frameCount: host.frameCount, seed: seed)
    keeper.memory = host
    for guest in guests {
      let pages = Int(guest.vm.firstPage.rawValue)..<Int(guest.vm.firstPage.rawValue) + guest.vm.pageCount
      scanner.register(pages)
      _ = engine.register(pages, tenant: guest.vm.id.rawValue)
      _ = vusion.register(pages, tenant: guest.vm.id.rawValue)
    }
    host.onZeroPageLost = { [scanner] in scanner.zeroPageLeft($0) }
  }

  func step() {
    let guest = guests[random.index(below: guests.count)]
    switch random.below(40) {
    case 0: _ = scanner.scanBatch(pages: random.below(400), in: host)
    case 1:
      let frame = guest.randomFrame(&random)
      if guest.vm.isRunning { guest.giveUp(frame) }
    case 2: guest.vm.restore(guest.guestFrame(guest.randomFrame(&random)))
    case 3: host.reclaim(upTo: host.frameCount, visits: random.index(below: reclaimVisits))
    case 4: shareByHand(guest)
    case 5: _ = vusion.scanBatch(pages: random.below(400), at: 0)
    case 6, 7: takeByHand(guest)
    case 8:
      _ = engine.scanBatch(pages: random.below(200), at: 0)
      mostPatches = max(mostPatches, engine.storedPatches)
      mostCompressed = max(mostCompressed, engine.compressedPages)
    default: if let word = guest.act(&random) { seen.append(word) }
    }
  }

  /// The doors that a scanner uses, at any page: they must refuse what cannot be shared.
  private func shareByHand(_ guest: TwinGuest) {
    let page = guest.vm.page(of: guest.guestFrame(guest.randomFrame(&random)))
    let other = guests[random.index(below: guests.count)].vm
    switch random.below(4) {
    case 0: _ = host.makeStable(page)
    case 1:
      if case .stable(let frame) = host.backing(of: other.page(of: guest.guestFrame(guest.randomFrame(&random)))) {
        _ = host.merge(page, into: frame)
      }
    case 2: _ = host.placeZeroPage(at: page)
    default: host.unshare(page)
    }
  }

  /// The doors for pages that trap and that a keeper has, at any page.
  private func takeByHand(_ guest: TwinGuest) {
    let page = guest.vm.page(of: guest.guestFrame(guest.randomFrame(&random)))
    let trapped = host.trapAccesses(to: page)
    switch random.below(6) {
    case 0: #expect(host.isTrapped(page) == trapped)
    case 1: _ = host.relocate(page)
    case 2: _ = host.testAndClearAccessed(page)
    default: keeper.take(page)
    }
  }
}

@Suite("Random guests see what they wrote")
struct RandomGuestsTests {
  @Test(
    "Content survives sharing, copying, ballooning and swapping; no law is broken on the way", arguments: 1...6 as ClosedRange<UInt64>)
  func contentSurvives(_ seed: UInt64) throws {
    let modes: [[PagingMode]] = [[.nested, .shadow, .native], [.shadow, .shadow], [.nested, .native]]
    // The least host, made smaller by a guest that only takes room: the others swap.
    let machine = try RandomMachine(seed: seed, modes: modes[Int(seed % 3)] + [.native], frames: 1024, swapSlots: seed > 4 ? 100 : 600)
    let ballast = try machine.host.makeBallast(leaving: seed % 2 == 0 ? 150 : 400)
    for step in 0..<1500 {
      machine.step()
      if step % 300 == 299 { expectLawful(machine.host, "seed \(seed), step \(step)") }
    }
    for guest in machine.guests { guest.checkAll() }
    expectLawful(machine.host, "seed \(seed), at the end")
    #expect(machine.host.events.merges > 0 && machine.host.events.copiesOnWrite > 0 && machine.host.events.balloonedTouches > 0)
    #expect(machine.host.events.swapIns > 0 && ballast > 0)
    #expect(machine.host.events.copiesOnAccess > 0 && machine.host.events.takenBack > 0)
    #expect(machine.mostPatches > 0 && machine.mostCompressed > 0)
  }

  @Test("A guest sees the same under native, nested and shadow paging, down to the bits that the processor sets in its tables")
  func guestsCannotTellThePagingMode() throws {
    for seed in 11...13 as ClosedRange<UInt64> {
      let seen = try [PagingMode.native, .nested, .shadow].map { mode in
        let machine = try RandomMachine(seed: seed, modes: [mode, mode], frames: 1024, swapSlots: 1024)
        _ = try machine.host.makeBallast(leaving: 300)
        for _ in 0..<1500 { machine.step() }
        expectLawful(machine.host)
        #expect(machine.host.events.killed == 0 && machine.host.events.swapIns > 0)
        return machine.seen
      }
      #expect(seen[0] == seen[1] && seen[1] == seen[2] && seen[0].count > 1000)
    }
  }
}

extension Host {
  /// Takes frames until only so many are free, as tables of the first guest: nothing reclaims those.
  /// - Returns: how many were taken.
  func makeBallast(leaving free: Int) throws -> Int {
    let tables = try #require(vms.first).tables
    var taken = 0
    while freeFrames > free, tables.allocateTableFrame() != nil { taken += 1 }
    return taken
  }
}
