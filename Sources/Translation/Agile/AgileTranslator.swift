internal import Addressing
internal import Columns
internal import PageContents
internal import PageTables
internal import TranslationCaching

/// Agile paging: see `AgileTables`.
typealias AgileTranslator = ShadowPaging<AgileTables>

extension ShadowPaging where Nesting == AgileTables {
  convenience init(_ parts: TranslatorParts, _ options: PagingOptions) {
    self.init(parts, options, nesting: AgileTables(options, guestPages: parts.guestPages))
  }
}

/// What shadow paging does where it lets the processor walk the guest's own tables.
extension ShadowPaging {
  // MARK: Modes

  /// Where the walk begins if the root table is nested; nil where it is shadowed, or cannot be read at the moment.
  func nestedStart(_ root: GuestFrame) -> UInt64? {
    if nesting.isFullyNested(root) { return root.address.rawValue | ShadowStart.full }
    guard nesting.isNested(root), let place = tables.place(root.address) else { return nil }
    return place.rawValue | ShadowStart.nested
  }

  /// A table was stored to so often that it is nested from now on, with all below it, unless that is shadowed elsewhere.
  func nest(_ table: GuestFrame) {
    shadow.statistics.toNested += 1
    shadow.zapTree(table)
    if table == mmu.root.page { _ = makeRoot() }
    if let leaf = Optional(tables.map.leaf(of: table)), nesting.scansDirty { watch(table, leaf) }
  }

  /// From now on the D bit of a table's page tells whether it is written.
  private func watch(_ table: GuestFrame, _ leaf: EPTEntry) {
    guard leaf.isPresent, leaf.isDirty else { return }
    tables.map.clearDirty(table, leaf)
    shadow.changeLeaves(of: table) { $0.rawValue & X86Entry.switching != 0 ? $0 : $0.without(X86Entry.dirty) }
    shadow.changeLargeLeaves(around: table) { $0.without(X86Entry.dirty) }
    shadow.hasStale = true
  }

  /// An interval is over, or a root has been walked long enough: tables that rest are shadowed again.
  func lookAtModes() {
    if nesting.isIntervalOver {
      nesting.forgetCounts()
      nesting.endInterval { table in
        let leaf = tables.map.leaf(of: table)
        if nesting.scansDirty && leaf.isPresent && leaf.isDirty {
          watch(table, leaf)
          return false
        }
        shadow.statistics.toShadow += 1
        shadow.changeLeaves(of: table) { $0.rawValue & X86Entry.switching != 0 ? .notPresent : $0 }
        return true
      }
    }
    _ = makeRoot()
    flushStale()
  }

  /// Puts a switch to the table that a walk has come to into a slot, with the rights above it.
  func setSwitch(_ walk: X86Walk<GuestPhysical>, in slot: UInt32) -> Bool {
    guard let place = tables.place(walk.table) else { return false }
    let entry = X86Entry.page(
      place.page, writable: walk.rights.isWritable, user: walk.rights.isUser, noExecute: !walk.rights.isExecutable)
    shadow.setLeaf(entry.with(X86Entry.accessed | X86Entry.switching), of: walk.table.page, slot)
    return true
  }

  // MARK: The nested part of a walk

  /// Goes on in the guest's own tables.
  /// - Parameters:
  ///   - entry: the switch, with the rights above it; at the root what `ShadowState.start` says.
  ///   - level: the level of the table that it names.
  func walkNested(
    _ address: GuestVirtualAddress, _ access: AccessKind, _ privilege: Privilege, _ entry: X86Entry, level: Int, references: UInt64
  ) -> TranslationOutcome? {
    var references = references
    defer { mmu.counts.addWalk(references: references) }
    let controls = mmu.controls
    let isStart = entry.rawValue & X86Entry.switching == 0
    let isFull = isStart && entry.rawValue & ShadowStart.full != 0
    // The table's place is known: as an address it serves to find the entry in it, and no more.
    var walk = X86Walk<GuestPhysical>(
      address, root: GuestPhysicalAddress(entry.rawValue & X86Entry.frameMask), levels: level, reserved: controls.reservedBits)
    if !isStart { walk.rights = X86Rights(of: entry) }
    var known: HostFrame? = isFull ? nil : entry.hostFrame
    var step = X86Step.table
    while step == .table {
      let place = walk.entryAddress
      let table: HostFrame
      if let first = known {
        table = first
        known = nil
      } else {
        let host = tables.map.walk(place, .ept(.read, for: .access, setsAccessedDirty: true), references: &references)
        guard host.isMapped else { return refused(host, place, .read, isGuestTable: true) }
        table = host.leaf.frame
      }
      references &+= 1
      step = walk.step(X86Entry(rawValue: tables.contents.load(table.address(atOffsetOf: place))))
    }
    guard step == .leaf else { return guestFault(walk.fault(step, controls.tried(access, privilege))) }
    if let refusal = controls.refusal(of: access, privilege, rights: walk.leafRights) { return guestFault(refusal) }
    return finishNested(walk, access, privilege, references: &references)
  }

