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
    if !isFull { mmu.pass(entry.table, walk, mark: PassedTable.nested) }
    // A load of a table sets A in the map, not D.
    let refusal = descend(
      &walk, from: isFull ? nil : entry.table, access, privilege, controls, loads: .access, mark: PassedTable.nested,
      references: &references)
    if let refusal { return refusal }
    let target = walk.target.address(atOffsetOf: address)
    // The map has no W for a table that is shadowed somewhere.
    let isTracked = shadow.isTracked(target.page)
    if access == .write && isTracked { return storeThroughNested(target) }
    let host = dimension.walk(target, access, for: .access, isUserPage: walk.rights.isUser, mmu.space, references: &references)
    guard host.isMapped else { return refused(host, target, access, loads: nil) }
    let found = dimension.entry(walk, host, access, controls)
    // W and D only together, as in a shadow: what no write may use yet need not be dropped when the page is shadowed.
    let lost = isTracked || !found.isDirty ? AccessCheck.writable | AccessCheck.dirty : 0
    mmu.rememberWalk(address, from: entry.level == controls.levels ? entry.level : entry.level + 1, downTo: walk.level)
    if found.isDirty && !isTracked { state[ShadowState.nestedWrites] = 1 }
    let size = nestedSize(walk, host.pageSize)
    mmu.fill(address, access, TLBEntry(host.leaf.frame, size, rights: found.rights & ~lost, guestSize: walk.pageSize))
    return .mapped(host.leaf.frame.address(atOffsetOf: target))
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
    if let violation = GuestTables.refusal(leaf, target, .write) { return violated(violation) }
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
}

extension PassedTable {
  /// Among the rights of a table that a paging-structure cache remembers: it is the guest's own, and so are those below.
  static let nested: UInt64 = 1 << 3
}
