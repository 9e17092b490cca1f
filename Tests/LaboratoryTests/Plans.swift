import Addressing
import Guests
import PageSharing
import Translation

@testable import Laboratory
@testable import Scenarios

/// Small scenarios, written out.
enum Plans {
  static let millisecond: UInt64 = 1_000_000
  static let second: UInt64 = 1_000_000_000

  static func mebibytes(_ count: UInt64) -> ByteSize { ByteSize(bytes: count << 20) }

  /// A guest that comes to use 12 MiB in four seconds at full load.
  static func guest(load: [LoadPoint] = [], heap: UInt64 = 4, initOnFree: Bool = false) -> GuestSpec {
    .synthetic(
      SyntheticGuestSpec(
        image: "debian", kernel: mebibytes(2), files: mebibytes(4), filesOwnPercent: 25, fileReadsPerSecond: 400, fileAccesses: .zipf,
        initOnFree: initOnFree,
        processes: [
          ProcessSpec(
            name: "web", count: 2, text: ByteSize(bytes: 128 << 10), heap: mebibytes(heap), heapZeroPercent: 20, heapDuplicatePercent: 30,
            writesPerSecond: 60, accesses: .zipf)
        ], load: load))
  }

  static func vm(_ name: String, _ paging: PagingMode = .nested, memory: UInt64 = 16, guest: GuestSpec = guest(), balloon: Bool = true)
    -> VMSpec
  {
    VMSpec(
      name: name, memory: mebibytes(memory), minMemory: mebibytes(6), shares: 1000, paging: paging, balloon: balloon, mergeable: true,
      guest: guest)
  }

  /// Three guests, one under each way of paging, on a host with room for all; a scanner fast enough to pass over them several times. A
  /// policy aims low because it leaves goals of less than 10 MiB alone.
  static func scenario(
    host: UInt64 = 64, swap: UInt64 = 0, scanner: ScannerKind = .ksm, policy: String = "none", duration: UInt64 = 1500 * millisecond,
    vms: [VMSpec] = [vm("nested"), vm("shadow", .shadow), vm("native", .native)]
  ) -> Scenario {
    var ksm = KSMSettings()
    ksm.pagesToScan = 1000
    return Scenario(
      name: "test", description: "", seed: 3, durationNanoseconds: duration, sampleNanoseconds: 500 * millisecond,
      windowNanoseconds: 250 * millisecond, windowAccesses: 500,
      host: HostSpec(memory: mebibytes(host), swap: mebibytes(swap), tlb: "l1i=8x2,l1d=16x4,l2=64x4", cost: "haswell-2013"),
      sharing: SharingSpec(scanner: scanner, ksm: ksm),
      overcommit: OvercommitSpec(policy: policy, everyNanoseconds: 300 * millisecond, hostTargetPercent: 30, maxChange: mebibytes(4)),
      vms: vms,
      expectations: [])
  }

  /// A recorded guest of 8 MiB and its trace: a quarter zeros, the others twice each.
  static func recorded(_ name: String, _ paging: PagingMode = .nested) -> VMSpec {
    let spec = RecordedGuestSpec(trace: "two.pit", guest: name, accesses: .zipf, readsPerSecond: 400, writesPerSecond: 200, load: [])
    return vm(name, paging, memory: 8, guest: .recorded(spec))
  }
}

extension Scenario {
  /// The same plan with changes.
  func with(_ change: (inout Scenario) -> Void) -> Scenario {
    var scenario = self
    change(&scenario)
    return scenario
  }
}

extension RunResult {
  /// A metric's values over time; the host's for an empty name.
  func series(_ metric: Metric, of vm: String = "") -> [Double] {
    timeline.filter { $0.metric == metric && $0.vm == vm }.map(\.value.number)
  }

  /// A machine's summary.
  func vm(_ name: String) -> VMSummary { vms.first { $0.name == name } ?? VMSummary(name: "missing", paging: "") }
}
