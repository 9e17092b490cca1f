internal import Addressing
internal import Columns
internal import PageTables
internal import Translation

/// A kernel gone wild, but lawful: it maps, unmaps, protects, shares and breaks tables at random, and its host does what it likes.
///
/// Some frames are meant for tables of one level, so that tables are shared and meet; now and then another serves, so that one frame is
/// a table of two levels, or data a moment ago.
struct FuzzGenerator {
  static let roots = 0..<4
  static let tables = 4..<24
  static let data = 24..<64
  /// The first frame of the upper 2 MiB.
  static let large: UInt64 = 512

  private var random: RandomStream
  private let setup: FuzzSetup
  /// Steps that were thought of together; the next is the last.
  private var pending: [FuzzStep] = []
  /// Where the accesses of the moment are.
  private var hot = FuzzGuest.addresses[0]

  init(_ random: RandomStream, _ setup: FuzzSetup) {
    self.random = random
    self.setup = setup
  }

  /// The next step of a guest in its present state.
  mutating func next(_ guest: FuzzGuest) -> FuzzStep {
    if let refused = guest.refused, pending.isEmpty, !random.oneIn(4) {
      repair(refused.address, refused.kind, refused.privilege, guest)
      pending.reverse()
    }
    if let step = pending.popLast() { return step }
    switch random.below(100) {
    case 0..<50: return access(guest)
    case 50..<56: return .batch((0...random.index(below: 12)).map { _ in record() })
    case 56..<76: return store(guest) ?? access(guest)
    case 76..<82:
      return .load(root: random.oneIn(2) ? guest.root : random.index(below: 4), pcid: random.index(below: 4), keep: random.oneIn(2))
    case 82: return .invlpg(address())
    case 83: return .invpcid(descriptor())
    case 84..<88: return control()
    case 88: return .worldSwitch
    case 89: return .replace(frame(), from: frame())
    default:
      let act = FuzzHostAct.allCases[random.index(below: FuzzHostAct.allCases.count)]
      return .host(act, act == .balloon && !random.oneIn(6) ? GuestFrame(pick(Self.data)) : frame())
    }
  }

  // MARK: Choices

  private mutating func pick(_ range: Range<Int>) -> UInt64 { UInt64(range.lowerBound + random.index(below: range.count)) }

  private mutating func frame() -> GuestFrame {
    random.oneIn(6) ? GuestFrame(Self.large + UInt64(random.below(12))) : GuestFrame(pick(0..<Self.data.upperBound))
  }

  private mutating func address() -> GuestVirtualAddress {
    if random.oneIn(2) { hot = FuzzGuest.addresses[random.index(below: FuzzGuest.addresses.count)] }
    if random.oneIn(200) { return GuestVirtualAddress(0x8000_0000_0000_0000 >> UInt64(random.below(9)) | hot.rawValue & 0xffff_ffff) }
    return hot.advanced(by: random.below(8) * 8)
  }

  private mutating func privilege() -> Privilege { random.oneIn(3) ? .supervisor : .user }

  private mutating func record() -> AccessRecord {
    let kind = AccessKind(rawValue: UInt8(truncatingIfNeeded: random.below(3))) ?? .read
    let address = address()
    // A stream's addresses are canonical for 57 bits, whatever the tables' levels.
    return AccessRecord(X86Index.isCanonical(address, levels: 5) ? address : hot, kind, privilege())
  }

  private mutating func invalidation() -> FuzzInvalidation {
    FuzzInvalidation.allCases[random.index(below: FuzzInvalidation.allCases.count)]
  }

  private mutating func descriptor() -> INVPCID {
    let pcid = PCID(UInt16(truncatingIfNeeded: random.below(4)))
    switch random.below(4) {
    case 0: return .address(pcid, address())
    case 1: return .context(pcid)
    case 2: return .allWithGlobals
    default: return .all
    }
  }

  private mutating func control() -> FuzzStep {
    let number = random.index(below: FuzzControl.allCases.count + 1)
    guard number < FuzzControl.allCases.count else { return .pkru(UInt32(truncatingIfNeeded: random.below(256)) & ~3) }
    return .set(FuzzControl.allCases[number], random.oneIn(2))
  }

  private mutating func access(_ guest: FuzzGuest) -> FuzzStep {
    let address = address()
    guard random.oneIn(4) else { return .access(random.oneIn(4) ? .fetch : .read, privilege(), address) }
    let target = FuzzPath(address, root: guest.root, guest.controls, guest.rigs[0]).target?.frame
    let isTable = target.map { Self.roots.lowerBound..<Self.tables.upperBound ~= $0.index } ?? false
    let value = isTable ? entry(level: random.oneIn(2) ? 1 : 2).rawValue : random.oneIn(4) ? 0 : random.below(1 << 20) << 12
    return .write(privilege(), address, value, invalidation())
  }

  // MARK: Tables

