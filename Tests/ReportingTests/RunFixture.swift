import Addressing
import Foundation
import Guests
import PageSharing
import Scenarios
import Translation

@testable import Laboratory
@testable import Reporting
@testable import Scenarios

/// Results made by hand: a run as the laboratory would give it, with curves that a real run could have.
enum RunFixture {
  static let mebibyte: UInt64 = 1 << 20

  /// A run of four guests with a sample a second.
  static func fourGuests(samples: Int = 90) -> RunResult {
    let vms = [
      vm("web", "nested", memory: 512, index: 0), vm("database", "shadow", memory: 512, index: 1),
      vm("w1", "nested", memory: 256, index: 2),
      vm("w2", "nested", memory: 256, index: 3),
    ]
    let end = UInt64(samples) * 1_000_000_000
    var result = empty(name: "quickstart", vms: vms, duration: end)
    for second in 0...samples { result.timeline += moment(second, of: samples, vms) }
    finish(&result)
    return result
  }

  /// A result that holds nothing but its guests' names.
  static func empty(name: String = "small", vms: [VMSummary] = [], duration: UInt64 = 0) -> RunResult {
    let scenario = Scenario(
      name: name, description: "Guests that were made by hand.", seed: 42, durationNanoseconds: duration, sampleNanoseconds: 1_000_000_000,
      windowNanoseconds: 1_000_000_000, windowAccesses: 1000,
      host: HostSpec(memory: ByteSize(bytes: 1 << 30), swap: ByteSize(bytes: 1 << 30), tlb: "golden", cost: "haswell-2013"),
      sharing: SharingSpec(scanner: .ksm, ksm: KSMSettings()),
      overcommit: OvercommitSpec(
        policy: "share-proportional", everyNanoseconds: 2_000_000_000, hostTargetPercent: 80, maxChange: ByteSize(bytes: 100 << 20)),
      vms: vms.map { spec($0.name) }, expectations: [])
    return RunResult(
      scenario: scenario, state: .complete, virtualNanoseconds: duration, host: HostSummary(totalBytes: 1 << 30), sharing: SharingSummary(),
      vms: vms, audit: AuditSummary(), timeline: [], failedExpectations: [])
  }

  /// A run of one direct guest that carries an access stream out, without scanner and balloon.
  static func stream() -> RunResult {
    var guest = vm("guest", "direct", memory: 128, index: 0)
    (guest.tlbMisses, guest.walks, guest.walkReferences, guest.tableUpdates) = (450_000, 450_000, 1_800_000, 900)
    guest.exits = [ExitCount(reason: "hypercall", count: 60), ExitCount(reason: "invlpg", count: 7)]
    var result = empty(name: "batches", vms: [guest], duration: 1_000_000_000)
    result.scenario.sharing.scanner = .none
    result.scenario.vms[0].balloon = false
    result.scenario.vms[0].guest = .stream(StreamGuestSpec(source: "gen:ranges", accessesPerSecond: 1_800_000))
    return result
  }

  /// A manifest whose wall times can be told apart.
  static func manifest(started: TimeInterval = 1_700_000_000) -> ManifestInput {
    ManifestInput(
      version: "0.1.0", arguments: ["run", "Workloads/quickstart.yaml", "--out", "somewhere/else"],
      scenarioFile: "Workloads/quickstart.yaml",
      overrides: ["vms.web.memory=512MiB"], resolvedScenario: "name: quickstart\nseed: 42\n",
      inputs: [ManifestInput.InputFile(path: "data/five-guests.pit.zst", sha256: SHA256.hexDigest(of: "abc"))],
      started: Date(timeIntervalSince1970: started), finished: Date(timeIntervalSince1970: started + 3), wallSeconds: 3.25)
  }

