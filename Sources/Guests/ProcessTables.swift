internal import Addressing
internal import Machine
internal import PageTables

/// A process's page tables: x86-64, four levels, in the guest's own memory, written as the guest's kernel writes tables on its host.
final class ProcessTables {
  private let kernel: GuestKernel
  /// The table that CR3 names.
  let root: GuestFrame
  private(set) var tables: [GuestFrame]
  private let writer: TableWriter

  /// Fails if the guest has no frame for the root.
  init?(kernel: GuestKernel) {
    guard let root = kernel.allocateZeroed() else { return nil }
    self.kernel = kernel
    self.root = root
    tables = [root]
    writer = TableWriter(kernel.vm)
    guard writer.pin(root) else {
      kernel.free(root)
      return nil
    }
  }

  /// Maps a page; false if the guest has no frame for a table.
  func map(_ address: GuestVirtualAddress, to frame: GuestFrame, writable: Bool, executable: Bool) -> Bool {
    guard let entry = entryAddress(of: address, building: true) else { return false }
    let leaf = X86Entry.page(frame, writable: writable, user: true, noExecute: !executable)
    return writer.write(leaf, at: entry) && writer.flush()
  }

  /// Unmaps a page and tells the processor.
  func unmap(_ address: GuestVirtualAddress) {
    guard let entry = entryAddress(of: address, building: false) else { return }
    _ = writer.write(.notPresent, at: entry)
    writer.invalidate(address)
  }

  /// No processor uses the tables any more, and none will: what is left is to take them apart.
  func retire() { writer.unpin() }

  /// The address of the level-1 entry for a page; nil if a table is missing and was not to be built, or could not be.
  private func entryAddress(of address: GuestVirtualAddress, building: Bool) -> GuestPhysicalAddress? {
    var table = root
    // A table that was just made is empty, and perhaps not yet known to the hypervisor.
    var isFresh = false
    for level in stride(from: 4, to: 1, by: -1) {
      let slot = X86Index.entryAddress(in: table.address, of: address, level: level)
      let entry = isFresh ? .notPresent : writer.read(slot)
      guard let entry else { return nil }
      if entry.isPresent {
        table = entry.guestFrame
        continue
      }
      guard building, let fresh = kernel.allocateZeroed() else {
        _ = writer.flush()
        return nil
      }
      tables.append(fresh)
      guard writer.write(.table(fresh), at: slot) else { return nil }
      table = fresh
      isFresh = true
    }
    return X86Index.entryAddress(in: table.address, of: address, level: 1)
  }

  /// Gives all tables back. No processor may use them any more.
  func destroy() {
    writer.unpin()
    for table in tables.reversed() { kernel.free(table) }
    tables = []
  }
}
