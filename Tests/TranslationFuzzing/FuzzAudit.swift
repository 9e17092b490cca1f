internal import Addressing
internal import PageTables
internal import Translation

/// What must hold whenever nothing is under way.
extension FuzzGuest {
  /// Law 2: nothing held reaches a frame that the map does not, or writes where the map does not; and the guest's memory is the same
  /// everywhere.
  func audit() {
    settle()
    for rig in rigs {
      rig.translator.forEachHeld { held in
        if self.failure == nil { self.audit(held, rig) }
      }
      for address in Self.addresses { auditPeek(address, rig) }
      if let problem = (rig as? ParavirtualRig)?.problem() { fail(rig.name, problem) }
    }
    for frame in 0..<64 {
      for index in 0..<18 {
        let address = GuestPhysicalAddress(UInt64(frame) << 12 | UInt64(index < 9 ? index : 494 + index) << 3)
        let word = rigs[0].load(address)
        for rig in rigs where rig.load(address) != word {
          fail(rig.name, "holds \(FuzzStep.hex(rig.load(address))) at \(address), \(rigs[0].name) \(FuzzStep.hex(word))")
        }
      }
    }
  }

  private func audit(_ held: HeldEntry, _ rig: FuzzRig) {
    for offset in 0..<held.pages {
      let (page, frame) = (held.page.advanced(by: offset), held.frame.advanced(by: offset))
      guard let owner = rig.guestFrame(frame) else { return fail(rig.name, "a translation of \(page) leads to a table of the host's") }
      let leaf = rig.map.leaf(of: owner)
      if !leaf.isPresent || leaf.frame != frame { fail(rig.name, "a translation of \(page) outlives its frame") }
      guard held.isWritable else { continue }
      if !leaf.isWritable { fail(rig.name, "\(page) is writable, its frame is not") }
      if rig.translator.storeTraps(owner) { fail(rig.name, "a shadowed table is writable at \(page)") }
      if (rig as? ParavirtualRig)?.isTable(owner) == true { fail(rig.name, "a table of machine frames is writable at \(page)") }
    }
  }

  /// The shadow agrees with the composed walk, or allows less.
  private func auditPeek(_ address: GuestVirtualAddress, _ rig: FuzzRig) {
    guard let held = rig.translator.peek(address) else { return }
    // A shadow needs no guest table's page to be present, so the tables are read wherever they are.
    let composed = composition(of: address, cr3: rig.root.address, map: rig.map, controls: controls) { place in
      place.page.rawValue < UInt64(FuzzRig.guestFrames) ? rig.load(place) : nil
    }
    guard let truth = composed.translation else { return fail(rig.name, "holds a translation of \(address), which leads nowhere") }
    if held.hostFrame != truth.hostFrame { fail(rig.name, "holds frame \(held.hostFrame) for \(address), should be \(truth.hostFrame)") }
    // Without WP a shadow may show a user's page as a writable one of the kernel's.
    guard controls.writeProtect else { return }
    // A page may be the user's without an invalidation, and its shadow the kernel's for a while.
    let isSameUser = held.isUser == truth.isUser || (truth.isUser && !lesser.isEmpty)
    let isSame = isSameUser && (held.isNoExecute || !truth.isNoExecute) && (!held.isWritable || truth.isWritable)
    if !isSame { fail(rig.name, "holds other rights for \(address) than the tables give") }
  }

  /// The end: each access that completed was counted once, and everything is given back.
  func finish() {
    audit()
    let references = rigs[0].translator.counters.references
    for rig in rigs {
      let counted = rig.translator.counters.references
      if counted != references { fail(rig.name, "counts \(counted) accesses, \(rigs[0].name) \(references)") }
    }
    for rig in rigs {
      rig.translator.destroy()
      rig.translator.forEachHeld { _ in self.fail(rig.name, "holds something after its end") }
      rig.map.destroy()
      if rig.frames.used != 0 || rig.mapFrames.used != 0 { fail(rig.name, "keeps frames after its end") }
    }
  }
}
