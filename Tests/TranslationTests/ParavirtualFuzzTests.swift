import Addressing
import Columns
import PageContents
import PageTables
import Testing
import TranslationCaching

@testable import Translation

/// A paravirtual guest gone wild and malicious, a hypervisor that judges it naively, and the same tables on a bare machine.
///
/// Every request goes to the translator and to the naive hypervisor; they must agree. After it, all that the guest's tables say is written
/// into the tables of a native guest, in guest frames, and accesses must end there in the same way, on the same frame, with the same A and
/// D bits.
struct WildParavirtualGuest {
  static let frames = 0..<20
  /// The words of a page that requests choose among.
  static let indices = [0, 1, 2, 511]

  let rig: DirectRig
  let native: GuestRig
  var naive = NaiveHypervisor(frames: DirectRig.guestFrames)
  var random: RandomStream
  var (done, refused, mapped) = (0, 0, 0)

  init(_ options: PagingOptions, seed: UInt64) throws {
    rig = try DirectRig(options)
    native = try GuestRig(.native, tlb: TLBHierarchy(TLBPreset.golden.geometry), vpid: 1)
    random = RandomSource(seed: seed).stream("paravirtual")
    for frame in 0..<DirectRig.guestFrames { naive.owners[rig.machine(frame).rawValue] = frame }
    // A first address space to begin with: three tables of each level, each with an entry for each of the next.
    for table in 0..<12 {
      for index in 0..<3 {
        let target = table < 9 ? (table / 3 + 1) * 3 + index : 12 + index
        update((table, rig.entry(page: target)), Self.indices[index])
      }
    }
    note(rig.loadRoot(0), naive.loadRoot(0), "the first root")
  }

  mutating func frame() -> Int { random.index(below: Self.frames.count) }
  mutating func index() -> Int { Self.indices[random.index(below: Self.indices.count)] }

  /// An entry that is sometimes legal: a guest's frame of some kind, and now and then a bit or a frame that is not the guest's to use.
  mutating func entry() -> UInt64 {
    if random.oneIn(8) { return random.oneIn(2) ? 0 : random.next() & ~1 & 0xffff_ffff_ffff_0ffe }
    let frame = random.oneIn(40) ? HostFrame(DirectRig.foreign.lowerBound + random.index(below: 10)) : rig.machine(self.frame())
    var word = X86Entry.page(frame, writable: !random.oneIn(3), user: !random.oneIn(3), noExecute: random.oneIn(4)).rawValue
    if random.oneIn(30) { word |= 1 << [3, 4, 7, 8, 48, 51][random.index(below: 6)] }
    if random.oneIn(6) { word |= X86Entry.accessed | X86Entry.dirty }
    return word
  }

  /// A frame whose usual level is `level`, and an entry that suits it.
  mutating func suitable() -> (frame: Int, entry: UInt64) {
    let level = 1 + random.index(below: 4)
    let (frame, target) = (usual(level), level == 1 ? 12 + random.index(below: 8) : usual(level - 1))
    return (frame, X86Entry.page(rig.machine(target), writable: !random.oneIn(4), user: !random.oneIn(4), noExecute: false).rawValue)
  }

  /// Frames 0 to 2 tend to be of level 4, 3 to 5 of level 3, and so on, so that trees come about.
  mutating func usual(_ level: Int) -> Int { (4 - level) * 3 + random.index(below: 3) }

  mutating func note(_ error: HypercallError?, _ isAllowed: Bool, _ request: @autoclosure () -> String) {
    #expect((error == nil) == isAllowed, "\(request()): \(error?.rawValue ?? "done")")
    if isAllowed { done += 1 } else { refused += 1 }
  }

  mutating func step() {
    switch random.below(100) {
    case 0..<35: update(suitable(), index())
    case 35..<55: update((frame(), entry()), index())
    case 55..<63:
      let (page, index, word) = (frame(), index(), entry())
      let isTable = naive.level(of: page) != nil
      #expect(rig.store(word, page, index) == !isTable)
      if !isTable { naive.words[page][index] = word }
    case 63..<70:
      let level = random.oneIn(4) ? random.index(below: 6) : 4
      let table = random.oneIn(3) ? frame() : usual(min(max(level, 1), 4))
      note(rig.hypercalls.perform([.pin(level: level, rig.machine(table))]).error, naive.pin(table, level: level), "pin \(table) \(level)")
    case 70..<75:
      let table = frame()
      note(rig.hypercalls.perform([.unpin(rig.machine(table))]).error, naive.unpin(table), "unpin \(table)")
    case 75..<86:
      let table = random.oneIn(4) ? frame() : usual(4)
      note(rig.loadRoot(table), naive.loadRoot(table), "root \(table)")
    case 86..<90:
      let frame = frame()
      let old = rig.machine(frame).rawValue
      rig.move(frame)
      naive.move(frame, from: old, to: rig.machine(frame).rawValue)
    case 90..<94:
      let frame = frame()
      let isFree = !naive.isReferred(frame)
      #expect(rig.release(frame) == isFree)
      guard isFree else { return }
      naive.words[frame] = [:]
      rig.back(frame)
    default:
      let frame = frame()
      note(rig.hypercalls.update([.machineToPhysical(rig.machine(frame), GuestFrame(frame))]).error, true, "m2p")
    }
  }

