import Addressing
import Columns
import Foundation
import PageContents
import PageTables
import Testing
import TranslationCaching

@testable import Translation

/// A guest's kernel gone wild: it maps, unmaps, protects and shares tables at random, in several rigs at once that differ in their translator only.
struct WildGuest {
  /// Guest frames that hold tables: four roots, then others.
  static let roots = 0..<4
  static let tables = 4..<24
  static let data = 24..<64
  /// The first frame of a large page's worth of memory.
  static let large: UInt64 = 512

  let rigs: [GuestRig]
  var random: RandomStream
  var root = 0
  var controls = X86Controls()
  /// Frames that ever held a table: after a store to one the guest invalidates.
  var tableFrames = Set(roots)
  /// The shape of each root's tree is random, so tables of every level are shared, and found at two levels.
  let addresses: [GuestVirtualAddress]

  init(rigs: [GuestRig], seed: UInt64, levels: Int = 4, pcids: Bool = false) {
    self.rigs = rigs
    controls.levels = levels
    controls.pcids = pcids
    random = RandomSource(seed: seed).stream("wild")
    var addresses: [GuestVirtualAddress] = []
    for top in [0, 511] as [UInt64] {
      for middle in 0..<4 as Range<UInt64> {
        for low in 0..<6 as Range<UInt64> {
          let raw = top << 39 | (middle >> 1) << 30 | (middle & 1) << 21 | low << 12
          addresses.append(GuestVirtualAddress(top == 511 ? raw | 0xffff << 48 : raw))
        }
      }
    }
    self.addresses = addresses
    for rig in rigs { rig.translator.setControls(controls) }
    loadCR3()
  }

  func pick(_ range: Range<Int>, _ random: inout RandomStream) -> UInt64 { UInt64(range.lowerBound + random.index(below: range.count)) }

  /// With PCIDs each root has its own; then `keeping` sets bit 63.
  func loadCR3(keeping: Bool = false) {
    let tag = controls.pcids ? UInt64(root) | (keeping ? 1 << 63 : 0) : 0
    for rig in rigs { rig.loadCR3(GuestPhysicalAddress(GuestFrame(UInt64(root)).address.rawValue | tag)) }
  }

  /// A walk of the current root's tables.
  func walk(_ address: GuestVirtualAddress) -> X86Walk<GuestPhysical> {
    X86Walk(address, root: GuestFrame(UInt64(root)).address, levels: controls.levels, reserved: controls.reservedBits)
  }

  /// Stores an entry in every rig, then invalidates as a kernel must: not at all where nothing was present.
  mutating func store(_ entry: X86Entry, _ place: GuestPhysicalAddress) {
    let old = X86Entry(rawValue: rigs[0].load(place))
    for rig in rigs { rig.store(entry.rawValue, place) }
    if old.isPresent || !random.oneIn(2) { invalidate() }
  }

  /// Makes every change of the tables count.
  mutating func invalidate() {
    if !controls.pcids && random.oneIn(4) {
      // Roots that are not loaded are read again when they are.
      for address in addresses { for rig in rigs { rig.translator.invalidatePage(address) } }
    } else if controls.pcids && random.oneIn(4) {
      for pcid in Self.roots { for rig in rigs { rig.translator.invalidate(.context(PCID(UInt16(pcid)))) } }
      // Global translations belong to no context.
      for rig in rigs { rig.translator.invalidate(.allWithGlobals) }
    } else {
      for rig in rigs { rig.translator.invalidate(.allWithGlobals) }
    }
  }

  /// The kernel writes its control registers; of these bits only NXE and those of paging itself ask for an invalidation.
  mutating func changeControls() {
    let old = controls
    switch random.below(9) {
    case 0: controls.writeProtect.toggle()
    case 1: controls.smep.toggle()
    case 2: controls.smap.toggle()
    case 3, 4: controls.alignmentCheck.toggle()
    case 5: controls.protectionKeys.toggle()
    case 6: controls.pkru = UInt32(truncatingIfNeeded: random.below(256)) & ~3
    case 7: controls.globalPages.toggle()
    default: controls.noExecute.toggle()
    }
    for rig in rigs { rig.translator.setControls(controls) }
    if old.noExecute != controls.noExecute { invalidate() }
  }

