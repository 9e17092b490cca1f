import Addressing

@testable import TranslationCaching

/// An entry of the naive model, with all that it is tagged with written out.
struct NaiveEntry: Hashable {
  var tag: TLBTag
  var size: PageSize
  /// The page's number, in its own size.
  var page: UInt64
  var word: UInt64

  var isGlobal: Bool { word & TLBEntry.global != 0 }
  var first: UInt64 { page << size.shift }

  func answers(_ other: TLBTag) -> Bool {
    tag.vpid == other.vpid && tag.ep4ta == other.ep4ta && (isGlobal || tag.pcid == other.pcid)
  }
  func covers(_ address: GuestVirtualAddress) -> Bool { address.rawValue >> size.shift == page }
  /// Whether the guest's page that it is a piece of, or is, holds the address.
  func isOfGuestPage(_ address: GuestVirtualAddress) -> Bool {
    let shift = TLBEntry(rawValue: word).guestSize.shift
    return address.rawValue >> shift == first >> shift
  }
}

/// A structure as plain ways with time stamps.
struct NaiveStructure {
  let structure: TLBGeometry.Structure
  let policy: ReplacementPolicy
  var ways: [[NaiveEntry?]]
  private var used: [[Int]]
  private var filled: [[Int]]
  /// When a way was last touched, whatever was in it.
  private var touched: [[Int]]

  init(_ structure: TLBGeometry.Structure, _ policy: ReplacementPolicy) {
    self.structure = structure
    self.policy = policy
    let (sets, count) = (structure.level.sets, structure.level.ways)
    ways = Array(repeating: Array(repeating: nil, count: count), count: sets)
    used = Array(repeating: Array(repeating: 0, count: count), count: sets)
    filled = used
    touched = used
  }

  mutating func use(_ set: Int, _ way: Int, _ now: Int) {
    used[set][way] = now
    touched[set][way] = now
  }

  mutating func insert(_ entry: NaiveEntry, _ now: Int) {
    let set = Int(entry.page % UInt64(structure.level.sets))
    func isSame(_ other: NaiveEntry?) -> Bool {
      guard let other else { return false }
      return other.size == entry.size && other.page == entry.page && other.isGlobal == entry.isGlobal && other.answers(entry.tag)
    }
    if let old = ways[set].firstIndex(where: isSame) {
      ways[set][old] = entry
      if policy != .fifo { use(set, old, now) }
      return
    }
    let way = ways[set].firstIndex(of: nil) ?? victim(set)
    ways[set][way] = entry
    filled[set][way] = now
    use(set, way, now)
  }

  private func victim(_ set: Int) -> Int {
    let all = Array(ways[set].indices)
    switch policy {
    case .lru: return all.min { used[set][$0] < used[set][$1] } ?? 0
    case .fifo: return all.min { filled[set][$0] < filled[set][$1] } ?? 0
    case .random: return 0
    case .plru:
      // At each step into the half that was not the last to be touched.
      var half = all[...]
      while half.count > 1 {
        let (low, high) = (half.prefix(half.count / 2), half.suffix(half.count / 2))
        let last = { (ways: ArraySlice<Int>) in ways.map { touched[set][$0] }.max() ?? 0 }
        half = last(low) > last(high) ? high : low
      }
      return half.first ?? 0
    }
  }

  mutating func remove(where isGone: (NaiveEntry) -> Bool) {
    for set in ways.indices {
      for way in ways[set].indices { if let entry = ways[set][way], isGone(entry) { ways[set][way] = nil } }
    }
  }
}

/// A hierarchy of them, and the rules of invalidation as predicates over everything that is cached.
struct NaiveTLB {
  var structures: [NaiveStructure]
  var walks: [NaiveWalk] = []
  private var now = 0

  init(_ geometry: TLBGeometry) { structures = geometry.structures.map { NaiveStructure($0, geometry.policy) } }

  private func structure(_ level: Int, _ isFetch: Bool, _ size: PageSize) -> Int? {
    structures.firstIndex {
      let place = $0.structure.place
      return place.level == level && (isFetch ? place.servesFetches : place.servesData) && $0.structure.sizes.sizes.contains(size)
    }
  }

  mutating func lookup(_ tag: TLBTag, _ address: GuestVirtualAddress, isFetch: Bool, _ check: AccessCheck) -> (level: Int, word: UInt64) {
    now += 1
    for level in 1...2 {
      for size in PageSize.allCases {
        guard let index = structure(level, isFetch, size) else { continue }
        let page = address.rawValue >> size.shift
        let set = Int(page % UInt64(structures[index].structure.level.sets))
        for isGlobal in [false, true] {
          let found = structures[index].ways[set].firstIndex { entry in
            guard let entry else { return false }
            return entry.size == size && entry.page == page && entry.isGlobal == isGlobal && entry.answers(tag)
          }
          guard let found, let entry = structures[index].ways[set][found], check.passes(entry.word) else { continue }
          structures[index].use(set, found, now)
          if level == 2 { fill(1, tag, address, isFetch, entry.word) }
          return (level, entry.word)
        }
      }
    }
    return (0, 0)
  }

  mutating func insert(_ tag: TLBTag, _ address: GuestVirtualAddress, isFetch: Bool, _ entry: TLBEntry) {
    now += 1
    fill(2, tag, address, isFetch, entry.rawValue)
    fill(1, tag, address, isFetch, entry.rawValue)
  }

