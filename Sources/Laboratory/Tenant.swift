internal import Addressing
internal import Ballooning
internal import Guests
internal import Machine
internal import Overcommit
internal import PageSharing
internal import Scenarios
internal import Translation

/// A virtual machine of a run with all that belongs to it: its guest, its balloon, and what its windows measured.
final class Tenant {
  let spec: VMSpec
  let vm: VirtualMachine
  let guest: any Guest
  /// Pages that count as the guest's memory: without what memlab added to a recording.
  let pages: Int
  /// Those pages as the host numbers them.
  var ordinals: some Sequence<PageOrdinal> {
    (vm.firstPage.index..<vm.firstPage.index + pages).lazy.map { PageOrdinal(UInt32(truncatingIfNeeded: $0)) }
  }
  private(set) var balloon: Balloon?
  /// The number of whom it belongs to, from 1.
  let owner: UInt32
  /// Its memory on the scanner's list.
  var space: SpaceID?
  /// Whether it has been started.
  private(set) var isBooted = false
  /// Whether the scenario shut it down.
  private(set) var isShutDown = false
  /// Whether it was started and has not ended.
  var isLive: Bool { isBooted && vm.isRunning }

  /// What the policy last asked for, in pages.
  var targetPages: Int
  /// The extremes of what the balloon left the guest, in pages.
  private(set) var actualMin: Int
  private(set) var actualMax: Int

  /// All windows together, and all up to the last sample.
  private(set) var windows = WindowMeasure()
  private(set) var windowsAtSample = WindowMeasure()

  /// Device and driver of one balloon.
  final class Balloon {
    let device: BalloonDevice<VirtualMachine, VirtualMachine>
    let driver: BalloonDriver<VirtualMachine, GuestPages>
    private let pages: GuestPages

    init?(vm: VirtualMachine, guest: any Guest, pages: Int) {
      self.pages = GuestPages(guest)
      device = BalloonDevice(memory: vm, backend: vm, pageCount: UInt64(pages))
      guard let driver = try? BalloonDriver(transport: device, memory: vm, queueFrames: guest.balloonQueueFrames, pages: self.pages) else {
        return nil
      }
      self.driver = driver
    }
  }

  /// The guest as a source of balloon pages of one concrete type, which the driver is generic over.
  final class GuestPages: BalloonPageSource {
    private let guest: any Guest
    init(_ guest: any Guest) { self.guest = guest }
    func takePageForBalloon() -> GuestFrame? { guest.takePageForBalloon() }
    func returnPageFromBalloon(_ frame: GuestFrame) { guest.returnPageFromBalloon(frame) }
  }

  init(spec: VMSpec, vm: VirtualMachine, guest: any Guest, pages: Int, owner: UInt32) {
    self.spec = spec
    self.owner = owner
    self.vm = vm
    self.guest = guest
    self.pages = pages
    if let stream = guest as? StreamFeed {
      windows.mode = vm.mode
      windows.monitor = spec.translation.monitor
      windows.nativeReferences = UInt64(stream.kernel.options.levels + 1 - stream.kernel.options.pageSize.level)
      windowsAtSample = windows
    }
    targetPages = pages
    actualMin = pages
    actualMax = pages
  }

  /// Boots the guest, then sets its balloon up in it.
  func boot() {
    isBooted = true
    guest.boot()
    if spec.balloon { balloon = Balloon(vm: vm, guest: guest, pages: vm.pageCount) }
  }

  /// Ends the guest as the scenario wants it, unless it has ended already; it has been started before (a rule of scenarios).
  func shutDown(on host: Host) {
    guard vm.isRunning else { return }
    host.stop(vm)
    isShutDown = true
  }

  /// How it fares.
  var state: VMState {
    if isShutDown { return .shutDown }
    if !vm.isRunning { return .stopped }
    return isBooted ? .running : .waiting
  }

  /// The load of a moment.
  func level(at time: UInt64) -> Int {
    let load: [LoadPoint]
    switch spec.guest {
    case .synthetic(let synthetic): load = synthetic.load
    case .recorded(let recorded): load = recorded.load
    case .stream: load = []
    }
    return load.last { $0.atNanoseconds <= time }?.levelPercent ?? 100
  }

