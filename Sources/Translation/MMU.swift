internal import Addressing
internal import Columns
internal import PageContents
internal import PageTables
internal import TranslationCaching

/// A guest's processor as far as all translators have it in common: control bits, CR3, the TLB in front of the walk, and what is counted.
///
/// A translator embeds one and supplies what happens on a miss (`TLBMisses`). All that an access in the TLB needs stands here, in one loop that
/// the compiler specializes for each translator: nothing is allocated, dispatched or counted through memory per access. State is in columns,
/// because a class's own variables pay for an exclusivity check at each access.
struct MMU: ~Copyable {
  let tlb: TLBHierarchy
  /// The tag of the guest's translations.
  let vpid: VPID
  /// What an exit makes the processor forget, which does not know the tag; nil where it does.
  private let lossAtExit: TLBInvalidation?
  let counts = TranslatorCounts()
  /// Who compares each access with the truth, if anybody.
  let staleTranslations: StaleTranslations?
  private let ep4ta: HostFrame?
  private let controlBits = Column<X86Controls>(count: 1)
  /// Of each mode of an access, by `AccessRecord.mode`: what it needs of a TLB entry, D included.
  private let checks = Column<AccessCheck>(count: 8)
  /// CR3 as it was last loaded.
  private let cr3 = Column<UInt64>(count: 1)
  private let currentSpace = Column<TLBSpace>(count: 1)
  /// Of each level, the host address of the table that the walk under way went through, and what the entries above it let pass.
  private let passed = Column<PassedTable>(count: 6)
  let cachesWalks: Bool
  /// Where walks of the guest's addresses lately found the tables of level 1.
  let remembered = RememberedTables()
  /// The same for an entry of level 1 itself, with bit 63 inverted, where nothing needs to be done about it: A too, and no reserved bit.
  private let plainChecks = Column<AccessCheck>(count: 8)
  private let contents: FrameContents
  /// Of each PCID, the root table that it was last loaded with, for audits.
  private let roots = Column<UInt64>(count: 1 << 12)

  /// - Parameter ep4ta: the root of the guest-physical map where the processor walks it (nested paging).
  init(_ parts: TranslatorParts, usesVPID: Bool = true, ep4ta: HostFrame? = nil) {
    tlb = parts.tlb
    contents = parts.contents
    vpid = parts.vpid
    staleTranslations = parts.staleTranslations
    let caches = tlb.geometry.walkCaches
    cachesWalks = caches.pde != nil || caches.pdpte != nil || caches.pml4e != nil || caches.pml5e != nil
    lossAtExit = usesVPID ? nil : parts.lossAtExit(isNested: ep4ta != nil)
    self.ep4ta = ep4ta
    adopt(X86Controls())
  }

  // MARK: Control registers

  /// The control bits.
  var controls: X86Controls { controlBits[0] }

  /// The address of the root table: bits 47:12 of CR3.
  @inline(__always) var root: GuestPhysicalAddress {
    GuestPhysicalAddress(cr3[0] & X86Entry.frameMask & ~X86Entry.reservedAddressBits)
  }

  /// The current PCID.
  var pcid: PCID { PCID(controlBits[0].pcids ? UInt16(truncatingIfNeeded: cr3[0]) : 0) }

  /// The current address space's tag in the TLB.
  @inline(__always) var space: TLBSpace { currentSpace[0] }

  /// Takes over new control bits, and drops translations made under others that they depend on (Intel SDM 4.10.4.1).
  func setControls(_ controls: X86Controls) {
    let old = self.controls
    adopt(controls)
    if old.levels != controls.levels || old.reservedBits != controls.reservedBits || old.globalPages != controls.globalPages {
      contents.noteWalkChange()
    }
    if old.levels != controls.levels || old.globalPages != controls.globalPages || old.pcids != controls.pcids { flushAll() }
  }