  mutating func update(_ target: (frame: Int, entry: UInt64), _ index: Int) {
    let (frame, word) = target
    // Processors may have set A and D since.
    naive.words[frame][index] = rig.word(frame, index)
    let (error, isAllowed) = (rig.update(frame, index, word), naive.store(word, frame, index))
    note(error, isAllowed, "entry \(index) of \(frame) := \(X86Entry(rawValue: word))")
  }

  // MARK: The bare machine

  /// Writes the guest's tables into the native guest's, and loads the root of both.
  func copyToNative() {
    for frame in Self.frames where rig.use(frame).type.level != nil {
      for index in Self.indices {
        let word = inGuestFrames(rig.word(frame, index))
        if native.load(nativePlace(frame, index)) != word { native.store(word, nativePlace(frame, index)) }
      }
    }
    guard let root = naive.root else { return }
    native.loadCR3(GuestFrame(root).address)
    rig.translator.loadCR3(GuestFrame(root).address)
    for translator in [native.translator, rig.translator] { translator.invalidate(.allWithGlobals) }
  }

  func nativePlace(_ frame: Int, _ index: Int) -> GuestPhysicalAddress { GuestFrame(frame).address.advanced(by: UInt64(index) * 8) }

  func inGuestFrames(_ word: UInt64) -> UInt64 {
    let entry = X86Entry(rawValue: word)
    guard entry.isPresent, let frame = rig.hypercalls.guestFrame(of: entry.hostFrame) else { return word }
    return entry.without(X86Entry.frameMask).with(frame.address.rawValue).rawValue
  }

  /// The same access on both.
  mutating func access() {
    guard naive.root != nil else { return }
    var address: UInt64 = 0
    for shift in [39, 30, 21, 12] as [UInt64] { address |= UInt64(index()) << shift }
    if address >> 47 != 0 { address |= 0xffff << 48 }
    // The hypervisor's own.
    if address >= DirectTranslator.monitorStart { return }
    let kind = AccessKind.allCases[random.index(below: 3)]
    let privilege: Privilege = random.oneIn(2) ? .user : .supervisor
    let here = rig.access(address, kind, privilege)
    let there = native.access(GuestVirtualAddress(address), kind, privilege)
    if case .mapped(let place) = here, case .mapped(let other) = there {
      #expect(rig.hypercalls.guestFrame(of: place.page) == native.guestFrame(other.page), "\(GuestVirtualAddress(address)) \(kind)")
      mapped += 1
    } else {
      #expect(here == there, "\(GuestVirtualAddress(address)) \(kind) \(privilege)")
    }
  }

  func compareTables() {
    for frame in Self.frames where rig.use(frame).type.level != nil {
      for index in Self.indices {
        #expect(inGuestFrames(rig.word(frame, index)) == native.load(nativePlace(frame, index)), "word \(index) of table \(frame)")
      }
    }
  }

  /// Types as the naive hypervisor finds them.
  func compareTypes() {
    guard let uses = naive.uses() else {
      Issue.record("the guest holds tables that contradict each other")
      return
    }
    for frame in 0..<DirectRig.guestFrames {
      switch uses[frame] {
      case .table(let level): #expect(rig.use(frame).type.level == level)
      case .writable: #expect(rig.use(frame).type == .writable)
      case .anything, nil: #expect(rig.use(frame).type == .none)
      }
    }
  }
}

@Suite("A malicious paravirtual guest")
struct ParavirtualFuzzTests {
  @Test("gets what a naive judge would give it, and runs as on a bare machine", arguments: [1, 2, 3, 4] as [UInt64])
  func fuzz(seed: UInt64) throws {
    var options = PagingOptions()
    options.monitor = seed % 2 == 0 ? .segmentLimits : .ownSpace
    var guest = try WildParavirtualGuest(options, seed: seed)
    for round in 0..<1500 {
      guest.step()
      if round % 5 == 0 {
        guest.copyToNative()
        for _ in 0..<12 { guest.access() }
        guest.compareTables()
        guest.compareTypes()
      }
      if round % 25 == 0 { guest.rig.audit() }
    }
    guest.rig.audit()
    #expect(
      guest.done > 150 && guest.refused > 50 && guest.mapped > 20,
      "\(guest.done) done, \(guest.refused) refused, \(guest.mapped) mapped")
  }
}
