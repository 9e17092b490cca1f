internal import Addressing
internal import PageContents
internal import PageTables
internal import TranslationCaching

/// A translator for guests whose tables hold guest-physical addresses, so that the processor walks them through a second dimension: from
/// the root on in native and nested paging, from a switch on in agile paging, never in shadow paging.
protocol GuestTableTranslator: MMUTranslator {
  associatedtype Dimension: HostDimension
  var tables: GuestTables { get }
  var dimension: Dimension { get }
}

extension GuestTableTranslator {
  func composition(of address: GuestVirtualAddress) -> ComposedTranslation {
    tables.composition(of: address, root: mmu.root, mmu.controls)
  }

  func forEachMapping<Failure: Error>(_ body: (X86Mapping) throws(Failure) -> Void) throws(Failure) {
    _ = try X86Mappings(root: mmu.root, controls: mmu.controls).forEach(word: tables.word, body)
  }

  // MARK: The walk

  /// Goes from the table that a walk stands at down to the leaf, which it marks as used.
  /// - Parameters:
  ///   - start: the host address of that table; nil where it has to be found.
  ///   - purpose: what the loads of tables are to the dimension.
  ///   - mark: what paging-structure caches shall remember of the tables beside the rights.
  /// - Returns: who refuses the access; nil where the guest's tables let it pass.
  @inline(__always)
  func descend(
    _ walk: inout X86Walk<GuestPhysical>, from start: HostPhysicalAddress?, _ access: AccessKind, _ privilege: Privilege,
    _ controls: X86Controls, loads purpose: GuestPhysicalPurpose, mark: UInt64 = 0, references: inout UInt64
  ) -> TranslationOutcome? {
    var place: HostPhysicalAddress
    if let start {
      place = start
    } else {
      let root = dimension.walk(walk.entryAddress, .read, for: purpose, isUserPage: false, mmu.space, references: &references)
      guard root.isMapped else { return refused(root, walk.entryAddress, .read, loads: purpose) }
      place = root.leaf.frame.address
    }
    var step = X86Step.table
    while true {
      references &+= 1
      step = walk.step(X86Entry(rawValue: tables.contents.load(X86Index.entryAddress(in: place, of: walk.address, level: walk.level))))
      if step != .table { break }
      let next = dimension.walk(walk.entryAddress, .read, for: purpose, isUserPage: false, mmu.space, references: &references)
      guard next.isMapped else { return refused(next, walk.entryAddress, .read, loads: purpose) }
      place = next.leaf.frame.address
      mmu.pass(place, walk, mark: mark)
    }
    guard step == .leaf else { return .guestFault(walk.fault(step, controls.tried(access, privilege))) }
    if let refusal = controls.refusal(of: access, privilege, rights: walk.leafRights) { return .guestFault(refusal) }
    let isWrite = access == .write
    if !walk.allAccessed || (isWrite && !walk.entry.isDirty),
      let violation = tables.markUsed(walk.address, root: mmu.root, controls, isWrite: isWrite)
    {
      return violated(violation)
    }
    return nil
  }

  /// The guest-physical map refuses an address. A misconfiguration has no qualification: 0 tells it from a violation, which is never 0.
  /// - Parameter purpose: of a load of a guest's table; nil for the access itself.
  @inline(never)
  func refused(
    _ walk: NestedWalk, _ address: GuestPhysicalAddress, _ access: AccessKind, loads purpose: GuestPhysicalPurpose?
  ) -> TranslationOutcome {
    var violation = GuestViolation(address: address, access: access, isGuestTable: purpose != nil, qualification: 0)
    switch walk.kind {
    case .mapped: preconditionFailure("a walk that found the page is not refused")
    case .violation:
      if purpose == .guestTable && dimension.writesGuestTables { violation.access = .write }
      violation.qualification = walk.qualification
      return violated(violation)
    case .misconfiguration:
      mmu.exit(.eptMisconfiguration)
      return .violation(violation)
    case .logFull: preconditionFailure("the dimension empties a full log and walks again")
    }
  }

  /// The access violates the map: an exit, where there is a hypervisor to exit to.
  @inline(never) func violated(_ violation: GuestViolation) -> TranslationOutcome {
    if let reason = dimension.refusal { mmu.exit(reason) }
    return .violation(violation)
  }
}

extension HostDimension {
  /// What a finished walk of the guest's tables and the map let pass together: a page as large as the smaller of both.
  @inline(__always)
  func entry(_ walk: X86Walk<GuestPhysical>, _ host: NestedWalk, _ access: AccessKind, _ controls: X86Controls) -> TLBEntry {
    let isDirty = access == .write || (walk.entry.isDirty && (host.leaf.isDirty || !keepsDirty))
    let isExecutable = host.rights & executeRight(isUserPage: walk.rights.isUser) != 0
    let allowed =
      ~(AccessCheck.writable | AccessCheck.executable) | host.rights & EPTEntry.write | (isExecutable ? AccessCheck.executable : 0)
    let global = controls.globalPages ? walk.entry.rawValue & X86Entry.global : 0
    let rights = walk.leafRights & allowed & ~AccessCheck.dirty | (isDirty ? AccessCheck.dirty : 0) | global
    let size = walk.level == 1 || host.level == 1 ? PageSize.size4K : min(walk.level, host.level) == 2 ? .size2M : .size1G
    return TLBEntry(host.leaf.frame, size, rights: rights, guestSize: walk.pageSize)
  }
}
