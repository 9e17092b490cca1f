internal import Addressing
internal import Columns
internal import Guests
internal import Machine
public import Traces
internal import Translation

/// A stream replayed under several ways of paging at once.
///
/// Each way has a host, a virtual machine and a guest of its own, and all are fed the same batches: the stream is read once, so that it may come from a
/// pipe, and nobody's result depends on who else runs.
public final class TraceRun {
  private let plan: TracePlan
  private let stream: any AccessStream
  private let lanes: [Lane]
  private let sweep: TraceSweep?
  private let batch = AccessBatch(count: AccessBatch.usualCount)

  /// One way of paging.
  private final class Lane {
    let mode: PagingMode
    let host: Host
    let vm: VirtualMachine
    let guest: StreamGuest
    let stale: StaleTranslations?
    var time = Duration.zero
    /// Everything that was counted before counting began.
    var before = Counts()

    struct Counts {
      var counters = TranslationCounters()
      var deviceExits = ExitCounts()
      var guest = StreamGuestCounts()
    }

    init(_ plan: TracePlan, _ mode: PagingMode) throws(HostError) {
      self.mode = mode
      stale = plan.checksStale ? StaleTranslations() : nil
      host = try Host(
        HostConfiguration(
          memory: Self.hostMemory(plan, mode), swap: ByteSize(bytes: 0), tlb: plan.tlb, guestPageCapacity: Host.ordinals(for: plan.memory),
          audited: false))
      vm = try host.createVM(
        name: mode.rawValue, memory: plan.memory, paging: mode, options: plan.paging,
        backing: MemoryBacking(hugePages: HugePages(plan.hostPage(of: mode)), levels: plan.hostLevels), staleTranslations: stale)
      guest = StreamGuest(vm: vm, options: plan.guest)
    }

    /// Room for the guest's memory and the tables that lead to it, aligned to the host's pages.
    private static func hostMemory(_ plan: TracePlan, _ mode: PagingMode) -> ByteSize {
      let unit = max(plan.hostPage(of: mode).bytes, 4 << 20)
      let tables = plan.memory.bytes / 8 + 64 << 20
      return ByteSize(bytes: (plan.memory.bytes + tables + 2 * unit) & ~(unit - 1))
    }

    var counts: Counts { Counts(counters: vm.translator.counters, deviceExits: vm.deviceExits, guest: guest.counts) }
  }

  /// Sets the hosts up.
  /// - Parameters:
  ///   - plan: what is to be compared.
  ///   - stream: the accesses.
  public init(_ plan: TracePlan, stream: any AccessStream) throws(TraceRunError) {
    self.plan = plan
    self.stream = stream
    sweep = plan.sweep.isEmpty ? nil : TraceSweep(plan.sweep)
    do throws(HostError) { lanes = try plan.modes.map { mode throws(HostError) in try Lane(plan, mode) } } catch {
      throw .host("no host can be set up for a guest of \(plan.memory): \(error)")
    }
  }

  /// Replays the stream to its end, once.
  /// - Parameters:
  ///   - progress: told how many records were replayed, after every batch.
  ///   - isInterrupted: asked before every batch; once it says yes, the run ends, and what was counted so far is the result.
  public func run(progress: (UInt64) -> Void = { _ in }, isInterrupted: () -> Bool = { false }) throws(TraceRunError) -> TraceResult {
    var isWarm = plan.warmUp == 0
    var isPartial = false
    while true {
      if isInterrupted() {
        isPartial = true
        break
      }
      let count = try fill()
      guard count > 0 else { break }
      var range = 0..<count
      if !isWarm, stream.counters.accesses >= plan.warmUp {
        let split = coldEnd(count)
        try replay(0..<split)
        beginCounting()
        (isWarm, range) = (true, split..<count)
      }
      try replay(range)
      progress(stream.counters.records)
    }
    // A stream that ends within the warm-up has nothing to count.
    if !isWarm { beginCounting() }
    return result(isPartial ? .partial : .complete)
  }

  private func fill() throws(TraceRunError) -> Int {
    do throws(TraceError) { return try stream.fill(batch) } catch { throw .stream(error) }
  }

  /// The index in the batch after the last access of the warm-up.
  private func coldEnd(_ count: Int) -> Int {
    var left = stream.counters.accesses - plan.warmUp
    var index = count
    while left > 0 && index > 0 {
      index -= 1
      if !batch[index].isEvent { left -= 1 }
    }
    return index
  }

  /// Forgets what was counted: the warm-up is over.
  private func beginCounting() {
    sweep?.beginCounting()
    for lane in lanes {
      _ = lane.vm.collectDirtyPages()
      (lane.before, lane.time) = (lane.counts, .zero)
    }
  }

  private func replay(_ range: Range<Int>) throws(TraceRunError) {
    guard !range.isEmpty else { return }
    sweep?.add(batch, in: range)
    for lane in lanes {
      let clock = ContinuousClock()
      let start = clock.now
      do throws(StreamGuestError) { try lane.guest.run(batch, in: range) } catch { throw .guest(lane.mode, error) }
      lane.time += clock.now - start
    }
  }

  private func result(_ state: RunState) -> TraceResult {
    let modes = lanes.map { lane in
      let (after, before) = (lane.counts, lane.before)
      let counters = after.counters.since(before.counters)
      let deviceExits = after.deviceExits.since(before.deviceExits)
      let guest = after.guest.since(before.guest)
      var exits = counters.exits
      exits += deviceExits
      return TraceResult.Mode(
        mode: lane.mode, counters: counters, exits: exits, guest: guest,
        cost: plan.cost.cycles(
          for: counters, work: guest.work(pageSize: plan.guest.pageSize), mode: lane.mode, monitor: plan.paging.monitor,
          deviceExits: deviceExits),
        seconds: Double(lane.time.components.seconds) + Double(lane.time.components.attoseconds) / 1e18,
        stale: lane.stale, dirtyPages: lane.vm.dirtyPages.map { UInt64(max(0, $0)) })
    }
    return TraceResult(
      plan: plan, name: stream.name, notes: stream.notes, counters: stream.counters, state: state, modes: modes,
      sweep: sweep?.results ?? [])
  }
}
