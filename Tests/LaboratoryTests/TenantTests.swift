import Addressing
import Guests
import Machine
import Overcommit
import Scenarios
import Testing
import Translation

@testable import Laboratory

@Suite("A tenant")
struct TenantTests {
  private func tenant(_ vm: VMSpec = Plans.vm("a")) throws -> (experiment: Experiment, tenant: Tenant) {
    let experiment = try Experiment(Plans.scenario(vms: [vm]), recordings: ["two.pit": Plans.trace()], audited: true)
    experiment.tenants[0].boot()
    return (experiment, experiment.tenants[0])
  }

  @Test("moves its balloon to the target, at most so many pages a step, and back again", arguments: PagingMode.allCases)
  func balloon(paging: PagingMode) throws {
    let (experiment, tenant) = try tenant(Plans.vm("a", paging))
    #expect(tenant.actualPages == 4096 && tenant.statistics.currentBytes == 16 << 20)
    tenant.setTarget(pages: 2096)
    for held in [700, 1400, 2000, 2000] {
      tenant.stepBalloon(maxPages: 700)
      #expect(tenant.balloonedPages == held && tenant.vm.balloonedPages == held)
    }
    #expect(tenant.actualPages == 2096 && tenant.statistics.actualBytes == 2096 << 12)
    // Of the pages that the balloon took, only those of the kernel that booted had frames, and it took none of them.
    #expect(tenant.freedPages == 0)
    #expect(tenant.vm.exits[.balloonNotify] > 0)
    tenant.setTarget(pages: .max)
    for _ in 0..<4 { tenant.stepBalloon(maxPages: 700) }
    #expect(tenant.balloonedPages == 0 && tenant.vm.balloonedPages == 0 && tenant.targetPages == 4096)
    #expect(tenant.actualMin == 2096 && tenant.actualMax == 4096)
    #expect(Audit.run(experiment.host).count == 0)
  }

  @Test("whose guest cannot meet the target gives what it has, and keeps its reserve")
  func stalls() throws {
    let (experiment, tenant) = try tenant()
    tenant.setTarget(pages: -5)
    #expect(tenant.targetPages == 0)
    for _ in 0..<10 { tenant.stepBalloon(maxPages: 1000) }
    #expect((3000..<3584).contains(tenant.balloonedPages))
    #expect(tenant.memory.free > 0)
    tenant.guest.step(nanoseconds: Plans.second, levelPercent: 100)
    #expect(Audit.run(experiment.host).count == 0)
  }

  @Test("that the host stopped has nothing any more, and is asked for nothing")
  func stopped() throws {
    let (experiment, tenant) = try tenant()
    tenant.guest.step(nanoseconds: Plans.second, levelPercent: 100)
    let faults = tenant.memory.faults
    tenant.setTarget(pages: 3000)
    tenant.stepBalloon(maxPages: 500)
    experiment.host.stop(tenant.vm)
    tenant.setTarget(pages: 1000)
    tenant.stepBalloon(maxPages: 500)
    tenant.window(accesses: 100)
    tenant.guest.step(nanoseconds: Plans.second, levelPercent: 0)
    #expect(tenant.balloonedPages == 0 && tenant.actualPages == 0)
    #expect(tenant.memory.free == 0 && tenant.memory.cached == 0 && tenant.memory.anonymous == 0 && tenant.memory.faults == faults)
    #expect(tenant.statistics.actualBytes == 0 && tenant.statistics.freeBytes == 0)
    #expect(tenant.takeWindowsSinceSample().counters.references == 0)
    #expect(Audit.run(experiment.host).count == 0)
  }

  @Test("of a recording counts the recorded pages as its memory, not what memlab adds")
  func recorded() throws {
    let (experiment, tenant) = try tenant(Plans.recorded("one"))
    #expect(tenant.pages == 2048 && tenant.actualPages == 2048 && tenant.vm.pageCount > 2048)
    tenant.setTarget(pages: 48)
    tenant.stepBalloon(maxPages: 4000)
    #expect(tenant.balloonedPages == 2000 && tenant.actualPages == 48 && tenant.freedPages == 2000)
    #expect(Audit.run(experiment.host).count == 0)
  }

  @Test("has the load of the last point that has come, and full load before the first")
  func levels() throws {
    let load = [(10, 50), (20, 0), (30, 75)].map { LoadPoint(atNanoseconds: $0.0, levelPercent: $0.1) }
    let (experiment, tenant) = try tenant(Plans.vm("a", guest: Plans.guest(load: load)))
    defer { withExtendedLifetime(experiment) {} }
    #expect([0, 9, 10, 19, 20, 29, 30, 1000].map { tenant.level(at: $0) } == [100, 100, 50, 50, 0, 0, 75, 75])
  }

  @Test("shares contents through its image or recording alone, however many tenants there are")
  func spaces() {
    let vms = (0..<4096).map { number in
      guard case .synthetic(var spec) = Plans.guest() else { return Plans.vm("") }
      spec.image = "image\(number / 2)"
      return Plans.vm("vm\(number)", guest: .synthetic(spec))
    }
    let spaces = SpaceNumbers(Plans.scenario(vms: vms))
    let own = vms.map { spaces.own(of: $0.name) }
    let images = (0..<2048).map { spaces.image("image\($0)") }
    #expect(Set(own + images).count == 4096 + 2048)
    #expect((own + images).allSatisfy { $0.number > 0 })
  }
}