  private func finishNested(
    _ walk: X86Walk<GuestPhysical>, _ access: AccessKind, _ privilege: Privilege, references: inout UInt64
  ) -> TranslationOutcome? {
    let isWrite = access == .write
    let controls = mmu.controls
    if !walk.allAccessed || (isWrite && !walk.entry.isDirty) {
      if let violation = tables.markUsed(walk.address, root: mmu.root, controls, isWrite: isWrite) {
        mmu.exit(.eptViolation)
        return .violation(violation)
      }
    }
    let target = walk.target.address(atOffsetOf: walk.address)
    // The map has no W for a table that is shadowed somewhere.
    let isTracked = shadow.isTracked(target.page)
    if isWrite && isTracked { return storeThroughNested(target) }
    let host = tables.map.walk(target, .ept(access, for: .access, setsAccessedDirty: true), references: &references)
    guard host.isMapped else { return refused(host, target, access, isGuestTable: false) }
    let leaf = host.leaf
    let isDirty = isWrite || (walk.entry.isDirty && leaf.isDirty)
    let lost = isTracked ? AccessCheck.writable | AccessCheck.dirty : isDirty ? 0 : AccessCheck.dirty
    let global = controls.globalPages ? walk.entry.rawValue & X86Entry.global : 0
    let rights = (walk.leafRights & leaf.asRights | (isDirty ? AccessCheck.dirty : 0)) & ~lost
    mmu.fill(
      walk.address, access, TLBEntry(leaf.frame, nestedSize(walk, host.pageSize), rights: rights | global, guestSize: walk.pageSize))
    return .mapped(leaf.frame.address(atOffsetOf: target))
  }

  /// The size that a TLB may hold: the smaller of the guest's and the host's, and none that reaches a shadowed table.
  private func nestedSize(_ walk: X86Walk<GuestPhysical>, _ host: PageSize) -> PageSize {
    for size in [PageSize.size1G, .size2M] where size.level <= walk.level && size.level <= host.level {
      let first = GuestFrame(walk.target.rawValue & ~(size.pages - 1))
      if !shadow.hasTracked(from: first, size) { return size }
    }
    return .size4K
  }

  /// A store to a shadowed table through a nested translation: a violation of the map as the processor sees it.
  private func storeThroughNested(_ target: GuestPhysicalAddress) -> TranslationOutcome {
    let leaf = tables.map.leaf(of: target.page)
    if let violation = GuestTables.refusal(leaf, target, .write) {
      mmu.exit(.eptViolation)
      return .violation(violation)
    }
    tables.map.markUsed(target.page, leaf, isWrite: true)
    if nesting.noteStore(target.page) {
      mmu.exit(.pageTableWrite)
      nest(target.page)
    } else if letOutOfStep(target.page) {
      mmu.exit(.pageTableUnsync)
    } else {
      mmu.exit(.pageTableWrite)
      shadow.tableStored(target)
    }
    flushStale()
    mmu.countUncached(.write)
    return .mapped(leaf.frame.address(atOffsetOf: target))
  }

  private func refused(
    _ host: NestedWalk, _ address: GuestPhysicalAddress, _ access: AccessKind, isGuestTable: Bool
  ) -> TranslationOutcome {
    mmu.exit(host.kind == .misconfiguration ? .eptMisconfiguration : .eptViolation)
    let qualification = host.kind == .misconfiguration ? 0 : host.qualification
    return .violation(GuestViolation(address: address, access: access, isGuestTable: isGuestTable, qualification: qualification))
  }

  private func guestFault(_ code: PageFaultErrorCode) -> TranslationOutcome {
    mmu.counts.addGuestFault()
    return .guestFault(code)
  }
}
