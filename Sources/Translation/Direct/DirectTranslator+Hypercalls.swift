internal import Addressing
internal import PageContents
internal import PageTables

/// The hypercalls.
extension DirectTranslator {
  func machineFrame(of frame: GuestFrame) -> HostFrame? { machine.machineFrame(of: frame) }
  func guestFrame(of frame: HostFrame) -> GuestFrame? { machine.guestFrame(of: frame) }

  func update(_ requests: [MMUUpdate]) -> HypercallResult {
    exit(.hypercall)
    for (index, request) in requests.enumerated() {
      do throws(HypercallError) {
        try carryOut(request)
      } catch {
        return HypercallResult(done: index, error: error)
      }
    }
    return HypercallResult(done: requests.count)
  }

  func perform(_ operations: [MMUOperation]) -> HypercallResult {
    exit(.hypercall)
    for (index, operation) in operations.enumerated() {
      do throws(HypercallError) {
        try carryOut(operation)
      } catch {
        return HypercallResult(done: index, error: error)
      }
    }
    return HypercallResult(done: operations.count)
  }

  func updateMapping(of address: GuestVirtualAddress, to value: UInt64, then flush: MappingFlush) -> HypercallResult {
    exit(.hypercall)
    do throws(HypercallError) {
      guard let place = levelOneEntry(of: address) else { throw .invalid }
      try store(value, at: place, keepsUse: false)
    } catch {
      return HypercallResult(done: 0, error: error)
    }
    switch flush {
    case .none: break
    case .page: mmu.invalidatePage(address)
    case .all: mmu.invalidate(.all)
    }
    return HypercallResult(done: 1)
  }

  // MARK: mmu_update

  private func carryOut(_ request: MMUUpdate) throws(HypercallError) {
    switch request.command {
    case .normal: try store(request.value, at: request.address, keepsUse: false)
    case .preserveUse: try store(request.value, at: request.address, keepsUse: true)
    case .machineToPhysical:
      guard let frame = machine.guestFrame(of: request.address.page) else { throw .notPermitted }
      guard request.value == frame.rawValue else { throw .invalid }
      mmu.counts.addTableUpdate()
    case nil: throw .notImplemented
    }
  }

  /// Stores a word of the guest's memory: in a table an entry, which is checked; elsewhere anything.
  private func store(_ value: UInt64, at address: HostPhysicalAddress, keepsUse: Bool) throws(HypercallError) {
    guard address.rawValue & 7 == 0 else { throw .invalid }
    guard let frame = machine.guestFrame(of: address.page) else { throw .notPermitted }
    let old = X86Entry(rawValue: contents.load(address))
    var new = X86Entry(rawValue: value)
    if let level = types.type(of: frame).level {
      if keepsUse { new = new.with(old.rawValue & (X86Entry.accessed | X86Entry.dirty)) }
      try replace(old, by: new, at: address, in: frame, level: level)
    } else {
      // What the TLB kept of it as a table, or writable, stays in order: the guest may write this page.
      if types.isStale(frame), types.lastType(of: frame).level != nil { flush() }
      write(new, over: old, at: address, in: frame)
    }
    mmu.counts.addTableUpdate()
  }

  /// Replaces an entry of a table: first the new one's references, then the store, then the old one's.
  private func replace(
    _ old: X86Entry, by new: X86Entry, at address: HostPhysicalAddress, in table: GuestFrame, level: Int
  ) throws(HypercallError) {
    let changed = old.rawValue ^ new.rawValue
    let references = X86Entry.present | X86Entry.frameMask | (level == 1 ? X86Entry.writable : 0)
    if old.isPresent && changed & references == 0 {
      // The same references; yet every bit that has changed must be legal (XSA-148, XSA-182).
      guard Self.isLegal(new, level: level) else { throw .invalid }
      return write(new, over: old, at: address, in: table)
    }
    try hold(new, level: level)
    write(new, over: old, at: address, in: table)
    letGo(old, level: level)
  }

  /// Stores a word that was checked.
  func write(_ new: X86Entry, over old: X86Entry, at address: HostPhysicalAddress, in frame: GuestFrame) {
    if let willStore {
      willStore(
        PageStore(frame: frame, index: Int(address.offset(in: .size4K) >> 3), old: old.rawValue, new: new.rawValue))
    }
    contents.store(new.rawValue, address)
  }

  /// Where the current tables have the level-1 entry of an address.
  private func levelOneEntry(of address: GuestVirtualAddress) -> HostPhysicalAddress? {
    guard root != nil, X86Index.isCanonical(address, levels: rootLevel) else { return nil }
    var walk = X86Walk(
      address, root: HostPhysicalAddress(mmu.root.rawValue), levels: rootLevel, reserved: mmu.controls.reservedBits)
    while walk.level > 1 {
      guard walk.step(X86Entry(rawValue: contents.load(walk.entryAddress))) == .table else { return nil }
    }
    return walk.entryAddress
  }

  // MARK: mmuext_op

  private func carryOut(_ operation: MMUOperation) throws(HypercallError) {
    switch operation {
    case .pin(let level, let frame): try pin(frame, level: level)
    case .unpin(let frame): try unpin(frame)
    case .loadRoot(let frame): try loadRoot(frame)
    case .invalidatePage(let address): mmu.invalidatePage(address)
    case .flush: mmu.invalidate(.all)
    }
  }

  private func pin(_ frame: HostFrame, level: Int) throws(HypercallError) {
    guard let type = FrameType(level: level), level <= rootLevel else { throw .invalid }
    guard let table = machine.guestFrame(of: frame) else { throw .notPermitted }
    guard !types.isPinned(table) else { throw .invalid }
    try acquire(table, as: type)
    types.setPinned(table, true)
  }

  private func unpin(_ frame: HostFrame) throws(HypercallError) {
    guard let table = machine.guestFrame(of: frame) else { throw .notPermitted }
    guard types.isPinned(table) else { throw .invalid }
    types.setPinned(table, false)
    release(table)
  }

  /// A load of CR3: the frame must be a root table or become one.
  func loadRoot(_ frame: HostFrame) throws(HypercallError) {
    guard !isEnded, let table = machine.guestFrame(of: frame) else { throw .notPermitted }
    guard let type = FrameType(level: rootLevel) else { throw .invalid }
    try acquire(table, as: type)
    let old = root
    root = table
    mmu.loadCR3(GuestPhysicalAddress(frame.address.rawValue))
    if let old { release(old) }
  }
}
