internal import Addressing
internal import Machine
internal import PageTables
internal import Translation

/// How a guest's kernel reads and writes its page tables: by loads and stores of its memory or, on a host that pages directly, with hypercalls.
///
/// The kernel thinks in guest frames. Under direct paging an entry holds a machine frame: what is written goes through P2M, what is read comes
/// back through M2P. Tables are built by stores, which any page allows, until their root is pinned; from then on each change is an update in a hypercall.
/// Updates are queued, in order, and sent when the queue is full or when somebody relies on them (`flush`): one hypercall for several, as Linux does in its
/// lazy MMU mode.
final class TableWriter {
  private let vm: VirtualMachine
  /// Nil once the guest was stopped, too: its stores then fail as others do.
  private var hypercalls: (any ParavirtualPaging)? { isDirect ? vm.hypercalls : nil }
  private let isDirect: Bool
  private var queue: [MMUUpdate] = []
  /// The root table, once it is pinned.
  private var pinned: HostFrame?
  /// Whether no request was refused so far.
  private(set) var isIntact = true

  init(_ vm: VirtualMachine) {
    self.vm = vm
    isDirect = vm.mode == .direct
  }

  /// Reads the entry at an address, with a guest frame in it. Updates that are queued do not show.
  func read(_ place: GuestPhysicalAddress) -> X86Entry? {
    guard let word = vm.load64(place) else { return nil }
    let entry = X86Entry(rawValue: word)
    guard let hypercalls, entry.isPresent else { return entry }
    return hypercalls.guestFrame(of: entry.hostFrame).map { entry.without(X86Entry.frameMask).with($0.address.rawValue) }
  }

  /// Writes an entry that holds a guest frame; false where it cannot be.
  func write(_ entry: X86Entry, at place: GuestPhysicalAddress) -> Bool {
    guard let hypercalls else { return vm.store64(entry.rawValue, place) }
    var word = entry
    if entry.isPresent {
      guard let machine = machineFrame(of: entry.guestFrame) else { return false }
      word = entry.without(X86Entry.frameMask).with(machine.address.rawValue)
    }
    guard pinned != nil else { return vm.store64(word.rawValue, place) }
    guard let table = hypercalls.machineFrame(of: place.page) else { return false }
    queue.append(.entry(table.address(atOffsetOf: place), word.rawValue))
    return queue.count < hypercalls.updateBatch || flush()
  }

  /// P2M. A page that has no machine frame yet is touched first, which gets it one.
  private func machineFrame(of frame: GuestFrame) -> HostFrame? {
    if let known = hypercalls?.machineFrame(of: frame) { return known }
    return vm.load64(frame.address) == nil ? nil : hypercalls?.machineFrame(of: frame)
  }

  /// Sends what is queued; false where the hypervisor refused anything.
  func flush() -> Bool {
    guard !queue.isEmpty else { return isIntact }
    if let hypercalls, !hypercalls.update(queue).isComplete { isIntact = false }
    queue.removeAll(keepingCapacity: true)
    return isIntact
  }

  /// The tables under a root are complete and will be used: pins them, so that they stay valid whichever root is loaded. Nothing to do where the guest owns its tables.
  func pin(_ root: GuestFrame, level: Int = 4) -> Bool {
    guard let hypercalls, pinned == nil else { return true }
    guard let machine = machineFrame(of: root), hypercalls.perform([.pin(level: level, machine)]).isComplete else { return false }
    pinned = machine
    return true
  }

  /// The tables will not be used any more, and are not: they become ordinary pages, which stores may change.
  func unpin() {
    guard let hypercalls, let machine = pinned else { return }
    _ = flush()
    _ = hypercalls.perform([.unpin(machine)])
    pinned = nil
  }

  /// Whether the processor may hold translations of these tables: not where they were unpinned, for then they are in no address space.
  private var mayBeCached: Bool { hypercalls == nil || pinned != nil }

  /// Whether the hypervisor must be asked for changes.
  var isParavirtual: Bool { hypercalls != nil }

  /// Tells the processor that an entry has changed.
  func invalidate(_ address: GuestVirtualAddress) {
    guard mayBeCached else { return }
    _ = flush()
    vm.invalidatePage(address)
  }
}
