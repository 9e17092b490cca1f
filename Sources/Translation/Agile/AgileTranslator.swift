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
    if nesting.scansDirty { watch(table, tables.map.leaf(of: table)) }
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
      nesting.beginInterval()
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

  /// Whether the table that a walk stands at is the guest's: the root's, or one that a paging-structure cache remembered as such.
  @inline(__always) func isNested(_ walk: X86Walk<HostPhysical>, start: UInt64, _ cached: WalkStart) -> Bool {
    cached.level == 0 ? start & (ShadowStart.nested | ShadowStart.full) != 0 : cached.rights & PassedTable.nested != 0
  }

  /// Goes on in the guest's own tables.
  /// - Parameters:
  ///   - entry: where the walk has come to: a table of the guest's, by its host address, with the rights above it.
  ///   - isFull: whether that address is a guest-physical one instead.
  func walkNested(
    _ entry: X86Walk<HostPhysical>, _ access: AccessKind, _ privilege: Privilege, isFull: Bool, references: UInt64
  ) -> TranslationOutcome? {
    var references = references
    defer { mmu.counts.addWalk(references: references) }
    let controls = mmu.controls
    let address = entry.address
    // Of the first table only the host's address is known; the walk needs the guest's of the following ones alone.
    var walk = X86Walk<GuestPhysical>(
      address, root: GuestPhysicalAddress(entry.table.rawValue), levels: entry.level, reserved: controls.reservedBits)
    walk.rights = entry.rights.intersection(.all)
    var place = entry.table
    if isFull {
      let root = locate(walk.entryAddress, references: &references)
      guard root.isMapped else { return refused(root, walk.entryAddress, .read, isGuestTable: true) }
      place = root.leaf.frame.address
    } else {
      pass(place, walk)
    }
    var step = X86Step.table
    while true {
      references &+= 1
      step = walk.step(X86Entry(rawValue: tables.contents.load(X86Index.entryAddress(in: place, of: address, level: walk.level))))
      if step != .table { break }
      let next = locate(walk.entryAddress, references: &references)
      guard next.isMapped else { return refused(next, walk.entryAddress, .read, isGuestTable: true) }
      place = next.leaf.frame.address
      pass(place, walk)
    }
    guard step == .leaf else { return guestFault(walk.fault(step, controls.tried(access, privilege))) }
    if let refusal = controls.refusal(of: access, privilege, rights: walk.leafRights) { return guestFault(refusal) }
    return finishNested(walk, access, from: entry.level, references: &references)
  }

  /// Where an entry of a guest's table is. The load sets A in the map, not D.
  @inline(__always) private func locate(_ entry: GuestPhysicalAddress, references: inout UInt64) -> NestedWalk {
    dimension.walk(entry, .read, for: .access, isUserPage: false, mmu.space, references: &references)
  }

  /// The walk goes on to a table of the guest's: paging-structure caches remember it as one.
  @inline(__always) private func pass(_ place: HostPhysicalAddress, _ walk: X86Walk<GuestPhysical>) {
    mmu.pass(place, walk, mark: PassedTable.nested)
  }

  private func finishNested(
    _ walk: X86Walk<GuestPhysical>, _ access: AccessKind, from first: Int, references: inout UInt64
  ) -> TranslationOutcome? {
    let isWrite = access == .write
    let controls = mmu.controls
    if !walk.allAccessed || (isWrite && !walk.entry.isDirty) {
      if let violation = tables.markUsed(walk.address, root: mmu.root, controls, isWrite: isWrite) {
        if let reason = dimension.refusal { mmu.exit(reason) }
        return .violation(violation)
      }
    }
    let target = walk.target.address(atOffsetOf: walk.address)
    // The map has no W for a table that is shadowed somewhere.
    let isTracked = shadow.isTracked(target.page)
    if isWrite && isTracked { return storeThroughNested(target) }
    let host = dimension.walk(target, access, for: .access, isUserPage: walk.rights.isUser, mmu.space, references: &references)
    guard host.isMapped else { return refused(host, target, access, isGuestTable: false) }
    let leaf = host.leaf
    let isDirty = isWrite || (walk.entry.isDirty && leaf.isDirty)
    // W and D only together, as in a shadow: what no write may use yet need not be dropped when the page is shadowed.
    var lost = isTracked || !isDirty ? AccessCheck.writable | AccessCheck.dirty : 0
    if host.rights & dimension.executeRight(isUserPage: walk.rights.isUser) == 0 { lost |= AccessCheck.executable }
    if host.rights & EPTEntry.write == 0 { lost |= AccessCheck.writable }
    let global = controls.globalPages ? walk.entry.rawValue & X86Entry.global : 0
    let rights = (walk.leafRights | (isDirty ? AccessCheck.dirty : 0)) & ~lost
    mmu.rememberWalk(walk.address, from: first == controls.levels ? first : first + 1, downTo: walk.level)
    if isDirty && !isTracked { state[ShadowState.nestedWrites] = 1 }
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
      if let reason = dimension.refusal { mmu.exit(reason) }
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
    if host.kind == .misconfiguration { mmu.exit(.eptMisconfiguration) } else if let reason = dimension.refusal { mmu.exit(reason) }
    let qualification = host.kind == .misconfiguration ? 0 : host.qualification
    return .violation(GuestViolation(address: address, access: access, isGuestTable: isGuestTable, qualification: qualification))
  }

  private func guestFault(_ code: PageFaultErrorCode) -> TranslationOutcome {
    mmu.counts.addGuestFault()
    return .guestFault(code)
  }
}

extension PassedTable {
  /// Among the rights of a table that a paging-structure cache remembers: it is the guest's own, and so are those below.
  static let nested: UInt64 = 1 << 3
}