  private mutating func store(_ guest: FuzzGuest) -> FuzzStep? {
    let level = random.oneIn(3) ? 2 + random.index(below: setup.levels - 1) : 1
    let path = FuzzPath(address(), root: guest.root, guest.controls, guest.rigs[0])
    let depth = setup.levels - level
    guard depth < path.places.count else { return nil }
    let old = X86Entry(rawValue: path.words[depth])
    let new: X86Entry
    switch random.below(8) {
    case 0: new = random.oneIn(2) ? .notPresent : old.without(X86Entry.present)
    case 1:
      let bits = [
        X86Entry.writable, X86Entry.user, X86Entry.accessed, X86Entry.dirty, X86Entry.noExecute, X86Entry.accessed | X86Entry.dirty,
      ]
      new = old.without(bits[random.index(below: bits.count)])
    case 2:
      let bits = [X86Entry.writable, X86Entry.user, X86Entry.dirty | X86Entry.accessed]
      new = random.oneIn(4) ? old.without(X86Entry.noExecute) : old.with(bits[random.index(below: bits.count)])
    case 3 where old.isPresent && level > 1: return giveBack(old, path.places[depth])
    default: new = entry(level: level)
    }
    return .store(path.places[depth], new.rawValue, invalidation())
  }

  /// Takes a right away from an entry above leaves, lets a processor remember that, and gives the right back without an invalidation.
  private mutating func giveBack(_ entry: X86Entry, _ place: GuestPhysicalAddress) -> FuzzStep {
    let kind = AccessKind.allCases[random.index(below: 3)]
    let (lesser, full) =
      switch kind {
      case .read: (entry.without(X86Entry.user), entry.with(X86Entry.user))
      case .write: (entry.without(X86Entry.writable), entry.with(X86Entry.writable))
      case .fetch: (entry.with(X86Entry.noExecute), entry.without(X86Entry.noExecute))
      }
    let access =
      kind == .write ? FuzzStep.write(privilege(), hot, random.below(1 << 20) << 12, invalidation()) : .access(kind, privilege(), hot)
    pending = [access, .store(place, full.rawValue, .lazy), .access(.read, .supervisor, hot)]
    return .store(place, lesser.rawValue, .everything)
  }

  private mutating func entry(level: Int) -> X86Entry {
    let isKernel = random.oneIn(3)
    var entry: X86Entry
    if level > 1 && !setup.isParavirtual && (level == 2 && random.oneIn(6) || level > 2 && random.oneIn(20)) {
      // Level 3: frame 0 alone is where the guest has memory; levels 4 and 5: reserved.
      let first = random.oneIn(8) ? Self.large + 16 : level == 2 && !random.oneIn(4) ? Self.large : 0
      entry = .largePage(GuestFrame(first), writable: !random.oneIn(3), user: !isKernel, noExecute: random.oneIn(3))
    } else if level > 1 {
      // Sometimes a frame of data becomes a table, with whatever stands in it.
      let ofLevel = [14..<24, 8..<14, 4..<8, 1..<4][level - 2]
      let frame =
        random.oneIn(20) && !setup.isParavirtual ? pick(Self.data) : random.oneIn(12) ? pick(0..<Self.tables.upperBound) : pick(ofLevel)
      entry = .table(GuestFrame(frame), writable: !random.oneIn(8), user: !random.oneIn(8))
      if random.oneIn(12) { entry = entry.with(X86Entry.noExecute) }
    } else {
      // Sometimes a table is mapped as if it were data: then stores through the mapping change tables.
      let frame = random.oneIn(6) ? pick(0..<Self.tables.upperBound) : random.oneIn(6) ? Self.large + random.below(8) : pick(Self.data)
      entry = .page(GuestFrame(frame), writable: !random.oneIn(3), user: !isKernel, noExecute: random.oneIn(3))
    }
    if random.oneIn(40) { return entry.with(1 << (48 + random.below(4))) }
    if random.oneIn(3) { entry = entry.with(random.below(4) << 59) }
    if setup.globals && (level == 1 || !setup.isParavirtual) && random.oneIn(3) { entry = entry.with(X86Entry.global) }
    return random.oneIn(4) ? entry.with(random.oneIn(2) ? X86Entry.accessed : X86Entry.accessed | X86Entry.dirty) : entry
  }

  /// The guest's page fault handler: maps what is missing and grants what is refused, on every level.
  private mutating func repair(_ address: GuestVirtualAddress, _ kind: AccessKind, _ privilege: Privilege, _ guest: FuzzGuest) {
    var walk = X86Walk(
      address, root: GuestFrame(UInt64(guest.root)).address, levels: setup.levels, reserved: guest.controls.reservedBits)
    var step = X86Step.table
    while step == .table, walk.table.page.rawValue < UInt64(FuzzRig.guestFrames) {
      let (level, place) = (walk.level, walk.entryAddress)
      let old = X86Entry(rawValue: guest.rigs[0].load(place))
      var new = old
      let everywhere = guest.controls.reservedBits
      for _ in 0..<20 where !new.isPresent || new.rawValue & new.reservedBits(level: level, everywhere: everywhere) != 0 {
        new = entry(level: level)
      }
      if kind == .write { new = new.with(X86Entry.writable) }
      if kind == .fetch { new = new.without(X86Entry.noExecute) }
      if privilege == .user { new = new.with(X86Entry.user) }
      // A handler that only grants more leaves the invalidation to the fault.
      if new != old { pending.append(.store(place, new.rawValue, random.oneIn(2) ? .lazy : invalidation())) }
      step = walk.step(new)
    }
    let write = FuzzStep.write(privilege, address, random.below(1 << 20) << 12, invalidation())
    pending.append(kind == .write ? write : .access(kind, privilege, address))
  }
}
