internal import Addressing
internal import Columns
internal import PageContents
internal import PageTables
internal import TranslationCaching

/// # Shadow paging: a third set of tables, kept true by traps
///
/// A processor that knows nothing of virtualization walks one set of tables. So the hypervisor gives it tables of its own, from guest virtual to host
/// physical addresses, in which each leaf is the guest's tables composed with the guest-physical map. They are filled by faults, a leaf at a time; a
/// walk costs as many references as the tables have levels, never 24. The price is paid in exits: for each page fault, the guest's own included, for
/// each store to a table of the guest's that is shadowed, for each load of CR3, each INVLPG and each write of a control register.
///
/// The first invariant: *every present leaf allows what the guest's tables and the map allow now, or less; but for leaves in a page that is out of
/// step, which may show what the guest's table said when the guest was last obliged to invalidate.* It holds because
/// - each frame that holds a shadowed table is mapped read-only wherever it is mapped, so a store to it traps, and what shadowed the old entry goes;
/// - a leaf exists only once the guest's A bits are set, and allows writes only once D is: the first use and the first write fault, and the hypervisor
///   sets what a processor would have set (*dirty emulation*);
/// - a change of the map reaches every alias of a frame through the reverse map, before the old frame is used for anything else;
/// - a page out of step is always one of a level-1 table, and is brought in step whenever the architecture lets the guest expect its change to count:
///   by INVLPG one entry, by a load of CR3 all that the new root reaches, and before it is linked under a new parent, because what becomes
///   present needs no invalidation.
///
/// The second: *what a TLB holds was once in the shadow, and everything that is taken from the shadow is dropped from the TLB before the hypervisor
/// lets go.* Entries carry what the shadow allows, so a hit never allows what the shadow would not: W and D only together, the guest's
/// key and U as they are. Where U is not the guest's (CR0.WP clear, below) nothing that U decides may be in force.
///
/// With CR0.WP clear a kernel may write to a page that is read-only, a user's too. The processor itself runs with WP set: the hypervisor shows
/// such a page as the kernel's own and writable, not executable if SMEP is on, until the next user access, which gets the user's entry back. Under SMAP or
/// protection keys, which look at U and could not any more, each such write is carried out by the hypervisor instead.
///
/// When not: a guest that changes its tables often, or starts many processes, pays thousands of cycles for each store; nested paging pays nothing.
/// Where TLB misses are many and changes few, it is the other way round. Agile paging (`AgileTables`) takes the better of the two for each table.
///
/// The facts are those of Linux KVM (arch/x86/kvm/mmu) and, where `PagingOptions` say so, of Xen (xen/arch/x86/mm/shadow). Where no frame is to be had for
/// shadow tables, the hypervisor carries out each access itself, an exit each time.
final class ShadowPaging<Nesting: ShadowNesting>: GuestTableTranslator {
  var mode: PagingMode { Nesting.mode }
  let tables: GuestTables
  let mmu: MMU
  let shadow: ShadowPages
  let roots = RootCache()
  let snapshots = Snapshots()
  let nesting: Nesting
  /// How the processor goes through the map, in agile paging.
  let dimension: NestedDimension
  let unsyncPolicy: UnsyncPolicy
  let prefetchPolicy: PrefetchPolicy
  let state = Column<UInt64>(count: 4)
  /// Of each mode of an access, by `AccessRecord.mode`: what it needs of a shadow leaf, D not included. The processor runs with WP and NXE set.
  let checks = Column<AccessCheck>(count: 8)
  /// The same with A, and for a write D: what a leaf has that nothing needs to be done about.
  let plainChecks = Column<AccessCheck>(count: 8)

  /// A translator for one guest.
  init(_ parts: TranslatorParts, _ options: PagingOptions, nesting: Nesting) {
    tables = GuestTables(contents: parts.contents, map: parts.map)
    mmu = MMU(parts, usesVPID: options.usesVPID, ep4ta: Nesting.nests ? parts.map.root : nil)
    let limit = options.shadowPageLimit ?? Self.shadowPageLimit(guestPages: parts.guestPages)
    shadow = ShadowPages(contents: parts.contents, frames: parts.frames, limit: limit, guestPages: parts.guestPages)
    self.nesting = nesting
    dimension = NestedDimension(parts, keepsAccessedDirty: true, usesVPID: options.usesVPID)
    unsyncPolicy = options.unsync
    prefetchPolicy = options.prefetch
    adoptControls()
  }

