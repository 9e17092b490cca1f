internal import Addressing
internal import Machine
internal import PageTables
internal import Translation

/// What happens in an access stream between two accesses.
extension StreamGuest {
  /// Above so many pages Linux drops all of a process's translations instead of one after the other (arch/x86/mm/tlb.c,
  /// `tlb_single_page_flush_ceiling`).
  private static let mostSingleInvalidations = 33

  func carryOut(_ record: AccessRecord) throws(StreamGuestError) {
    guard let event = record.event else { throw .unknownEvent(record.rawValue) }
    let argument = record.argument
    switch event {
    case .run: try run(process: argument)
    case .exit: try exit(process: argument)
    case .range: rangeStart = argument
    case .worldSwitch:
      kernel.counts.worldSwitches += 1
      vm.worldSwitch()
    case .operation:
      guard let operation = UInt8(exactly: argument).flatMap({ KernelOperation(rawValue: $0) }) else {
        throw .unknownEvent(record.rawValue)
      }
      kernel.counts.operations[Int(operation.rawValue)] += 1
    case .fork, .exec, .unmap, .protect, .unprotect, .rewrite, .populate:
      if current == nil { try run(process: 0) }
      guard let current else { return }
      try change(current.tables, event, argument)
    }
  }

  /// What changes the running process's tables.
  private func change(_ tables: StreamTables, _ event: StreamEvent, _ argument: UInt64) throws(StreamGuestError) {
    switch event {
    case .fork: try fork(tables, child: argument)
    case .exec: try exec(tables)
    case .unmap: try unmap(tables, pages: argument)
    case .protect: try setWritable(false, tables, pages: argument)
    case .unprotect: try setWritable(true, tables, pages: argument)
    case .rewrite: try rewrite(tables, GuestVirtualAddress(argument << PageSize.size4K.shift))
    case .populate: try populate(tables, pages: argument)
    case .run, .exit, .range, .worldSwitch, .operation: return
    }
  }

  // MARK: Processes

  /// Both sides have all pages, read-only, and copy at the first write (mm/memory.c, `copy_present_pte`: the parent's entries are
  /// write-protected one by one, the child's are written without A; then the parent's translations are dropped at once, kernel/fork.c,
  /// `dup_mmap`).
  private func fork(_ tables: StreamTables, child number: UInt64) throws(StreamGuestError) {
    guard processes[number] == nil else { throw .processExists(number, accesses: kernel.accesses) }
    let child = try make(number)
    for leaf in try tables.leaves() {
      let shared = leaf.entry.without(X86Entry.writable)
      if shared != leaf.entry { try tables.store(shared, leaf.place) }
      try child.map(leaf.address, shared.without(X86Entry.accessed))
      kernel.share(leaf.entry.guestFrame)
    }
    try reloadCR3()
  }

  /// The process goes on with new tables; what it had is unmapped (fs/exec.c, `exec_mmap`).
  private func exec(_ old: StreamTables) throws(StreamGuestError) {
    guard let number = current?.number else { return }
    let fresh = try StreamTables(kernel: kernel, levels: options.levels)
    leaveSpace(of: number)
    processes[number] = fresh
    current = (number, fresh)
    try enter(fresh, number)
    try empty(old)
  }

  /// The process ends: the processor goes over to tables that map nothing, then all is freed.
  private func exit(process number: UInt64) throws(StreamGuestError) {
    guard let tables = processes.removeValue(forKey: number) else { return }
    if current?.number == number { try enterIdle() }
    leaveSpace(of: number)
    try empty(tables)
  }

  private func leaveSpace(of number: UInt64) {
    if let pcid = spaces.leave(number) { vm.invalidate(.context(PCID(UInt16(truncatingIfNeeded: pcid)))) }
  }

  /// Unmaps all of a process that runs no longer, entry by entry (mm/memory.c, `zap_pte_range`), and frees its tables.
  private func empty(_ tables: StreamTables) throws(StreamGuestError) {
    tables.retire()
    for leaf in try tables.leaves() {
      try tables.store(.notPresent, leaf.place)
      kernel.drop(leaf.entry.guestFrame)
    }
    tables.destroy()
  }

  // MARK: Ranges

