internal import Addressing
internal import Columns
internal import PageContents
internal import PageTables
internal import TranslationCaching

/// # Direct paging: the guest's tables hold machine frames, and every entry is checked before it is there
///
/// Xen's way for guests that know that they are guests (Barham et al., SOSP 2003). There is one set of tables, the guest's own, and the
/// processor walks it: 4 references and no second dimension. What keeps guests apart is that a guest can read its tables but not write
/// them: it asks for each change with a hypercall, and the hypervisor refuses what would give it more than its own memory.
///
/// Each frame of the guest has a *type*: nothing, a table of one level, or writable; and two counts, of the references that need the type
/// and of all. An entry of a table is a reference to what it names: in a level-1 table one that needs `writable` where R/W is set and none
/// otherwise, in a higher table one that needs a table of the level below. A pin is a reference, and so is CR3. A frame takes a type with
/// the first reference that needs one, and keeps it until the last has gone. A frame that becomes a table is validated then: all its 512
/// entries must be legal, and each takes its references, down to the leaves. When the last reference to a table goes, it gives them back in
/// the same way.
///
/// The invariant: *whatever the processor can walk to is validated*. It follows, by induction over the hypercalls, that the guest reaches
/// only frames of its own, and that no frame is a table and writable at once:
/// - an entry is stored only once its references are taken, and gives them back only when it is no longer there;
/// - a reference to a type that the frame does not have, or of a frame that M2P does not give this guest, is refused;
/// - types descend from level to level, so that no table is under itself, and validation ends.
///
/// What the TLB remembers is the past. A frame that was mapped writable may still be so in the TLB when it becomes a table, and a frame
/// that was a table may still be in a paging-structure cache when it becomes writable. So a frame whose last type ended since the last
/// flush has the TLB flushed before it takes another (Xen: `page_set_tlbflush_timestamp`), or is written by the guest's kernel or leaves
/// the guest.
///
/// The guest's kernel reaches its memory by guest-physical address too, as through a direct map of its own. That is no reference:
/// `allowsStore` refuses stores to frames that are tables, as the read-only entries of a real direct map would.
///
/// Simpler than in Xen: one processor, so no locks and no preemption of a validation half-way; no linear maps (a table that maps a table of
/// its own level is refused), no large pages, no grants, no emulation of stores to tables (the guest gets a page fault); the kernel runs at
/// supervisor privilege, as in ring 1; M2P shows a guest only its own frames; and the hypervisor keeps both P2M and M2P, so
/// MMU_MACHPHYS_UPDATE may only say what is so.
///
/// Since tables hold machine frames, nothing may be moved, shared or swapped behind the guest's back (`allowsRemapping`). The hypervisor
/// may move a frame openly: it rewrites every entry that names it, as a migration does.
final class DirectTranslator: MMUTranslator, ParavirtualPaging {
  var mode: PagingMode { .direct }
  let contents: FrameContents
  let map: GuestPhysicalMap
  let mmu: MMU
  let machine: MachineFrames
  let types: FrameTypes
  let updateBatch: Int
  let guestPages: UInt64
  private let monitor: MonitorSpace
  /// The root table's guest frame plus one, or 0 where there is none; whether there never will be one again.
  private let state = Column<UInt64>(count: 2)
  var willStore: ((PageStore) -> Void)?

  /// Where the hypervisor lives with segment limits: the top of every address space, 64 MiB as in Xen on x86-32 (`HYPERVISOR_VIRT_START`).
  static let monitorStart: UInt64 = 0xffff_ffff_fc00_0000

  init(_ parts: TranslatorParts, _ options: PagingOptions) {
    contents = parts.contents
    map = parts.map
    guestPages = parts.guestPages
    machine = MachineFrames(contents: parts.contents, frames: parts.frames, guestPages: parts.guestPages)
    types = FrameTypes(guestPages: parts.guestPages)
    monitor = options.monitor
    updateBatch = max(1, options.updateBatch)
    mmu = MMU(parts)
  }

  var paravirtual: (any ParavirtualPaging)? { self }
  var allowsRemapping: Bool { false }

  /// The guest frame of the root table.
  var root: GuestFrame? {
    get { state[0] == 0 ? nil : GuestFrame(state[0] - 1) }
    set { state[0] = newValue.map { $0.rawValue + 1 } ?? 0 }
  }

