internal import Addressing
internal import Columns
internal import PageContents
internal import PageTables
internal import TranslationCaching

extension ShadowPaging {
  /// The hypervisor's page fault handler.
  func fault(_ address: GuestVirtualAddress, _ access: AccessKind, _ privilege: Privilege) -> TranslationOutcome {
    let mode = AccessRecord(GuestVirtualAddress(0), access, privilege).mode
    let key = address.page.rawValue << 3 | UInt64(mode) + 1
    let pending = state[ShadowState.pending]
    state[ShadowState.pending] = 0
    if pending != 0 && pending != key, let outcome = walk(address, access, privilege) { return outcome }
    switch walkGuest(address, access, privilege) {
    case .allowed(let walk): return resolve(walk, access, privilege)
    case .fault(let code):
      mmu.exit(.guestPageFault)
      return .guestFault(code)
    case .violation(let violation):
      state[ShadowState.pending] = key
      return .violation(violation)
    }
  }

  private enum GuestWalk {
    case allowed(X86Walk<GuestPhysical>)
    case fault(PageFaultErrorCode)
    case violation(GuestViolation)
  }

  /// Walks the guest's tables and the map by software and sets A and D as a processor would.
  private func walkGuest(_ address: GuestVirtualAddress, _ access: AccessKind, _ privilege: Privilege) -> GuestWalk {
    let controls = mmu.controls
    let isWrite = access == .write
    var walk = X86Walk(address, root: mmu.root, levels: controls.levels, reserved: controls.reservedBits)
    var step = X86Step.table
    while step == .table {
      guard let place = tables.place(walk.entryAddress) else { return .violation(GuestTables.missing(walk.entryAddress)) }
      step = walk.step(X86Entry(rawValue: tables.contents.load(place)))
    }
    guard step == .leaf else { return .fault(walk.fault(step, controls.tried(access, privilege))) }
    if let refusal = controls.refusal(of: access, privilege, rights: walk.leafRights) { return .fault(refusal) }
    if !walk.allAccessed || (isWrite && !walk.entry.isDirty) {
      if let violation = tables.markUsed(address, root: mmu.root, controls, isWrite: isWrite) { return .violation(violation) }
    }
    let leaf = tables.map.leaf(of: walk.target)
    let target = walk.target.address(atOffsetOf: address)
    if let violation = GuestTables.refusal(leaf, target, access) { return .violation(violation) }
    tables.map.markUsed(walk.target, leaf, isWrite: isWrite)
    return .allowed(walk)
  }

  /// The guest's tables and the map let the access pass: so shall the shadow.
  private func resolve(_ walk: X86Walk<GuestPhysical>, _ access: AccessKind, _ privilege: Privilege) -> TranslationOutcome {
    let controls = mmu.controls
    // Only a supervisor's write gets here without W, and only with WP clear.
    let isOverride = access == .write && !walk.rights.isWritable
    let isCarriedOut = isOverride && walk.rights.isUser && (controls.smap || controls.protectionKeys)
    let isFilled = fill(walk.address, isOverride: isOverride && !isCarriedOut)
    if access == .write && shadow.isTracked(walk.target) {
      return storeToTable(walk, privilege, isOverride: isOverride, isFilled: isFilled && !isCarriedOut)
    }
    mmu.exit(.shadowPageFault)
    return retry(walk, access, privilege, isFilled: isFilled && !isCarriedOut)
  }

  /// The guest writes a page that holds one of its tables: from now on unseen, or this once by the hypervisor's hand.
  private func storeToTable(
    _ walk: X86Walk<GuestPhysical>, _ privilege: Privilege, isOverride: Bool, isFilled: Bool
  ) -> TranslationOutcome {
    if Nesting.nests && nesting.noteStore(walk.target) {
      mmu.exit(.pageTableWrite)
      nest(walk.target)
    } else if letOutOfStep(walk.target) {
      mmu.exit(.pageTableUnsync)
    } else {
      mmu.exit(.pageTableWrite)
      shadow.tableStored(walk.target.address(atOffsetOf: walk.address))
      return retry(walk, .write, privilege, isFilled: false)
    }
    let isFilled = isFilled && fill(walk.address, isOverride: isOverride)
    // Room may have been made by dropping the very page that went out of step; made again, it is in step, and has to learn of the store.
    let isShadowedAgain = shadow.isTracked(walk.target)
    if isShadowedAgain { shadow.tableStored(walk.target.address(atOffsetOf: walk.address)) }
    return retry(walk, .write, privilege, isFilled: isFilled && !isShadowedAgain)
  }

  /// The guest makes the access again; where the shadow could not be filled, or cannot show what is allowed, the hypervisor carries it out
  /// and no translation is kept.
  private func retry(
    _ guest: X86Walk<GuestPhysical>, _ access: AccessKind, _ privilege: Privilege, isFilled: Bool
  ) -> TranslationOutcome {
    flushStale()
    if isFilled, let outcome = walk(guest.address, access, privilege) { return outcome }
    mmu.countUncached(access)
    return .mapped(tables.map.leaf(of: guest.target).frame.address(atOffsetOf: guest.address))
  }
}