  private func adopt(_ controls: X86Controls) {
    controlBits[0] = controls
    let reserved = controls.reservedBits
    for kind in AccessKind.allCases {
      for privilege in [Privilege.user, .supervisor] {
        let passing = controls.check(kind, privilege)
        let check = kind == .write ? passing.needing(AccessCheck.dirty) : passing
        let mode = AccessRecord(GuestVirtualAddress(0), kind, privilege).mode
        checks[mode] = check
        plainChecks[mode] = AccessCheck(
          needed: check.needed | X86Entry.accessed | reserved & X86Entry.noExecute,
          forbidden: check.forbidden | reserved & ~X86Entry.noExecute, refusedKeys: check.refusedKeys)
      }
    }
    enterSpace()
  }

  private func enterSpace() { currentSpace[0] = tlb.space(TLBTag(vpid: vpid, pcid: pcid, ep4ta: ep4ta)) }

  /// Loads CR3; with CR4.PCIDE and bit 63 set nothing is dropped, else the PCID's translations but for global ones.
  func loadCR3(_ value: GuestPhysicalAddress) {
    cr3[0] = value.rawValue
    roots[Int(pcid.rawValue)] = root.rawValue
    enterSpace()
    if !(controlBits[0].pcids && value.rawValue >> 63 != 0) { tlb.invalidate(.movToCR3(space)) }
  }

  // MARK: Invalidation

  /// INVLPG.
  func invalidatePage(_ address: GuestVirtualAddress) { tlb.invalidate(.invlpg(space, address)) }

  /// INVPCID.
  func invalidate(_ descriptor: INVPCID) {
    switch descriptor {
    case .address(let pcid, let address): tlb.invalidate(.invpcidAddress(vpid, pcid, address))
    case .context(let pcid): tlb.invalidate(.invpcidContext(vpid, pcid))
    case .allWithGlobals: tlb.invalidate(.invpcidAll(vpid))
    case .all: tlb.invalidate(.invpcidAllButGlobals(vpid))
    }
  }

  /// Drops an address's mappings under every PCID, for the hypervisor: INVVPID of one address.
  func flushPage(_ address: GuestVirtualAddress) { tlb.invalidate(.invvpidAddress(vpid, address)) }

  /// Drops everything of the guest's: INVVPID.
  func flushAll() { tlb.invalidate(.invvpidContext(vpid)) }

  /// The guest-physical map lost something that translations may have been made from: INVEPT where the processor walks it, else INVVPID.
  func mapChanged() {
    if let ep4ta { tlb.invalidate(.inveptContext(ep4ta)) } else { flushAll() }
  }

  /// Leaves the guest and enters it again: without a tag its translations are gone.
  func switchWorlds() { if let lossAtExit { tlb.invalidate(lossAtExit) } }

  /// An exit, counted by reason.
  func exit(_ reason: ExitReason) {
    counts.add(reason)
    switchWorlds()
  }

  // MARK: Accesses

  /// One access: the TLB, then what the translator does on a miss.
  @inline(__always)
  func translate<Misses: TLBMisses>(
    _ address: GuestVirtualAddress, _ access: AccessKind, _ privilege: Privilege, _ misses: Misses
  ) -> TranslationOutcome {
    // A TLB's tag has no room for all bits of an address.
    guard X86Index.isCanonical(address, levels: 5) else { return misses.miss(address, access, privilege) }
    let mode = Int(privilege.rawValue) << 2 | Int(access.rawValue)
    let hit = tlb.lookup(space, address, isFetch: access == .fetch, checks[mode])
    let outcome: TranslationOutcome
    if hit.level != 0 {
      counts.addHit(level: hit.level, isFetch: access == .fetch)
      outcome = .mapped(hit.entry.frame(of: address).address(atOffsetOf: address))
    } else {
      outcome = missed(AccessRecord(address, access, privilege), address, misses.walkOrigin, misses)
    }
    if staleTranslations != nil { compare(address, access, privilege, outcome, misses) }
    return outcome
  }