  /// KVM's default limit of shadow pages: 2 % of the guest's pages, at least 64 (Linux, arch/x86/kvm/mmu/mmu.c,
  /// `kvm_mmu_calculate_default_mmu_pages`).
  static func shadowPageLimit(guestPages: UInt64) -> Int { Int(max(64, min(guestPages, 1 << 32) / 50)) }

  var shadowStatistics: ShadowStatistics? { shadow.statistics }

  // MARK: The guest's instructions

  /// An exit, but for EFLAGS.AC and PKRU. Bits that shape the leaves change the roles, and so the root.
  func setControls(_ controls: X86Controls) {
    let old = mmu.controls
    mmu.setControls(controls)
    adoptControls()
    var quiet = controls
    quiet.alignmentCheck = old.alignmentCheck
    quiet.pkru = old.pkru
    guard quiet != old else { return }
    mmu.exit(.controlRegisterWrite)
    if controls.physicalAddressBits != old.physicalAddressBits { shadow.zapPages() }
    let isSameRole = ShadowRole(processor: controls) == ShadowRole(processor: old)
    if !isSameRole || controls.levels != old.levels || controls.pcids != old.pcids || controls.globalPages != old.globalPages {
      mmu.flushAll()
      forgetPreviousRoots { _ in true }
      loadRoot(keepsStale: false)
    }
    flushStale()
  }

  /// What the processor itself runs with.
  var processorControls: X86Controls {
    var controls = mmu.controls
    controls.writeProtect = true
    controls.noExecute = true
    return controls
  }

  private func adoptControls() {
    let hardware = processorControls
    for kind in AccessKind.allCases {
      for privilege in [Privilege.user, .supervisor] {
        let (mode, check) = (AccessRecord(GuestVirtualAddress(0), kind, privilege).mode, hardware.check(kind, privilege))
        checks[mode] = check
        plainChecks[mode] = check.needing(kind == .write ? X86Entry.accessed | X86Entry.dirty : X86Entry.accessed)
      }
    }
    state[ShadowState.levels] = UInt64(hardware.levels)
  }

  /// An exit: finds or builds the shadow's root, and brings in step what it reaches.
  func loadCR3(_ value: GuestPhysicalAddress) {
    mmu.loadCR3(value)
    mmu.exit(.cr3Load)
    loadRoot(keepsStale: mmu.controls.pcids && value.rawValue >> 63 != 0)
    flushStale()
  }

  /// An exit: reads the page's entry again, under every root that the root cache has, where it may be out of step, and drops the page from the TLB: by
  /// INVVPID, under every PCID (Linux, arch/x86/kvm/vmx/vmx.c, `vmx_flush_tlb_gva`).
  func invalidatePage(_ address: GuestVirtualAddress) {
    mmu.exit(.invlpg)
    mmu.flushPage(address)
    for place in 0..<RootCache.count { syncPage(address, under: roots.root(place, in: shadow)) }
    flushStale()
  }

  /// An exit. Of the roots that are not current, those concerned leave the root cache: what they reach is brought in step when they are loaded again.
  func invalidate(_ descriptor: INVPCID) {
    mmu.exit(.invpcid)
    if case .address(_, let address) = descriptor { mmu.flushPage(address) } else { mmu.invalidate(descriptor) }
    switch descriptor {
    case .address(let pcid, let address):
      for place in 0..<RootCache.count where hasPCID(roots[place], pcid) { syncPage(address, under: roots.root(place, in: shadow)) }
    case .context(let pcid):
      forgetPreviousRoots { self.hasPCID($0, pcid) }
      if mmu.pcid == pcid { syncReachable() }
    case .all, .allWithGlobals:
      forgetPreviousRoots { _ in true }
      syncReachable()
    }
    flushStale()
  }

