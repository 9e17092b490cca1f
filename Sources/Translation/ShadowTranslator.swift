public import Addressing
internal import Columns
public import PageContents
public import PageTables
public import TranslationCaching

/// Shadow paging as KVM does it: tables from guest virtual to host physical addresses, filled by faults and kept true by traps.
///
/// The processor walks the shadow in 4 references and never sees the guest's tables. So the hypervisor must learn of every change
/// of those: each frame that holds a shadowed table is mapped read-only everywhere, and a store to it exits. A shadow entry
/// allows a write only once the guest's D bit is set, and exists only once its A bits are: so the first use and the first write fault, and the
/// hypervisor sets the bits that a processor would have set.
///
/// The invariant: *every present leaf of the shadow equals, or allows less than, what the guest's tables and the map say now*. The guest's tables
/// change only through `guestTableStored`, `guestPageReplaced` and stores that `translate` itself lets through, the map only through
/// `guestPhysicalMapChanged`; each removes what it makes stale, before anything else happens.
///
/// Simpler than KVM in this: no table is ever out of sync, so every store to a shadowed level-1 table exits too; write flooding
/// is not detected; nothing is prefetched; INVLPG and CR3 loads exit and drop TLB entries, but the shadow is true already.
///
/// Where no frame is to be had for shadow tables, the hypervisor carries out each access itself, an exit each time.
public final class ShadowTranslator: Translator {
  /// `.shadow`.
  public let mode = PagingMode.shadow
  private let tables: GuestTables
  private let tlb: TLBHierarchy
  private let vpid: VPID
  private let counts = TranslatorCounts()
  private let shadow: ShadowPages
  private let state = Column<UInt64>(count: 4)

  private enum State {
    /// The guest's root table.
    static let root = 0
    /// The number of the shadow's root plus 1, or 0.
    static let shadowRoot = 1
    /// The frame of the shadow's root.
    static let shadowRootFrame = 2
    /// The access whose fault waits for the machine to resolve a violation: the retry belongs to the same exit.
    static let pending = 3
  }

  /// A translator for one guest, whose shadow tables come from `frames`, at most `shadowPageLimit` of them.
  public init(
    contents: FrameContents, map: GuestPhysicalMap, tlb: TLBHierarchy, vpid: VPID, frames: any TableFrameSource,
    shadowPageLimit: Int = ShadowTranslator.shadowPageLimit(guestPages: 1 << 20)
  ) {
    tables = GuestTables(contents: contents, map: map)
    self.tlb = tlb
    self.vpid = vpid
    shadow = ShadowPages(contents: contents, frames: frames, limit: shadowPageLimit)
  }

  /// KVM's default limit of shadow pages: 2 % of the guest's pages, at least 64 (Linux, arch/x86/kvm/mmu/mmu.c,
  /// `kvm_mmu_calculate_default_mmu_pages`).
  public static func shadowPageLimit(guestPages: UInt64) -> Int { Int(max(64, min(guestPages, 1 << 32) / 50)) }

  /// What it has counted. An access that violates the map while its fault is handled is one exit, however often it is retried.
  public var counters: TranslationCounters { counts.total(tlb.counters(of: vpid)) }

  /// How many shadow pages there are.
  public var shadowPages: Int { shadow.count }
  /// Frames held for shadow tables, those in reserve included.
  public var tableFrames: Int { shadow.frameCount }

  // MARK: The guest's instructions

  /// An exit: finds or builds the shadow's root, and drops the guest's TLB entries.
  public func loadCR3(_ root: GuestPhysicalAddress) {
    counts.add(.cr3Load)
    state[State.root] = GuestTables.root(root).rawValue
    loadRoot()
    tlb.flush(vpid)
  }

  private func loadRoot() {
    let current = currentRoot
    let root = shadow.reserve(1, current: current) ? shadow.root(GuestPhysicalAddress(state[State.root]).page) : nil
    state[State.shadowRoot] = root.map { UInt64($0) + 1 } ?? 0
    state[State.shadowRootFrame] = root.map { shadow.table($0).rawValue } ?? 0
    flushStale()
  }

