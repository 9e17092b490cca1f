public import Addressing
public import Columns
public import Machine
internal import PageTables
internal import Translation

/// # Stream guests: who carries an access stream out
///
/// An access stream says what programs do; a guest's kernel has to make it possible. It gives each process tables when the stream first mentions
/// it, a page of zeros at the first access to it, a copy at the first write after a fork; it loads CR3 when another process runs and
/// invalidates what it takes away. All of that is done as Linux does it, with stores into page tables in the guest's own memory and with the
/// processor's own instructions, because this is what the ways of paging differ in.
///
/// The invariant: *whatever is translated has been mapped by a store that the translator could see*. So two guests that run the same stream under two
/// ways of paging have the same tables, byte for byte, and have taken the same page faults; what differs is what it cost.
///
/// Between events and faults nothing of this runs: the translator takes batches of records at its own speed. Memory does not grow with the
/// stream's length, only with the pages that it touches.
///
/// Simpler than Linux in this: all memory is anonymous, private, readable, writable and executable; the kernel has no mappings of its own in the
/// processes' tables; a page is given at its first access even if that only reads; what `unmap` and `protect` cover only in part, of a large
/// page, they leave alone; tables are freed when the process ends. A write to a protected page finds a handler in the program that
/// makes the page writable again, as garbage collectors and checkpointers have.
public final class StreamGuest {
  /// The virtual machine that it runs in.
  public let vm: VirtualMachine
  /// How it uses its processor.
  public let options: StreamGuestOptions

  let kernel: StreamKernel
  var processes: [UInt64: StreamTables] = [:]
  /// The process that runs.
  var current: (number: UInt64, tables: StreamTables)?
  /// What `range` said last: the first page.
  var rangeStart: UInt64 = 0
  var spaces = AddressSpaceNumbers()
  /// Tables that map nothing, for the processor to stand in when a process ends.
  private var idle: StreamTables?

  /// A guest in a virtual machine that runs nothing else. Guests of one image hold the same duplicate pages.
  public init(vm: VirtualMachine, options: StreamGuestOptions, image: ContentSpace = ContentSpace(number: 1), own: ContentSpace? = nil) {
    self.vm = vm
    // A direct guest's hypervisor offers no PCIDs.
    var options = options
    options.usesPCIDs = options.usesPCIDs && vm.mode != .direct
    self.options = options
    let own = own ?? ContentSpace(number: 2 + UInt64(vm.id.rawValue))
    kernel = StreamKernel(vm: vm, pageSize: options.pageSize, contents: StreamContents(options, image: image, own: own))
    var controls = X86Controls()
    controls.levels = options.levels
    controls.pcids = options.usesPCIDs
    vm.setControls(controls)
  }

  /// What its kernel has done.
  public var counts: StreamGuestCounts { kernel.counts }

  /// Free memory, and memory that programs hold, in pages of 4 KiB.
  public var freePages: Int { kernel.frames.count }
  /// Memory that programs hold, in pages of 4 KiB.
  public var programPages: Int { kernel.programFrames }

  /// A frame for whoever lives in the guest besides the stream: a balloon.
  public func takeFrame() -> GuestFrame? { kernel.frames.allocateFrame() }

  /// A frame of zeros for a device's queue.
  public func takeZeroedFrame() -> GuestFrame? { try? kernel.allocateTable() }

  /// A frame comes back.
  public func returnFrame(_ frame: GuestFrame) { kernel.frames.release(frame: frame) }

  /// Carries records out, in order.
  /// - Throws: why it cannot go on; the records before have been carried out.
  public func run(_ records: borrowing Column<AccessRecord>, in range: Range<Int>) throws(StreamGuestError) {
    var next = range.lowerBound
    var faulted = (index: -1, times: 0)
    while next < range.upperBound {
      if current == nil && !records[next].isEvent { try run(process: 0) }
      switch vm.access(records, in: next..<range.upperBound) {
      case .end: return
      case .event(let index):
        try carryOut(records[index])
        next = index + 1
      case .guestFault(let index, _):
        faulted = index == faulted.index ? (index, faulted.times + 1) : (index, 1)
        // As absent, as protected, as shared; then it must pass.
        guard faulted.times <= 3 else { throw .unresolvedFault(records[index].address) }
        try handleFault(records[index])
        next = index
      case .generalProtection(let index):
        throw .notCanonical(records[index].address, levels: options.levels, accesses: kernel.accesses)
      case .stopped: throw .hostFull(accesses: kernel.accesses)
      }
    }
  }

