internal import Addressing
internal import Columns
internal import PageContents
internal import PageTables
internal import TranslationCaching

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
final class ShadowTranslator: Translator, TLBMisses {
  let mode = PagingMode.shadow
  private let tables: GuestTables
  private let mmu: MMU
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

  /// A translator for one guest.
  init(_ parts: TranslatorParts, _ options: PagingOptions) {
    tables = GuestTables(contents: parts.contents, map: parts.map)
    mmu = MMU(parts, usesVPID: options.usesVPID)
    let limit = options.shadowPageLimit ?? Self.shadowPageLimit(guestPages: parts.guestPages)
    shadow = ShadowPages(contents: parts.contents, frames: parts.frames, limit: limit)
  }

  /// KVM's default limit of shadow pages: 2 % of the guest's pages, at least 64 (Linux, arch/x86/kvm/mmu/mmu.c,
  /// `kvm_mmu_calculate_default_mmu_pages`).
  static func shadowPageLimit(guestPages: UInt64) -> Int { Int(max(64, min(guestPages, 1 << 32) / 50)) }

  /// What it has counted. An access that violates the map while its fault is handled is one exit, however often it is retried.
  var counters: TranslationCounters { mmu.counts.total }
  var staleTranslations: StaleTranslations? { mmu.staleTranslations }
  var controls: X86Controls { mmu.controls }

  func composition(of address: GuestVirtualAddress) -> ComposedTranslation {
    tables.composition(of: address, root: mmu.root, mmu.controls)
  }

  /// How many shadow pages there are.
  var shadowPages: Int { shadow.count }
  /// Frames held for shadow tables, those in reserve included.
  var tableFrames: Int { shadow.frameCount }

  // MARK: The guest's instructions

  /// An exit: finds or builds the shadow's root, and drops the guest's TLB entries.
  func loadCR3(_ root: GuestPhysicalAddress) {
    mmu.loadCR3(root)
    mmu.exit(.cr3Load)
    state[State.root] = mmu.root.rawValue
    loadRoot()
  }