  /// The place of a random entry that the current root leads to, and its level; nil where the tables end before.
  mutating func place(_ address: GuestVirtualAddress, level: Int) -> GuestPhysicalAddress? {
    var walk = walk(address)
    while walk.level > level {
      guard walk.step(X86Entry(rawValue: rigs[0].load(walk.entryAddress))) == .table else { return nil }
      guard walk.table.page.index < Self.data.upperBound else { return nil }
    }
    return walk.entryAddress
  }

  mutating func randomEntry(level: Int) -> X86Entry {
    let isKernel = random.oneIn(3)
    let entry: X86Entry
    if level > 1 {
      if level == 2 && random.oneIn(6) {
        let first = random.oneIn(8) ? Self.large + 16 : Self.large
        entry = .largePage(GuestFrame(first), writable: !random.oneIn(3), user: !isKernel, noExecute: random.oneIn(3))
      } else {
        // Sometimes a frame of data becomes a table, with whatever stands in it.
        let ofLevel = [14..<24, 8..<14, 4..<8, 1..<4][level - 2]
        let frame = random.oneIn(20) ? pick(Self.data, &random) : random.oneIn(12) ? pick(Self.tables, &random) : pick(ofLevel, &random)
        entry = .table(GuestFrame(frame), writable: !random.oneIn(8), user: !random.oneIn(8))
      }
    } else {
      // Sometimes a table is mapped as if it were data: then stores through the mapping change tables.
      let frame = random.oneIn(8) ? pick(0..<Self.tables.upperBound, &random) : pick(Self.data, &random)
      entry = .page(GuestFrame(frame), writable: !random.oneIn(3), user: !isKernel, noExecute: random.oneIn(3))
    }
    if random.oneIn(40) { return entry.with(1 << 50) }
    if level == 1 && random.oneIn(4) { return entry.with(random.below(4) << 59 | (isKernel ? X86Entry.global : 0)) }
    return random.oneIn(8) ? entry.with(X86Entry.accessed | X86Entry.dirty) : entry
  }

  mutating func step() {
    let address = addresses[random.index(below: addresses.count)]
    switch random.below(100) {
    case 0..<60: for _ in 0...random.index(below: 8) { access(random.oneIn(2) ? address : addresses[random.index(below: addresses.count)]) }
    case 60..<74:
      let level = random.oneIn(4) ? 2 + random.index(below: controls.levels - 1) : 1
      if let place = place(address, level: level) { store(randomEntry(level: level), place) }
    case 74..<77: if let place = place(address, level: 1) { store(.notPresent, place) }
    case 77..<81:
      let level = 1 + random.index(below: controls.levels)
      guard let place = place(address, level: level) else { return }
      let bits = [X86Entry.writable, X86Entry.user, X86Entry.accessed, X86Entry.dirty, X86Entry.present, X86Entry.accessed]
      store(X86Entry(rawValue: rigs[0].load(place)).without(bits[random.index(below: bits.count)]), place)
    case 81..<85:
      root = Self.roots.lowerBound + random.index(below: Self.roots.count)
      loadCR3(keeping: random.oneIn(2))
    case 85: for rig in rigs { rig.translator.invalidatePage(address) }
    case 86: for rig in rigs { rig.translator.invalidate(.address(PCID(UInt16(root)), address)) }
    case 87..<90: changeControls()
    case 90..<92:
      let frame = GuestFrame(pick(Self.data, &random))
      for rig in rigs { _ = rig.translator.testAndClearAccessed(frame) }
    default: hostSide()
    }
  }

