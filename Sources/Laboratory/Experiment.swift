internal import Addressing
internal import Columns
internal import Guests
public import Machine
internal import Overcommit
internal import PageSharing
public import RAMImages
public import Scenarios
internal import Translation
internal import TranslationCaching

/// A run of a scenario: the host, its tenants and the event queue.
public final class Experiment {
  let scenario: Scenario
  let audited: Bool
  let host: Host
  let tenants: [Tenant]
  let cost: CostPreset
  private let scanner: KSMScanner?
  private var policy: (any OvercommitPolicy)?
  private var queue = EventQueue<Event>()

  private(set) var now: UInt64 = 0
  var samples: [Sample] = []
  var audit = AuditSummary()
  var freeMin = Int.max

  /// What can happen.
  private enum Event {
    case tick, scan, decide, window, sample
  }

  /// Guests and balloons act so often.
  static let tickNanoseconds: UInt64 = 100_000_000
  /// The time that the scanner spends on a page. The kernel's own scanner, unthrottled, passes 0.4 to 1.2 GiB a second when it only
  /// checks checksums and 0.1 to 0.2 when it searches trees; 5 us a page are 0.8 GiB/s.
  static let scanNanosecondsPerPage: UInt64 = 5_000
  /// How fast a balloon moves, in pages a tick: 157 MiB/s, measured on a Linux guest with free memory.
  static let balloonPagesPerTick = 157 * 256 / 10

  /// Sets a scenario up and boots its guests.
  /// - Parameters:
  ///   - scenario: the plan.
  ///   - recordings: the traces that its recorded guests name, by the path in the scenario.
  ///   - audited: whether all laws are checked at every sample.
  public init(_ scenario: Scenario, recordings: [String: IdentityTrace], audited: Bool) throws(ExperimentError) {
    self.scenario = scenario
    self.audited = audited
    guard let cost = CostPreset(named: scenario.host.cost) else { throw .unknownName("cost preset", scenario.host.cost) }
    self.cost = cost
    let plans = try scenario.vms.map { vm throws(ExperimentError) in try TenantPlan(vm, recordings: recordings) }
    let capacity = plans.reduce(0) { $0 + Host.ordinals(for: $1.memory) }
    do throws(HostError) {
      host = try Host(
        HostConfiguration(
          memory: scenario.host.memory, swap: scenario.host.swap, tlb: try Self.geometry(scenario.host.tlb), guestPageCapacity: capacity,
          audited: audited))
    } catch { throw .host(error) }
    let spaces = SpaceNumbers(scenario)
    let random = RandomSource(seed: scenario.seed)
    var tenants: [Tenant] = []
    for plan in plans { tenants.append(try plan.tenant(on: host, spaces: spaces, random: random)) }
    self.tenants = tenants
    scanner = scenario.sharing.scanner == .ksm
      ? KSMScanner(settings: scenario.sharing.ksm, capacity: capacity, frameCount: host.frameCount) : nil
    policy = Self.makePolicy(scenario.overcommit)
    if let scanner { host.onZeroPageLost = { scanner.zeroPageLeft($0) } }
  }

  private static func geometry(_ text: String) throws(HostError) -> TLBGeometry {
    if let preset = TLBPreset.all.first(where: { $0.name == text }) { return preset.geometry }
    do throws(TLBGeometryError) { return try TLBGeometry(parsing: text) } catch { throw .tlb(error.problem) }
  }

  private static func makePolicy(_ spec: OvercommitSpec) -> (any OvercommitPolicy)? {
    switch PolicyKind(rawValue: spec.policy) {
    case .shareProportional:
      var parameters = ShareProportionalPolicy.Parameters()
      parameters.hostTargetPercent = UInt64(max(0, spec.hostTargetPercent))
      parameters.maxChangeBytes = spec.maxChange.bytes
      return ShareProportionalPolicy(parameters: parameters)
    case .some(.none), nil: return nil
    case .some(let kind): return kind.makePolicy()
    }
  }

  // MARK: The run

  /// Carries the scenario out.
  /// - Parameters:
  ///   - progress: told how far virtual time got, at every sample.
  ///   - isInterrupted: asked at every event; if it says yes, the run ends and what was found so far is the result.
  public func run(progress: (UInt64) -> Void = { _ in }, isInterrupted: () -> Bool = { false }) -> RunResult {
    for tenant in tenants {
      tenant.boot()
      if tenant.spec.mergeable, let scanner {
        let first = tenant.vm.firstPage.index
        _ = scanner.register(first..<first + tenant.pages)
      }
    }
    schedule()
    var state = RunState.complete
    while let time = queue.nextTime, time <= scenario.durationNanoseconds {
      if isInterrupted() {
        state = .partial
        break
      }
      guard let (time, event) = queue.next() else { break }
      now = time
      carryOut(event)
      if case .sample = event { progress(now) }
    }
    if state == .complete { now = scenario.durationNanoseconds }
    return result(state: state, counters: scanner?.counters)
  }

  private func schedule() {
    queue.schedule(.tick, at: 0)
    if scanner != nil { queue.schedule(.scan, at: scenario.sharing.ksm.sleepNanoseconds) }
    if policy != nil { queue.schedule(.decide, at: scenario.overcommit.everyNanoseconds) }
    queue.schedule(.window, at: scenario.windowNanoseconds)
    queue.schedule(.sample, at: 0)
  }

  private func carryOut(_ event: Event) {
    switch event {
    case .tick:
      for tenant in tenants {
        tenant.levelPercent = tenant.level(at: now)
        tenant.guest.step(nanoseconds: Self.tickNanoseconds, levelPercent: tenant.levelPercent)
        tenant.stepBalloon(maxPages: Self.balloonPagesPerTick)
        freeMin = min(freeMin, host.freeFrames)
      }
      queue.schedule(.tick, at: now + Self.tickNanoseconds)
    case .scan:
      guard let scanner else { return }
      let batch = scanner.scanBatch(pages: scenario.sharing.ksm.pagesToScan, in: host)
      queue.schedule(.scan, at: now + max(1, scenario.sharing.ksm.sleepNanoseconds + batch.pagesScanned * Self.scanNanosecondsPerPage))
    case .decide:
      decide()
      queue.schedule(.decide, at: now + scenario.overcommit.everyNanoseconds)
    case .window:
      for tenant in tenants { tenant.window(accesses: scenario.windowAccesses) }
      queue.schedule(.window, at: now + scenario.windowNanoseconds)
    case .sample:
      sample(counters: scanner?.counters)
      queue.schedule(.sample, at: now + scenario.sampleNanoseconds)
    }
  }

  /// One round of the policy over the guests that run and have a balloon.
  private func decide() {
    let total = UInt64(host.frameCount) << 12
    let free = UInt64(host.freeFrames) << 12
    let governed = tenants.filter { $0.vm.isRunning && $0.balloon != nil }
    let statistics = HostStatistics(totalBytes: total, usedBytes: total - free, freeBytes: free)
    guard let targets = policy?.targets(host: statistics, guests: governed.map(\.statistics)) else { return }
    for (tenant, target) in zip(governed, targets) { tenant.setTarget(pages: Int(clamping: target.targetBytes >> 12)) }
  }
}

/// Why a scenario cannot be set up.
public enum ExperimentError: Error, Equatable, Sendable {
  /// The host cannot be built, or a virtual machine not on it.
  case host(HostError)
  /// A recording lacks a guest that the scenario names, or holds another amount of memory.
  case recording(vm: String, problem: String)
  /// A name that nothing answers to: what it should name, and the name.
  case unknownName(String, String)
}
