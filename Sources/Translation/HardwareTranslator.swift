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
final class HardwareTranslator<Dimension: HostDimension>: Translator, TLBMisses {
  var mode: PagingMode { Dimension.mode }
  private let dimension: Dimension
  private let tables: GuestTables
  private let mmu: MMU

  init(_ dimension: Dimension, contents: FrameContents, mmu: consuming MMU) {
    self.dimension = dimension
    tables = GuestTables(contents: contents, map: dimension.map)
    self.mmu = mmu
  }

  var counters: TranslationCounters {
    var counters = mmu.counts.total
    counters.exits[.modificationLogFull] = dimension.fullLogs
    return counters
  }
  var staleTranslations: StaleTranslations? { mmu.staleTranslations }
  var controls: X86Controls { mmu.controls }

  func setControls(_ controls: X86Controls) { mmu.setControls(controls) }
  func loadCR3(_ value: GuestPhysicalAddress) { mmu.loadCR3(value) }
  func invalidatePage(_ address: GuestVirtualAddress) { mmu.invalidatePage(address) }
  func invalidate(_ descriptor: INVPCID) { mmu.invalidate(descriptor) }
  func worldSwitch() { mmu.switchWorlds() }

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
    let last = dimension.repeatedWalk(target, record, isUserPage: rights & AccessCheck.user != 0, changes: origin.changes)
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
    var place = start.table
    var step = X86Step.table
    if start.level == 0 {
      let root = locate(walk.entryAddress, references: &references)
      guard root.isMapped else { return refused(root, walk.entryAddress, .guestTable, .read) }
      place = root.leaf.frame.address
    }
    while true {
      references &+= 1
      step = walk.step(X86Entry(rawValue: tables.contents.load(X86Index.entryAddress(in: place, of: address, level: walk.level))))
      if step != .table { break }
      let next = locate(walk.entryAddress, references: &references)
      guard next.isMapped else { return refused(next, walk.entryAddress, .guestTable, .read) }
      place = next.leaf.frame.address
      mmu.pass(place, walk)
    }
    guard step == .leaf else { return fault(walk.fault(step, controls.tried(access, privilege))) }
    if let refusal = controls.refusal(of: access, privilege, rights: walk.leafRights) { return fault(refusal) }
    return finish(walk, access, controls, from: start.level == 0 ? controls.levels : start.level, references: &references)
  }

  /// Where an entry of a guest's table is.
  @inline(__always) private func locate(_ entry: GuestPhysicalAddress, references: inout UInt64) -> NestedWalk {
    dimension.walk(entry, .read, for: .guestTable, isUserPage: false, mmu.space, references: &references)
  }

  /// The guest's tables let the access pass: marks them, and goes on to the page itself.
  @inline(__always)
  private func finish(
    _ walk: X86Walk<GuestPhysical>, _ access: AccessKind, _ controls: X86Controls, from start: Int, references: inout UInt64
  ) -> TranslationOutcome {
    let isWrite = access == .write
    if !walk.allAccessed || (isWrite && !walk.entry.isDirty) {
      if let violation = tables.markUsed(walk.address, root: mmu.root, controls, isWrite: isWrite) {
        if let reason = dimension.refusal { mmu.exit(reason) }
        return .violation(violation)
      }
    }
    let target = walk.target.address(atOffsetOf: walk.address)
    let before = references
    let last = dimension.walk(
      target, access, for: .access, isUserPage: walk.rights.isUser, mmu.space, references: &references)
    guard last.isMapped else { return refused(last, target, .access, access) }
    let leaf = last.leaf
    let isDirty = isWrite || (walk.entry.isDirty && (leaf.isDirty || !dimension.keepsDirty))
    let isExecutable = last.rights & dimension.executeRight(isUserPage: walk.rights.isUser) != 0
    mmu.rememberWalk(walk.address, from: start, downTo: walk.level)
    if walk.level == 1 && walk.allAccessed && last.level == 1 && dimension.isRepeatable && !mmu.cachesWalks {
      remember(walk.address, target.page, references: before)
    }
    mmu.fill(walk.address, access, TLBEntry(walk, last, isDirty: isDirty, isExecutable: isExecutable, controls))
    return .mapped(leaf.frame.address(atOffsetOf: walk.address))
  }

  /// The guest-physical map refuses an address. A misconfiguration has no qualification: 0 tells it from a violation, which is never 0.
  @inline(never)
  private func refused(
    _ walk: NestedWalk, _ address: GuestPhysicalAddress, _ purpose: GuestPhysicalPurpose, _ access: AccessKind
  ) -> TranslationOutcome {
    let isGuestTable = purpose == .guestTable
    let tried = isGuestTable && dimension.writesGuestTables ? AccessKind.write : access
    switch walk.kind {
    case .mapped: preconditionFailure("a walk that found the page is not refused")
    case .violation:
      if let reason = dimension.refusal { mmu.exit(reason) }
      return .violation(
        GuestViolation(address: address, access: tried, isGuestTable: isGuestTable, qualification: walk.qualification))
    case .misconfiguration:
      mmu.exit(.eptMisconfiguration)
      return .violation(GuestViolation(address: address, access: access, isGuestTable: isGuestTable, qualification: 0))
    case .logFull: preconditionFailure("the dimension empties a full log and walks again")
    }
  }

  private func fault(_ code: PageFaultErrorCode) -> TranslationOutcome {
    mmu.counts.addGuestFault()
    return .guestFault(code)
  }

  // MARK: The hypervisor's changes

  /// INVEPT, where the old leaf could be cached.
  func guestPhysicalMapChanged(_ frame: GuestFrame, old: EPTEntry) {
    if old.isPresent { mmu.mapChanged() }
  }

  func storeTraps(_ frame: GuestFrame) -> Bool { false }
  func guestTableStored(at address: GuestPhysicalAddress) {}
  func guestPageReplaced(_ frame: GuestFrame) {}

  func testAndClearAccessed(_ frame: GuestFrame) -> Bool { mmu.testAndClearAccessed(frame, in: dimension.map) }

  // MARK: Audits

  func forEachHeld(_ body: (HeldEntry) -> Void) { mmu.forEachHeld(body) }

  func composition(of address: GuestVirtualAddress) -> ComposedTranslation {
    tables.composition(of: address, root: mmu.root, mmu.controls)
  }

  func peek(_ address: GuestVirtualAddress) -> HeldTranslation? { composition(of: address).translation }

  func recordWalk(_ address: GuestVirtualAddress, _ access: AccessKind, _ privilege: Privilege) -> WalkTranscript? {
    let recorder =
      mode == .native
      ? WalkRecorder(controls: mmu.controls, physical: tables.word)
      : WalkRecorder(
        controls: mmu.controls, map: dimension.map, contents: tables.contents, setsAccessedDirty: dimension.writesGuestTables)
    return recorder.walk(address, cr3: mmu.root, access, privilege)
  }

  func forEachMapping<Failure: Error>(_ body: (X86Mapping) throws(Failure) -> Void) throws(Failure) {
    _ = try X86Mappings(root: mmu.root, controls: mmu.controls).forEach(word: tables.word, body)
  }

  func destroy() { mmu.destroy() }
}

extension TLBEntry {
  /// What a finished walk of the guest's tables and the map let pass together: a page as large as the smaller of both.
  @inline(__always) init(_ walk: X86Walk<GuestPhysical>, _ host: NestedWalk, isDirty: Bool, isExecutable: Bool, _ controls: X86Controls) {
    let allowed =
      ~(AccessCheck.writable | AccessCheck.executable) | host.rights & EPTEntry.write | (isExecutable ? AccessCheck.executable : 0)
    let global = controls.globalPages ? walk.entry.rawValue & X86Entry.global : 0
    let rights = walk.leafRights & allowed & ~AccessCheck.dirty | (isDirty ? AccessCheck.dirty : 0) | global
    let size = walk.level == 1 || host.level == 1 ? PageSize.size4K : min(walk.level, host.level) == 2 ? .size2M : .size1G
    self.init(host.leaf.frame, size, rights: rights, guestSize: walk.pageSize)
  }
}
