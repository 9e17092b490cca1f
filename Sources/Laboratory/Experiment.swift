internal import Addressing
internal import Columns
internal import Guests
internal import Machine
internal import Overcommit
internal import PageSharing
public import RAMImages
public import Scenarios
internal import Translation
internal import TranslationCaching

/// # Laboratory: a plan becomes a run
///
/// A run is a list of things that happen at moments of virtual time: a guest's tick, a batch of the scanner, a decision of the policy, a step of
/// a balloon, a window of accesses, a sample. Each is an event on one queue; carrying it out may put the next of its kind on the queue
/// again. Nothing else moves time, and nothing reads a clock on the wall.
///
/// The invariant: *events happen in the order of (time, sequence)*, where the sequence counts the events as they were scheduled. Both are
/// integers and every event is deterministic, so one scenario and one seed give one run, to the last byte, on any machine.

/// A run of a scenario: the host, its tenants and the event queue.
public final class Experiment {
  let scenario: Scenario
  let audited: Bool
  let host: Host
  let tenants: [Tenant]
  let cost: CostPreset
  /// What drives the scanner; nil where none runs.
  let driver: ScanDriver?
  private var isScanScheduled = false
  private var policy: any OvercommitPolicy
  private var queue = EventQueue<Event>()

  private(set) var now: UInt64 = 0
  var samples: [Sample] = []
  var audit = AuditSummary()
  var freeMin = Int.max
  /// When the last sample was taken, and the scanner's processor time up to then.
  var lastSample: (time: UInt64, scannerNanoseconds: UInt64)?
  /// What the captures of all guests showed; nil where the scenario wants none.
  let captures: PageCaptures?
  /// When the first page was merged.
  private(set) var firstMerge: UInt64?

  /// What can happen.
  private enum Event: Equatable {
    case boot(Int), shutDown(Int), storm(Int), tick, scan, tune, decide, window, sample, capture
  }

  /// Guests and balloons act so often.
  static let tickNanoseconds: UInt64 = 100_000_000
  /// How fast a balloon moves, in pages a tick: 157 MiB/s, measured on a Linux guest with free memory.
  static let balloonPagesPerTick = 157 * 256 / 10

  /// Sets a scenario up and boots its guests.
  /// - Parameters:
  ///   - scenario: the plan.
  ///   - recordings: the traces that its recorded guests name, by the path in the scenario.
  ///   - streams: where the files of access streams lie, by the path in the scenario.
  ///   - audited: whether all laws are checked at every sample.
  ///   - checksStale: whether each access that completes is compared with the truth, and those that went wrong are reported; slow.
  public init(
    _ scenario: Scenario, recordings: [String: IdentityTrace], streams: [String: String] = [:], audited: Bool,
    checksStale: Bool = false
  ) throws(ExperimentError) {
    self.scenario = scenario
    self.audited = audited
    guard let cost = CostPreset(named: scenario.host.cost) else { throw .unknownName("cost preset", scenario.host.cost) }
    self.cost = cost
    let plans = try scenario.vms.map { vm throws(ExperimentError) in try TenantPlan(vm, recordings: recordings, streams: streams) }
    let capacity = plans.reduce(0) { $0 + Host.ordinals(for: $1.memory) }
    let tlb = try Self.geometry(scenario.host)
    do throws(HostError) {
      host = try Host(
        HostConfiguration(
          memory: scenario.host.memory, swap: scenario.host.swap, tlb: tlb, guestPageCapacity: capacity, audited: audited,
          numaNodes: scenario.host.numaNodes, placementSeed: scenario.seed))
    } catch { throw .host(error) }
    let spaces = SpaceNumbers(scenario)
    let random = RandomSource(seed: scenario.seed)
    var tenants: [Tenant] = []
    for plan in plans { tenants.append(try plan.tenant(on: host, spaces: spaces, random: random, checksStale: checksStale)) }
    self.tenants = tenants
    captures = scenario.captureCount > 0 ? PageCaptures(pageCount: capacity) : nil
    let scanner = scenario.sharing.scanner.makeScanner(
      scenario.sharing.settings(seed: scenario.seed), for: host, capacity: capacity, frameCount: host.frameCount,
      numaNodes: scenario.host.numaNodes)
    driver = scanner.map { ScanDriver($0, scenario.sharing) }
    policy = try Self.makePolicy(scenario.overcommit)
    // The scanner owns its memory, the host, which must not own the scanner in turn.
    if let scanner {
      host.onZeroPageLost = { [unowned scanner] in scanner.zeroPageLeft($0) }
      host.onBlockRead = { [unowned self, unowned scanner] page, block in scanner.pageRead(page, from: block, at: self.now) }
    }
  }

