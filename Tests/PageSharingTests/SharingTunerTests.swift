import PageSharing
import Testing

/// The daemons that set KSM's knobs, against vectors worked out by hand from their sources.
@Suite struct SharingTunerTests {
  private let millisecond: UInt64 = 1_000_000

  private func host(_ totalGiB: UInt64, free: UInt64, committed: UInt64, resident: UInt64? = nil) -> TunerStatistics {
    TunerStatistics(totalBytes: totalGiB << 30, freeBytes: free, committedBytes: committed, residentBytes: resident ?? committed)
  }

  private func gibibytes(_ count: UInt64) -> UInt64 { count << 30 }

  // MARK: ksmtuned

  @Test("ksmtuned stops KSM while the guests and a fifth of memory fit and more than a fifth is free")
  func ksmtunedStops() {
    var tuner = KsmtunedTuner()
    #expect(!tuner.tune(host(16, free: gibibytes(8), committed: gibibytes(8))).runs)
    // 12 GiB and the threshold of 3355443 kB fit into 16 GiB; 13 GiB do not.
    #expect(!tuner.tune(host(16, free: gibibytes(4), committed: gibibytes(12))).runs)
    #expect(tuner.tune(host(16, free: gibibytes(4), committed: gibibytes(13))).runs)
    #expect(tuner.tune(host(16, free: gibibytes(3), committed: gibibytes(8))).runs)
  }

  @Test("ksmtuned goes by what is resident, not by what the guests were given")
  func ksmtunedResident() {
    var tuner = KsmtunedTuner()
    #expect(!tuner.tune(host(16, free: gibibytes(8), committed: gibibytes(40), resident: gibibytes(8))).runs)
  }

  @Test("ksmtuned adds 300 pages while memory is short, takes 50 while it is not, from 64 to 1250, and remembers them while stopped")
  func ksmtunedPages() {
    var tuner = KsmtunedTuner()
    let short = host(16, free: gibibytes(3), committed: gibibytes(20))
    let enough = host(16, free: gibibytes(4), committed: gibibytes(20))
    let idle = host(16, free: gibibytes(15), committed: gibibytes(1))
    #expect((0..<6).map { _ in tuner.tune(short).pagesToScan } == [300, 600, 900, 1200, 1250, 1250])
    #expect((0..<2).map { _ in tuner.tune(enough).pagesToScan } == [1200, 1150])
    #expect(!tuner.tune(idle).runs)
    #expect(tuner.tune(short).pagesToScan == 1250)
    var fresh = KsmtunedTuner()
    #expect(fresh.tune(enough).pagesToScan == 64)
    // 3355443 kB, the threshold itself, is neither more than it, which would stop KSM, nor less, which would boost it.
    #expect(fresh.tune(host(16, free: 3_355_443 << 10, committed: gibibytes(1))).pagesToScan == 64)
    #expect(fresh.tune(host(16, free: 3_355_442 << 10, committed: gibibytes(1))).pagesToScan == 364)
  }

  @Test("ksmtuned sleeps 10 ms on 16 GiB, longer on smaller hosts, and never less", arguments: [(1, 160), (4, 40), (16, 10), (64, 10)])
  func ksmtunedSleep(gibibytes: UInt64, milliseconds: UInt64) {
    var tuner = KsmtunedTuner()
    #expect(tuner.tune(host(gibibytes, free: 0, committed: 0)).sleepNanoseconds == milliseconds * millisecond)
    #expect(tuner.intervalNanoseconds == 60_000 * millisecond)
  }

  @Test("ksmtuned keeps at least 2048 kB free")
  func ksmtunedLeastThreshold() {
    var tuner = KsmtunedTuner()
    // A fifth of 8 MiB would be 1638 kB.
    let statistics = TunerStatistics(totalBytes: 8 << 20, freeBytes: 2000 << 10, committedBytes: 0, residentBytes: 0)
    #expect(tuner.tune(statistics).runs)
  }

  // MARK: MoM

  @Test("MoM's rules run at every second sample, every 10 s, and count pages from the kernel's 100")
  func momPages() {
    var tuner = MomTuner()
    let short = host(16, free: gibibytes(3), committed: gibibytes(20))
    #expect(tuner.intervalNanoseconds == 5000 * millisecond)
    #expect(!tuner.tune(short).runs)
    let answers = (0..<9).map { _ in tuner.tune(short) }
    #expect(answers.map(\.pagesToScan) == [400, 400, 700, 700, 1000, 1000, 1250, 1250, 1250])
    #expect(answers.allSatisfy { $0.runs && $0.sleepNanoseconds == 10 * millisecond })
  }

