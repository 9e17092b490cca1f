import Addressing
import Guests
import Laboratory
import Testing
import Traces
import Translation
import TranslationCaching

@Suite("A stream under several ways of paging")
struct TraceRunTests {
  private func plan(_ modes: [PagingMode], tlb: String = "golden", memory: UInt64 = 64 << 20) throws -> TracePlan {
    var plan = TracePlan(
      modes: modes, tlb: try TLBGeometry(parsing: tlb), cost: try #require(CostPreset(named: "haswell-2013")),
      memory: ByteSize(bytes: memory))
    plan.tlb.walkCaches = .none
    return plan
  }

  private func run(_ plan: TracePlan, _ source: String, limit: UInt64? = nil) throws -> TraceResult {
    try TraceRun(plan, stream: try AccessStreams.open(source, limit: limit)).run()
  }

  /// (g + 1)(h + 1) - 1 for g guest levels walked over h host levels; the published table.
  @Test("a nested walk reads (g + 1)(h + 1) - 1 entries for g guest levels over h host levels, once nothing faults")
  func referenceCounts() throws {
    for (guestPage, host, expected) in [
      (PageSize.size4K, PageSize.size4K, 24), (.size4K, .size2M, 19), (.size2M, .size4K, 19), (.size2M, .size2M, 15),
    ] {
      var plan = try plan([.nested, .native], tlb: "l1i=1x1,l1d=1x1")
      plan.guest.pageSize = guestPage
      plan.hostPage = host
      plan.warmUp = 6000
      let result = try run(plan, "gen:random:pages=4096,writes=100", limit: 30_000)
      let walks = result.modes[0].counters
      // A page that the warm-up did not touch faults later; what its walks lack is at most what they could have.
      let faults = result.modes[0].guest.pageFaults
      #expect(walks.walkReferences <= walks.walks * UInt64(expected))
      #expect(walks.walkReferences + 2 * faults * UInt64(expected) >= walks.walks * UInt64(expected))
      #expect(result.modes[1].counters.referencesPerWalk <= Double(5 - guestPage.level))
    }
  }

  @Test("five levels: 35 over five, 29 over four and four over five")
  func fiveLevels() throws {
    for (guest, host, expected) in [(5, 5, 35.0), (5, 4, 29.0), (4, 5, 29.0)] {
      var plan = try plan([.nested], tlb: "l1i=1x1,l1d=1x1")
      plan.guest.levels = guest
      plan.hostLevels = host
      plan.warmUp = 4000
      let result = try run(plan, "gen:random:pages=64,writes=100", limit: 8000)
      #expect(result.modes[0].counters.referencesPerWalk == expected)
    }
  }

  @Test("a sweep counts what a data TLB of each size would, in the pass that replays the stream")
  func sweep() throws {
    let sizes = ["64x4", "16x4", "64x64", "16x1"]
    var plan = try plan([.native])
    plan.sweep = try sizes.map { text in
      let numbers = text.split(separator: "x").map { Int($0) ?? 0 }
      return try TLBGeometry.Level(entries: numbers[0], ways: numbers[1])
    }
    let swept = try run(plan, "gen:zipf:pages=4096", limit: 40_000).sweep
    for (text, counted) in zip(sizes, swept) {
      let alone = try run(try self.plan([.native], tlb: "l1i=1x1,l1d=\(text)"), "gen:zipf:pages=4096", limit: 40_000)
      let tlb = alone.modes[0].counters.tlb
      #expect(counted.hits == tlb.l1dHits && counted.misses == tlb.l1dMisses, "\(text)")
    }
  }

  @Test("a sweep does not count the warm-up, but keeps what that brought in; a stream that ends within it has nothing to count")
  func sweepWarmUp() throws {
    var plan = try plan([.native], tlb: "l1i=1x1,l1d=16x4")
    plan.sweep = [try TLBGeometry.Level(entries: 16, ways: 4)]
    plan.warmUp = 12_345
    let result = try run(plan, "gen:zipf:pages=4096", limit: 20_000)
    let (swept, tlb) = (result.sweep[0], result.modes[0].counters.tlb)
    #expect(swept.hits + swept.misses == 20_000 - 12_345)
    #expect(swept.hits == tlb.l1dHits && swept.misses == tlb.l1dMisses)
    plan.warmUp = 30_000
    let cold = try run(plan, "gen:zipf:pages=4096", limit: 20_000)
    #expect(cold.sweep[0].hits + cold.sweep[0].misses == 0 && cold.modes[0].counters.references == 0)
  }

  @Test(
    "native paging is bare hardware: it misses the same whatever the host's pages, and large pages never miss more",
    arguments: [
      PageSize.size2M, .size1G,
    ])
  func nativeHasNoHost(page: PageSize) throws {
    func misses(_ guestPage: PageSize, on hostPage: PageSize) throws -> UInt64 {
      var plan = try plan([.native], memory: 4 << 30)
      (plan.guest.pageSize, plan.hostPage, plan.warmUp) = (guestPage, hostPage, 10_000)
      return try run(plan, "gen:random:pages=2048", limit: 20_000).modes[0].counters.tlb.l1dMisses
    }
    let counts = try [PageSize.size4K, .size2M, .size1G].map { try misses(page, on: $0) }
    // Eight megabytes: a handful of pages.
    #expect(counts == [0, 0, 0])
    #expect(try misses(.size4K, on: .size4K) > 9000)
  }