  private func hasPCID(_ entry: RootCache.Entry, _ pcid: PCID) -> Bool { UInt16(truncatingIfNeeded: entry.cr3 & 0xfff) == pcid.rawValue }

  func forgetPreviousRoots(_ isMeant: (RootCache.Entry) -> Bool) { roots.dropPrevious(in: shadow, isMeant) }

  // MARK: Accesses

  @specialized(where Nesting == NeverNested)
  @specialized(where Nesting == AgileTables)
  func translate(_ address: GuestVirtualAddress, _ access: AccessKind, _ privilege: Privilege) -> TranslationOutcome {
    mmu.translate(address, access, privilege, self)
  }

  @specialized(where Nesting == NeverNested)
  @specialized(where Nesting == AgileTables)
  func translate(_ records: borrowing Column<AccessRecord>, in range: Range<Int>) -> BatchStop {
    mmu.translate(records, in: range, self)
  }

  func miss(_ address: GuestVirtualAddress, _ access: AccessKind, _ privilege: Privilege) -> TranslationOutcome {
    guard X86Index.isCanonical(address, levels: Int(truncatingIfNeeded: state[ShadowState.levels])) else { return .generalProtection }
    if Nesting.nests && nesting.noteWalk(mmu.root.page) { lookAtModes() }
    if state[ShadowState.pending] == 0, let outcome = walk(address, access, privilege) { return outcome }
    return fault(address, access, privilege)
  }

  // MARK: Audits

  /// What the shadow and the TLB hold.
  func forEachHeld(_ body: (HeldEntry) -> Void) {
    shadow.forEachLeaf { root, page, leaf, size, isUnsync in
      body(
        HeldEntry(
          root: root.address, page: page, frame: leaf.hostFrame, pages: size.pages, isWritable: leaf.isWritable, isUnsync: isUnsync))
    }
    mmu.forEachHeld(body)
  }

  /// What the current root of the shadow holds; below a switch what the guest's tables say.
  func peek(_ address: GuestVirtualAddress) -> HeldTranslation? {
    guard X86Index.isCanonical(address, levels: mmu.controls.levels) else { return nil }
    let root = roots.root(0, in: shadow)
    let isNested = Nesting.nests && state[ShadowState.start] & (ShadowStart.nested | ShadowStart.full) != 0
    let slot = root == 0 || isNested ? 0 : shadow.slot(of: address, under: root)
    guard slot != 0 || isNested else { return nil }
    let leaf = isNested ? X86Entry.notPresent : shadow.entry(slot)
    if isNested || shadow.kind(leaf, slot) == .nested {
      return composition(of: address).translation
    }
    let inside = address.page.rawValue & (UInt64(1) << UInt64(9 * (shadow.pages[Int(slot >> 9)].role.level - 1)) - 1)
    return HeldTranslation(
      guestFrame: nil, hostFrame: leaf.hostFrame.advanced(by: inside), rights: (leaf.rawValue ^ X86Entry.noExecute) & TLBEntry.rightsMask)
  }

  /// Gives every frame back and drops the guest's TLB entries.
  func destroy() {
    shadow.zapAll()
    state[ShadowState.start] = 0
    mmu.destroy()
  }
}

/// The words of a shadow translator's state.
enum ShadowState {
  /// Where a walk begins: the table's address, and what `ShadowStart` says of it.
  static let start = 0
  /// Levels of tables.
  static let levels = 1
  /// The access whose fault waits for the machine to resolve a violation: the retry belongs to the same exit.
  static let pending = 2
  /// Whether a nested walk may have left a writable translation in the TLB.
  static let nestedWrites = 3
}

/// What the first table of a walk is.
enum ShadowStart {
  /// A shadow table.
  static let exists: UInt64 = 1
  /// The guest's own, found already.
  static let nested: UInt64 = 2
  /// The guest's own, and its address a guest-physical one.
  static let full: UInt64 = 4
}

/// Shadow paging as KVM and Xen do it.
typealias ShadowTranslator = ShadowPaging<NeverNested>

extension ShadowPaging where Nesting == NeverNested {
  convenience init(_ parts: TranslatorParts, _ options: PagingOptions) { self.init(parts, options, nesting: NeverNested()) }
}