  private static func geometry(_ host: HostSpec) throws(ExperimentError) -> TLBGeometry {
    var geometry: TLBGeometry
    do throws(TLBGeometryError) { geometry = try TLBGeometry(parsing: host.tlb) } catch { throw .tlb(error.problem) }
    if host.walkCaches == .off { geometry.walkCaches = .none }
    if host.walkCaches == .on && geometry.walkCaches.isEmpty { geometry.walkCaches = .typical }
    return geometry
  }

  private static func makePolicy(_ spec: OvercommitSpec) throws(ExperimentError) -> any OvercommitPolicy {
    guard let kind = PolicyKind(rawValue: spec.policy) else { throw .unknownName("policy", spec.policy) }
    guard kind == .shareProportional else { return kind.makePolicy() }
    var parameters = ShareProportionalPolicy.Parameters()
    parameters.hostTargetPercent = UInt64(max(0, spec.hostTargetPercent))
    parameters.maxChangeBytes = spec.maxChange.bytes
    return ShareProportionalPolicy(parameters: parameters)
  }

  // MARK: The run

  /// Carries the scenario out, once.
  /// - Parameters:
  ///   - progress: told how far virtual time got, at every sample.
  ///   - isInterrupted: asked before every guest's boot, every event and every guest's part in one; once it says yes, the run ends and what was found so far is the result.
  public func run(progress: (UInt64) -> Void = { _ in }, isInterrupted: () -> Bool = { false }) -> RunResult {
    for (index, tenant) in tenants.enumerated() {
      if isInterrupted() { return result(state: .partial) }
      if tenant.spec.startNanoseconds == 0 { boot(tenant) } else { queue.schedule(.boot(index), at: tenant.spec.startNanoseconds) }
      if let stop = tenant.spec.stopNanoseconds { queue.schedule(.shutDown(index), at: stop) }
      if let storm = tenant.spec.guest.storm.atNanoseconds { queue.schedule(.storm(index), at: storm) }
    }
    schedule()
    let end = scenario.durationNanoseconds
    while let time = queue.nextTime, time <= end {
      if isInterrupted() { return result(state: .partial) }
      guard let (time, event) = queue.next() else { break }
      // At the end there is no time left to do anything in; only the last sample and capture are taken, of what the result says as well.
      guard time < end || event == .sample || event == .capture else { continue }
      now = time
      carryOut(event, isInterrupted)
      if event == .sample { progress(now) }
    }
    now = end
    return result(state: .complete)
  }

  private func boot(_ tenant: Tenant) {
    tenant.boot()
    noteFree()
    guard tenant.spec.mergeable, let scanner = driver?.scanner else { return }
    let first = tenant.vm.firstPage.index
    // Without salting all machines are of one tenant.
    let owner = scenario.sharing.salting ? tenant.owner : 0
    tenant.space = scanner.register(first..<first + tenant.pages, tenant: owner)
  }

  /// Takes the memory of guests that have ended off the scanner's list, as the kernel does when a process ends (`ksm_exit`): it would walk over
  /// their absent pages for ever.
  private func unregisterStopped(from scanner: any PageScanner<Host>) {
    for tenant in tenants where !tenant.vm.isRunning {
      if let space = tenant.space { scanner.unregister(space) }
      tenant.space = nil
    }
  }

  /// The first of each kind of event. The sample comes first: the one at 0 shows the guests as they booted.
  private func schedule() {
    queue.schedule(.sample, at: 0)
    queue.schedule(.tick, at: 0)
    if let driver {
      if driver.runs { scheduleScan(after: driver.pace.pauseNanoseconds) }
      if let interval = driver.tuningNanoseconds { schedule(.tune, after: interval) }
    }
    schedule(.decide, after: scenario.overcommit.everyNanoseconds)
    schedule(.window, after: scenario.windowNanoseconds)
    if captures != nil { schedule(.capture, after: scenario.captureNanoseconds) }
  }

