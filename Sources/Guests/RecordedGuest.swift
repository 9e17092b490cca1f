public import Addressing
internal import Ballooning
public import Columns
public import Machine
internal import PageContents
internal import PageTables
internal import Translation

/// A guest whose memory was recorded from a real one.
///
/// It starts with its recorded pages present, each identity a synthetic content of its own: what was equal is equal again, what was zero is
/// zero. A recording has no bytes, so it has no page tables either. memlab adds a little memory above the recorded one, which no
/// scanner sees: page tables that map all of it in one piece, as a kernel's direct map does, and the pages of the balloon's queues. Then a
/// stream of reads and writes uses it.
///
/// Nobody can tell which recorded pages the guest could do without. Its balloon takes pages of zeros first, then the stream's
/// least popular ones.
public final class RecordedGuest: Guest {
  /// The virtual machine that it runs in.
  public let vm: VirtualMachine
  /// Pages of its own for the balloon's queues.
  public private(set) var balloonQueueFrames: [GuestFrame] = []

  private let spec: RecordedGuestSpec
  private let identities: [UInt32]
  private let recording: ContentSpace
  private let own: ContentSpace
  private let pool: Pool
  private var unique: UniqueContents
  private var stream: RandomStream
  private var picker: PagePicker
  private var reads = EventRate()
  private var writes = EventRate()
  private let writer: TableWriter
  private var root = GuestFrame(0)

  /// Where Linux maps all physical memory (Documentation/arch/x86/x86_64/mm.rst).
  static let directMap: UInt64 = 0xffff_8880_0000_0000

  /// How much memory memlab adds for the guest's tables and queues: the tables of four levels, rounded up to a MiB.
  public static func addedMemory(recordedPages: Int) -> ByteSize {
    let tables = (recordedPages + 511) / 512
    let pages = 1 + tables / (512 * 512) + 1 + tables / 512 + 1 + tables + BalloonQueue.framesNeeded
    return ByteSize(bytes: UInt64((pages + 255) / 256) << 20)
  }

  /// A guest whose page p begins with the content that `identities[p]` names in `recording`. `vm` must have `addedMemory` more than the
  /// pages.
  public init(
    vm: VirtualMachine, spec: RecordedGuestSpec, identities: [UInt32], recording: ContentSpace, own: ContentSpace, random: RandomSource
  ) {
    self.vm = vm
    self.spec = spec
    self.identities = identities
    self.recording = recording
    self.own = own
    unique = UniqueContents(space: own)
    stream = random.stream("vm/\(vm.name)/events")
    picker = PagePicker(spec.accesses, count: identities.count, stream: &stream)
    pool = Pool(identities: identities, coldestFirst: picker.coldestFirst)
    writer = TableWriter(vm)
  }

  /// How many pages were recorded.
  public var recordedPages: Int { identities.count }

  /// What can be known of its memory: the zero pages that the balloon could take.
  public var statistics: GuestMemoryStatistics {
    var statistics = GuestMemoryStatistics()
    statistics.free = pool.freePages
    return statistics
  }

  /// Fills the recorded pages and builds the tables above them.
  public func boot() {
    for page in identities.indices { _ = vm.fill(GuestFrame(page), with: recording.recorded(identities[page])) }
    var next = GuestFrame(identities.count)
    func take() -> GuestFrame {
      defer { next = next.advanced(by: 1) }
      return next
    }
    root = take()
    for page in identities.indices { mapDirectly(GuestFrame(page), take) }
    balloonQueueFrames = (0..<BalloonQueue.framesNeeded).map { _ in take() }
    _ = writer.pin(root)
    vm.loadCR3(root.address)
  }

  private func mapDirectly(_ frame: GuestFrame, _ take: () -> GuestFrame) {
    guard let slot = directSlot(of: frame, take) else { return }
    _ = writer.write(.page(frame, writable: true, user: false, noExecute: true), at: slot)
  }

  /// Where the direct map has the entry of a page; missing tables are made of what `take` gives.
  private func directSlot(of frame: GuestFrame, _ take: () -> GuestFrame? = { nil }) -> GuestPhysicalAddress? {
    let address = self.address(of: frame.index)
    var table = root
    for level in stride(from: 4, to: 1, by: -1) {
      let slot = X86Index.entryAddress(in: table.address, of: address, level: level)
      guard let entry = writer.read(slot) else { return nil }
      if entry.isPresent {
        table = entry.guestFrame
      } else {
        guard let fresh = take() else { return nil }
        table = fresh
        guard writer.write(.table(table, user: false), at: slot) else { return nil }
      }
    }
    return X86Index.entryAddress(in: table.address, of: address, level: 1)
  }

