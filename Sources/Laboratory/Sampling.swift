internal import Addressing
internal import Guests
internal import Machine
internal import PageSharing
internal import Scenarios
internal import Translation
internal import TranslationCaching

/// What an experiment reads off its machine, at each sample and at the end.
extension Experiment {
  /// Samples every metric, and audits if audits are wanted.
  func sample() {
    let census = host.sharingCensus()
    sampleHost(census)
    sampleScanner(census)
    for tenant in tenants { sample(tenant) }
    guard audited else { return }
    let found = Audit.run(host)
    audit.samples += 1
    audit.violations += UInt64(found.count)
    for breach in found.breaches where audit.messages.count < 20 {
      audit.messages.append("\(now) ns: \(breach)")
    }
  }

  private func note(_ vm: String, _ metric: Metric, _ value: UInt64) {
    samples.append(Sample(timeNanoseconds: now, vm: vm, metric: metric, value: .count(value)))
  }

  private func note(_ vm: String, _ metric: Metric, _ value: Double) {
    samples.append(Sample(timeNanoseconds: now, vm: vm, metric: metric, value: .real(value)))
  }

  private func sampleHost(_ census: SharingCensus) {
    let summary = hostSummary()
    let values: [(Metric, UInt64)] = [
      (.freeBytes, summary.freeBytes), (.privateBytes, summary.privateBytes), (.sharedBytes, summary.sharedBytes),
      (.balloonedBytes, summary.balloonedBytes), (.swappedBytes, summary.swappedBytes), (.savedZeroPages, UInt64(census.savedZero)),
      (.savedSelfPages, UInt64(census.savedSelf)), (.savedInterPages, UInt64(census.savedInter)), (.merges, host.events.merges),
      (.cowBreaks, host.events.copiesOnWrite),
    ]
    for (metric, value) in values { note("", metric, value) }
  }

  private func sampleScanner(_ census: SharingCensus) {
    let counters = driver?.scanner.counters ?? KSMCounters()
    let scannerNanoseconds = driver?.nanoseconds ?? 0
    let pagesToScan = driver.map { $0.runs ? $0.pace.pages : 0 } ?? 0
    let values: [(Metric, UInt64)] = [
      (.fullScans, counters.fullScans), (.pagesScanned, counters.pagesScanned), (.pagesShared, counters.pagesShared),
      (.pagesSharing, counters.pagesSharing), (.pagesUnshared, counters.pagesUnshared), (.pagesVolatile, counters.pagesVolatile),
      (.pagesSkipped, counters.pagesSkipped), (.ksmZeroPages, counters.ksmZeroPages), (.stableNodeChains, counters.stableNodeChains),
      (.stableNodeDups, counters.stableNodeDups), (.rmapItems, counters.rmapItems), (.scannerVisits, driver?.scanner.work.visits ?? 0),
      (.scannerCPUNanoseconds, scannerNanoseconds), (.pagesToScan, pagesToScan), (.storedPages, storedPages),
      (.storedBytes, driver?.scanner.storedBytes ?? 0), (.savedBytes, savedBytes(census)),
    ]
    for (metric, value) in values { note("", metric, value) }
    samples.append(Sample(timeNanoseconds: now, vm: "", metric: .generalProfit, value: .integer(counters.generalProfit)))
    // A share needs a stretch of time: the first sample has none.
    if let last = lastSample, now > last.time {
      note("", .scannerCPU, Double(scannerNanoseconds - last.scannerNanoseconds) / Double(now - last.time))
    }
    lastSample = (now, scannerNanoseconds)
  }

