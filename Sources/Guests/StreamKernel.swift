internal import Addressing
internal import Columns
internal import Machine
internal import PageContents
internal import PageTables
internal import Translation

/// The memory management of a guest that runs an access stream: frames, who shares them since a fork, stores to tables, invalidations. What
/// it does it counts.
final class StreamKernel {
  let vm: VirtualMachine
  let frames: StreamFrames
  let pageSize: PageSize
  var counts = StreamGuestCounts()
  /// Pages that programs hold.
  private(set) var programFrames = 0
  /// Of each page by its first frame: how many processes beyond the first have it.
  private let sharers: Column<UInt32>
  private let contents: StreamContents

  init(vm: VirtualMachine, pageSize: PageSize, contents: StreamContents) {
    self.vm = vm
    self.pageSize = pageSize
    self.contents = contents
    frames = StreamFrames(pageCount: vm.pageCount, pageFrames: Int(pageSize.pages))
    sharers = Column(count: vm.pageCount, isSparse: true)
  }

  // MARK: Frames

  /// A frame of zeros for a table.
  func allocateTable() throws(StreamGuestError) -> GuestFrame {
    guard let frame = frames.allocateFrame() else { throw full }
    try fill(frame, with: .zero)
    return frame
  }

  /// A page for a program: zeros, and then what the program makes of it.
  func allocatePage() throws(StreamGuestError) -> GuestFrame {
    guard let page = frames.allocatePage() else { throw full }
    programFrames += Int(pageSize.pages)
    for offset in 0..<pageSize.pages {
      let frame = GuestFrame(page.rawValue + offset)
      try fill(frame, with: .zero)
      let content = contents.next()
      if content != .zero { try fill(frame, with: content) }
    }
    return page
  }

  /// A copy of a page for a process that writes to it.
  func copyPage(_ source: GuestFrame) throws(StreamGuestError) -> GuestFrame {
    guard let page = frames.allocatePage() else { throw full }
    programFrames += Int(pageSize.pages)
    for offset in 0..<pageSize.pages {
      let content = vm.content(of: GuestFrame(source.rawValue + offset)) ?? .zero
      try fill(GuestFrame(page.rawValue + offset), with: content)
    }
    return page
  }

  private func fill(_ frame: GuestFrame, with content: PageContent) throws(StreamGuestError) {
    vm.countBacking(of: frame, .write)
    guard vm.fill(frame, with: content) else { throw .hostFull(accesses: accesses) }
  }

  /// Another process has the page too.
  func share(_ page: GuestFrame) { sharers[page.index] += 1 }

  func isShared(_ page: GuestFrame) -> Bool { sharers[page.index] > 0 }

  /// A process has the page no longer; the last one frees it.
  func drop(_ page: GuestFrame) {
    if sharers[page.index] > 0 {
      sharers[page.index] -= 1
    } else {
      frames.release(page: page)
      programFrames -= Int(pageSize.pages)
    }
  }

  private var full: StreamGuestError {
    .memoryFull(memory: ByteSize(bytes: UInt64(vm.pageCount) << PageSize.size4K.shift), accesses: accesses)
  }

  /// Accesses that have completed.
  var accesses: UInt64 { vm.translator.counters.references }

  // MARK: Tables and the processor

  func load(_ place: GuestPhysicalAddress, by writer: TableWriter) throws(StreamGuestError) -> X86Entry {
    guard let entry = writer.read(place) else { throw .hostFull(accesses: accesses) }
    return entry
  }

  /// The one place where entries of page tables are stored.
  func store(_ entry: X86Entry, _ place: GuestPhysicalAddress, by writer: TableWriter) throws(StreamGuestError) {
    counts.tableStores += 1
    vm.countBacking(of: place.page, .write)
    guard writer.write(entry, at: place) else { throw .hostFull(accesses: accesses) }
  }

  func loadCR3(_ value: GuestPhysicalAddress) {
    counts.cr3Loads += 1
    vm.loadCR3(value)
  }

  func invalidate(_ address: GuestVirtualAddress) {
    counts.pageInvalidations += 1
    vm.invalidatePage(address)
  }
}

/// What programs make of the zeros that they are given.
final class StreamContents {
  private let zeroPercent: Int
  private let duplicatePercent: Int
  private let image: ContentSpace
  private var unique: UniqueContents
  private var taken = 0
  private var duplicates: UInt64 = 0

  init(_ options: StreamGuestOptions, image: ContentSpace, own: ContentSpace) {
    zeroPercent = options.zeroPercent
    duplicatePercent = options.duplicatePercent
    self.image = image
    unique = UniqueContents(space: own)
  }

  /// The content of the next page; the three kinds are spread evenly.
  func next() -> PageContent {
    defer { taken += 1 }
    let place = taken * 61 % 100
    if place < zeroPercent { return .zero }
    guard place < zeroPercent + duplicatePercent else { return unique.take() }
    defer { duplicates += 1 }
    return image.content(.common, duplicates)
  }
}