  private func address(of page: Int) -> GuestVirtualAddress { GuestVirtualAddress(Self.directMap + UInt64(page) << 12) }

  /// Carries out the reads and writes of a stretch of time. Pages that the balloon holds are passed over.
  public func step(nanoseconds: UInt64, levelPercent: Int) {
    guard vm.isRunning else { return }
    for _ in 0..<reads.events(perSecond: spec.readsPerSecond, percent: levelPercent, nanoseconds: nanoseconds) {
      guard let page = nextPage() else { continue }
      guard case .mapped = vm.access(address(of: page), .read, .supervisor) else { return }
    }
    for _ in 0..<writes.events(perSecond: spec.writesPerSecond, percent: levelPercent, nanoseconds: nanoseconds) {
      guard let page = nextPage() else { continue }
      guard case .mapped = vm.write(unique.take(), at: address(of: page), frame: GuestFrame(page), .supervisor) else { return }
      pool.wasWritten(page)
    }
  }

  /// Runs a burst of reads, as the stream chooses pages.
  public func window(accesses: Int) {
    var left = accesses
    while left > 0 && vm.isRunning {
      let count = min(left, SyntheticGuest.accessesPerPage)
      left -= count
      guard let page = nextPage() else { continue }
      let line = stream.below(8) * 512
      for step in 0..<count { _ = vm.access(address(of: page).advanced(by: line + UInt64(step) * 64), .read, .supervisor) }
    }
  }

  /// Writes to the recorded pages.
  public func storm() {
    WriteStorm(spec: spec.storm, vm: vm, own: own).strike(GuestFrame(0)..<GuestFrame(identities.count), sparing: [], &unique) {
      pool.wasWritten($0.index)
    }
  }

  /// A page for the balloon: one of zeros, or the least popular one left.
  public func takePageForBalloon() -> GuestFrame? {
    guard let frame = pool.take() else { return nil }
    // A hypervisor that knows who names which page takes none that the direct map still names.
    if writer.isParavirtual, let slot = directSlot(of: frame) {
      _ = writer.write(.notPresent, at: slot)
      writer.invalidate(address(of: frame.index))
    }
    return frame
  }

  /// A page comes back from the balloon, free.
  public func returnPageFromBalloon(_ frame: GuestFrame) {
    pool.giveBack(frame)
    guard writer.isParavirtual, let slot = directSlot(of: frame) else { return }
    _ = writer.write(.page(frame, writable: true, user: false, noExecute: true), at: slot)
    _ = writer.flush()
  }

  private func nextPage() -> Int? {
    let page = picker.next(&stream)
    return identities.isEmpty || pool.isBallooned(page) ? nil : page
  }

  /// Which pages the balloon may take, in which order.
  private final class Pool {
    private enum Place: UInt8 { case used, free, ballooned }
    private var places: [Place]
    private var free: [UInt32] = []
    private let coldestFirst: [UInt32]
    private var coldest = 0
    private(set) var freePages = 0

    init(identities: [UInt32], coldestFirst: [UInt32]) {
      places = identities.map { $0 == 0 ? .free : .used }
      self.coldestFirst = coldestFirst
      for page in identities.indices.reversed() where identities[page] == 0 { free.append(UInt32(page)) }
      freePages = free.count
    }

    func isBallooned(_ page: Int) -> Bool { places[page] == .ballooned }

    func wasWritten(_ page: Int) {
      guard places[page] == .free else { return }
      places[page] = .used
      freePages -= 1
    }

    func take() -> GuestFrame? {
      while let page = free.popLast() {
        // A page of zeros that was written meanwhile is no longer free.
        guard places[Int(page)] == .free else { continue }
        places[Int(page)] = .ballooned
        freePages -= 1
        return GuestFrame(UInt64(page))
      }
      for _ in coldestFirst.indices {
        let page = Int(coldestFirst[coldest])
        coldest = coldest + 1 == coldestFirst.count ? 0 : coldest + 1
        guard places[page] == .used else { continue }
        places[page] = .ballooned
        return GuestFrame(page)
      }
      return nil
    }

    func giveBack(_ frame: GuestFrame) {
      guard frame.index < places.count, places[frame.index] == .ballooned else { return }
      places[frame.index] = .free
      free.append(UInt32(frame.index))
      freePages += 1
      // It may be colder than those that the search has come to, once the stream has written to it again.
      coldest = 0
    }
  }
}