  /// What the hypervisor does behind the guest's back.
  mutating func hostSide() {
    let frame = GuestFrame(pick(0..<Self.data.upperBound, &random))
    switch random.below(8) {
    case 0..<3: for rig in rigs { rig.swapOut(frame) }
    case 3..<5: for rig in rigs { rig.protect(frame) }
    case 5..<7: for rig in rigs { rig.move(frame) }
    default:
      let frame = GuestFrame(pick(Self.data, &random))
      for rig in rigs { rig.balloon(frame) }
      invalidate()
    }
  }

  /// The same access everywhere: the same fault, or the same frame with the same word in it.
  mutating func access(_ address: GuestVirtualAddress) {
    let access: AccessKind = random.oneIn(2) ? .read : random.oneIn(3) ? .fetch : .write
    let privilege: Privilege = random.oneIn(3) ? .supervisor : .user
    let at = address.advanced(by: random.below(8) * 8)
    noteTables(address)
    let outcomes = rigs.map { $0.access(at, access, privilege) }
    for (rig, outcome) in zip(rigs, outcomes) {
      #expect(outcome == outcomes[0], "\(rig.translator.mode) at \(at) \(access) \(privilege)")
    }
    guard case .mapped(let place) = outcomes[0] else {
      if !random.oneIn(4) { repair(address, access, privilege) }
      return
    }
    let words = rigs.map { $0.contents.load(place) }
    #expect(words.allSatisfy { $0 == words[0] }, "the same words at \(place)")
    guard access == .write else { return }
    let isTable = rigs[0].guestFrame(place.page).index < Self.tables.upperBound
    let value = isTable ? words[0] ^ X86Entry.writable : random.below(4) == 0 ? 0 : words[0] &+ 0x1000
    for rig in rigs { rig.contents.store(value, place) }
    if tableFrames.contains(rigs[0].guestFrame(place.page).index) { invalidate() }
  }

  /// Notes the frames that the walk of an address goes through.
  mutating func noteTables(_ address: GuestVirtualAddress) {
    var walk = walk(address)
    while walk.table.page.index < Self.data.upperBound, walk.step(X86Entry(rawValue: rigs[0].load(walk.entryAddress))) == .table {
      tableFrames.insert(walk.table.page.index)
    }
  }

  /// The guest's page fault handler: maps what is missing and grants what is refused, on every level.
  mutating func repair(_ address: GuestVirtualAddress, _ access: AccessKind, _ privilege: Privilege) {
    var walk = walk(address)
    var step = X86Step.table
    while step == .table {
      let (level, place) = (walk.level, walk.entryAddress)
      guard place.page.index < Self.data.upperBound else { return }
      let old = X86Entry(rawValue: rigs[0].load(place))
      var new = old
      while !new.isPresent || new.rawValue & new.reservedBits(level: level, everywhere: controls.reservedBits) != 0 {
        new = randomEntry(level: level)
      }
      if access == .write { new = new.with(X86Entry.writable) }
      if access == .fetch { new = new.without(X86Entry.noExecute) }
      if privilege == .user { new = new.with(X86Entry.user) }
      if new != old { store(new, place) }
      step = walk.step(new)
    }
  }

  /// The same words, A and D bits included, in every page that ever held a table.
  func compareTables() {
    for frame in 0..<Self.data.upperBound {
      for index in 0..<8 {
        for word in [index, 504 + index] {
          let address = GuestPhysicalAddress(UInt64(frame) << 12 | UInt64(word) << 3)
          let words = rigs.map { $0.load(address) }
          #expect(words.allSatisfy { $0 == words[0] }, "guest memory at \(address): \(words)")
        }
      }
    }
  }
}