  private mutating func fill(_ level: Int, _ tag: TLBTag, _ address: GuestVirtualAddress, _ isFetch: Bool, _ word: UInt64) {
    let entry = TLBEntry(rawValue: word)
    guard let size = PageSize.allCases.last(where: { $0.shift <= entry.size.shift && structure(level, isFetch, $0) != nil }),
      let index = structure(level, isFetch, size)
    else { return }
    let frame = entry.frame.rawValue + address.offset(in: entry.size) >> 12
    let kept = TLBEntry(HostFrame(frame), size, rights: entry.rights, guestSize: entry.guestSize)
    structures[index].insert(NaiveEntry(tag: tag, size: size, page: address.rawValue >> size.shift, word: kept.rawValue), now)
  }

  /// Everything cached, one line an entry, sorted.
  func lines(_ vpid: VPID) -> [String] {
    let entries = structures.flatMap { $0.ways.flatMap { $0.compactMap { $0 } } }.filter { $0.tag.vpid == vpid }
    return entries.map {
      "\($0.first >> 12 & (1 << 52 - 1)) \($0.word) \($0.isGlobal ? 0 : $0.tag.pcid.rawValue) \($0.tag.ep4ta?.rawValue ?? 0)"
    }
    .sorted()
  }
}

/// A walk cache entry of the naive model.
struct NaiveWalk: Hashable {
  enum Kind: Hashable { case walk, host, nested }
  var kind: Kind
  /// Nil in the host dimension.
  var vpid: VPID?
  var pcid: PCID?
  var ep4ta: HostFrame?
  /// How many low bits of an address do not matter, and the address above them.
  var shift: UInt64
  var prefix: UInt64
  var word: UInt64
}

extension NaiveTLB {
  /// Forgets what the manual says, by a predicate for TLB entries, one for walks of the guest dimension and one for the host's.
  mutating func invalidate(_ operation: TLBInvalidation, _ tags: [TLBSpace: TLBTag]) {
    var entry: (NaiveEntry) -> Bool = { _ in false }
    var walk: (NaiveWalk) -> Bool = { _ in false }
    var host: (NaiveWalk) -> Bool = { _ in false }
    let onWay = { (walk: NaiveWalk, address: UInt64) in address >> walk.shift == walk.prefix }
    switch operation {
    case .invlpg(let space, let address):
      guard let tag = tags[space] else { return }
      entry = { $0.tag.vpid == tag.vpid && ($0.isGlobal || $0.tag.pcid == tag.pcid) && ($0.covers(address) || $0.isOfGuestPage(address)) }
      walk = { $0.vpid == tag.vpid && $0.pcid == tag.pcid }
    case .pageFault(let space, let address):
      guard let tag = tags[space] else { return }
      entry = { $0.tag.vpid == tag.vpid && ($0.isGlobal || $0.tag.pcid == tag.pcid) && ($0.covers(address) || $0.isOfGuestPage(address)) }
      walk = { $0.vpid == tag.vpid && $0.pcid == tag.pcid && onWay($0, address.rawValue) }
    case .movToCR3(let space):
      guard let tag = tags[space] else { return }
      entry = { $0.tag.vpid == tag.vpid && $0.tag.pcid == tag.pcid && !$0.isGlobal }
      walk = { $0.vpid == tag.vpid && $0.pcid == tag.pcid }
    case .invpcidAddress(let vpid, let pcid, let address):
      entry = { $0.tag.vpid == vpid && $0.tag.pcid == pcid && !$0.isGlobal && ($0.covers(address) || $0.isOfGuestPage(address)) }
      walk = { $0.vpid == vpid && $0.pcid == pcid && onWay($0, address.rawValue) }
    case .invpcidContext(let vpid, let pcid):
      entry = { $0.tag.vpid == vpid && $0.tag.pcid == pcid && !$0.isGlobal }
      walk = { $0.vpid == vpid && $0.pcid == pcid }
    case .invpcidAll(let vpid), .invvpidContext(let vpid), .vmTransition(let vpid):
      entry = { $0.tag.vpid == vpid }
      walk = { $0.vpid == vpid }
    case .invpcidAllButGlobals(let vpid), .invvpidContextButGlobals(let vpid):
      entry = { $0.tag.vpid == vpid && !$0.isGlobal }
      walk = { $0.vpid == vpid }
    case .invvpidAddress(let vpid, let address):
      entry = { $0.tag.vpid == vpid && ($0.covers(address) || $0.isOfGuestPage(address)) }
      walk = { $0.vpid == vpid && onWay($0, address.rawValue) }
    case .invvpidAll:
      entry = { $0.tag.vpid != VPID(0) }
      walk = { $0.vpid != VPID(0) }
    case .inveptContext(let ep4ta):
      entry = { $0.tag.ep4ta == ep4ta }
      walk = { $0.ep4ta == ep4ta }
      host = { $0.ep4ta == ep4ta }
    case .inveptAll:
      entry = { $0.tag.ep4ta != nil }
      walk = { $0.ep4ta != nil }
      host = { _ in true }
    case .eptViolation(let space, let address, let linear):
      guard let tag = tags[space] else { return }
      host = { $0.ep4ta == tag.ep4ta && onWay($0, address.rawValue) }
      if let linear {
        entry = { $0.answers(tag) && ($0.covers(linear) || $0.isOfGuestPage(linear)) }
        walk = { $0.vpid == tag.vpid && $0.pcid == tag.pcid && $0.ep4ta == tag.ep4ta && onWay($0, linear.rawValue) }
      }
    case .everything:
      (entry, walk, host) = ({ _ in true }, { _ in true }, { _ in true })
    }
    for index in structures.indices { structures[index].remove(where: entry) }
    walks.removeAll { $0.kind == .walk ? walk($0) : host($0) }
  }
}
