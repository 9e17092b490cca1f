public import Addressing
internal import Columns
public import PageContents
public import PageTables
public import TranslationCaching

/// Two-dimensional paging: the processor walks the guest's tables, and the address of each entry in them, being guest-physical, through
/// the guest-physical map (Intel SDM 29.3). (4 + 1)(4 + 1) - 1 = 24 references for a page of 4 KiB; no exit but for EPT violations.
///
/// With EPT A/D bits (`keepsAccessedDirty`) a load of a guest's table counts as a write of it: it needs W in the map and sets D, even
/// where no bit of the guest's changes. Without them W is needed only where A or D in the guest's table has to be set.
public final class NestedTranslator: Translator {
  /// `.nested`.
  public let mode = PagingMode.nested
  /// Whether bit 6 of the EPTP is set. Without A/D bits `testAndClearAccessed` has nothing to go by and answers false.
  public let keepsAccessedDirty: Bool
  private let tables: GuestTables
  private let tlb: TLBHierarchy
  private let vpid: VPID
  private let counts = TranslatorCounts()
  /// The root table, one element.
  private let root = Column<UInt64>(count: 1)

  /// A translator for one guest. It needs no frames but the map's.
  public init(
    contents: FrameContents, map: GuestPhysicalMap, tlb: TLBHierarchy, vpid: VPID,
    keepsAccessedDirty: Bool = true
  ) {
    tables = GuestTables(contents: contents, map: map)
    self.tlb = tlb
    self.vpid = vpid
    self.keepsAccessedDirty = keepsAccessedDirty
  }

  /// What it has counted: exits are EPT violations and misconfigurations.
  public var counters: TranslationCounters { counts.total(tlb.counters(of: vpid)) }

  /// Changes the root and drops the guest's TLB entries; no exit.
  public func loadCR3(_ root: GuestPhysicalAddress) {
    self.root[0] = GuestTables.root(root).rawValue
    tlb.flush(vpid)
  }

  /// TLB, then the two-dimensional walk.
  public func translate(_ address: GuestVirtualAddress, _ access: AccessKind, _ privilege: Privilege) -> TranslationOutcome {
    let need = TLBNeed(access, isUser: privilege == .user)
    if let hit = tlb.lookup(vpid, address.page, access, need: need) {
      return .mapped(hit.entry.frame.address(atOffsetOf: address))
    }
    return walk(address, access, isUser: privilege == .user)
  }

  private func walk(_ address: GuestVirtualAddress, _ access: AccessKind, isUser: Bool) -> TranslationOutcome {
    let root = GuestPhysicalAddress(self.root[0])
    let map = tables.map
    var walk = X86Walk(address, root: root, levels: GuestTables.levels)
    var references: UInt64 = 0
    defer { counts.addWalk(references: references) }
    var step = X86Index.isCanonical(address, levels: GuestTables.levels) ? X86Step.table : .notPresent
    while step == .table {
      let entry = walk.entryAddress
      switch map.walk(entry, .read, for: .guestTable, setsAccessedDirty: keepsAccessedDirty, references: &references) {
      case .mapped(let leaf):
        references &+= 1
        let place = leaf.frame.address(atOffsetOf: entry)
        step = walk.step(X86Entry(rawValue: tables.contents.load(place)))
      case .violation(let low): return violation(entry, low, .guestTable, keepsAccessedDirty ? .write : .read)
      case .misconfiguration: return misconfiguration(entry, .guestTable, .read)
      }
    }
    guard step == .leaf else { return fault(walk.fault(step, GuestTables.controls.tried(access, isUser ? .user : .supervisor))) }
    if let refusal = GuestTables.controls.refusal(of: access, isUser ? .user : .supervisor, rights: walk.leafRights) {
      return fault(refusal)
    }
    let isWrite = access == .write
    if !walk.allAccessed || (isWrite && !walk.entry.isDirty) {
      if let violation = tables.markUsed(address, root: root, isWrite: isWrite) {
        counts.add(.eptViolation)
        return .violation(violation)
      }
    }
    let target = walk.target.address(atOffsetOf: address)
    switch map.walk(target, access, for: .access, setsAccessedDirty: keepsAccessedDirty, references: &references) {
    case .mapped(let leaf):
      let entry = TLBEntry(
        leaf.frame, writable: walk.rights.isWritable && leaf.isWritable, user: walk.rights.isUser,
        noExecute: !(walk.rights.isExecutable && leaf.isExecutable),
        dirty: isWrite || (walk.entry.isDirty && (leaf.isDirty || !keepsAccessedDirty)))
      tlb.insert(vpid, address.page, access, entry)
      return .mapped(leaf.frame.address(atOffsetOf: address))
    case .violation(let low): return violation(target, low, .access, access)
    case .misconfiguration: return misconfiguration(target, .access, access)
    }
  }

  private func violation(
    _ address: GuestPhysicalAddress, _ low: UInt64, _ purpose: GuestPhysicalPurpose, _ access: AccessKind
  ) -> TranslationOutcome {
    counts.add(.eptViolation)
    let isGuestTable = purpose == .guestTable
    let qualification = GuestViolation.qualification(low, isGuestTable: isGuestTable)
    return .violation(GuestViolation(address: address, access: access, isGuestTable: isGuestTable, qualification: qualification))
  }

  /// A misconfiguration has no qualification: 0 tells it from a violation, which has bit 7 set.
  private func misconfiguration(
    _ address: GuestPhysicalAddress, _ purpose: GuestPhysicalPurpose, _ access: AccessKind
  ) -> TranslationOutcome {
    counts.add(.eptMisconfiguration)
    return .violation(GuestViolation(address: address, access: access, isGuestTable: purpose == .guestTable, qualification: 0))
  }

  private func fault(_ code: PageFaultErrorCode) -> TranslationOutcome {
    counts.addGuestFault()
    return .guestFault(code)
  }

  /// Drops the page from the TLB; no exit.
  public func invalidatePage(_ address: GuestVirtualAddress) { tlb.invalidate(vpid, address.page) }

  /// INVEPT: drops the guest's TLB entries if the old leaf could be in them.
  public func guestPhysicalMapChanged(_ frame: GuestFrame, old: EPTEntry) {
    if old.isPresent { tlb.flush(vpid) }
  }

  /// Never: the guest's tables are its own.
  public func storeTraps(_ frame: GuestFrame) -> Bool { false }
  /// Nothing to do.
  public func guestTableStored(at address: GuestPhysicalAddress) {}
  /// Nothing to do.
  public func guestPageReplaced(_ frame: GuestFrame) {}

  /// Bit A of the map's leaf.
  public func testAndClearAccessed(_ frame: GuestFrame) -> Bool { tables.map.testAndClearAccessed(frame, tlb, vpid) }

  /// What the TLB holds.
  public func forEachHeld(_ body: (HeldEntry) -> Void) {
    let root = GuestPhysicalAddress(root[0])
    tlb.forEachLive(vpid) { page, entry in body(HeldEntry(root: root, page: page, frame: entry.frame, isWritable: entry.isWritable)) }
  }

  /// The composed walk.
  public func peek(_ address: GuestVirtualAddress) -> HeldTranslation? {
    composedWalk(address, cr3: GuestPhysicalAddress(root[0]), contents: tables.contents, map: tables.map)
  }

  /// Drops the guest's TLB entries; there are no frames to give back.
  public func destroy() { tlb.flush(vpid) }
}