  // MARK: Balloon

  /// Pages in the balloon, as the device counts them; none before the guest is started and once it has ended.
  var balloonedPages: Int { isLive ? balloon.map { Int($0.device.balloonedPages) } ?? 0 : 0 }
  /// The guest's memory less its balloon, in pages; none before the guest is started and once it has ended.
  var actualPages: Int { isLive ? pages - min(pages, balloonedPages) : 0 }
  /// Host frames that the balloon freed, in pages.
  var freedPages: UInt64 { balloon?.device.counters.freedFrames ?? 0 }

  /// Asks the guest to make do with so much memory.
  func setTarget(pages wanted: Int) {
    guard let balloon else { return }
    targetPages = min(max(wanted, 0), pages)
    let held = UInt32(clamping: pages - targetPages)
    if balloon.device.configuration.numPages != held { balloon.device.setTarget(pages: held) }
  }

  /// Moves the balloon towards its target, by at most so many pages.
  func stepBalloon(maxPages: Int) {
    guard let balloon, vm.isRunning, !balloon.driver.isBroken else { return }
    let notified = balloon.device.counters.buffers
    _ = balloon.driver.run(with: balloon.device, maxPages: maxPages)
    vm.countExits(.balloonNotify, balloon.device.counters.buffers - notified)
    // The last buffer may have cost the guest its life.
    guard vm.isRunning else { return }
    actualMin = min(actualMin, actualPages)
    actualMax = max(actualMax, actualPages)
  }

  /// The guest's memory as its own kernel counts it; before its start nothing, and once it has ended only what it counted of the past.
  var memory: GuestMemoryStatistics {
    var memory = guest.statistics
    guard !isLive else { return memory }
    (memory.free, memory.cached, memory.anonymous) = (0, 0, 0)
    return memory
  }

  /// The guest as a policy sees it.
  var statistics: GuestStatistics {
    let free = UInt64(self.memory.free) << 12
    let memory = UInt64(pages) << 12
    let actual = UInt64(actualPages) << 12
    return GuestStatistics(
      name: spec.name, minBytes: min(spec.minMemory.bytes, memory), maxBytes: memory, currentBytes: UInt64(targetPages) << 12,
      actualBytes: actual,
      freeBytes: free, activeBytes: actual - min(actual, free), shares: spec.shares)
  }

  // MARK: Dirty pages

  /// Dirty pages of all samples together.
  private(set) var dirtyPages: UInt64 = 0

  /// What the guest has written to since the last call; nil where no log of that is kept, or the guest does not run.
  func takeDirtyPages() -> UInt64? {
    guard isLive, let count = vm.collectDirtyPages() else { return nil }
    dirtyPages += UInt64(max(0, count))
    return UInt64(max(0, count))
  }

  // MARK: Windows

  /// Carries out what the guest does in a stretch of time. All accesses of a stream are at full resolution, and so are measured here.
  func step(nanoseconds: UInt64, levelPercent: Int) {
    guest.step(nanoseconds: nanoseconds, levelPercent: levelPercent)
    guard let stream = guest as? StreamFeed, let measured = stream.measured else { return }
    windows.set(
      measured.counters, swapIns: vm.swapIns, work: measured.kernel.work(pageSize: stream.kernel.options.pageSize),
      deviceExits: measured.deviceExits)
  }

  /// Why the guest could not go on with its stream; nil as long as it can, and for other guests.
  var problem: String? { (guest as? StreamFeed)?.problem }

  /// Runs a window and adds what it measured.
  func window(accesses: Int) {
    if guest is StreamFeed { return }
    let before = (vm.translator.counters, vm.swapIns)
    guest.window(accesses: accesses)
    windows.add(vm.translator.counters, swapIns: vm.swapIns, since: before)
  }

  /// What the windows since the last call measured.
  func takeWindowsSinceSample() -> WindowMeasure {
    defer { windowsAtSample = windows }
    return windows.since(windowsAtSample)
  }
}