  /// A batch. What the loop does itself, hits in front and walks repeated from memory, it does in registers; the rest is called.
  @inline(__always)
  func translate<Misses: TLBMisses>(_ records: borrowing Column<AccessRecord>, in range: Range<Int>, _ misses: Misses) -> BatchStop {
    if staleTranslations != nil { return translateSingly(records, in: range, misses) }
    let lane = tlb.lane(space)
    var origin = misses.walkOrigin
    var (hits, fetchHits): (UInt64, UInt64) = (0, 0)
    defer { counts.addHits(hits, ofFetches: fetchHits) }
    var index = range.lowerBound
    while index < range.upperBound {
      let record = records[index]
      if record.isEvent { return .event(index) }
      let isFetch = record.isFetch
      if lane.isPlain {
        let place = lane.place(of: record.address, isFetch: isFetch)
        let front = place.lookInFront(checks[record.mode])
        if front == .hit {
          hits &+= 1
          fetchHits &+= isFetch ? 1 : 0
          index &+= 1
          continue
        }
        if front == .elsewhere && place.isAbsentBehind {
          // The tables of coming accesses are loaded while this one is looked at.
          if Misses.loadsAhead, index &+ 8 < range.upperBound { misses.loadAhead(records[index &+ 8], records[index &+ 4]) }
          let walk = misses.repeatedWalk(record, origin)
          if walk.entry.isPlain {
            place.insertAbsent(walk.entry)
            misses.noteRepeatedWalk()
            counts.addMiss(isFetch: isFetch, references: walk.references)
            index &+= 1
            continue
          }
        } else if front == .elsewhere {
          let level = place.lookBehind(checks[record.mode])
          if level != 0 {
            counts.addHit(level: level, isFetch: isFetch)
            index &+= 1
            continue
          }
        }
      } else {
        let hit = tlb.lookupAny(space, record.address, isFetch: isFetch, checks[record.mode])
        if hit.level != 0 {
          counts.addHit(level: hit.level, isFetch: isFetch)
          index &+= 1
          continue
        }
      }
      let outcome = missed(record, record.address, origin, misses)
      guard case .mapped = outcome else { return BatchStop(outcome, at: index) }
      origin = misses.walkOrigin
      index &+= 1
    }
    return .end
  }

  /// An access that the TLB does not answer, counted and filled in.
  /// - Parameter address: of which the record leaves the lowest bits out.
  @inline(never)
  private func missed<Misses: TLBMisses>(
    _ record: AccessRecord, _ address: GuestVirtualAddress, _ origin: WalkOrigin, _ misses: Misses
  ) -> TranslationOutcome {
    let walk = misses.repeatedWalk(record, origin)
    if walk.entry.rawValue != 0 {
      misses.noteRepeatedWalk()
      counts.addMiss(isFetch: record.isFetch, references: walk.references)
      tlb.insert(space, address, isFetch: record.isFetch, walk.entry)
      return .mapped(walk.entry.frame.address(atOffsetOf: address))
    }
    let outcome = misses.miss(address, record.kind, record.privilege)
    noteRefused(address, outcome)
    return outcome
  }

  /// Counts a fault of the guest's, and drops what a refused access makes the processor forget, so that an entry which has more rights by now is
  /// read again: a page fault the address's mappings (Intel SDM 4.10.4.1), an EPT violation those of the guest-physical address too (29.4.3.1).
  private func noteRefused(_ address: GuestVirtualAddress, _ outcome: TranslationOutcome) {
    switch outcome {
    case .mapped, .generalProtection: return
    case .guestFault:
      counts.addGuestFault()
      tlb.invalidate(.pageFault(space, address))
    case .violation(let violation):
      guard ep4ta != nil else { return }
      tlb.invalidate(.eptViolation(space, violation.address, linear: violation.isGuestTable ? nil : address))
    }
  }

  /// A batch with each access compared with the truth.
  private func translateSingly<Misses: TLBMisses>(
    _ records: borrowing Column<AccessRecord>, in range: Range<Int>, _ misses: Misses
  ) -> BatchStop {
    for index in range {
      let record = records[index]
      if record.isEvent { return .event(index) }
      let outcome = translate(record.address, record.kind, record.privilege, misses)
      if case .mapped = outcome { continue }
      return BatchStop(outcome, at: index)
    }
    return .end
  }