  private func sample(_ tenant: Tenant) {
    let (name, statistics, vm) = (tenant.spec.name, tenant.memory, tenant.vm)
    let values: [(Metric, UInt64)] = [
      (.privateBytes, bytes(vm.chargedFrames)), (.sharedBytes, bytes(vm.stablePages + vm.placedZeroPages)),
      (.balloonedBytes, bytes(tenant.balloonedPages)), (.swappedBytes, bytes(vm.swappedPages)),
      (.balloonTargetBytes, bytes(tenant.targetPages)), (.balloonActualBytes, bytes(tenant.actualPages)),
      (.balloonFreedBytes, tenant.freedPages << 12), (.guestFreeBytes, bytes(statistics.free)),
      (.guestCacheBytes, bytes(statistics.cached)),
      (.guestAnonymousBytes, bytes(statistics.anonymous)), (.exits, vm.exits.total), (.guestFaults, statistics.faults),
      (.swapIns, vm.swapIns),
    ]
    for (metric, value) in values { note(name, metric, value) }
    if let dirty = tenant.takeDirtyPages() { note(name, .dirtyPages, dirty) }
    if let process = processStatistics(of: tenant) {
      for (metric, value) in [
        (Metric.ksmMergingPages, process.mergingPages), (.ksmZeroPages, process.zeroPages), (.ksmRmapItems, process.rmapItems),
      ] { note(name, metric, value) }
      samples.append(Sample(timeNanoseconds: now, vm: name, metric: .ksmProcessProfit, value: .integer(process.profit)))
    }
    let window = tenant.takeWindowsSinceSample()
    // Before the first window, and for a stopped guest, there is no rate: a gap says so, a zero would not.
    guard window.counters.references > 0 else { return }
    note(name, .tlbMissRate, window.missRate)
    note(name, .referencesPerWalk, window.referencesPerWalk)
    note(name, .slowdown, window.slowdown(cost))
  }

  /// Pages that the scanner stores in a form of its own.
  private var storedPages: UInt64 { host.vms.reduce(0) { $0 + UInt64(max(0, $1.entrustedPages)) } }

  /// What sharing and storing save, in bytes; 0 where the stores take more than they save.
  private func savedBytes(_ census: SharingCensus) -> UInt64 {
    let saved = (UInt64(census.savedPages) + storedPages) << 12
    return saved - min(saved, driver?.scanner.storedBytes ?? 0)
  }

  /// What the scanner counts of a guest; nil before it is on the scanner's list, once it has ended, or where the scanner does not count so.
  private func processStatistics(of tenant: Tenant) -> KSMProcessStatistics? {
    guard tenant.vm.isRunning, let space = tenant.space else { return nil }
    return driver?.scanner.statistics(of: space)
  }

  private func bytes(_ pages: Int) -> UInt64 { UInt64(max(0, pages)) << 12 }

  private func hostSummary() -> HostSummary {
    var summary = HostSummary()
    summary.totalBytes = bytes(host.frameCount)
    summary.freeBytes = bytes(host.freeFrames)
    summary.freeMinBytes = bytes(min(freeMin, host.freeFrames))
    summary.privateBytes = bytes(host.vms.reduce(0) { $0 + $1.chargedFrames })
    summary.sharedBytes = bytes(host.stableFrames + 1)  // the zero frame is everybody's
    summary.balloonedBytes = bytes(tenants.reduce(0) { $0 + $1.balloonedPages })
    summary.swappedBytes = bytes(host.swap.used)
    return summary
  }

  /// The result of a run that ended now.
  func result(state: RunState) -> RunResult {
    let census = host.sharingCensus()
    var sharing = SharingSummary()
    sharing.savedPages = UInt64(census.savedPages)
    sharing.savedZero = UInt64(census.savedZero)
    sharing.savedSelf = UInt64(census.savedSelf)
    sharing.savedInter = UInt64(census.savedInter)
    sharing.shareablePages = shareablePages()
    sharing.merges = host.events.merges
    sharing.cowBreaks = host.events.copiesOnWrite
    sharing.accessBreaks = host.events.copiesOnAccess
    (sharing.storedPages, sharing.storedBytes, sharing.savedBytes) = (storedPages, driver?.scanner.storedBytes ?? 0, savedBytes(census))
    sharing.ksm = driver?.scanner.counters ?? KSMCounters()
    sharing.firstMergeNanoseconds = firstMerge
    sharing.work = driver?.scanner.work ?? ScanWork()
    sharing.scannerNanoseconds = driver?.nanoseconds ?? 0
    return RunResult(
      scenario: scenario, state: state, virtualNanoseconds: now, host: hostSummary(), sharing: sharing, vms: tenants.map(summary),
      audit: audit, timeline: samples, failedExpectations: [], captures: captures?.summary, stale: staleSummary(),
      walks: exampleWalks())
  }