@Suite struct DifferentialTests {
  /// All translators at once, on one shared TLB.
  private func rigs(shadowLimit: Int = 300, shadowFrames: Int = 400, walkCaches: Bool = false) throws -> [GuestRig] {
    let caches = walkCaches ? ",pml5e=2x2,pml4e=2x2,pdpte=2x2,pde=4x2,epml4e=2x2,epdpte=2x2,epde=2x2,ntlb=4x2" : ""
    let tlb = TLBHierarchy(try TLBGeometry(parsing: "l1i=4x2,l1d=8x4,l2=32x4" + caches))
    var shadow = PagingOptions()
    shadow.shadowPageLimit = shadowLimit
    var withoutDirty = PagingOptions()
    withoutDirty.eptAccessedDirty = false
    var eager = shadow
    eager.unsync = .none
    eager.prefetch = .none
    var xen = shadow
    xen.unsync = .xen
    xen.prefetch = .xen
    var agile = shadow
    agile.unsync = .none
    agile.agileInterval = 40
    var allBack = agile
    allBack.unsync = .kvm
    allBack.agileReturn = .all
    allBack.agileStores = 1
    allBack.agileWarmUp = 30
    var nested = PagingOptions()
    nested.agileWarmUp = .max
    return [
      try GuestRig(.shadow, eager, tlb: tlb, vpid: 5, shadowFrames: shadowFrames),
      try GuestRig(.shadow, xen, tlb: tlb, vpid: 6, shadowFrames: shadowFrames),
      try GuestRig(.agile, agile, tlb: tlb, vpid: 7, shadowFrames: shadowFrames),
      try GuestRig(.agile, allBack, tlb: tlb, vpid: 9, shadowFrames: shadowFrames),
      try GuestRig(.agile, nested, tlb: tlb, vpid: 8, shadowFrames: shadowFrames),
      try GuestRig(.native, tlb: tlb, vpid: 1), try GuestRig(.nested, tlb: tlb, vpid: 2),
      try GuestRig(.nested, withoutDirty, tlb: tlb, vpid: 3),
      try GuestRig(.shadow, shadow, tlb: tlb, vpid: 4, shadowFrames: shadowFrames),
    ]
  }

  private func run(_ rigs: [GuestRig], seed: UInt64, steps: Int, levels: Int = 4, pcids: Bool = false) {
    var guest = WildGuest(rigs: rigs, seed: seed, levels: levels, pcids: pcids)
    for step in 1...steps {
      guest.step()
      if step % 50 == 0 { for rig in rigs { rig.audit(guest.addresses) } }
      if step % 500 == 0 { guest.compareTables() }
    }
    guest.compareTables()
    let counters = rigs.map(\.translator.counters)
    #expect(counters.allSatisfy { $0.references == counters[0].references }, "each completed access counts once")
    for rig in rigs {
      rig.translator.destroy()
      rig.map.destroy()
      #expect(rig.frames.used == 0 && rig.mapFrames.used == 0, "every frame is given back")
      rig.translator.forEachHeld { _ in Issue.record("a destroyed translator holds nothing") }
    }
  }

  @Test(
    "Native, nested, shadow and agile paging agree on frames, faults, contents and A and D bits: 4 or 5 levels, with or without PCIDs and walk caches",
    arguments: 1...8 as ClosedRange<UInt64>)
  func agree(seed: UInt64) throws {
    let pcids = (seed >> 1) & 1 == 1
    run(try rigs(walkCaches: seed > 4), seed: seed, steps: Self.steps, levels: seed & 1 == 1 ? 4 : 5, pcids: pcids)
  }

  @Test(
    "they agree when shadow pages are few, and when there are too few frames for any", arguments: [(5, 400), (8, 400), (300, 6), (300, 2)])
  func agreeInNeed(limit: Int, frames: Int) throws {
    let seed = UInt64(limit * 1000 + frames)
    run(try rigs(shadowLimit: limit, shadowFrames: frames), seed: seed, steps: Self.steps, levels: limit == 8 ? 5 : 4)
  }

  /// A debug build takes its time; MEMLAB_DIFFERENTIAL_STEPS asks for more.
  private static let steps: Int = {
    if let text = ProcessInfo.processInfo.environment["MEMLAB_DIFFERENTIAL_STEPS"], let steps = Int(text) { return steps }
    #if DEBUG
      return 500
    #else
      return 10_000
    #endif
  }()
}