  @Test("MoM takes the mean of the last ten samples for free memory")
  func momMean() {
    var tuner = MomTuner()
    // A fifth of 20 GiB is 4. Means over the samples so far: 2, 2, 2, then (6 * 2 + 2 * 10) / 8 = 4, which is neither short nor enough.
    for _ in 0..<6 { _ = tuner.tune(host(20, free: gibibytes(2), committed: gibibytes(1))) }
    #expect(tuner.tune(host(20, free: gibibytes(10), committed: gibibytes(1))).pagesToScan == 1000)
    let even = tuner.tune(host(20, free: gibibytes(10), committed: gibibytes(1)))
    #expect(even == TunerDecision(runs: true, pagesToScan: 950, sleepNanoseconds: 8 * millisecond))
    // (6 * 2 + 4 * 10) / 10 = 5.2 is enough.
    _ = tuner.tune(host(20, free: gibibytes(10), committed: gibibytes(1)))
    #expect(!tuner.tune(host(20, free: gibibytes(10), committed: gibibytes(1))).runs)
    // Ten new samples have driven the old ones out: short again at once.
    for _ in 0..<10 { _ = tuner.tune(host(20, free: 0, committed: gibibytes(1))) }
    #expect(tuner.tune(host(20, free: gibibytes(19), committed: gibibytes(1))).runs)
  }

  @Test("MoM goes by what the guests were given, and decays to 64 while memory is not short")
  func momCommitted() {
    var tuner = MomTuner()
    let promised = host(20, free: gibibytes(15), committed: gibibytes(16), resident: 0)
    #expect((0..<4).map { _ in tuner.tune(promised).pagesToScan } == [100, 64, 64, 64])
    #expect(tuner.tune(promised).runs)
    var other = MomTuner()
    let kept = host(20, free: gibibytes(15), committed: gibibytes(15), resident: gibibytes(30))
    #expect((0..<4).allSatisfy { _ in !other.tune(kept).runs })
  }

  @Test("MoM's pause has no least value but the millisecond that virtual time needs", arguments: [(1, 160), (32, 5), (64, 2), (1024, 1)])
  func momSleep(gibibytes: UInt64, milliseconds: UInt64) {
    var tuner = MomTuner()
    let short = host(gibibytes, free: 0, committed: 0)
    _ = tuner.tune(short)
    #expect(tuner.tune(short).sleepNanoseconds == milliseconds * millisecond)
  }

  // MARK: KubeVirt

  @Test("KubeVirt starts KSM with 100 pages under pressure, adds 300 each time up to 1250, then takes 50 until fewer than 64 would be left")
  func kubeVirtPages() {
    var tuner = KubeVirtTuner()
    let calm = host(16, free: gibibytes(8), committed: gibibytes(40))
    let short = host(16, free: gibibytes(2), committed: 0)
    #expect(tuner.intervalNanoseconds == 180_000 * millisecond)
    #expect(!tuner.tune(calm).runs)
    #expect((0..<6).map { _ in tuner.tune(short).pagesToScan } == [100, 400, 700, 1000, 1250, 1250])
    let decay = (0..<23).map { _ in tuner.tune(calm) }
    #expect(decay.map(\.pagesToScan) == Array(stride(from: 1200, through: 100, by: -50)))
    #expect(decay.allSatisfy { $0.runs })
    #expect(!tuner.tune(calm).runs)
    #expect(tuner.tune(short) == TunerDecision(runs: true, pagesToScan: 100, sleepNanoseconds: 114 * millisecond))
  }

  @Test(
    "KubeVirt sleeps 100 ms on a host that uses 16 GiB, longer where less is used, at least 10",
    arguments: [(16, 100), (14, 114), (4, 400), (200, 10)])
  func kubeVirtSleep(used: UInt64, milliseconds: UInt64) {
    var tuner = KubeVirtTuner()
    let total = used + used / 8
    #expect(tuner.tune(host(total, free: gibibytes(total - used), committed: 0)).sleepNanoseconds == milliseconds * millisecond)
  }

  // MARK: All

  @Test("No statistics make a tuner trap or pause for no time", arguments: TunerKind.allCases)
  func anyStatistics(kind: TunerKind) {
    guard var tuner = kind.makeTuner() else {
      #expect(kind == .none || kind == .advisor)
      return
    }
    #expect(tuner.intervalNanoseconds > 0)
    let extremes: [UInt64] = [0, 1, 1023, 1 << 30, .max / 2, .max]
    for total in extremes {
      for free in extremes {
        for committed in extremes {
          let decision = tuner.tune(
            TunerStatistics(totalBytes: total, freeBytes: free, committedBytes: committed, residentBytes: committed))
          #expect(decision.sleepNanoseconds >= millisecond && (64...1250).contains(decision.pagesToScan))
        }
      }
    }
  }
}
