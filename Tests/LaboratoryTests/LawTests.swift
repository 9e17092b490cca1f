import Addressing
import Guests
import PageSharing
import Scenarios
import Testing
import Translation

@testable import Laboratory

@Suite("The laws hold at every sample")
struct LawTests {
  private func run(_ scenario: Scenario, sourceLocation: SourceLocation = #_sourceLocation) throws -> RunResult {
    let result = try Experiment(scenario, recordings: ["two.pit": Plans.trace()], audited: true).run()
    #expect(result.audit.violations == 0 && result.audit.messages == [], sourceLocation: sourceLocation)
    #expect(result.audit.samples == UInt64(result.series(.freeBytes).count), sourceLocation: sourceLocation)
    return result
  }

  @Test("without a scanner, where nothing is ever shared")
  func noSharing() throws {
    let result = try run(Plans.scenario(scanner: .none))
    var nothing = SharingSummary()
    nothing.shareablePages = result.sharing.shareablePages
    #expect(result.sharing == nothing && nothing.shareablePages > 0)
    #expect(result.series(.merges).allSatisfy { $0 == 0 })
    #expect(result.vms.allSatisfy { $0.isRunning && $0.swappedBytes == 0 })
  }

  @Test("with KSM under every way of paging, with and without zero pages and smart scanning", arguments: [(false, true), (true, false)])
  func sharing(useZeroPages: Bool, smartScan: Bool) throws {
    let result = try run(
      Plans.scenario(host: 48, duration: Plans.second).with {
        $0.sharing.ksm.useZeroPages = useZeroPages
        $0.sharing.ksm.smartScan = smartScan
        $0.vms[0].guest = Plans.guest(initOnFree: true)
      })
    #expect(result.sharing.ksm.fullScans >= 2)
    #expect(result.sharing.savedInter > 0 && result.sharing.savedZero > 0)
    #expect(result.sharing.savedPages == result.sharing.savedZero + result.sharing.savedSelf + result.sharing.savedInter)
    #expect(result.sharing.cowBreaks > 0)
    #expect((result.sharing.ksm.ksmZeroPages > 0) == useZeroPages)
  }

  @Test("while a policy takes memory from guests and gives it back")
  func balloons() throws {
    let ends = Plans.guest(load: [LoadPoint(atNanoseconds: 1500 * Plans.millisecond, levelPercent: 0)])
    let vms = [Plans.vm("a", guest: ends), Plans.vm("b", .shadow, guest: ends), Plans.vm("c", guest: ends)]
    let result = try run(Plans.scenario(host: 20, scanner: .none, policy: "mom", duration: 4 * Plans.second, vms: vms))
    let held = result.series(.balloonedBytes)
    #expect(held.first == 0 && held.last == 0 && held.max() ?? 0 > 4_194_304)
    #expect(result.vms.allSatisfy { 6 << 20 <= $0.balloonActualMinBytes && $0.balloonActualMinBytes < $0.balloonActualMaxBytes })
    #expect(result.vms.allSatisfy { $0.balloonFreedBytes > 0 && $0.isRunning && $0.swapIns == 0 })
  }

  @Test("while a host much too small swaps")
  func swapping() throws {
    let result = try run(Plans.scenario(host: 12, swap: 64, scanner: .none))
    #expect(result.host.swappedBytes > 0)
    #expect(result.vms.contains { $0.swapIns > 0 && $0.slowdown > 2 })
    #expect(result.vms.allSatisfy { $0.isRunning })
  }

  @Test("when a host without swap runs out of memory and stops a guest; the others run on")
  func killing() throws {
    let result = try run(
      Plans.scenario(
        host: 12, scanner: .none, policy: "share-proportional", vms: [Plans.vm("a"), Plans.vm("b", .shadow), Plans.vm("c", .native)]))
    #expect(result.state == .complete)
    let stopped = result.vms.filter { !$0.isRunning }
    #expect(!stopped.isEmpty && stopped.count < 3)
    for vm in stopped {
      #expect(vm.privateBytes == 0 && vm.sharedBytes == 0 && vm.swappedBytes == 0 && vm.balloonActualBytes == 0)
      for metric in [Metric.balloonedBytes, .guestFreeBytes, .guestCacheBytes, .guestAnonymousBytes, .balloonActualBytes] {
        #expect(result.series(metric, of: vm.name).last == 0)
      }
    }
    #expect(result.host.balloonedBytes == UInt64(result.vms.reduce(0) { $0 + result.series(.balloonedBytes, of: $1.name)[3] }))
    // No window has run before the first sample.
    for vm in result.vms where vm.isRunning { #expect(result.series(.slowdown, of: vm.name).count == 3) }
  }

  @Test("in which the host stopped every guest; from then on there is nothing to scan")
  func scanningNobody() throws {
    let results = try [1500, 3000].map { try run(Plans.scenario(host: 4, duration: $0 * Plans.millisecond, vms: [Plans.vm("a")])) }
    for result in results { #expect(result.vms.allSatisfy { !$0.isRunning }) }
    #expect(results[0].sharing.ksm.fullScans == results[1].sharing.ksm.fullScans)
  }

  @Test("with recorded guests, whose equal pages are merged within and between them", arguments: PagingMode.transparent)
  func recorded(paging: PagingMode) throws {
    let result = try run(Plans.scenario(scanner: .ksm, vms: [Plans.recorded("one", paging), Plans.recorded("two", paging)]))
    #expect(result.sharing.savedZero > 0 && result.sharing.savedSelf > 0 && result.sharing.savedInter > 0)
    #expect(result.vm("one").balloonActualBytes == 8 << 20)
  }

  @Test("with everything at once: sharing, ballooning, swapping, every way of paging and both kinds of guest")
  func everything() throws {
    let vms = [
      Plans.vm("a"), Plans.vm("b", .shadow), Plans.vm("c", .native, balloon: false), Plans.recorded("one"), Plans.recorded("two", .shadow),
    ]
    let result = try run(
      Plans.scenario(host: 20, swap: 64, policy: "share-proportional", vms: vms).with {
        $0.sharing.ksm.useZeroPages = true
        $0.overcommit.hostTargetPercent = 10
      })
    #expect(result.sharing.merges > 0 && result.host.balloonedBytes > 0)
    #expect(result.vms.contains { $0.swapIns > 0 })
  }

  @Test("and no page is swapped while the balloons suffice")
  func balloonBeforeSwap() throws {
    // The guests are promised 48 MiB of 30 and come to use 24: their balloons can give the rest.
    let result = try run(Plans.scenario(host: 30, swap: 64, scanner: .none, policy: "share-proportional", duration: 2 * Plans.second))
    #expect(result.host.balloonedBytes > 0)
    #expect(result.series(.swappedBytes).allSatisfy { $0 == 0 })
    #expect(result.vms.allSatisfy { $0.swapIns == 0 })
  }
}