  /// The addresses of as many pages as an event says, from where the last `range` began; nil where there are none.
  private func addresses(pages: UInt64) throws(StreamGuestError) -> ClosedRange<UInt64>? {
    guard pages > 0 else { return nil }
    let first = rangeStart << PageSize.size4K.shift
    let length = pages.multipliedReportingOverflow(by: PageSize.size4K.bytes)
    let last = first.addingReportingOverflow(length.partialValue &- 1)
    // Linux refuses what is not below the end of the address space (mm/mmap.c, `do_vmi_munmap`).
    guard !length.overflow, !last.overflow, first >> 63 == last.partialValue >> 63,
      [first, last.partialValue].allSatisfy({ X86Index.isCanonical(GuestVirtualAddress($0), levels: options.levels) })
    else { throw .rangeNotCanonical(GuestVirtualAddress(first), pages: pages, levels: options.levels, accesses: kernel.accesses) }
    return first...last.partialValue
  }

  /// The leaves of such a range.
  private func leaves(_ tables: StreamTables, pages: UInt64) throws(StreamGuestError) -> [StreamTables.Leaf] {
    guard let range = try addresses(pages: pages) else { return [] }
    return try tables.leaves(from: range.lowerBound, through: range.upperBound)
  }

  /// Gives the program the pages of a range that it does not have yet, as `mmap` with MAP_POPULATE does (mm/gup.c, `populate_vma_page_range`); the
  /// entries of several pages are set in one go (include/linux/pgtable.h, `set_ptes`). Nothing that was absent needs an invalidation.
  private func populate(_ tables: StreamTables, pages: UInt64) throws(StreamGuestError) {
    guard let range = try addresses(pages: pages) else { return }
    let size = options.pageSize.bytes
    var mapped = try leaves(tables, pages: pages).makeIterator()
    var present = mapped.next()
    var next = range.lowerBound.addingReportingOverflow(size - 1)
    next.partialValue &= ~(size - 1)
    while !next.overflow, next.partialValue <= range.upperBound, range.upperBound - next.partialValue >= size - 1 {
      let address = GuestVirtualAddress(next.partialValue)
      if present?.address == address { present = mapped.next() } else { try populate(address, in: tables) }
      next = next.partialValue.addingReportingOverflow(size)
    }
    try tables.settle()
  }

  private func unmap(_ tables: StreamTables, pages: UInt64) throws(StreamGuestError) {
    let leaves = try leaves(tables, pages: pages)
    for leaf in leaves { try tables.store(.notPresent, leaf.place) }
    try tables.settle()
    try invalidate(leaves)
    for leaf in leaves { kernel.drop(leaf.entry.guestFrame) }
  }

  /// Write-protects pages, or makes writable again those that no other process has; the others stay read-only until they are copied.
  private func setWritable(_ isWritable: Bool, _ tables: StreamTables, pages: UInt64) throws(StreamGuestError) {
    var changed: [StreamTables.Leaf] = []
    for leaf in try leaves(tables, pages: pages) {
      var entry = leaf.entry
      if isWritable {
        entry = entry.without(StreamTables.protected)
        if !kernel.isShared(entry.guestFrame) { entry = entry.with(X86Entry.writable) }
      } else {
        entry = entry.with(StreamTables.protected).without(X86Entry.writable)
      }
      guard entry != leaf.entry else { continue }
      try tables.store(entry, leaf.place)
      changed.append(leaf)
    }
    try tables.settle()
    // A right that was added needs no invalidation: at worst the next access faults once more (mm/mprotect.c, `pte_needs_flush`).
    if !isWritable { try invalidate(changed) }
  }

  private func invalidate(_ leaves: [StreamTables.Leaf]) throws(StreamGuestError) {
    if leaves.count > Self.mostSingleInvalidations { return try reloadCR3() }
    for leaf in leaves { kernel.invalidate(leaf.address) }
  }

  /// Stores what the entry holds once more and tells the processor. A page that is not mapped is given to the program first.
  private func rewrite(_ tables: StreamTables, _ address: GuestVirtualAddress) throws(StreamGuestError) {
    guard X86Index.isCanonical(address, levels: options.levels) else {
      throw .notCanonical(address, levels: options.levels, accesses: kernel.accesses)
    }
    if try tables.leaf(of: address) == nil { try populate(address, in: tables) }
    guard let leaf = try tables.leaf(of: address) else { return }
    kernel.counts.rewrites += 1
    try tables.store(leaf.entry, leaf.place)
    try tables.settle()
    kernel.invalidate(leaf.address)
  }
}