  /// What the detectors of all machines found, those of stopped ones among them; nil where there are none.
  private func staleSummary() -> StaleSummary? {
    tenants.reduce(into: nil) { (summary: inout StaleSummary?, tenant) in
      guard let detector = tenant.vm.translator.staleTranslations else { return }
      var sum = summary ?? StaleSummary()
      sum.add(detector, of: tenant.spec.name, limit: Self.staleFindingsPerVM)
      summary = sum
    }
  }

  /// So many findings of each machine are told in words.
  private static let staleFindingsPerVM = 20

  /// One walk for each way of paging, in the order in which the machines stand in the scenario.
  private func exampleWalks() -> [MachineWalk] {
    var walks: [MachineWalk] = []
    for tenant in tenants where tenant.isLive {
      let mode = tenant.vm.translator.mode
      guard !walks.contains(where: { $0.paging == mode }), let walk = tenant.vm.translator.exampleWalk() else { continue }
      walks.append(MachineWalk(vm: tenant.spec.name, paging: mode, transcript: walk))
    }
    return walks
  }

  /// How many pages hold what another page holds.
  private func shareablePages() -> UInt64 {
    var tally = ContentTally()
    for tenant in tenants where tenant.isLive && tenant.spec.mergeable {
      for page in tenant.ordinals { if let content = HeldContent(of: page, on: host) { tally.add(content) } }
    }
    return tally.savedPages
  }

  private func summary(_ tenant: Tenant) -> VMSummary {
    var summary = VMSummary(name: tenant.spec.name, paging: tenant.spec.paging.rawValue)
    let vm = tenant.vm
    summary.state = tenant.state
    summary.references = tenant.windows.counters.references
    summary.referencesPerWalk = tenant.windows.referencesPerWalk
    summary.tlbMissRate = tenant.windows.missRate
    let exits = tenant.guest is StreamFeed ? tenant.windows.exits : vm.exits
    summary.exits = ExitReason.allCases.map { ExitCount(reason: $0.rawValue, count: exits[$0]) }
    summary.balloonTargetBytes = bytes(tenant.targetPages)
    summary.balloonActualBytes = bytes(tenant.actualPages)
    summary.balloonActualMinBytes = bytes(tenant.actualMin)
    summary.balloonActualMaxBytes = bytes(tenant.actualMax)
    summary.balloonFreedBytes = tenant.freedPages << 12
    summary.privateBytes = bytes(vm.chargedFrames)
    summary.sharedBytes = bytes(vm.stablePages + vm.placedZeroPages)
    summary.swappedBytes = bytes(vm.swappedPages)
    summary.swapIns = vm.swapIns
    summary.hugeMappings = UInt64(max(0, vm.hugeMappings))
    summary.hugeSplits = vm.hugeSplits
    summary.ksm = processStatistics(of: tenant) ?? KSMProcessStatistics()
    summary.dirtyPages = vm.dirtyPages == nil ? nil : tenant.dirtyPages
    summary.loggedPages = vm.translator.counters.loggedPages
    summary.guestFaults = tenant.guest.statistics.faults
    summary.walks = tenant.windows.counters.walks
    summary.walkReferences = tenant.windows.counters.walkReferences
    summary.tableUpdates = tenant.windows.counters.tableUpdates
    summary.tlbMisses = tenant.windows.counters.tlb.l2Misses
    summary.cyclesByCause = tenant.windows.cycles(cost).causes.map { CauseCycles(cause: $0.name, cycles: $0.cycles) }
    summary.problem = tenant.problem
    summary.slowdown = tenant.windows.slowdown(cost)
    return summary
  }
}