  /// Whether the guest's tables name frames that it has lost.
  var isEnded: Bool { state[1] != 0 }

  /// No table is walked any more, and no root loaded.
  func endTables() {
    state[0] = 0
    state[1] = 1
  }

  /// The level of root tables.
  var rootLevel: Int { mmu.controls.levels }

  // MARK: Exits

  /// The processor goes to the hypervisor and back. Out of an address space of its own, CR3 is loaded twice.
  func enterMonitor() { if monitor == .ownSpace { mmu.invalidate(.all) } }

  /// An exit, counted by reason.
  func exit(_ reason: ExitReason) {
    mmu.counts.add(reason)
    enterMonitor()
  }

  func worldSwitch() { enterMonitor() }

  /// Drops everything of the guest's.
  func flush() {
    mmu.flushAll()
    types.noteFlush()
  }

  // MARK: The guest's instructions

  /// The guest asks the hypervisor for other control bits. WP and NXE stay set, on which the checks of entries rely, and PCIDs are not
  /// offered. The number of levels can be chosen until the first root is loaded.
  func setControls(_ controls: X86Controls) {
    var allowed = controls
    allowed.writeProtect = true
    allowed.noExecute = true
    allowed.pcids = false
    allowed.physicalAddressBits = mmu.controls.physicalAddressBits
    if root != nil || !(4...5).contains(controls.levels) { allowed.levels = mmu.controls.levels }
    mmu.setControls(allowed)
  }

  /// The kernel looks its root table up in P2M and asks for it. A table that is refused leaves CR3 as it is.
  func loadCR3(_ value: GuestPhysicalAddress) {
    exit(.cr3Load)
    guard let frame = machineFrame(of: value.page) else { return }
    try? loadRoot(frame)
  }

  func invalidatePage(_ address: GuestVirtualAddress) {
    exit(.invlpg)
    mmu.invalidatePage(address)
  }

  /// As INVLPG or a flush: there are no PCIDs.
  func invalidate(_ descriptor: INVPCID) {
    exit(.invlpg)
    switch descriptor {
    case .address(_, let address): mmu.invalidatePage(address)
    case .context, .all: mmu.invalidate(.all)
    case .allWithGlobals: flush()
    }
  }

  // MARK: Accesses

  func translate(_ address: GuestVirtualAddress, _ access: AccessKind, _ privilege: Privilege) -> TranslationOutcome {
    mmu.translate(address, access, privilege, self)
  }

  func translate(_ records: borrowing Column<AccessRecord>, in range: Range<Int>) -> BatchStop {
    mmu.translate(records, in: range, self)
  }

  @inline(__always) var walkOrigin: WalkOrigin {
    state[0] == 0 ? .none : WalkOrigin(owner: mmu.root.rawValue, changes: contents.walkChanges)
  }

  @inline(__always) func repeatedWalk(_ record: AccessRecord, _ origin: WalkOrigin) -> RepeatedWalk {
    guard let table = mmu.recall(record.address, origin) else { return .none }
    let entry = mmu.leaf(of: record.address, in: table)
    guard let rights = mmu.plainRights(entry, in: table, mode: record.mode) else { return .none }
    return RepeatedWalk(entry: TLBEntry(entry.hostFrame, rights: rights), references: table.references)
  }

  func miss(_ address: GuestVirtualAddress, _ access: AccessKind, _ privilege: Privilege) -> TranslationOutcome {
    let controls = mmu.controls
    let isMonitors = monitor == .segmentLimits && address.rawValue >= Self.monitorStart
    guard X86Index.isCanonical(address, levels: controls.levels), !isMonitors else { return .generalProtection }
    guard state[0] != 0 else { return fault(controls.tried(access, privilege)) }
    var references: UInt64 = 0
    defer { mmu.counts.addWalk(references: references) }
    var walk = startWalk(address, controls)
    let start = mmu.resume(&walk)
    if start.level != 0 { walk.table = start.table }
    var step = X86Step.table
    while true {
      references &+= 1
      step = walk.step(X86Entry(rawValue: contents.load(walk.entryAddress)))
      if step != .table { break }
      mmu.pass(walk.table, walk)
    }
    guard step == .leaf else { return fault(walk.fault(step, controls.tried(access, privilege))) }
    if let refusal = controls.refusal(of: access, privilege, rights: walk.leafRights) { return fault(refusal) }
    let isWrite = access == .write
    if !walk.allAccessed || (isWrite && !walk.entry.isDirty) { markUsed(address, controls, isWrite: isWrite) }
    let rights = walk.leafRights | (isWrite ? AccessCheck.dirty : 0) | (controls.globalPages ? walk.entry.rawValue & TLBEntry.global : 0)
    if walk.level == 1 && walk.allAccessed && !mmu.cachesWalks {
      mmu.remember(address, owner: mmu.root.rawValue, root: HostPhysicalAddress(mmu.root.rawValue))
    }
    mmu.rememberWalk(address, from: start.level == 0 ? controls.levels : start.level, downTo: walk.level)
    mmu.fill(address, access, TLBEntry(walk.target, rights: rights))
    return .mapped(walk.target.address(atOffsetOf: address))
  }

