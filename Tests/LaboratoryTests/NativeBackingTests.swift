import Addressing
import Guests
import Machine
import PageSharing
import Scenarios
import Testing
import Translation

@testable import Laboratory

@Suite("The host's pages of native guests")
struct NativeBackingTests {
  private func misses(_ paging: PagingMode, page: PageSize, on hugePages: HugePages) throws -> UInt64 {
    var stream = StreamGuestSpec(source: "gen:random:pages=2048", accessesPerSecond: 20_000)
    (stream.warmUp, stream.options.pageSize) = (10_000, page)
    var vm = Plans.vm("guest", paging, memory: 64, guest: .stream(stream), balloon: false)
    vm.hugePages = hugePages
    let scenario = Plans.scenario(host: 256, scanner: .none, duration: Plans.second, vms: [vm])
    return try #require(try Experiment(scenario, recordings: [:], audited: true).run().vms.first).tlbMisses
  }

  @Test("a native stream guest misses the same whatever pages back it; one under nested paging has both sides to thank")
  func native() throws {
    #expect(try misses(.native, page: .size2M, on: .never) == 0)
    #expect(try misses(.native, page: .size2M, on: .always) == 0)
    #expect(try misses(.native, page: .size4K, on: .never) > 9000)
    #expect(try misses(.nested, page: .size2M, on: .never) > 9000)
    #expect(try misses(.nested, page: .size2M, on: .always) == 0)
  }
}