  /// Schedules an event some time from now, later than now; one beyond the end of time never comes.
  private func schedule(_ event: Event, after nanoseconds: UInt64) {
    let time = now.addingReportingOverflow(max(1, nanoseconds))
    if !time.overflow { queue.schedule(event, at: time.partialValue) }
  }

  private func carryOut(_ event: Event, _ isInterrupted: () -> Bool) {
    switch event {
    case .tick:
      tick(isInterrupted)
      schedule(.tick, after: Self.tickNanoseconds)
    case .boot(let index): boot(tenants[index])
    case .shutDown(let index): tenants[index].shutDown(on: host)
    case .storm(let index):
      guard tenants[index].isLive else { return }
      tenants[index].guest.storm()
      noteFree()
    case .scan: scan()
    case .tune: tune()
    case .decide:
      decide()
      schedule(.decide, after: scenario.overcommit.everyNanoseconds)
    case .window:
      for tenant in tenants where tenant.isBooted && !isInterrupted() {
        tenant.window(accesses: scenario.windowAccesses)
        noteFree()
      }
      schedule(.window, after: scenario.windowNanoseconds)
    case .sample:
      sample()
      schedule(.sample, after: scenario.sampleNanoseconds)
    case .capture: capture()
    }
  }

  /// Looks at all pages of all guests that run, as a tool that captures their memory would.
  private func capture() {
    guard let captures else { return }
    captures.take { note in
      for tenant in tenants {
        for page in tenant.ordinals { note(page, tenant.isLive ? HeldContent(of: page, on: host) : nil) }
      }
    }
    if captures.count < scenario.captureCount { schedule(.capture, after: scenario.captureNanoseconds) }
  }

  /// One batch of the scanner. While a tuner has it stopped there is none.
  private func scan() {
    isScanScheduled = false
    guard let driver, driver.runs else { return }
    unregisterStopped(from: driver.scanner)
    let pause = driver.scan(at: now)
    noteFirstMerge()
    scheduleScan(after: pause)
  }

  private func scheduleScan(after nanoseconds: UInt64) {
    isScanScheduled = true
    schedule(.scan, after: nanoseconds)
  }

  /// One look of the tuner.
  private func tune() {
    guard let driver, let interval = driver.tuningNanoseconds else { return }
    let live = tenants.filter(\.isLive)
    driver.tune(
      TunerStatistics(
        totalBytes: UInt64(host.frameCount) << 12, freeBytes: UInt64(host.freeFrames) << 12,
        committedBytes: live.reduce(0) { $0 + UInt64($1.pages) << 12 },
        residentBytes: live.reduce(0) { $0 + UInt64(max(0, $1.vm.privateFrames + $1.vm.stablePages)) << 12 }))
    if driver.runs, !isScanScheduled { scheduleScan(after: driver.pace.pauseNanoseconds) }
    schedule(.tune, after: interval)
  }

  private func noteFirstMerge() {
    if firstMerge == nil, host.events.merges > 0 { firstMerge = now }
  }

  /// What guests and balloons do from now until the next tick, or until the end.
  private func tick(_ isInterrupted: () -> Bool) {
    let stretch = min(Self.tickNanoseconds, scenario.durationNanoseconds - now)
    for tenant in tenants where tenant.isBooted && !isInterrupted() {
      tenant.step(nanoseconds: stretch, levelPercent: tenant.level(at: now))
      noteFree()
      tenant.stepBalloon(maxPages: Int(UInt64(Self.balloonPagesPerTick) * stretch / Self.tickNanoseconds))
    }
    noteFirstMerge()
  }

  private func noteFree() { freeMin = min(freeMin, host.freeFrames) }

  /// One round of the policy over the guests that run and have a balloon.
  private func decide() {
    let total = UInt64(host.frameCount) << 12
    let free = UInt64(host.freeFrames) << 12
    let governed = tenants.filter { $0.isLive && $0.balloon != nil }
    guard !governed.isEmpty else { return }
    let statistics = HostStatistics(totalBytes: total, usedBytes: total - free, freeBytes: free)
    let targets = policy.targets(host: statistics, guests: governed.map(\.statistics))
    for (tenant, target) in zip(governed, targets) { tenant.setTarget(pages: Int(clamping: target.targetBytes >> 12)) }
  }
}