  private static func spec(_ name: String) -> VMSpec {
    let guest = SyntheticGuestSpec(
      image: "debian-12", kernel: ByteSize(bytes: 40 << 20), files: ByteSize(bytes: 260 << 20), filesOwnPercent: 30,
      fileReadsPerSecond: 100,
      fileAccesses: .zipf, initOnFree: true, processes: [], load: [])
    return VMSpec(
      name: name, memory: ByteSize(bytes: 512 << 20), minMemory: ByteSize(bytes: 192 << 20), shares: 1000, paging: .nested, balloon: true,
      mergeable: true, guest: .synthetic(guest))
  }

  static func vm(_ name: String, _ paging: String, memory: UInt64, index: UInt64) -> VMSummary {
    var vm = VMSummary(name: name, paging: paging)
    vm.references = 1_800_000
    vm.cyclesByCause = [
      CauseCycles(cause: "access", cycles: 18_000_000), CauseCycles(cause: "walk", cycles: 5_000_000),
      CauseCycles(cause: "exit_ept_violation", cycles: 900_000),
    ]
    vm.balloonActualMaxBytes = memory * mebibyte
    vm.balloonActualMinBytes = (memory / 2 + 16) * mebibyte
    vm.guestFaults = 21_000 + 4_000 * index
    vm.exits =
      paging == "shadow"
      ? [
        ExitCount(reason: "exception_page_fault", count: 48_213), ExitCount(reason: "control_register_access", count: 6_120),
        ExitCount(reason: "invlpg", count: 9_870), ExitCount(reason: "balloon_notification", count: 311),
      ]
      : [
        ExitCount(reason: "ept_violation", count: 31_902 + 977 * index), ExitCount(reason: "balloon_notification", count: 240 + 50 * index),
        ExitCount(reason: "cow_break", count: 1_800 + 300 * index),
      ]
    return vm
  }

  /// Everything sampled at one second: memory fills up, sharing sets in, balloons follow their targets a little late.
  private static func moment(_ second: Int, of samples: Int, _ vms: [VMSummary]) -> [Sample] {
    let time = UInt64(second) * 1_000_000_000
    let x = Double(second) / Double(max(samples, 1))
    var (samples, privateSum, sharedSum, heldSum, exitsSum) = ([Sample](), 0.0, 0.0, 0.0, UInt64(0))
    for (index, vm) in vms.enumerated() {
      let memory = Double(vm.balloonActualMaxBytes)
      let wave = Double((second * (7 + index)) % 23) / 23
      let target = memory * (x < 0.15 ? 1 : x < 0.6 ? 1 - 0.4 * Double(index + 1) / 4 : 0.8)
      let actual = memory - (memory - target) * min(1, max(0, (x - 0.15) * 8)) * (x < 0.6 ? 1 : 0.97)
      let used = min(actual, memory * min(0.72, 0.15 + x * 3)) * (0.97 + 0.03 * wave)
      let shared = used * min(0.35, max(0, x - 0.08) * 1.2)
      let values: [(Metric, MetricValue)] = [
        (.privateBytes, bytes(used - shared)), (.sharedBytes, bytes(shared)), (.balloonTargetBytes, bytes(target)),
        (.balloonActualBytes, bytes(actual)), (.balloonFreedBytes, bytes((memory - actual) * 0.8)),
        (.tlbMissRate, .real(0.01 + 0.012 * Double(index) + 0.006 * wave)),
        (.referencesPerWalk, .real(vm.paging == "shadow" ? 1.4 + 0.2 * wave : 3.1 + 0.4 * wave + 0.2 * Double(index))),
        (.exits, .count(UInt64(second) * 350 * UInt64(index + 1))), (.slowdown, .real(1.05 + 0.1 * wave)),
      ]
      samples += values.map { Sample(timeNanoseconds: time, vm: vm.name, metric: $0.0, value: $0.1) }
      privateSum += used - shared
      sharedSum += shared * 0.4
      heldSum += memory - actual
      exitsSum += 1
    }
    let free = max(0, Double(1 << 30) - privateSum - sharedSum)
    let saved = sharedSum * 1.5 / 4096
    let host: [(Metric, MetricValue)] = [
      (.freeBytes, bytes(free)), (.privateBytes, bytes(privateSum)), (.sharedBytes, bytes(sharedSum)), (.balloonedBytes, bytes(heldSum)),
      (.swappedBytes, bytes(max(0, x - 0.5) * 60 * Double(mebibyte))), (.savedZeroPages, .count(UInt64(saved * 0.2))),
      (.savedSelfPages, .count(UInt64(saved * 0.3))), (.savedInterPages, .count(UInt64(saved * 0.5))),
      (.merges, .count(UInt64(saved * 1.2))), (.pagesShared, .count(UInt64(saved * 0.4))), (.pagesSharing, .count(UInt64(saved))),
      (.pagesUnshared, .count(UInt64(saved * 2))), (.pagesVolatile, .count(UInt64(saved * (1 - x)))), (.ksmZeroPages, .count(0)),
      (.generalProfit, .integer(Int64(saved * 4096) - 100_000_000)), (.scannerCPU, .real(0.1 + 0.05 * x)),
      (.savedBytes, .count((UInt64(saved * 0.2) + UInt64(saved * 0.3) + UInt64(saved * 0.5)) * 4096)),
      (.cowBreaks, .count(UInt64(saved * 0.1))),
    ]
    return host.map { Sample(timeNanoseconds: time, vm: "", metric: $0.0, value: $0.1) } + samples
  }