  private var currentRoot: Int? {
    let stored = Int(truncatingIfNeeded: state[State.shadowRoot])
    return stored > 0 && shadow.isAlive(stored - 1) ? stored - 1 : nil
  }

  /// Drops TLB entries that removed shadow entries may have left behind, and a root that is gone.
  private func flushStale() {
    guard shadow.hasStale else { return }
    shadow.hasStale = false
    tlb.flush(vpid)
    if currentRoot == nil { state[State.shadowRoot] = 0 }
  }

  /// An exit: drops the page from the TLB; the shadow is in step with the guest's tables already.
  public func invalidatePage(_ address: GuestVirtualAddress) {
    counts.add(.invlpg)
    tlb.invalidate(vpid, address.page)
  }

  // MARK: Accesses

  /// TLB, then a walk of the shadow, then the hypervisor.
  public func translate(_ address: GuestVirtualAddress, _ access: AccessKind, _ privilege: Privilege) -> TranslationOutcome {
    let isUser = privilege == .user
    if let hit = tlb.lookup(vpid, address.page, access, need: TLBNeed(access, isUser: isUser)) {
      return .mapped(hit.entry.frame.address(atOffsetOf: address))
    }
    if state[State.pending] == 0, let place = walkShadow(address, access, isUser: isUser) { return .mapped(place) }
    return fault(address, access, isUser: isUser)
  }

  /// The processor's walk; nil where it faults.
  private func walkShadow(_ address: GuestVirtualAddress, _ access: AccessKind, isUser: Bool) -> HostPhysicalAddress? {
    var references: UInt64 = 0
    defer { counts.addWalk(references: references) }
    guard state[State.shadowRoot] != 0, X86Index.isCanonical(address, levels: GuestTables.levels) else { return nil }
    var walk = X86Walk(address, root: HostFrame(state[State.shadowRootFrame]).address, levels: GuestTables.levels)
    var place = walk.entryAddress
    var step = X86Step.table
    while step == .table {
      place = walk.entryAddress
      references &+= 1
      step = walk.step(X86Entry(rawValue: tables.contents.load(place)))
    }
    guard step == .leaf, GuestTables.controls.refusal(of: access, isUser ? .user : .supervisor, rights: walk.leafRights) == nil else {
      return nil
    }
    let leaf = walk.entry
    if !leaf.isAccessed { tables.contents.store(leaf.with(X86Entry.accessed).rawValue, place) }
    let entry = TLBEntry(
      leaf.hostFrame, writable: leaf.isWritable, user: leaf.isUser, noExecute: leaf.isNoExecute, dirty: leaf.isWritable)
    tlb.insert(vpid, address.page, access, entry)
    return leaf.hostFrame.address(atOffsetOf: address)
  }

  /// The hypervisor's page fault handler.
  private func fault(_ address: GuestVirtualAddress, _ access: AccessKind, isUser: Bool) -> TranslationOutcome {
    let key = address.page.rawValue << 3 | (isUser ? 4 : 0) | UInt64(access.rawValue) + 1
    let pending = state[State.pending]
    state[State.pending] = 0
    if pending != 0 && pending != key, let place = walkShadow(address, access, isUser: isUser) { return .mapped(place) }
    let target: GuestFrame
    switch walkGuest(address, access, isUser: isUser) {
    case .allowed(let frame): target = frame
    case .fault(let code):
      counts.add(.guestPageFault)
      counts.addGuestFault()
      return .guestFault(code)
    case .violation(let violation):
      state[State.pending] = key
      return .violation(violation)
    }
    let isFilled = fill(address)
    if access == .write && shadow.isShadowed(target) {
      counts.add(.pageTableWrite)
      shadow.zapTable(target)
      flushStale()
      return carryOut(address, access, target)
    }
    counts.add(.shadowPageFault)
    flushStale()
    guard isFilled else { return carryOut(address, access, target) }
    guard let place = walkShadow(address, access, isUser: isUser) else { preconditionFailure("the shadow refuses what was just filled in") }
    return .mapped(place)
  }