  func setControls(_ controls: X86Controls) { mmu.setControls(controls) }
  func invalidate(_ descriptor: INVPCID) { mmu.invalidate(descriptor) }
  func worldSwitch() { mmu.switchWorlds() }

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
    mmu.flushAll()
    if currentRoot == nil { state[State.shadowRoot] = 0 }
  }

  /// An exit: drops the page from the TLB; the shadow is in step with the guest's tables already.
  func invalidatePage(_ address: GuestVirtualAddress) {
    mmu.exit(.invlpg)
    mmu.invalidatePage(address)
  }

  // MARK: Accesses

  func translate(_ address: GuestVirtualAddress, _ access: AccessKind, _ privilege: Privilege) -> TranslationOutcome {
    mmu.translate(address, access, privilege, self)
  }

  func translate(_ records: borrowing Column<AccessRecord>, in range: Range<Int>) -> BatchStop {
    mmu.translate(records, in: range, self)
  }

  func miss(_ address: GuestVirtualAddress, _ access: AccessKind, _ privilege: Privilege) -> TranslationOutcome {
    guard X86Index.isCanonical(address, levels: mmu.controls.levels) else { return .generalProtection }
    let isUser = privilege == .user
    if state[State.pending] == 0, let place = walkShadow(address, access, isUser: isUser) { return .mapped(place) }
    return fault(address, access, isUser: isUser)
  }

  /// The processor's walk; nil where it faults.
  private func walkShadow(_ address: GuestVirtualAddress, _ access: AccessKind, isUser: Bool) -> HostPhysicalAddress? {
    var references: UInt64 = 0
    defer { mmu.counts.addWalk(references: references) }
    guard state[State.shadowRoot] != 0, X86Index.isCanonical(address, levels: mmu.controls.levels) else { return nil }
    var walk = X86Walk(address, root: HostFrame(state[State.shadowRootFrame]).address, levels: mmu.controls.levels)
    var place = walk.entryAddress
    var step = X86Step.table
    while step == .table {
      place = walk.entryAddress
      references &+= 1
      step = walk.step(X86Entry(rawValue: tables.contents.load(place)))
    }
    guard step == .leaf, mmu.controls.refusal(of: access, isUser ? .user : .supervisor, rights: walk.leafRights) == nil else {
      return nil
    }
    let leaf = walk.entry
    if !leaf.isAccessed { tables.contents.store(leaf.with(X86Entry.accessed).rawValue, place) }
    let rights = walk.leafRights | (leaf.isWritable ? AccessCheck.dirty : 0)
    mmu.fill(address, access, TLBEntry(leaf.hostFrame, rights: rights))
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
      mmu.exit(.guestPageFault)
      mmu.counts.addGuestFault()
      return .guestFault(code)
    case .violation(let violation):
      state[State.pending] = key
      return .violation(violation)
    }
    let isFilled = fill(address)
    if access == .write && shadow.isShadowed(target) {
      mmu.exit(.pageTableWrite)
      shadow.zapTable(target)
      flushStale()
      return carryOut(address, access, target)
    }
    mmu.exit(.shadowPageFault)
    flushStale()
    guard isFilled else { return carryOut(address, access, target) }
    guard let place = walkShadow(address, access, isUser: isUser) else { preconditionFailure("the shadow refuses what was just filled in") }
    return .mapped(place)
  }

  /// Lets one access through without keeping its translation.
  private func carryOut(_ address: GuestVirtualAddress, _ access: AccessKind, _ target: GuestFrame) -> TranslationOutcome {
    mmu.countUncached(access)
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
    var walk = X86Walk(address, root: root, levels: mmu.controls.levels)
    var step = X86Index.isCanonical(address, levels: mmu.controls.levels) ? X86Step.table : .notPresent
    while step == .table {
      guard let place = tables.place(walk.entryAddress) else { return .violation(GuestTables.missing(walk.entryAddress)) }
      step = walk.step(X86Entry(rawValue: tables.contents.load(place)))
    }
    guard step == .leaf else { return .fault(walk.fault(step, mmu.controls.tried(access, isUser ? .user : .supervisor))) }
    if let refusal = mmu.controls.refusal(of: access, isUser ? .user : .supervisor, rights: walk.leafRights) {
      return .fault(refusal)
    }
    if !walk.allAccessed || (isWrite && !walk.entry.isDirty) {
      if let violation = tables.markUsed(address, root: root, mmu.controls, isWrite: isWrite) { return .violation(violation) }
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
    var walk = X86Walk(address, root: GuestPhysicalAddress(state[State.root]), levels: mmu.controls.levels)
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
  func guestPhysicalMapChanged(_ frame: GuestFrame, old: EPTEntry) {
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
  func storeTraps(_ frame: GuestFrame) -> Bool { shadow.isShadowed(frame) }

  /// An exit: removes what shadowed the old entry; the next use fills in the new one.
  func guestTableStored(at address: GuestPhysicalAddress) {
    mmu.exit(.pageTableWrite)
    shadow.zapEntry(Int(address.offset(in: .size4K) >> 3), ofTable: address.page)
    flushStale()
  }

  /// Forgets the tables that the page held.
  func guestPageReplaced(_ frame: GuestFrame) {
    shadow.zapTable(frame)
    flushStale()
  }

  /// Bit A of the frame's shadow entries and of the map's leaf, which stands for accesses whose entries are gone again.
  func testAndClearAccessed(_ frame: GuestFrame) -> Bool {
    var wasAccessed = mmu.testAndClearAccessed(frame, in: tables.map)
    shadow.changeLeaves(of: frame) { leaf in
      if leaf.isAccessed { wasAccessed = true }
      return leaf.without(X86Entry.accessed)
    }
    flushStale()
    return wasAccessed
  }

  // MARK: Audits

  /// What the shadow and the TLB hold.
  func forEachHeld(_ body: (HeldEntry) -> Void) {
    shadow.forEachLeaf { root, page, leaf in
      body(HeldEntry(root: root.address, page: page, frame: leaf.hostFrame, pages: 1, isWritable: leaf.isWritable))
    }
    mmu.forEachHeld(body)
  }

  /// What the current root of the shadow holds.
  func peek(_ address: GuestVirtualAddress) -> HeldTranslation? {
    guard let root = currentRoot, X86Index.isCanonical(address, levels: mmu.controls.levels) else { return nil }
    var walk = X86Walk(address, root: shadow.table(root).address, levels: mmu.controls.levels)
    var step = X86Step.table
    while step == .table { step = walk.step(X86Entry(rawValue: tables.contents.load(walk.entryAddress))) }
    guard step == .leaf else { return nil }
    return HeldTranslation(guestFrame: nil, hostFrame: walk.entry.hostFrame, rights: walk.leafRights)
  }

  /// Gives every frame back and drops the guest's TLB entries.
  func destroy() {
    shadow.zapAll()
    mmu.destroy()
  }
}