  private static func bytes(_ value: Double) -> MetricValue { .count(UInt64(max(0, value)) / 4096 * 4096) }

  /// Fills in the state at the end from the last samples.
  private static func finish(_ result: inout RunResult) {
    func last(_ vm: String, _ metric: Metric) -> UInt64 {
      guard case .count(let count)? = result.timeline.last(where: { $0.vm == vm && $0.metric == metric })?.value else { return 0 }
      return count
    }
    func lastReal(_ vm: String, _ metric: Metric) -> Double {
      result.timeline.last { $0.vm == vm && $0.metric == metric }?.value.number ?? 0
    }
    var host = HostSummary(totalBytes: 1 << 30, freeBytes: last("", .freeBytes), freeMinBytes: last("", .freeBytes) / 2)
    host.privateBytes = last("", .privateBytes)
    host.sharedBytes = last("", .sharedBytes)
    host.balloonedBytes = last("", .balloonedBytes)
    host.swappedBytes = last("", .swappedBytes)
    var sharing = SharingSummary()
    (sharing.savedZero, sharing.savedSelf, sharing.savedInter) = (
      last("", .savedZeroPages), last("", .savedSelfPages), last("", .savedInterPages)
    )
    sharing.savedPages = sharing.savedZero + sharing.savedSelf + sharing.savedInter
    (sharing.merges, sharing.cowBreaks) = (last("", .merges), last("", .cowBreaks))
    sharing.ksm.fullScans = 7
    sharing.ksm.pagesScanned = 1_350_000
    (result.host, result.sharing) = (host, sharing)
    for index in result.vms.indices {
      let name = result.vms[index].name
      result.vms[index].referencesPerWalk = lastReal(name, .referencesPerWalk)
      result.vms[index].tlbMissRate = lastReal(name, .tlbMissRate)
      result.vms[index].slowdown = lastReal(name, .slowdown)
      result.vms[index].balloonTargetBytes = last(name, .balloonTargetBytes)
      result.vms[index].balloonActualBytes = last(name, .balloonActualBytes)
      result.vms[index].balloonFreedBytes = last(name, .balloonFreedBytes)
      result.vms[index].privateBytes = last(name, .privateBytes)
      result.vms[index].sharedBytes = last(name, .sharedBytes)
    }
    result.audit = AuditSummary(samples: 91, violations: 0, messages: [])
  }
}
