internal import Addressing
internal import Machine
internal import PageTables

/// A process's page tables: x86-64, four levels, in the guest's own memory, written by stores as any kernel writes them.
final class ProcessTables {
  private let kernel: GuestKernel
  /// The table that CR3 names.
  let root: GuestFrame
  private(set) var tables: [GuestFrame]

  /// Fails if the guest has no frame for the root.
  init?(kernel: GuestKernel) {
    guard let root = kernel.allocateZeroed() else { return nil }
    self.kernel = kernel
    self.root = root
    tables = [root]
  }

  /// Maps a page; false if the guest has no frame for a table.
  func map(_ address: GuestVirtualAddress, to frame: GuestFrame, writable: Bool, executable: Bool) -> Bool {
    guard let entry = entryAddress(of: address, building: true) else { return false }
    return kernel.vm.store64(X86Entry.page(frame, writable: writable, user: true, noExecute: !executable).rawValue, entry)
  }

  /// Unmaps a page and tells the processor.
  func unmap(_ address: GuestVirtualAddress) {
    guard let entry = entryAddress(of: address, building: false) else { return }
    _ = kernel.vm.store64(0, entry)
    kernel.vm.invalidatePage(address)
  }

  /// The address of the level-1 entry for a page; nil if a table is missing and was not to be built, or could not be.
  private func entryAddress(of address: GuestVirtualAddress, building: Bool) -> GuestPhysicalAddress? {
    var table = root.address
    for level in stride(from: 4, to: 1, by: -1) {
      let slot = X86Index.entryAddress(in: table, of: address, level: level)
      guard let word = kernel.vm.load64(slot) else { return nil }
      let entry = X86Entry(rawValue: word)
      if entry.isPresent {
        table = entry.guestFrame.address
        continue
      }
      guard building, let fresh = kernel.allocateZeroed() else { return nil }
      tables.append(fresh)
      guard kernel.vm.store64(X86Entry.table(fresh).rawValue, slot) else { return nil }
      table = fresh.address
    }
    return X86Index.entryAddress(in: table, of: address, level: 1)
  }

  /// Gives all tables back. No processor may use them any more.
  func destroy() {
    for table in tables.reversed() { kernel.free(table) }
    tables = []
  }
}
