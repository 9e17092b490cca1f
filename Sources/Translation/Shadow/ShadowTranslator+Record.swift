internal import Addressing
internal import Columns
internal import PageContents
internal import PageTables

extension ShadowPaging {
  /// The walk of the shadow tables as the processor finds them now; in agile paging with the guest's own tables below a switch. What no
  /// access has filled yet ends in a page fault, as it would.
  func recordWalk(_ address: GuestVirtualAddress, _ access: AccessKind, _ privilege: Privilege) -> WalkTranscript? {
    let start = state[ShadowState.start]
    guard start != 0 else { return nil }
    if Nesting.nests, let walk = recordNestedWalk(address, access, privilege, start) { return walk }
    return WalkRecorder(controls: processorControls, machine: tables.contents).walk(
      address, cr3: GuestPhysicalAddress(start & X86Entry.frameMask), access, privilege)
  }

  /// The walk of an address whose tables are nested from some level on; nil where all are shadowed.
  private func recordNestedWalk(
    _ address: GuestVirtualAddress, _ access: AccessKind, _ privilege: Privilege, _ start: UInt64
  ) -> WalkTranscript? {
    let controls = mmu.controls
    let recorder = WalkRecorder(controls: controls, map: tables.map, contents: tables.contents, setsAccessedDirty: false)
    if start & ShadowStart.full != 0 { return recorder.walk(address, cr3: mmu.root, access, privilege) }
    var place = HostPhysicalAddress(start & X86Entry.frameMask)
    var walk = X86Walk(
      address, root: GuestPhysicalAddress(place.rawValue), levels: controls.levels, reserved: controls.reservedBits)
    var steps: [WalkStep] = []
    var isSwitched = start & ShadowStart.nested != 0
    while !isSwitched {
      let entryPlace = X86Index.entryAddress(in: place, of: address, level: walk.level)
      guard let word = tables.contents.word(at: entryPlace.rawValue) else { return nil }
      let entry = X86Entry(rawValue: word)
      guard walk.level > 1, entry.isPresent, entry.rawValue & X86Entry.pageSize == 0 else { return nil }
      place = HostPhysicalAddress(word & X86Entry.frameMask)
      steps.append(
        WalkStep(
          number: steps.count + 1, dimension: .shadow, level: walk.level, guestLevel: walk.level,
          index: X86Index.index(of: address, level: walk.level), guestAddress: nil, hostAddress: entryPlace, word: word,
          meaning: .table(at: place.rawValue)))
      isSwitched = word & X86Entry.switching != 0
      if isSwitched { walk.rights = X86Rights(of: entry) }
      walk.level -= 1
    }
    // The recorder looks for the first table at its host address alone.
    walk.table = GuestPhysicalAddress(place.rawValue)
    return recorder.walk(on: walk, at: place, root: mmu.root, access, privilege, after: steps)
  }
}
