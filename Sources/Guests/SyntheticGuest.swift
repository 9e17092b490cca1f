public import Addressing
internal import Ballooning
public import Columns
public import Machine
internal import PageContents

/// A guest that memlab makes up: a kernel, a page cache, and processes that come and go with the load.
public final class SyntheticGuest: Guest {
  /// The virtual machine that it runs in.
  public let vm: VirtualMachine
  /// Pages of its own for the balloon's queues.
  public private(set) var balloonQueueFrames: [GuestFrame] = []

  private let spec: SyntheticGuestSpec
  private let image: ContentSpace
  private let own: ContentSpace
  let kernel: GuestKernel
  private(set) var groups: [Group] = []
  private var unique: UniqueContents
  private var stream: RandomStream
  private var layouts: RandomStream
  private var filePicker: PagePicker
  private var fileReads = EventRate()
  /// Tables of a process that does nothing, for the processor to stand in when no other runs.
  private var idle: ProcessTables?

  /// The processes of one specification.
  struct Group {
    let spec: ProcessSpec
    let program: GuestProcess.Program
    var picker: PagePicker
    var running: [GuestProcess] = []
    var writes = EventRate()
    var growth = EventRate()
    /// Whose turn it is to write once more than the others.
    var turn = 0
  }

  /// Accesses that a process makes before the next one runs.
  static let accessesPerTurn = 2000
  /// Accesses to a page before the next page is chosen: a cache line each, in one eighth of the page.
  static let accessesPerPage = 8
  /// A process fills its heap in about this many seconds.
  static let secondsToFillHeap = 4

  /// A guest that fills `vm` as `spec` says. Guests given the same `image` hold the same files; `own` is this guest's alone.
  public init(vm: VirtualMachine, spec: SyntheticGuestSpec, image: ContentSpace, own: ContentSpace, random: RandomSource) {
    self.vm = vm
    self.spec = spec
    self.image = image
    self.own = own
    unique = UniqueContents(space: own)
    stream = random.stream("vm/\(vm.name)/events")
    layouts = random.stream("vm/\(vm.name)/layouts")
    let texts = spec.processes.map { (name: $0.name, pages: Self.pages($0.text)) }
    let cache = PageCache(image: image, own: own, filePages: Self.pages(spec.files), ownPercent: spec.filesOwnPercent, programs: texts)
    filePicker = PagePicker(spec.fileAccesses, count: Self.pages(spec.files), stream: &stream)
    for (index, process) in spec.processes.enumerated() {
      let program = GuestProcess.Program(
        name: process.name, textFirst: cache.text(of: index), textPages: Self.pages(process.text), heapPages: Self.pages(process.heap),
        zeroPercent: process.heapZeroPercent, commonPercent: process.heapDuplicatePercent, pointerPercent: spec.pointerPercent, image: image
      )
      groups.append(
        Group(spec: process, program: program, picker: PagePicker(process.accesses, count: Self.pages(process.heap), stream: &stream)))
    }
    kernel = GuestKernel(vm: vm, initOnFree: spec.initOnFree, cache: cache)
  }

  private static func pages(_ size: ByteSize) -> Int { Int(size.bytes >> PageSize.size4K.shift) + (size.bytes & 4095 == 0 ? 0 : 1) }

  /// What its kernel reports.
  public var statistics: GuestMemoryStatistics {
    var statistics = GuestMemoryStatistics()
    statistics.free = kernel.freePages
    statistics.cached = kernel.cache.count
    statistics.anonymous = kernel.anonymousPages
    statistics.faults = kernel.faults
    statistics.failedAllocations = kernel.failedAllocations
    return statistics
  }

  /// Loads the kernel: three quarters from the image, the rest set up anew in every guest. Then the balloon's pages and the idle process.
  public func boot() {
    let pages = Self.pages(spec.kernel)
    let layout = layout(bits: AddressLayout.kernelBits)
    for page in 0..<pages {
      guard let frame = kernel.allocate() else { break }
      // Pages with addresses are spread evenly over the image's.
      let holdsAddresses = page * 37 % 100 < spec.pointerPercent
      let loaded = image.kernel(page, layout: holdsAddresses ? layout : .fixed)
      _ = vm.fill(frame, with: page * 4 < pages * 3 ? loaded : unique.take())
    }
    for _ in 0..<BalloonQueue.framesNeeded {
      if let frame = kernel.allocateZeroed() { balloonQueueFrames.append(frame) }
    }
    idle = ProcessTables(kernel: kernel)
    if let idle { vm.loadCR3(idle.root.address) }
  }

  /// A new layout where address spaces are randomized.
  private func layout(bits: UInt64) -> AddressLayout { spec.aslr ? .random(bits: bits, &layouts) : .fixed }