  // MARK: Page faults

  private func handleFault(_ record: AccessRecord) throws(StreamGuestError) {
    kernel.counts.pageFaults += 1
    guard let tables = current?.tables else { return }
    if let leaf = try tables.leaf(of: record.address) {
      if record.kind == .write { try makeWritable(leaf, in: tables) }
    } else {
      try populate(record.address, in: tables)
    }
    try tables.settle()
  }

  func populate(_ address: GuestVirtualAddress, in tables: StreamTables) throws(StreamGuestError) {
    kernel.counts.pagesTouched += 1
    let page = try kernel.allocatePage()
    try tables.map(address, tables.entry(of: page))
  }

  /// A write to a read-only page: the last that has it goes on with it, any other gets a copy (mm/memory.c, `do_wp_page`).
  private func makeWritable(_ leaf: StreamTables.Leaf, in tables: StreamTables) throws(StreamGuestError) {
    guard !leaf.entry.isWritable else { return }
    if leaf.entry.rawValue & StreamTables.protected != 0 { kernel.counts.protectionFaults += 1 }
    let page = leaf.entry.guestFrame
    guard kernel.isShared(page) else { return try tables.store(tables.entry(of: page), leaf.place) }
    kernel.counts.copiesOnWrite += 1
    let copy = try kernel.copyPage(page)
    try tables.store(tables.entry(of: copy), leaf.place)
    try tables.settle()
    kernel.invalidate(leaf.address)
    kernel.drop(page)
  }

  // MARK: Processes

  /// Lets a process run, which is made if there is none of that number.
  func run(process number: UInt64) throws(StreamGuestError) {
    guard current?.number != number else { return }
    let tables: StreamTables
    if let known = processes[number] { tables = known } else { tables = try make(number) }
    if current != nil { kernel.counts.contextSwitches += 1 }
    current = (number, tables)
    try enter(tables, number)
  }

  func make(_ number: UInt64) throws(StreamGuestError) -> StreamTables {
    let tables = try StreamTables(kernel: kernel, levels: options.levels)
    kernel.counts.processes += 1
    processes[number] = tables
    return tables
  }

  /// Loads CR3 with a process's tables. With PCIDs its translations are kept if its number is still its own.
  func enter(_ tables: StreamTables, _ number: UInt64) throws(StreamGuestError) {
    try tables.ready()
    guard options.usesPCIDs else { return kernel.loadCR3(tables.root.address) }
    let space = spaces.enter(number)
    kernel.loadCR3(GuestPhysicalAddress(tables.root.address.rawValue | space.pcid | (space.isFresh ? 0 : 1 << 63)))
  }

  /// Loads CR3 with what it holds, to drop the running process's translations.
  func reloadCR3() throws(StreamGuestError) {
    guard let current else { return }
    try current.tables.settle()
    let pcid = options.usesPCIDs ? spaces.enter(current.number).pcid : 0
    kernel.loadCR3(GuestPhysicalAddress(current.tables.root.address.rawValue | pcid))
  }

  /// Loads CR3 with tables that map nothing.
  func enterIdle() throws(StreamGuestError) {
    let tables: StreamTables
    if let idle { tables = idle } else { tables = try StreamTables(kernel: kernel, levels: options.levels) }
    idle = tables
    current = nil
    try tables.ready()
    kernel.loadCR3(tables.root.address)
  }
}

/// Which PCID each process has: a processor's few, given out in turn (Linux: `TLB_NR_DYN_ASIDS` = 6, arch/x86/mm/tlb.c,
/// `choose_new_asid`). PCID 0 is that of the tables that map nothing.
struct AddressSpaceNumbers {
  private var holders = [UInt64?](repeating: nil, count: 6)
  private var turn = 0

  /// The PCID of a process that is about to run, and whether it did not have it before: then what it tags is somebody else's.
  mutating func enter(_ process: UInt64) -> (pcid: UInt64, isFresh: Bool) {
    if let slot = holders.firstIndex(of: process) { return (UInt64(slot + 1), false) }
    let slot = turn
    turn = (turn + 1) % holders.count
    holders[slot] = process
    return (UInt64(slot + 1), true)
  }

  /// The process ends or has other tables: its PCID, if it has one, is nobody's.
  mutating func leave(_ process: UInt64) -> UInt64? {
    guard let slot = holders.firstIndex(of: process) else { return nil }
    holders[slot] = nil
    return UInt64(slot + 1)
  }
}