  private func compare<Misses: TLBMisses>(
    _ address: GuestVirtualAddress, _ access: AccessKind, _ privilege: Privilege, _ outcome: TranslationOutcome, _ misses: Misses
  ) {
    guard case .mapped(let place) = outcome else { return }
    staleTranslations?.compare(
      address, access, privilege, root: root, frame: place.page, controls.check(access, privilege), misses.composition(of: address))
  }

  // MARK: Walks

  /// Lets a walk that stands at the root go on from the deepest table that a paging-structure cache knows.
  @inline(__always) func resume<Space>(_ walk: inout X86Walk<Space>) -> WalkStart {
    guard cachesWalks else { return .root }
    let start = tlb.lookupWalk(space, walk.address)
    counts.beginWalk(spared: start.level == 0 ? 0 : walk.level - start.level)
    if start.level != 0 {
      walk.level = start.level
      walk.rights = X86Rights(rawValue: start.rights)
    }
    return start
  }

  /// The walk goes on to the table at `place`.
  /// - Parameter mark: what a paging-structure cache shall remember of it beside the rights.
  @inline(__always) func pass<Space>(_ place: HostPhysicalAddress, _ walk: X86Walk<Space>, mark: UInt64 = 0) {
    if cachesWalks { passed[walk.level] = PassedTable(place: place, rights: walk.rights.rawValue | mark) }
  }

  /// The walk ended well, with A set in all its entries: paging-structure caches may know the tables below the one that it started from.
  @inline(__always) func rememberWalk(_ address: GuestVirtualAddress, from start: Int, downTo level: Int) {
    guard cachesWalks else { return }
    counts.endWalk()
    for level in stride(from: start - 1, through: level, by: -1) {
      tlb.insertWalk(space, address, level: level, table: passed[level].place, rights: passed[level].rights)
    }
  }

  /// The table of level 1 that a walk came to lately, if it would again.
  @inline(__always) func recall(_ address: GuestVirtualAddress, _ origin: WalkOrigin) -> RememberedTable? {
    let table = remembered[address.rawValue >> 21]
    return table.isOf(address.rawValue >> 21, owner: origin.owner, changes: origin.changes) ? table : nil
  }

  /// The words of the table of level 1 that a walk of an address came to lately, whether or not it would again: good for loading ahead.
  @inline(__always) func likelyTable(of address: GuestVirtualAddress) -> WatchedWords? { remembered[address.rawValue >> 21].words }

  /// The entry of level 1 for an address, in a table that was recalled.
  @inline(__always) func leaf(of address: GuestVirtualAddress, in table: RememberedTable) -> X86Entry {
    X86Entry(rawValue: table.entry(address.rawValue >> 12))
  }

  /// What a guest's entry of level 1 and those above it let pass, G included; nil where the access is refused, or A or D has to be set first.
  @inline(__always) func plainRights(_ entry: X86Entry, in table: RememberedTable, mode: Int) -> UInt64? {
    let rights = (entry.rawValue ^ X86Entry.noExecute) & table.rights
    return plainChecks[mode].passes(rights) ? rights : nil
  }

  /// Remembers that a walk that begins at `owner` comes to the table of level 1 with the entry at `place`.
  func remember(
    _ address: GuestVirtualAddress, owner: UInt64, changes: UInt64, _ table: HostFrame, rights: UInt64, references: UInt64
  ) {
    guard let words = contents.watch(table, words: false) else { return }
    let region = address.rawValue >> 21
    // A mask for entries with bit 63 inverted: what is no right of the tables above is the last entry's to say, but for G without CR4.PGE.
    let passing = rights | ~X86Rights.all.rawValue & ~(controls.globalPages ? 0 : X86Entry.global)
    remembered[region] = RememberedTable(
      region: region, owner: owner, changes: changes, rights: passing, words: words, references: references)
  }