  @inline(__always) private func startWalk(_ address: GuestVirtualAddress, _ controls: X86Controls) -> X86Walk<HostPhysical> {
    X86Walk(address, root: HostPhysicalAddress(mmu.root.rawValue), levels: controls.levels, reserved: controls.reservedBits)
  }

  /// Sets A in every entry that leads to `address`, and D in the leaf after a write, once a walk has passed.
  private func markUsed(_ address: GuestVirtualAddress, _ controls: X86Controls, isWrite: Bool) {
    var walk = startWalk(address, controls)
    while true {
      let place = walk.entryAddress
      let entry = X86Entry(rawValue: contents.load(place))
      let step = walk.step(entry)
      guard step == .table || step == .leaf else { return }
      let used = entry.with(step == .leaf && isWrite ? X86Entry.accessed | X86Entry.dirty : X86Entry.accessed)
      if used != entry { contents.store(used.rawValue, place) }
      if step == .leaf { return }
    }
  }

  /// A page fault reaches the hypervisor, which bounces it to the guest's kernel.
  private func fault(_ code: PageFaultErrorCode) -> TranslationOutcome {
    exit(.guestPageFault)
    return .guestFault(code)
  }

  // MARK: Stores that know the guest frame

  /// A store to a table is a page fault of the guest's.
  func allowsStore(_ frame: GuestFrame) -> Bool {
    guard frame.rawValue < guestPages else { return true }
    if types.type(of: frame).level != nil {
      mmu.counts.addGuestFault()
      exit(.guestPageFault)
      return false
    }
    if types.isStale(frame), types.lastType(of: frame).level != nil { flush() }
    return true
  }

  /// There is no A bit for each guest frame: nobody who would use it may take the page anyway.
  func testAndClearAccessed(_ frame: GuestFrame) -> Bool { false }

  // MARK: Audits

  var rootTable: GuestFrame? { root }

  func use(of frame: GuestFrame) -> FrameUse {
    var use = FrameUse()
    guard frame.rawValue < guestPages else { return use }
    use.type = types.type(of: frame)
    use.typeReferences = types.typeReferences(to: frame)
    use.references = types.references(to: frame)
    use.isPinned = types.isPinned(frame)
    return use
  }

  func forEachMachineFrame(_ body: (HostFrame, GuestFrame) -> Void) { machine.forEachMachineFrame(body) }

  func composition(of address: GuestVirtualAddress) -> ComposedTranslation {
    let translation = peek(address)
    return ComposedTranslation(guestRights: translation?.rights, translation: translation)
  }

  func peek(_ address: GuestVirtualAddress) -> HeldTranslation? {
    guard root != nil else { return nil }
    return directWalk(address, root: HostPhysicalAddress(mmu.root.rawValue), contents: contents, controls: mmu.controls) {
      machine.guestFrame(of: $0)
    }
  }

  /// The processor walks machine addresses from the first entry to the page.
  func recordWalk(_ address: GuestVirtualAddress, _ access: AccessKind, _ privilege: Privilege) -> WalkTranscript? {
    guard root != nil else { return nil }
    return WalkRecorder(controls: mmu.controls, machine: contents).walk(address, cr3: mmu.root, access, privilege)
  }

  func forEachMapping<Failure: Error>(_ body: (X86Mapping) throws(Failure) -> Void) throws(Failure) {
    guard root != nil else { return }
    _ = try X86Mappings(root: mmu.root, controls: mmu.controls).forEach(word: { contents.word(at: $0.rawValue) }, body)
  }

  func destroy() {
    mmu.destroy()
    machine.destroy()
  }
}
