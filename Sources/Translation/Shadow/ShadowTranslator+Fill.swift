internal import Addressing
internal import Columns
internal import PageContents
internal import PageTables

extension ShadowPaging {
  /// The processor's part of the roles in force.
  var processorRole: ShadowRole { ShadowRole(processor: mmu.controls) }

  // MARK: Roots

  /// Enters the shadow of the root table that CR3 names.
  /// - Parameter keepsStale: whether a root in the root cache may stay as out of step as it is.
  func loadRoot(keepsStale: Bool) {
    var key = mmu.root.rawValue
    if mmu.controls.pcids { key |= UInt64(mmu.pcid.rawValue) }
    let role = processorRole.table(level: mmu.controls.levels, access: .all)
    if roots.enter(cr3: key, role, in: shadow) {
      shadow.statistics.rootCacheHits += 1
      start(at: roots.root(0, in: shadow))
      if keepsStale { return }
    } else {
      roots.push(cr3: key, role, 0, in: shadow)
      _ = makeRoot()
    }
    syncReachable()
  }

  /// The current root, made where it is gone; 0 where there is no frame for it.
  func makeRoot() -> UInt32 {
    let frame = mmu.root.page
    if Nesting.nests, let nested = nestedStart(frame) {
      state[ShadowState.start] = nested
      return 0
    }
    var root = roots.root(0, in: shadow)
    if root == 0 && shadow.covers(frame) && shadow.reserve(1) {
      let role = processorRole.table(level: mmu.controls.levels, access: .all)
      root = shadow.find(frame, role)
      if root == 0 { root = shadow.make(frame, role) }
      shadow.pages[Int(root)].isRoot = true
      roots.replaceCurrent(root, in: shadow)
    }
    start(at: root)
    return root
  }

  private func start(at root: UInt32) {
    if Nesting.nests, let nested = nestedStart(mmu.root.page) {
      state[ShadowState.start] = nested
    } else {
      state[ShadowState.start] = root == 0 ? 0 : shadow.pages[Int(root)].table.address.rawValue | ShadowStart.exists
    }
  }

  // MARK: Filling

  /// Builds the shadow of an address that the guest's tables and the map translate, from the root down to the leaf.
  /// - Parameter isOverride: whether the page shall be shown as a writable one of the kernel's, which it is not.
  /// - Returns: false where there are no frames for it.
  func fill(_ address: GuestVirtualAddress, isOverride: Bool) -> Bool {
    let controls = mmu.controls
    guard shadow.reserve(controls.levels) else { return false }
    var page = makeRoot()
    if Nesting.nests && state[ShadowState.start] & (ShadowStart.nested | ShadowStart.full) != 0 { return true }
    guard page != 0 else { return false }
    var walk = X86Walk(address, root: mmu.root, levels: controls.levels, reserved: controls.reservedBits)
    while true {
      shadow.pages[Int(page)].writes = 0
      let slot = shadow.slot(page, X86Index.index(of: address, level: walk.level))
      let table = walk.table.page
      guard let place = tables.place(walk.entryAddress) else { return false }
      let word = tables.contents.load(place)
      let step = walk.step(X86Entry(rawValue: word))
      guard step == .table else {
        guard step == .leaf, shadow.covers(walk.target) else { return false }
        if walk.level == 1 { noteRead(table, X86Index.index(of: address, level: 1), word, but: page) }
        setLeaf(walk, under: slot, isOverride: isOverride)
        return true
      }
      guard shadow.covers(walk.table.page) else { return false }
      if Nesting.nests && nesting.isNested(walk.table.page) { return setSwitch(walk, in: slot) }
      page = child(walk.table.page, processorRole.table(level: walk.level, access: walk.rights), under: slot)
    }
  }

  /// The page of a key, made if need be, with a link to it in a slot, in place of anything else. One that exists is brought in step first,
  /// with all that it leads to: what becomes present needs no invalidation, so the guest may count on it at once.
  private func child(_ frame: GuestFrame, _ role: ShadowRole, under slot: UInt32) -> UInt32 {
    let linked = shadow.linked(slot, frame, role)
    if linked != 0 { return linked }
    shadow.zap(slot)
    if unsyncPolicy == .xen && !role.isDirect { bringInStep(frame) }
    var child = shadow.find(frame, role)
    if child != 0 {
      if shadow.pages[Int(child)].isUnsync { sync(child) } else { shadow.forEachUnsync(below: child, sync) }
      if shadow.pages[Int(child)].serial == 0 { child = 0 }
    }
    if child == 0 { child = shadow.make(frame, role) }
    shadow.link(child, under: slot)
    return child
  }

  /// Puts the leaf of a finished guest walk into the shadow, below direct pages where the guest's page is larger than the shadow's may be.
  private func setLeaf(_ walk: X86Walk<GuestPhysical>, under parent: UInt32, isOverride: Bool) {
    let rights = shown(walk.rights, isDirty: walk.entry.isDirty, isOverride: isOverride)
    let key = walk.entry.rawValue >> AccessCheck.keyShift & 15
    let size = shadowSize(of: walk, rights)
    var slot = parent
    for level in stride(from: walk.level - 1, through: size.level, by: -1) {
      let first = GuestFrame(walk.target.rawValue & ~((1 << UInt64(9 * level)) - 1))
      let page = child(first, processorRole.piece(level: level, access: rights, key: key), under: slot)
      shadow.pages[Int(page)].writes = 0
      slot = shadow.slot(page, X86Index.index(of: walk.address, level: level))
    }
    let first = GuestFrame(walk.target.rawValue & ~(size.pages - 1))
    guard let leaf = leaf(of: first, rights, key: key, size, isPrefetch: false) else { return }
    shadow.setLeaf(leaf, of: first, slot)
    if size == .size4K { prefetch(around: slot) }
  }

