internal import Addressing
internal import Columns
internal import PageContents
internal import PageTables
internal import TranslationCaching

/// Paging in which the processor walks the guest's own tables, entry by entry, through a second dimension.
///
/// Native paging has none (`FreeDimension`): 4 references for a page of 4 KiB. Nested paging has the extended page tables: each of the guest's entries,
/// and the page itself, is found by a walk of its own, (4 + 1)(4 + 1) - 1 = 24 references (Intel SDM 29.3), and the only exits are EPT
/// violations and misconfigurations. The walk is the same; so it is written once.
final class HardwareTranslator<Dimension: HostDimension>: GuestTableTranslator {
  var mode: PagingMode { Dimension.mode }
  let dimension: Dimension
  let tables: GuestTables
  let mmu: MMU

  init(_ dimension: Dimension, contents: FrameContents, mmu: consuming MMU) {
    self.dimension = dimension
    tables = GuestTables(contents: contents, map: dimension.map)
    self.mmu = mmu
  }

  var counters: TranslationCounters {
    var counters = mmu.counts.total
    if let log = dimension.log {
      counters.loggedPages = log.logged
      counters.exits[.modificationLogFull] = log.deliveries
    }
    return counters
  }

  func setControls(_ controls: X86Controls) { mmu.setControls(controls) }
  func loadCR3(_ value: GuestPhysicalAddress) { mmu.loadCR3(value) }
  func invalidatePage(_ address: GuestVirtualAddress) { mmu.invalidatePage(address) }
  func invalidate(_ descriptor: INVPCID) { mmu.invalidate(descriptor) }

  @specialized(where Dimension == FreeDimension)
  @specialized(where Dimension == NestedDimension)
  func translate(_ address: GuestVirtualAddress, _ access: AccessKind, _ privilege: Privilege) -> TranslationOutcome {
    mmu.translate(address, access, privilege, self)
  }

  @specialized(where Dimension == FreeDimension)
  @specialized(where Dimension == NestedDimension)
  func translate(_ records: borrowing Column<AccessRecord>, in range: Range<Int>) -> BatchStop {
    mmu.translate(records, in: range, self)
  }

  // MARK: The walk

  @inline(__always) var walkOrigin: WalkOrigin { WalkOrigin(owner: mmu.root.rawValue, changes: tables.contents.walkChanges) }

  @inline(__always) func repeatedWalk(_ record: AccessRecord, _ origin: WalkOrigin) -> RepeatedWalk {
    guard let table = mmu.recall(record.address, origin) else { return .none }
    let entry = mmu.leaf(of: record.address, in: table)
    guard let rights = mmu.plainRights(entry, in: table, mode: record.mode) else { return .none }
    let target = GuestPhysicalAddress(entry.rawValue & X86Entry.frameMask)
    let last = dimension.repeatedWalk(target, record.kind, isUserPage: rights & AccessCheck.user != 0, changes: origin.changes)
    guard last.allowed != 0 else { return .none }
    // A write passes only where both have D.
    return RepeatedWalk(
      entry: TLBEntry(last.frame, rights: rights & last.allowed), references: table.references &+ dimension.repeatedReferences)
  }

  static var loadsAhead: Bool { true }

  @inline(__always) func loadAhead(_ far: AccessRecord, _ near: AccessRecord) {
    mmu.likelyTable(of: far.address)?.prefetch(far.address.rawValue >> 12)
    guard let table = mmu.likelyTable(of: near.address) else { return }
    let target = GuestPhysicalAddress(table[near.address.rawValue >> 12] & X86Entry.frameMask)
    dimension.map.prefetchLeaf(of: target.page)
  }

  /// Remembers where the table of level 1 for an address is, after a walk that found A set in all entries above, in so many references.
  @inline(never) private func remember(_ address: GuestVirtualAddress, _ target: GuestFrame, references: UInt64) {
    let (contents, map) = (tables.contents, dimension.map)
    map.rememberTable(of: target)
    let changes = contents.walkChanges
    let controls = mmu.controls
    var walk = X86Walk(address, root: mmu.root, levels: controls.levels, reserved: controls.reservedBits)
    while true {
      guard let place = tables.place(walk.entryAddress) else { return }
      if walk.level == 1 {
        return mmu.remember(
          address, owner: mmu.root.rawValue, changes: changes, place.page, rights: walk.rights.rawValue, references: references)
      }
      guard contents.watch(place.page, words: true) != nil else { return }
      guard walk.step(X86Entry(rawValue: contents.load(place))) == .table else { return }
    }
  }

  func miss(_ address: GuestVirtualAddress, _ access: AccessKind, _ privilege: Privilege) -> TranslationOutcome {
    var references: UInt64 = 0
    defer { mmu.counts.addWalk(references: references) }
    let controls = mmu.controls
    guard X86Index.isCanonical(address, levels: controls.levels) else { return .generalProtection }
    var walk = X86Walk(address, root: mmu.root, levels: controls.levels, reserved: controls.reservedBits)
    let start = mmu.resume(&walk)
    let refusal = descend(
      &walk, from: start.level == 0 ? nil : start.table, access, privilege, controls, loads: .guestTable, references: &references)
    if let refusal { return refusal }
    let target = walk.target.address(atOffsetOf: address)
    let before = references
    let last = dimension.walk(target, access, for: .access, isUserPage: walk.rights.isUser, mmu.space, references: &references)
    guard last.isMapped else { return refused(last, target, access, loads: nil) }
    mmu.rememberWalk(address, from: start.level == 0 ? controls.levels : start.level, downTo: walk.level)
    if walk.level == 1 && walk.allAccessed && last.level == 1 && dimension.isRepeatable && !mmu.cachesWalks {
      remember(address, target.page, references: before)
    }
    mmu.fill(address, access, dimension.entry(walk, last, access, controls))
    return .mapped(last.leaf.frame.address(atOffsetOf: address))
  }

  // MARK: The hypervisor's changes

  /// INVEPT, where the old leaf could be cached.
  func guestPhysicalMapChanged(_ frame: GuestFrame, old: EPTEntry) {
    if old.isPresent { mmu.mapChanged() }
  }

  func testAndClearAccessed(_ frame: GuestFrame) -> Bool { mmu.testAndClearAccessed(frame, in: dimension.map) }

  // MARK: Audits

  func peek(_ address: GuestVirtualAddress) -> HeldTranslation? { composition(of: address).translation }

  func recordWalk(_ address: GuestVirtualAddress, _ access: AccessKind, _ privilege: Privilege) -> WalkTranscript? {
    let recorder =
      mode == .native
      ? WalkRecorder(controls: mmu.controls, physical: tables.word)
      : WalkRecorder(
        controls: mmu.controls, map: dimension.map, contents: tables.contents, setsAccessedDirty: dimension.writesGuestTables)
    return recorder.walk(address, cr3: mmu.root, access, privilege)
  }

  func destroy() { mmu.destroy() }
}
