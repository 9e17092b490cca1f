import Guests
import PageSharing
import Scenarios
import Testing
import Translation

@testable import Laboratory

@Suite("A write storm in a run")
struct StormTests {
  /// Three guests that share much of what they hold, two of which write to all of it two seconds on.
  private func run(_ bytes: StormBytes?, swap: UInt64 = 0, host: UInt64 = 64) throws -> RunResult {
    var vms = [Plans.vm("a"), Plans.vm("b", .shadow), Plans.vm("c")]
    for index in 0..<2 {
      guard let bytes, case .synthetic(var guest) = vms[index].guest else { continue }
      (guest.storm.atNanoseconds, guest.storm.bytes) = (2 * Plans.second, bytes)
      vms[index].guest = .synthetic(guest)
    }
    let scenario = Plans.scenario(host: host, swap: swap, duration: 4 * Plans.second, vms: vms)
    let result = try Experiment(scenario, recordings: [:], audited: true).run()
    #expect(result.audit.violations == 0, "\(result.audit.messages)")
    return result
  }

  /// Pages saved, sample by sample.
  private func saved(_ result: RunResult) -> [Double] {
    zip(result.series(.savedInterPages), zip(result.series(.savedSelfPages), result.series(.savedZeroPages))).map { $0 + $1.0 + $1.1 }
  }

  @Test("breaks the sharing of those that write, at that moment and not before")
  func breaks() throws {
    let (calm, storm) = (try run(nil), try run(.own))
    let (before, after) = (saved(calm), saved(storm))
    // Samples are taken every 500 ms, and the one at 2 s shows what the storm has left.
    #expect(before.prefix(4) == after.prefix(4))
    #expect(after[4] < before[4] / 2)
    #expect(storm.sharing.cowBreaks > calm.sharing.cowBreaks + UInt64(before[4] - after[4]) / 2)
    #expect(storm.host.freeMinBytes < calm.host.freeMinBytes)
  }

  @Test("that leaves what was there is over as soon as the scanner has come by again")
  func recovers() throws {
    let (calm, own, same) = (try run(nil), try run(.own), try run(.same))
    #expect(same.sharing.savedPages > own.sharing.savedPages)
    #expect(same.sharing.savedPages * 10 > calm.sharing.savedPages * 9)
    #expect(saved(same)[4] < saved(calm)[4])
  }

  @Test("makes a host swap that sharing had given room")
  func swaps() throws {
    #expect(try run(nil, swap: 64, host: 27).host.swappedBytes < run(.own, swap: 64, host: 27).host.swappedBytes)
  }

  @Test("does not touch a machine that is not there")
  func absent() throws {
    var late = Plans.vm("late")
    late.startNanoseconds = 5 * Plans.second
    guard case .synthetic(var guest) = late.guest else { return }
    guest.storm.atNanoseconds = Plans.second
    late.guest = .synthetic(guest)
    let result = try Experiment(Plans.scenario(vms: [late]), recordings: [:], audited: true).run()
    #expect(result.audit.violations == 0 && result.vms[0].state == .waiting)
  }
}
