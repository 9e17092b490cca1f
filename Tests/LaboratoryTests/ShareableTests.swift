import Guests
import PageSharing
import RAMImages
import Scenarios
import Testing

@testable import Laboratory

@Suite("What could be shared")
struct ShareableTests {
  /// Two recorded guests that nobody writes to.
  private func run(_ scanner: ScannerKind, mergeable: Bool = true, useZeroPages: Bool = false) throws -> SharingSummary {
    var vms = [Plans.recorded("one"), Plans.recorded("two")]
    for index in vms.indices {
      guard case .recorded(var spec) = vms[index].guest else { continue }
      (spec.readsPerSecond, spec.writesPerSecond) = (0, 0)
      (vms[index].guest, vms[index].balloon) = (.recorded(spec), false)
    }
    vms[1].mergeable = mergeable
    let scenario = Plans.scenario(scanner: scanner, duration: 3 * Plans.second, vms: vms).with {
      $0.windowAccesses = 0
      $0.sharing.ksm.smartScan = false
      $0.sharing.ksm.useZeroPages = useZeroPages
    }
    return try Experiment(scenario, recordings: ["two.pit": Plans.trace()], audited: true).run().sharing
  }

  @Test("is the number of pages less that of their contents, whatever was shared already", arguments: [ScannerKind.none, .ksm])
  func countsContents(scanner: ScannerKind) throws {
    let guests = Plans.trace().guests.map(\.identities)
    let all = guests.flatMap { $0 }
    #expect(try run(scanner).shareablePages == UInt64(all.count - Set(all).count))
    #expect(try run(scanner, mergeable: false).shareablePages == UInt64(guests[0].count - Set(guests[0]).count))
  }

  @Test("counts every page of zeros that needs no frame, but the one that is kept")
  func zeros() throws {
    let (kept, placed) = (try run(.ksm), try run(.ksm, useZeroPages: true))
    #expect(placed.shareablePages == kept.shareablePages + 1)
    #expect(placed.savedPages == placed.shareablePages)
  }
}
