public import Addressing
internal import Columns
public import PageContents
public import PageTables
public import TranslationCaching

/// The baseline: the guest's tables are walked alone, 4 references for a page of 4 KiB, as if the guest ran on the bare machine.
///
/// The host frame of a guest frame is looked up in the guest-physical map at no cost, and the map's own faults are violations like any
/// other translator's; but they are no exits, because without virtualization there is nothing to exit to.
public final class NativeTranslator: Translator {
  /// `.native`.
  public let mode = PagingMode.native
  private let tables: GuestTables
  private let tlb: TLBHierarchy
  private let vpid: VPID
  private let counts = TranslatorCounts()
  /// The root table, one element.
  private let root = Column<UInt64>(count: 1)

  /// A translator for one guest. It needs no frames of its own.
  public init(contents: FrameContents, map: GuestPhysicalMap, tlb: TLBHierarchy, vpid: VPID) {
    tables = GuestTables(contents: contents, map: map)
    self.tlb = tlb
    self.vpid = vpid
  }

  /// What it has counted; never an exit.
  public var counters: TranslationCounters { counts.total(tlb.counters(of: vpid)) }

  /// Changes the root and drops the guest's TLB entries.
  public func loadCR3(_ root: GuestPhysicalAddress) {
    self.root[0] = GuestTables.root(root).rawValue
    tlb.flush(vpid)
  }

  /// TLB, then a walk of the guest's tables.
  public func translate(_ address: GuestVirtualAddress, _ access: AccessKind, _ privilege: Privilege) -> TranslationOutcome {
    let need = TLBNeed(access, isUser: privilege == .user)
    if let hit = tlb.lookup(vpid, address.page, access, need: need) {
      return .mapped(hit.entry.frame.address(atOffsetOf: address))
    }
    return walk(address, access, isUser: privilege == .user)
  }

  private func walk(_ address: GuestVirtualAddress, _ access: AccessKind, isUser: Bool) -> TranslationOutcome {
    let root = GuestPhysicalAddress(self.root[0])
    var walk = X86Walk(address, root: root, levels: GuestTables.levels)
    var references: UInt64 = 0
    defer { counts.addWalk(references: references) }
    var step = X86Index.isCanonical(address, levels: GuestTables.levels) ? X86Step.table : .notPresent
    while step == .table {
      guard let place = tables.place(walk.entryAddress) else { return .violation(GuestTables.missing(walk.entryAddress)) }
      references &+= 1
      step = walk.step(X86Entry(rawValue: tables.contents.load(place)))
    }
    guard step == .leaf else { return fault(walk.fault(step, GuestTables.controls.tried(access, isUser ? .user : .supervisor))) }
    if let refusal = GuestTables.controls.refusal(of: access, isUser ? .user : .supervisor, rights: walk.leafRights) {
      return fault(refusal)
    }
    let isWrite = access == .write
    if !walk.allAccessed || (isWrite && !walk.entry.isDirty) {
      if let violation = tables.markUsed(address, root: root, isWrite: isWrite) { return .violation(violation) }
    }
    let leaf = tables.map.leaf(of: walk.target)
    let target = walk.target.address(atOffsetOf: address)
    if let violation = GuestTables.refusal(leaf, target, access) { return .violation(violation) }
    tables.map.markUsed(walk.target, leaf, isWrite: isWrite)
    let entry = TLBEntry(
      leaf.frame, writable: walk.rights.isWritable && leaf.isWritable, user: walk.rights.isUser,
      noExecute: !(walk.rights.isExecutable && leaf.isExecutable), dirty: isWrite || (walk.entry.isDirty && leaf.isDirty))
    tlb.insert(vpid, address.page, access, entry)
    return .mapped(leaf.frame.address(atOffsetOf: address))
  }

  private func fault(_ code: PageFaultErrorCode) -> TranslationOutcome {
    counts.addGuestFault()
    return .guestFault(code)
  }

  /// Drops the page from the TLB.
  public func invalidatePage(_ address: GuestVirtualAddress) { tlb.invalidate(vpid, address.page) }

  /// Drops the guest's TLB entries if the old leaf could be in them.
  public func guestPhysicalMapChanged(_ frame: GuestFrame, old: EPTEntry) {
    if old.isPresent { tlb.flush(vpid) }
  }

  /// Never: the guest's tables are its own.
  public func storeTraps(_ frame: GuestFrame) -> Bool { false }
  /// Nothing to do.
  public func guestTableStored(at address: GuestPhysicalAddress) {}
  /// Nothing to do.
  public func guestPageReplaced(_ frame: GuestFrame) {}

  /// Bit A of the map's leaf, which every walk sets.
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