  /// Lets one access through without keeping its translation.
  private func carryOut(_ address: GuestVirtualAddress, _ access: AccessKind, _ target: GuestFrame) -> TranslationOutcome {
    tlb.countUncachedMiss(vpid, access)
    return .mapped(tables.map.leaf(of: target).frame.address(atOffsetOf: address))
  }

  private enum GuestWalk {
    case allowed(GuestFrame)
    case fault(PageFaultErrorCode)
    case violation(GuestViolation)
  }

  /// Walks the guest's tables and the map by software and sets A and D as a processor would.
  private func walkGuest(_ address: GuestVirtualAddress, _ access: AccessKind, isUser: Bool) -> GuestWalk {
    let root = GuestPhysicalAddress(state[State.root])
    let isWrite = access == .write
    var walk = X86Walk(address, root: root, levels: GuestTables.levels)
    var step = X86Index.isCanonical(address, levels: GuestTables.levels) ? X86Step.table : .notPresent
    while step == .table {
      guard let place = tables.place(walk.entryAddress) else { return .violation(GuestTables.missing(walk.entryAddress)) }
      step = walk.step(X86Entry(rawValue: tables.contents.load(place)))
    }
    guard step == .leaf else { return .fault(walk.fault(step, GuestTables.controls.tried(access, isUser ? .user : .supervisor))) }
    if let refusal = GuestTables.controls.refusal(of: access, isUser ? .user : .supervisor, rights: walk.leafRights) {
      return .fault(refusal)
    }
    if !walk.allAccessed || (isWrite && !walk.entry.isDirty) {
      if let violation = tables.markUsed(address, root: root, isWrite: isWrite) { return .violation(violation) }
    }
    let leaf = tables.map.leaf(of: walk.target)
    let target = walk.target.address(atOffsetOf: address)
    if let violation = GuestTables.refusal(leaf, target, access) { return .violation(violation) }
    tables.map.markUsed(walk.target, leaf, isWrite: isWrite)
    return .allowed(walk.target)
  }

  /// Builds the shadow of an address that the guest's tables and the map translate, from the root down to the leaf.
  /// - Returns: false where there are no frames for it.
  private func fill(_ address: GuestVirtualAddress) -> Bool {
    guard shadow.reserve(ShadowPages.reserveForFault, current: currentRoot) else { return false }
    guard let root = shadow.root(GuestPhysicalAddress(state[State.root]).page) else { return false }
    state[State.shadowRoot] = UInt64(root) + 1
    state[State.shadowRootFrame] = shadow.table(root).rawValue
    var page = root
    var walk = X86Walk(address, root: GuestPhysicalAddress(state[State.root]), levels: GuestTables.levels)
    while true {
      let slot = shadow.slot(page, X86Index.index(of: address, level: walk.level))
      guard let place = tables.place(walk.entryAddress) else { return false }
      let step = walk.step(X86Entry(rawValue: tables.contents.load(place)))
      if step == .table {
        let role = ShadowRole(level: walk.level, isDirect: false, rights: walk.rights)
        page = shadow.child(ShadowKey(frame: walk.table.page, role: role), under: slot)
        continue
      }
      guard step == .leaf else { return false }
      setLeaf(address, walk, under: slot)
      return true
    }
  }

  /// Puts the leaf of a finished guest walk into the shadow, below direct pages where the guest's page is large.
  private func setLeaf(_ address: GuestVirtualAddress, _ walk: X86Walk<GuestPhysical>, under parent: UInt32) {
    // Dirty emulation: a clean page is mapped read-only, so that its first write faults.
    let isWritable = walk.rights.isWritable && walk.entry.isDirty
    let rights = X86Rights(writable: isWritable, user: walk.rights.isUser, executable: walk.rights.isExecutable)
    var slot = parent
    for level in stride(from: walk.level - 1, to: 0, by: -1) {
      let first = GuestFrame(walk.target.rawValue & ~((1 << UInt64(9 * level)) - 1))
      let role = ShadowRole(level: level, isDirect: true, rights: rights)
      let page = shadow.child(ShadowKey(frame: first, role: role), under: slot)
      slot = shadow.slot(page, X86Index.index(of: address, level: level))
    }
    let mapped = tables.map.leaf(of: walk.target)
    let leaf = X86Entry.page(
      mapped.frame, writable: isWritable && mapped.isWritable && !shadow.isShadowed(walk.target), user: walk.rights.isUser,
      noExecute: !(walk.rights.isExecutable && mapped.isExecutable))
    if leaf.isWritable { tables.map.markUsed(walk.target, mapped, isWrite: true) }
    shadow.setLeaf(leaf.with(leaf.isWritable ? X86Entry.accessed | X86Entry.dirty : X86Entry.accessed), of: walk.target, slot)
  }