  /// The rights that the shadow shows. A clean page is read-only, so that its first write faults.
  private func shown(_ rights: X86Rights, isDirty: Bool, isOverride: Bool) -> X86Rights {
    guard isOverride else {
      return X86Rights(writable: rights.isWritable && isDirty, user: rights.isUser, executable: rights.isExecutable)
    }
    // Shown as the kernel's, a user's page must not become one that SMEP lets the kernel execute.
    let isExecutable = rights.isExecutable && !(rights.isUser && mmu.controls.smep)
    return X86Rights(writable: isDirty, user: false, executable: isExecutable)
  }

  /// The size of the leaf: the smaller of the guest's page and the host's, and 4 KiB where a writable one would reach a shadowed table.
  private func shadowSize(of walk: X86Walk<GuestPhysical>, _ rights: X86Rights) -> PageSize {
    guard walk.level > 1, let host = tables.map.largeLeafSize(of: walk.target) else { return .size4K }
    for size in [PageSize.size1G, .size2M] where size.level <= walk.level && size.level <= host.level {
      let first = GuestFrame(walk.target.rawValue & ~(size.pages - 1))
      let isCovered = shadow.covers(first.advanced(by: size.pages - 1))
      if isCovered && !(rights.isWritable && shadow.hasTracked(from: first, size)) { return size }
    }
    return .size4K
  }

  /// The shadow's leaf for a guest frame; nil where the map has no page. D is set where the map's is, so that the first write is seen
  /// there.
  func leaf(of frame: GuestFrame, _ rights: X86Rights, key: UInt64, _ size: PageSize, isPrefetch: Bool) -> X86Entry? {
    let mapped = tables.map.leaf(of: frame)
    guard mapped.isReadable else { return nil }
    let isWritable = rights.isWritable && mapped.isWritable && (size != .size4K || !shadow.isTracked(frame))
    let leaf = X86Entry.page(
      mapped.frame, writable: isWritable, user: rights.isUser, noExecute: !(rights.isExecutable && mapped.isExecutable))
    let use = (isPrefetch || !mapped.isAccessed ? 0 : X86Entry.accessed) | (isWritable && mapped.isDirty ? X86Entry.dirty : 0)
    return leaf.with(use | key << AccessCheck.keyShift | (size == .size4K ? 0 : X86Entry.pageSize))
  }

  // MARK: Prefetching

  /// Fills in neighbours of a leaf that was just filled in, whose A bits are set already: KVM the others of 8 aligned entries, Xen those
  /// that follow, 31 at the most.
  private func prefetch(around slot: UInt32) {
    let last = slot | 511
    switch prefetchPolicy {
    case .none: return
    case .kvm:
      for near in (slot & ~7)...(slot | 7) where near != slot && !shadow.entry(near).isPresent {
        if !prefetch(into: near, stopsAtClean: false) { return }
      }
    case .xen:
      for near in slot...min(slot + 31, last) where near != slot {
        if shadow.entry(near).isPresent || !prefetch(into: near, stopsAtClean: true) { return }
      }
    }
  }

  /// - Parameter stopsAtClean: Xen's rule: an entry that would need another fault for A or D ends it, one that is not present does not.
  /// - Returns: false where it is not worth going on.
  private func prefetch(into slot: UInt32, stopsAtClean: Bool) -> Bool {
    let page = shadow.pages[Int(slot >> 9)]
    let index = Int(slot & 511)
    let role = page.role
    if role.isDirect { return prefetch(page.frame.advanced(by: UInt64(index)), role.access, key: role.key, into: slot) }
    guard let place = tables.place(GuestPhysicalAddress(page.frame.address.rawValue | UInt64(index) << 3)) else { return false }
    let entry = X86Entry(rawValue: tables.contents.load(place))
    if stopsAtClean && !entry.isPresent { return true }
    guard isUsable(entry, role), !(stopsAtClean && entry.isWritable && !entry.isDirty) else { return false }
    noteRead(page.frame, index, entry.rawValue, but: slot >> 9)
    let rights = shown(role.access.intersection(X86Rights(of: entry)), isDirty: entry.isDirty, isOverride: false)
    return prefetch(entry.guestFrame, rights, key: entry.rawValue >> AccessCheck.keyShift & 15, into: slot)
  }

  private func prefetch(_ frame: GuestFrame, _ rights: X86Rights, key: UInt64, into slot: UInt32) -> Bool {
    guard shadow.covers(frame), let leaf = leaf(of: frame, rights, key: key, .size4K, isPrefetch: true) else { return false }
    shadow.setLeaf(leaf, of: frame, slot)
    shadow.statistics.prefetched += 1
    return true
  }

  /// Whether a level-1 entry of the guest's may have a shadow without a fault first: present, well-formed and A set.
  func isUsable(_ entry: X86Entry, _ role: ShadowRole) -> Bool {
    var reserved = mmu.controls.reservedBits & ~X86Entry.noExecute
    if !role.isNoExecuteEnabled { reserved |= X86Entry.noExecute }
    return entry.isPresent && entry.isAccessed && entry.rawValue & reserved == 0
  }

  /// What a resynchronized level-1 entry looks like.
  func leaf(for entry: X86Entry, _ role: ShadowRole) -> X86Entry? {
    let rights = shown(role.access.intersection(X86Rights(of: entry)), isDirty: entry.isDirty, isOverride: false)
    let key = entry.rawValue >> AccessCheck.keyShift & 15
    return leaf(of: entry.guestFrame, rights, key: key, .size4K, isPrefetch: false)
  }
}
