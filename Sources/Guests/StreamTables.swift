internal import Addressing
internal import PageTables

/// A process's page tables in a guest that runs an access stream: x86-64 with four or five levels, in the guest's own memory, leaves of one size.
///
/// Entries are what Linux puts there: tables and writable anonymous pages get A and D from the start (arch/x86/include/asm/pgtable_types.h,
/// `_KERNPG_TABLE`, `PAGE_SHARED`; mm/memory.c, `do_anonymous_page`), so that no processor has to set them.
final class StreamTables {
  private let kernel: StreamKernel
  private let levels: Int
  /// The table that CR3 names.
  let root: GuestFrame
  private var tables: [GuestFrame]
  private let writer: TableWriter
  /// The table of leaves that was come to last, and which of the address space's regions it maps: tables stay until the process ends.
  private var recent: (region: UInt64, table: GuestPhysicalAddress)?

  /// Bit 9, which processors ignore: the page was made read-only by `protect`.
  static let protected: UInt64 = 1 << 9
  private static let used = X86Entry.accessed | X86Entry.dirty

  /// A leaf, where it lies and what it maps.
  struct Leaf {
    let address: GuestVirtualAddress
    let place: GuestPhysicalAddress
    let entry: X86Entry
  }

  init(kernel: StreamKernel, levels: Int) throws(StreamGuestError) {
    self.kernel = kernel
    self.levels = levels
    writer = TableWriter(kernel.vm)
    if writer.isParavirtual && kernel.pageSize != .size4K { throw .smallPagesOnly(kernel.pageSize) }
    root = try kernel.allocateTable()
    tables = [root]
  }

  private var leafLevel: Int { kernel.pageSize.level }

  /// The number of what one table of leaves maps.
  private func region(of address: GuestVirtualAddress) -> UInt64 { address.rawValue >> X86Index.shift(leafLevel + 1) }

  /// Where an address is mapped; nil where it is not.
  func leaf(of address: GuestVirtualAddress) throws(StreamGuestError) -> Leaf? {
    var table = root.address
    if let recent, recent.region == region(of: address) {
      table = recent.table
    } else {
      for level in stride(from: levels, to: leafLevel, by: -1) {
        let entry = try load(X86Index.entryAddress(in: table, of: address, level: level))
        guard entry.isPresent else { return nil }
        table = entry.guestFrame.address
      }
      recent = (region(of: address), table)
    }
    let place = X86Index.entryAddress(in: table, of: address, level: leafLevel)
    let entry = try load(place)
    return entry.isPresent ? Leaf(address: address.aligned(to: kernel.pageSize), place: place, entry: entry) : nil
  }

  /// Maps a page at an address that is not mapped, building tables on the way. Of pages mapped one after the other, tables are looked up for
  /// the first one in each: the others' stores can share a hypercall.
  func map(_ address: GuestVirtualAddress, _ entry: X86Entry) throws(StreamGuestError) {
    let table = try leafTable(of: address)
    try store(entry, X86Index.entryAddress(in: table, of: address, level: leafLevel))
  }

  /// The table with the leaf of an address, built if there is none.
  private func leafTable(of address: GuestVirtualAddress) throws(StreamGuestError) -> GuestPhysicalAddress {
    if let recent, recent.region == region(of: address) { return recent.table }
    var table = root.address
    for level in stride(from: levels, to: leafLevel, by: -1) {
      let place = X86Index.entryAddress(in: table, of: address, level: level)
      let entry = try load(place)
      if entry.isPresent {
        table = entry.guestFrame.address
      } else {
        let fresh = try kernel.allocateTable()
        tables.append(fresh)
        try store(X86Entry.table(fresh).with(Self.used), place)
        table = fresh.address
      }
    }
    recent = (region(of: address), table)
    return table
  }

  /// The leaf of a program's own anonymous page.
  func entry(of page: GuestFrame) -> X86Entry {
    let entry = X86Entry.page(page, writable: true, user: true, noExecute: false).with(Self.used)
    return leafLevel == 1 ? entry : entry.with(X86Entry.pageSize)
  }

  /// Every leaf whose page lies in a range of addresses as a whole, in order.
  func leaves(from first: UInt64 = 0, through last: UInt64 = UInt64.max) throws(StreamGuestError) -> [Leaf] {
    var found: [Leaf] = []
    try collect(root.address, level: levels, base: 0, first, last, &found)
    return found
  }

  private func collect(
    _ table: GuestPhysicalAddress, level: Int, base: UInt64, _ first: UInt64, _ last: UInt64, _ found: inout [Leaf]
  ) throws(StreamGuestError) {
    let shift = X86Index.shift(level)
    for index in 0..<X86Index.entriesPerTable {
      var start = base | UInt64(index) << shift
      // The upper half of the topmost table maps addresses whose upper bits are all set.
      if level == levels && index >= X86Index.entriesPerTable / 2 { start |= ~0 << (shift + 9) }
      let end = start | ((1 << shift) - 1)
      guard end >= first, start <= last else { continue }
      let place = GuestPhysicalAddress(table.rawValue | UInt64(index) << 3)
      let entry = try load(place)
      guard entry.isPresent else { continue }
      if level > leafLevel {
        try collect(entry.guestFrame.address, level: level - 1, base: start, first, last, &found)
      } else if start >= first && end <= last {
        found.append(Leaf(address: GuestVirtualAddress(start), place: place, entry: entry))
      }
    }
  }

  // MARK: How entries are read and written

  private func load(_ place: GuestPhysicalAddress) throws(StreamGuestError) -> X86Entry {
    try settle()
    return try kernel.load(place, by: writer)
  }

  /// Stores an entry; under direct paging it is queued until somebody relies on it.
  func store(_ entry: X86Entry, _ place: GuestPhysicalAddress) throws(StreamGuestError) { try kernel.store(entry, place, by: writer) }

  /// Carries out the stores that are queued.
  func settle() throws(StreamGuestError) {
    guard writer.flush() else { throw .hypercallRefused(accesses: kernel.accesses) }
  }

  /// The processor is about to use the tables.
  func ready() throws(StreamGuestError) {
    try settle()
    guard writer.pin(root, level: levels) else { throw .hypercallRefused(accesses: kernel.accesses) }
  }

  /// No processor will use the tables again; what is stored into them from now on concerns nobody else.
  func retire() { writer.unpin() }

  /// Gives all tables back. No processor may use them any more.
  func destroy() {
    retire()
    for table in tables.reversed() { kernel.frames.release(frame: table) }
    tables = []
    recent = nil
  }
}
