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

  var counters: TranslationCounters { mmu.counts.total }
  var staleTranslations: StaleTranslations? { mmu.staleTranslations }
  var controls: X86Controls { mmu.controls }

  func setControls(_ controls: X86Controls) { mmu.setControls(controls) }
  func loadCR3(_ value: GuestPhysicalAddress) { mmu.loadCR3(value) }
  func invalidatePage(_ address: GuestVirtualAddress) { mmu.invalidatePage(address) }
  func invalidate(_ descriptor: INVPCID) { mmu.invalidate(descriptor) }
  func worldSwitch() { mmu.switchWorlds() }

  func translate(_ address: GuestVirtualAddress, _ access: AccessKind, _ privilege: Privilege) -> TranslationOutcome {
    mmu.translate(address, access, privilege, self)
  }

  func translate(_ records: borrowing Column<AccessRecord>, in range: Range<Int>) -> BatchStop {
    mmu.translate(records, in: range, self)
  }

  // MARK: The walk

  func miss(_ address: GuestVirtualAddress, _ access: AccessKind, _ privilege: Privilege) -> TranslationOutcome {
    var references: UInt64 = 0
    defer { mmu.counts.addWalk(references: references) }
    let controls = mmu.controls
    guard X86Index.isCanonical(address, levels: controls.levels) else { return .generalProtection }
    var walk = X86Walk(address, root: mmu.root, levels: controls.levels, reserved: controls.reservedBits)
    var step = X86Step.table
    while step == .table {
      let entry = walk.entryAddress
      switch dimension.walk(entry, .read, for: .guestTable, references: &references) {
      case .mapped(let leaf):
        references &+= 1
        step = walk.step(X86Entry(rawValue: tables.contents.load(leaf.frame.address(atOffsetOf: entry))))
      case .violation(let low): return violation(entry, low, .guestTable, dimension.writesGuestTables ? .write : .read)
      case .misconfiguration: return misconfiguration(entry, .guestTable, .read)
      }
    }
    guard step == .leaf else { return fault(walk.fault(step, controls.tried(access, privilege))) }
    if let refusal = controls.refusal(of: access, privilege, rights: walk.leafRights) { return fault(refusal) }
    return finish(walk, access, controls, references: &references)
  }

  /// The guest's tables let the access pass: marks them, and goes on to the page itself.
  @inline(__always)
  private func finish(
    _ walk: X86Walk<GuestPhysical>, _ access: AccessKind, _ controls: X86Controls, references: inout UInt64
  ) -> TranslationOutcome {
    let isWrite = access == .write
    if !walk.allAccessed || (isWrite && !walk.entry.isDirty) {
      if let violation = tables.markUsed(walk.address, root: mmu.root, controls, isWrite: isWrite) {
        if dimension.exits { mmu.exit(.eptViolation) }
        return .violation(violation)
      }
    }
    let target = walk.target.address(atOffsetOf: walk.address)
    switch dimension.walk(target, access, for: .access, references: &references) {
    case .mapped(let leaf):
      let isDirty = isWrite || (walk.entry.isDirty && (leaf.isDirty || !dimension.keepsDirty))
      mmu.fill(walk.address, access, TLBEntry(walk, leaf, isDirty: isDirty, globalPages: controls.globalPages))
      return .mapped(leaf.frame.address(atOffsetOf: walk.address))
    case .violation(let low): return violation(target, low, .access, access)
    case .misconfiguration: return misconfiguration(target, .access, access)
    }
  }

  private func violation(
    _ address: GuestPhysicalAddress, _ low: UInt64, _ purpose: GuestPhysicalPurpose, _ access: AccessKind
  ) -> TranslationOutcome {
    if dimension.exits { mmu.exit(.eptViolation) }
    let isGuestTable = purpose == .guestTable
    let qualification = GuestViolation.qualification(low, isGuestTable: isGuestTable)
    return .violation(GuestViolation(address: address, access: access, isGuestTable: isGuestTable, qualification: qualification))
  }

  /// A misconfiguration has no qualification: 0 tells it from a violation, which has bit 7 set.
  private func misconfiguration(
    _ address: GuestPhysicalAddress, _ purpose: GuestPhysicalPurpose, _ access: AccessKind
  ) -> TranslationOutcome {
    mmu.exit(.eptMisconfiguration)
    return .violation(GuestViolation(address: address, access: access, isGuestTable: purpose == .guestTable, qualification: 0))
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

  func destroy() { mmu.destroy() }
}

extension TLBEntry {
  /// What a finished walk of the guest's tables and the map's leaf let pass together: a page as large as the smaller of both.
  @inline(__always) init(_ walk: X86Walk<GuestPhysical>, _ leaf: EPTEntry, isDirty: Bool, globalPages: Bool) {
    let rights = walk.leafRights & leaf.asRights & ~AccessCheck.dirty | (isDirty ? AccessCheck.dirty : 0)
    let global = globalPages ? walk.entry.rawValue & X86Entry.global : 0
    self.init(leaf.frame, leaf.isLarge && walk.level > 1 ? .size2M : .size4K, rights: rights | global, guestSize: walk.pageSize)
  }
}