  /// Carries out the page events of a stretch of time.
  public func step(nanoseconds: UInt64, levelPercent: Int) {
    guard vm.isRunning else { return }
    for index in groups.indices {
      adjust(&groups[index], levelPercent)
      let growth = groups[index].growth.events(
        perSecond: groups[index].program.heapPages / Self.secondsToFillHeap + 1, percent: 100, nanoseconds: nanoseconds)
      grow(&groups[index], by: growth)
      let rate = groups[index].spec.writesPerSecond.multipliedReportingOverflow(by: groups[index].running.count)
      let writes = groups[index].writes.events(
        perSecond: rate.overflow ? Int.max : rate.partialValue, percent: levelPercent, nanoseconds: nanoseconds)
      write(&groups[index], count: writes)
    }
    read(files: fileReads.events(perSecond: spec.fileReadsPerSecond, percent: levelPercent, nanoseconds: nanoseconds))
  }

  private func read(files count: Int) {
    guard filePicker.count > 0 else { return }
    for _ in 0..<count {
      guard let frame = kernel.filePage(filePicker.next(&stream)), vm.load64(frame.address) != nil else { return }
    }
  }

  /// Starts and ends processes until as many run as the load asks for.
  private func adjust(_ group: inout Group, _ levelPercent: Int) {
    let wanted = (group.spec.count * levelPercent + 99) / 100
    while group.running.count > wanted {
      let leaving = group.running.removeLast()
      if let idle { vm.loadCR3(idle.root.address) }
      leaving.exit()
    }
    while group.running.count < wanted, vm.isRunning {
      guard let process = GuestProcess(program: group.program, kernel: kernel, layout: layout(bits: AddressLayout.processBits)) else {
        return
      }
      group.running.append(process)
    }
  }

  private func grow(_ group: inout Group, by pages: Int) {
    for process in group.running where process.touched < group.program.heapPages && vm.isRunning {
      vm.loadCR3(process.tables.root.address)
      for _ in 0..<pages where !process.growHeap(&unique) { break }
    }
  }

  /// Divides writes evenly among the processes; those that are left over go round.
  private func write(_ group: inout Group, count: Int) {
    let running = group.running.count
    guard running > 0, count > 0 else { return }
    let (share, more) = count.quotientAndRemainder(dividingBy: running)
    group.turn %= running
    for place in 0..<min(running, count) {
      let process = group.running[(group.turn + place) % running]
      guard process.touched > 0 else { continue }
      vm.loadCR3(process.tables.root.address)
      for _ in 0..<share + (place < more ? 1 : 0) {
        guard vm.isRunning else { return }
        let page = group.picker.next(&stream) % process.touched
        // Of the writes that meet pages that look alike in many processes, one in eight stays there; the others go to the process's own.
        if group.program.use(of: page) == .unique || stream.oneIn(8) {
          process.rewrite(page, &unique)
        } else if let own = process.ownPage(from: page) {
          process.rewrite(own, &unique)
        }
      }
    }
    group.turn = (group.turn + more) % running
  }

  /// Runs a burst of accesses, the processes in turn.
  public func window(accesses: Int) {
    let runnable = groups.indices.flatMap { group in groups[group].running.indices.map { (group, $0) } }
    guard !runnable.isEmpty, vm.isRunning else { return }
    var done = 0
    var turn = stream.index(below: runnable.count)
    while done < accesses && vm.isRunning {
      let (group, process) = runnable[turn]
      turn = turn + 1 == runnable.count ? 0 : turn + 1
      let count = min(Self.accessesPerTurn, accesses - done)
      vm.loadCR3(groups[group].running[process].tables.root.address)
      run(&groups[group], groups[group].running[process], accesses: count)
      done += count
    }
  }

  /// Three accesses in ten fetch instructions, the others go to the heap, a quarter of them to write.
  private func run(_ group: inout Group, _ process: GuestProcess, accesses: Int) {
    var left = accesses
    while left > 0 {
      let line = stream.below(8) * 512
      let fetches = stream.below(10) < 3
      if group.program.textPages > 0 && (fetches || process.touched == 0) {
        let page = stream.index(below: group.program.textPages)
        for step in 0..<min(left, Self.accessesPerPage) {
          guard process.access(process.textAddress(page).advanced(by: line + UInt64(step) * 64), .fetch) else { break }
        }
      } else if process.touched > 0 {
        let page = group.picker.next(&stream) % process.touched
        let writes = group.program.use(of: page) == .unique
        for step in 0..<min(left, Self.accessesPerPage) {
          let kind: AccessKind = writes && step & 3 == 3 ? .write : .read
          guard process.access(process.heapAddress(page).advanced(by: line + UInt64(step) * 64), kind) else { break }
        }
      }
      left -= min(left, Self.accessesPerPage)
    }
  }

  /// Writes to the kernel's pages, the page cache, the processes' heaps, and what is left in free pages.
  public func storm() {
    let tables = groups.flatMap(\.running).flatMap(\.tables.tables) + (idle?.tables ?? [])
    let reserved = Set(tables).union(balloonQueueFrames)
    WriteStorm(spec: spec.storm, vm: vm, own: own).strike(GuestFrame(0)..<GuestFrame(vm.pageCount), sparing: reserved, &unique)
  }

  /// A page for the balloon: a free one, or one of the page cache.
  public func takePageForBalloon() -> GuestFrame? { kernel.takeForBalloon() }

  /// A page comes back from the balloon.
  public func returnPageFromBalloon(_ frame: GuestFrame) { kernel.returnFromBalloon(frame) }
}