  @Test("the golden run in order misses once a page, under every way of paging, however many are run at a time")
  func golden() throws {
    // Agile paging drops translations when a table goes over to nested walks, direct paging when a writable page becomes a table.
    let result = try run(try plan([.native, .nested, .shadow]), "gen:golden-seq", limit: 90_000)
    for mode in result.modes {
      let tlb = mode.counters.tlb
      // 60,000 reads of words among 90,000 words in order: 176 pages of 512 words, the last one in part.
      #expect(tlb.l1iHits == 29_999 && tlb.l1iMisses == 1)
      #expect(tlb.l1dMisses == 176 && tlb.l1dHits == 60_000 - 176)
      #expect(tlb.l2Hits == 0 && tlb.l2Misses == 177)
      #expect(mode.guest.pagesTouched == 177 && mode.counters.guestFaults == 177)
    }
    let alone = try run(try plan([.shadow]), "gen:golden-seq", limit: 90_000)
    #expect(alone.modes[0].counters == result.modes.first { $0.mode == .shadow }?.counters)
  }

  @Test("what the warm-up does is not counted, to the access")
  func warmUp() throws {
    var plan = try plan([.native])
    plan.warmUp = 12_345
    let result = try run(plan, "gen:random:pages=256", limit: 20_000)
    #expect(result.modes[0].counters.references == 20_000 - 12_345)
    #expect(result.modes[0].counters.guestFaults == 0)
  }

  @Test("every access goes where the tables lead, through forks, switches, rewrites and unmapped memory")
  func stale() throws {
    for source in [
      "gen:fork-storm:pages=64", "gen:switches:pages=64,every=100", "gen:page-table-writes:pages=256,every=7", "gen:stack-heap:pages=512",
      "gen:ranges:pages=64,hot=32,range=40,every=50,forks=1",
    ] {
      var plan = try plan(PagingMode.allCases)
      plan.checksStale = true
      let result = try run(plan, source, limit: 4000)
      for mode in result.modes {
        #expect(mode.stale?.byHypervisor == 0 && mode.stale?.byGuest == 0, "\(source) under \(mode.mode)")
        #expect(mode.counters.references == 4000)
        #expect(mode.guest == result.modes[0].guest, "the guest is the same under \(mode.mode)")
      }
    }
  }

  @Test("batches spare hypercalls and nothing else; a hypervisor in an address space of its own costs hot translations and loads of CR3")
  func batches() throws {
    func direct(_ batch: Int, _ monitor: MonitorSpace) throws -> TraceResult.Mode {
      var plan = try plan([.direct])
      plan.warmUp = 2000
      (plan.paging.updateBatch, plan.paging.monitor) = (batch, monitor)
      return try run(plan, "gen:ranges:pages=256,hot=256,range=40,every=1000,forks=1", limit: 22_000).modes[0]
    }
    let (one, many) = (try direct(1, .segmentLimits), try direct(64, .segmentLimits))
    #expect(one.counters.tableUpdates == many.counters.tableUpdates && one.counters.tlb == many.counters.tlb)
    #expect(one.exits[.hypercall] > 5 * many.exits[.hypercall])
    let hypercall = one.cost.exitsByReason[.hypercall] / max(1, one.exits[.hypercall])
    #expect(one.cost.total - many.cost.total == hypercall * (one.exits[.hypercall] - many.exits[.hypercall]))
    let own = try direct(64, .ownSpace)
    #expect(own.exits == many.exits && own.counters.tlb.l2Misses > many.counters.tlb.l2Misses * 3 / 2)
    let crossing = 2 * (try #require(CostPreset(named: "haswell-2013"))).kernel.cr3Load.cycles
    #expect(own.cost.exits == many.cost.exits + crossing * many.exits.total)
  }

  @Test("what paging-structure caches spare is what a native walk without them would have read", arguments: PagingMode.allCases)
  func spared(mode: PagingMode) throws {
    var plan = try plan([mode])
    plan.warmUp = 4000
    plan.tlb.walkCaches = .typical
    let cached = try run(plan, "gen:random:pages=2048,writes=0", limit: 12_000).modes[0].counters
    #expect(cached.sparedReferences > 0)
    // One dimension only: what was not spared was read.
    if [.native, .shadow, .direct].contains(mode) {
      #expect(cached.walkReferences + cached.sparedReferences >= 4 * cached.tlb.l2Misses)
      if cached.walks == cached.tlb.l2Misses { #expect(cached.walkReferences + cached.sparedReferences == 4 * cached.tlb.l2Misses) }
    }
    plan.tlb.walkCaches = .none
    #expect(try run(plan, "gen:random:pages=2048,writes=0", limit: 12_000).modes[0].counters.sparedReferences == 0)
  }

  @Test("cycles by cause add up")
  func cycles() throws {
    let result = try run(try plan(PagingMode.allCases), "gen:switches:pages=64", limit: 20_000)
    for mode in result.modes {
      #expect(mode.cost.causes.reduce(0) { $0 + $1.cycles } == mode.cost.total)
      #expect(mode.cost.accesses == 200_000)
    }
    #expect(result.modes[0].exits.total == 0)
  }

  @Test("an interrupted run keeps what it counted and says so")
  func interrupted() throws {
    let run = try TraceRun(try plan([.native]), stream: try AccessStreams.open("gen:random:pages=64", limit: 100_000))
    var batches = 0
    let result = try run.run(progress: { _ in batches += 1 }, isInterrupted: { batches == 3 })
    #expect(result.state == .partial)
    #expect(result.modes[0].counters.references == result.counters.accesses && result.counters.accesses < 100_000)
  }

  @Test("a guest that runs out of memory is an error that tells what to do")
  func full() throws {
    #expect {
      _ = try run(try plan([.native], memory: 16 << 20), "gen:sequential:pages=65536,stride=4096")
    } throws: { "\($0)".contains("the guest's memory of 16MiB is full after") && "\($0)".contains("give it more with --memory") }
  }
}