  // MARK: What changes under the shadow

  /// Drops or write-protects every shadow entry of the frame, all aliases; where the page's content is gone, its shadow pages too.
  public func guestPhysicalMapChanged(_ frame: GuestFrame, old: EPTEntry) {
    let new = tables.map.leaf(of: frame)
    if !new.isPresent || new.frame != old.frame {
      shadow.changeLeaves(of: frame) { _ in .notPresent }
    } else {
      let lost = new.isWritable ? 0 : X86Entry.writable | X86Entry.dirty
      let gained = new.isExecutable ? 0 : X86Entry.noExecute
      shadow.changeLeaves(of: frame) { $0.without(lost).with(gained) }
    }
    if !new.isPresent, new.absence == .never || new.absence == .ballooned { shadow.zapTable(frame) }
    if old.isPresent { shadow.hasStale = true }
    flushStale()
  }

  /// Whether the frame holds a shadowed table.
  public func storeTraps(_ frame: GuestFrame) -> Bool { shadow.isShadowed(frame) }

  /// An exit: removes what shadowed the old entry; the next use fills in the new one.
  public func guestTableStored(at address: GuestPhysicalAddress) {
    counts.add(.pageTableWrite)
    shadow.zapEntry(Int(address.offset(in: .size4K) >> 3), ofTable: address.page)
    flushStale()
  }

  /// Forgets the tables that the page held.
  public func guestPageReplaced(_ frame: GuestFrame) {
    shadow.zapTable(frame)
    flushStale()
  }

  /// Bit A of the frame's shadow entries and of the map's leaf, which stands for accesses whose entries are gone again.
  public func testAndClearAccessed(_ frame: GuestFrame) -> Bool {
    var wasAccessed = tables.map.testAndClearAccessed(frame, tlb, vpid)
    shadow.changeLeaves(of: frame) { leaf in
      if leaf.isAccessed { wasAccessed = true }
      return leaf.without(X86Entry.accessed)
    }
    flushStale()
    return wasAccessed
  }

  // MARK: Audits

  /// What the shadow and the TLB hold.
  public func forEachHeld(_ body: (HeldEntry) -> Void) {
    shadow.forEachLeaf { root, page, leaf in
      body(HeldEntry(root: root.address, page: page, frame: leaf.hostFrame, isWritable: leaf.isWritable))
    }
    guard let currentRoot else { return }
    let root = shadow.pages[currentRoot].key.frame.address
    tlb.forEachLive(vpid) { page, entry in body(HeldEntry(root: root, page: page, frame: entry.frame, isWritable: entry.isWritable)) }
  }

  /// What the current root of the shadow holds.
  public func peek(_ address: GuestVirtualAddress) -> HeldTranslation? {
    guard let root = currentRoot, X86Index.isCanonical(address, levels: GuestTables.levels) else { return nil }
    var walk = X86Walk(address, root: shadow.table(root).address, levels: GuestTables.levels)
    var step = X86Step.table
    while step == .table { step = walk.step(X86Entry(rawValue: tables.contents.load(walk.entryAddress))) }
    guard step == .leaf else { return nil }
    return HeldTranslation(
      guestFrame: nil, hostFrame: walk.entry.hostFrame, isWritable: walk.rights.isWritable, isUser: walk.rights.isUser,
      isNoExecute: !walk.rights.isExecutable)
  }

  /// Gives every frame back and drops the guest's TLB entries.
  public func destroy() {
    shadow.zapAll()
    shadow.hasStale = true
    flushStale()
  }
}
