internal import Addressing
internal import PageContents
internal import PageTables
internal import Translation

/// The laws for guests whose tables hold machine frames.
extension Audit {
  /// Checks all of them.
  func checkDirectGuests() {
    for vm in host.vms where vm.isRunning {
      guard let hypercalls = vm.translator.paravirtual else { continue }
      checkMachineFrames(vm, hypercalls)
      checkUses(vm, hypercalls)
      checkHeldTables(vm, hypercalls)
    }
  }

  /// What a guest's tables say of a page that is held: the root in the entry is a machine address.
  func directTruth(of entry: HeldEntry, _ vm: VirtualMachine) -> HeldTranslation? {
    directWalk(
      entry.page.address, root: HostPhysicalAddress(entry.root.rawValue), contents: host.contents, controls: vm.translator.controls)
  }

  /// P2M says what the map says, M2P of it is the identity, and M2P names nothing else.
  private func checkMachineFrames(_ vm: VirtualMachine, _ hypercalls: any ParavirtualPaging) {
    var owned = 0
    for index in 0..<vm.pageCount {
      let frame = GuestFrame(index)
      let leaf = vm.map.leaf(of: frame)
      let mapped = leaf.hasFrame ? leaf.frame : nil
      if mapped != nil { owned += 1 }
      if hypercalls.machineFrame(of: frame) != mapped { report(2, "P2M of \(vm.name) is wrong at guest frame \(frame)") }
      if let mapped, hypercalls.guestFrame(of: mapped) != frame { report(2, "M2P of \(vm.name) is wrong at machine frame \(mapped)") }
    }
    var named = 0
    hypercalls.forEachMachineFrame { _, _ in named += 1 }
    if named != owned { report(2, "M2P of \(vm.name) names \(named) frames and it has \(owned)") }
  }

  /// Types and counts, counted anew from the tables.
  private func checkUses(_ vm: VirtualMachine, _ hypercalls: any ParavirtualPaging) {
    let kept = (0..<vm.pageCount).map { hypercalls.use(of: GuestFrame($0)) }
    let frames = (0..<vm.pageCount).map { index in
      let leaf = vm.map.leaf(of: GuestFrame(index))
      return leaf.hasFrame ? leaf.frame : nil
    }
    let pins = kept.indices.filter { kept[$0].isPinned }.map { (frame: GuestFrame($0), level: kept[$0].type.level ?? 0) }
    let root = hypercalls.rootTable.map { (frame: $0, level: vm.translator.controls.levels) }
    let census = DirectCensus(contents: host.contents, frames: frames, pins: pins, root: root)
    for problem in census.problems { report(3, "\(vm.name): \(problem)") }
    for index in kept.indices where census.uses[index] != kept[index] {
      report(1, "guest frame \(GuestFrame(index)) of \(vm.name) is kept as \(kept[index]) and is \(census.uses[index])")
    }
  }

  /// No translation that the TLB holds writes to a table.
  private func checkHeldTables(_ vm: VirtualMachine, _ hypercalls: any ParavirtualPaging) {
    vm.translator.forEachHeld { held in
      guard held.isWritable, let frame = hypercalls.guestFrame(of: held.frame), hypercalls.use(of: frame).type.level != nil else { return }
      report(3, "\(vm.name) can still write to table \(frame) at page \(held.page)")
    }
  }
}