  /// Remembers the table of level 1 that a walk of tables with host addresses, none of them changed by it, comes to.
  @inline(never) func remember(_ address: GuestVirtualAddress, owner: UInt64, root: HostPhysicalAddress) {
    let changes = contents.walkChanges
    var walk = X86Walk(address, root: root, levels: controls.levels, reserved: controls.reservedBits)
    while walk.level > 1 {
      guard contents.watch(walk.table.page, words: true) != nil else { return }
      guard walk.step(X86Entry(rawValue: contents.load(walk.entryAddress))) == .table else { return }
    }
    remember(
      address, owner: owner, changes: changes, walk.table.page, rights: walk.rights.rawValue, references: UInt64(controls.levels))
  }

  /// Fills the TLB with what a walk found and counts the access, which missed and completes.
  @inline(__always) func fill(_ address: GuestVirtualAddress, _ access: AccessKind, _ entry: TLBEntry) {
    tlb.insert(space, address, isFetch: access == .fetch, entry)
    counts.addMiss(isFetch: access == .fetch)
  }

  /// Counts an access that missed and completes without leaving a translation behind.
  func countUncached(_ access: AccessKind) { counts.addMiss(isFetch: access == .fetch) }

  /// Calls `body` with every live entry of the guest's.
  func forEachHeld(_ body: (HeldEntry) -> Void) {
    tlb.forEachLive(vpid) { (live: LiveTLBEntry) in
      let entry = live.entry
      let root = entry.isGlobal ? root : GuestPhysicalAddress(roots[Int(live.tag.pcid.rawValue)])
      body(HeldEntry(root: root, page: live.page, frame: entry.frame, pages: entry.size.pages, isWritable: entry.isWritable))
    }
  }

  /// Drops the guest's translations and gives its tags back.
  func destroy() { tlb.release(vpid) }
}

/// What a translator does with an access that the TLB does not answer.
protocol TLBMisses {
  func miss(_ address: GuestVirtualAddress, _ access: AccessKind, _ privilege: Privilege) -> TranslationOutcome

  /// What walks begin at now. It changes only with a call of the translator's other than `repeatedWalk`.
  var walkOrigin: WalkOrigin { get }

  /// What `miss` would find, for a page of 4 KiB whose tables are remembered and where nothing needs to be marked or reported. Nothing is done;
  /// elsewhere it is `.none`.
  func repeatedWalk(_ record: AccessRecord, _ origin: WalkOrigin) -> RepeatedWalk

  /// The walk is made.
  func noteRepeatedWalk()

  /// Whether it is worth the while to call `loadAhead`.
  static var loadsAhead: Bool { get }

  /// Begins to load what a repeated walk for the first record needs, and what one for the second, which came nearer since, needs beyond that.
  func loadAhead(_ far: AccessRecord, _ near: AccessRecord)

  /// What the guest's tables and the map say of an address at this moment, whatever is cached of it.
  func composition(of address: GuestVirtualAddress) -> ComposedTranslation
}

extension TLBMisses {
  /// Most have nothing to note.
  func noteRepeatedWalk() {}
  static var loadsAhead: Bool { false }
  func loadAhead(_ far: AccessRecord, _ near: AccessRecord) {}
}

/// What a remembered walk must have begun at to hold now: the table, and what `FrameContents.walkChanges` was. `changes` is 0, which it never was,
/// where none may be repeated.
struct WalkOrigin: BitwiseCopyable {
  var owner: UInt64
  var changes: UInt64

  static var none: WalkOrigin { WalkOrigin(owner: .max, changes: 0) }
}

/// A walk that was repeated from memory: what the TLB is filled with, and the references that it stands for.
struct RepeatedWalk: BitwiseCopyable {
  var entry: TLBEntry
  var references: UInt64

  static var none: RepeatedWalk { RepeatedWalk(entry: .none, references: 0) }
}

/// A table that a walk went through.
struct PassedTable: BitwiseCopyable {
  var place: HostPhysicalAddress
  var rights: UInt64
}
