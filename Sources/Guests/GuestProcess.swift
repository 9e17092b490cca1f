internal import Addressing
internal import Machine
internal import PageContents

/// A process of a synthetic guest: tables, program text mapped from the page cache, and a heap, all faulted in on demand.
final class GuestProcess {
  let program: Program
  private let kernel: GuestKernel
  let tables: ProcessTables
  /// Of each heap page: its guest frame plus 1, or 0 where it was never touched.
  private var heap: [UInt32]
  private var textMapped: [Bool]
  /// Heap pages from the first that were touched once.
  private(set) var touched = 0
  /// Where it lies in its address space.
  private let layout: AddressLayout

  static let textBase: UInt64 = 0x40_0000
  static let heapBase: UInt64 = 0x5555_0000_0000

  /// What the processes of one specification have in common.
  struct Program {
    let name: String
    let textFirst: Int
    let textPages: Int
    let heapPages: Int
    let zeroPercent: Int
    let commonPercent: Int
    let pointerPercent: Int
    let image: ContentSpace

    /// What a heap page is used for.
    enum HeapUse { case zero, common, unique }

    /// The uses are spread evenly over the heap.
    func use(of page: Int) -> HeapUse {
      let place = page * 61 % 100
      if place < zeroPercent { return .zero }
      return place < zeroPercent + commonPercent ? .common : .unique
    }

    /// What a common page holds in a process of a layout. Those with addresses are spread evenly over the common ones.
    func common(_ page: Int, _ layout: AddressLayout) -> PageContent {
      let rank = page * 61 % 100 - zeroPercent
      let holdsAddresses = rank * 100 < commonPercent * pointerPercent
      return image.content(.common, of: name, page: page, layout: holdsAddresses ? layout : .fixed)
    }
  }

  /// Fails if the guest has no memory for the first table.
  init?(program: Program, kernel: GuestKernel, layout: AddressLayout = .fixed) {
    guard let tables = ProcessTables(kernel: kernel) else { return nil }
    self.program = program
    self.layout = layout
    self.kernel = kernel
    self.tables = tables
    heap = Array(repeating: 0, count: program.heapPages)
    textMapped = Array(repeating: false, count: program.textPages)
  }

  /// Where the heap begins: at most 2^40 bytes, the reach of a layout, above `heapBase`.
  private var heapStart: UInt64 { Self.heapBase + layout.base << 12 }

  func heapAddress(_ page: Int) -> GuestVirtualAddress { GuestVirtualAddress(heapStart + UInt64(page) << 12) }
  func textAddress(_ page: Int) -> GuestVirtualAddress { GuestVirtualAddress(Self.textBase + UInt64(page) << 12) }

  /// One access of the process, its page fault handled; false if memory ran out.
  func access(_ address: GuestVirtualAddress, _ kind: AccessKind) -> Bool {
    for _ in 0..<2 {
      switch kernel.vm.access(address, kind) {
      case .mapped: return true
      case .stopped: return false
      case .guestFault: guard handleFault(address) else { return false }
      }
    }
    return false
  }

  /// Touches the next heap page that never was: writes what a page of its use begins with.
  func growHeap(_ unique: inout UniqueContents) -> Bool {
    guard touched < program.heapPages else { return false }
    let content: PageContent =
      switch program.use(of: touched) {
      case .zero: .zero
      case .common: program.common(touched, layout)
      case .unique: unique.take()
      }
    guard write(content, to: touched) else { return false }
    touched += 1
    return true
  }

  /// Rewrites a touched heap page with content that no other page holds; a page that is zero or common gets back what it began with by the
  /// write after that.
  func rewrite(_ page: Int, _ unique: inout UniqueContents) {
    let home: PageContent
    switch program.use(of: page) {
    case .unique:
      _ = write(unique.take(), to: page)
      return
    case .zero: home = .zero
    case .common: home = program.common(page, layout)
    }
    let current = heap[page] == 0 ? nil : kernel.vm.content(of: GuestFrame(UInt64(heap[page] - 1)))
    _ = write(current == home ? unique.take() : home, to: page)
  }

  /// The page itself if it holds content of its own, else the next one that does; nil if none near does.
  func ownPage(from page: Int) -> Int? {
    // The uses repeat every hundred pages.
    (page..<page + min(100, touched)).lazy.map { $0 % self.touched }.first { self.program.use(of: $0) == .unique }
  }

  private func write(_ content: PageContent, to page: Int) -> Bool {
    let address = heapAddress(page)
    if heap[page] == 0, !handleFault(address) { return false }
    return access(address, .write) && kernel.vm.write(content, at: address, frame: GuestFrame(UInt64(heap[page] - 1))) != .stopped
  }

  private func handleFault(_ address: GuestVirtualAddress) -> Bool {
    kernel.faults += 1
    if address.rawValue >= heapStart {
      let page = Int((address.rawValue - heapStart) >> 12)
      guard page < heap.count, heap[page] == 0, let frame = kernel.allocateZeroed() else { return false }
      guard tables.map(address, to: frame, writable: true, executable: false) else {
        kernel.free(frame)
        return false
      }
      heap[page] = UInt32(truncatingIfNeeded: frame.rawValue) + 1
      kernel.anonymousPages += 1
      return true
    }
    let page = Int((address.rawValue &- Self.textBase) >> 12)
    guard page < textMapped.count, !textMapped[page] else { return false }
    // Pinned before the tables grow: their frames may come from the page cache.
    guard let frame = kernel.filePage(program.textFirst + page) else { return false }
    kernel.pin(program.textFirst + page)
    guard tables.map(address, to: frame, writable: false, executable: true) else {
      kernel.unpin(program.textFirst + page)
      return false
    }
    textMapped[page] = true
    return true
  }

  /// Ends the process: unmaps everything, as Linux does entry by entry, and frees it.
  func exit() {
    tables.retire()
    for page in heap.indices where heap[page] != 0 {
      tables.unmap(heapAddress(page))
      kernel.free(GuestFrame(UInt64(heap[page] - 1)))
      kernel.anonymousPages -= 1
    }
    for page in textMapped.indices where textMapped[page] {
      tables.unmap(textAddress(page))
      kernel.unpin(program.textFirst + page)
    }
    heap = []
    textMapped = []
    touched = 0
    tables.destroy()
  }
}
