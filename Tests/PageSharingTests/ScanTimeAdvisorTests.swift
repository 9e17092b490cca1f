import PageSharing
import Testing

/// The kernel's scan-time advisor, against vectors worked out by hand from its formula.
@Suite struct ScanTimeAdvisorTests {
  @Test("Three scans in a row give what the kernel's integers give")
  func threeScans() {
    var advisor = ScanTimeAdvisor(ScanTimeAdvisor.Settings())
    #expect(advisor.pagesToScan == 500)
    // 5 % of a processor; the wish is 500 * 100 / 200 * 30 / 100 = 75; 100 pages a percent; at least 10 %.
    advisor.fullScanEnded(seconds: 100, cpuMilliseconds: 5000)
    #expect(advisor.pagesToScan == 1000)
    // 12 %; the average is (70 * 30 + 30 * 50) / 100 = 36; the wish 1000 * 100 / 400 * 36 / 100 = 90; 83 pages a percent.
    advisor.fullScanEnded(seconds: 50, cpuMilliseconds: 6000)
    #expect(advisor.pagesToScan == 830)
    // 80 %; the average is (70 * 36 + 30 * 800) / 100 = 265; the wish 830 * 100 / 50 * 265 / 100 = 4399; 10 pages a percent, at most 70 %.
    advisor.fullScanEnded(seconds: 400, cpuMilliseconds: 320_000)
    #expect(advisor.pagesToScan == 700)
  }

  @Test("Between the limits of cost the wish itself is taken")
  func wish() {
    var advisor = ScanTimeAdvisor(ScanTimeAdvisor.Settings())
    // 30 %; 500 * 100 / 25 = 2000, of which 30 %: 600; 16 pages a percent allow 160 to 1120.
    advisor.fullScanEnded(seconds: 800, cpuMilliseconds: 240_000)
    #expect(advisor.pagesToScan == 600)
  }

  @Test("A scan of no second and no cost counts as one of a second and a percent, and the most pages are never passed")
  func shortScans() {
    var advisor = ScanTimeAdvisor(ScanTimeAdvisor.Settings())
    advisor.fullScanEnded(seconds: 0, cpuMilliseconds: 0)
    #expect(advisor.pagesToScan == 5000)
    advisor.fullScanEnded(seconds: 0, cpuMilliseconds: 0)
    #expect(advisor.pagesToScan == 30_000)
  }

  @Test("No scan, however long, makes it trap")
  func extremes() {
    var settings = ScanTimeAdvisor.Settings()
    settings.maxPagesToScan = .max
    settings.maxCPU = .max
    settings.targetScanTime = .max
    for target in [0, 1, UInt64.max] {
      settings.targetScanTime = target
      var advisor = ScanTimeAdvisor(settings)
      for seconds in [0, 1, .max / 100, .max] as [UInt64] {
        for milliseconds in [0, 1, .max / 100, .max] as [UInt64] {
          advisor.fullScanEnded(seconds: seconds, cpuMilliseconds: milliseconds)
        }
      }
      #expect(advisor.pagesToScan > 0)
    }
  }
}
