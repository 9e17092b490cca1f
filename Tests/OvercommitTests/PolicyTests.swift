import Overcommit
import Testing

/// A guest of a few bytes, so that published vectors can be written as they are.
func smallGuest(
  _ name: String, min: UInt64, target: UInt64, max: UInt64, actual: UInt64, free: UInt64 = 0, active: UInt64 = 0, shares: UInt64 = 1000
)
  -> GuestStatistics
{
  GuestStatistics(
    name: name, minBytes: min, maxBytes: max, currentBytes: target, actualBytes: actual, freeBytes: free, activeBytes: active,
    shares: shares)
}

/// The policies' names and what all of them have in common.
@Suite struct Policies {
  @Test("The names of the policies are those of scenarios and commands")
  func names() {
    #expect(PolicyKind.allCases.map(\.rawValue) == ["none", "share-proportional", "idle-tax", "squeeze", "mom"])
  }

  @Test("Without a policy every guest keeps its maximum")
  func none() {
    var policy = PolicyKind.none.makePolicy()
    let guests = [smallGuest("a", min: 1, target: 2, max: 9, actual: 3), smallGuest("b", min: 1, target: 2, max: 7, actual: 3)]
    let targets = policy.targets(host: HostStatistics(totalBytes: 1, usedBytes: 1, freeBytes: 0), guests: guests)
    #expect(targets == [MemoryTarget(name: "a", targetBytes: 9), MemoryTarget(name: "b", targetBytes: 7)])
  }

  @Test("Any 64-bit numbers give a target for each guest, for round after round", arguments: PolicyKind.allCases)
  func anyNumbers(_ kind: PolicyKind) {
    let edges: [UInt64] = [0, 1, 4096, 1 << 32, 1 << 53 + 1, .max >> 1, .max - 1, .max]
    var state: UInt64 = 3
    func edge() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return edges[Int(state >> 61)]
    }
    var policy = kind.makePolicy()
    for _ in 0..<300 {
      let guests = (0..<Int(edge() & 3 + 1)).map { index in
        GuestStatistics(
          name: "\(index)", minBytes: edge(), maxBytes: edge(), currentBytes: edge(), actualBytes: edge(), freeBytes: edge(),
          activeBytes: edge(), shares: edge())
      }
      let host = HostStatistics(totalBytes: edge(), usedBytes: edge(), freeBytes: edge())
      #expect(policy.targets(host: host, guests: guests).map(\.name) == guests.map(\.name))
    }
    let all = GuestStatistics(
      name: "max", minBytes: .max, maxBytes: .max, currentBytes: .max, actualBytes: .max, freeBytes: .max, activeBytes: .max, shares: .max)
    let host = HostStatistics(totalBytes: .max, usedBytes: .max, freeBytes: .max)
    #expect(policy.targets(host: host, guests: [all, all]).map(\.targetBytes) == [.max, .max])
  }

  @Test("Parameters of the largest numbers do no harm either")
  func anyParameters() {
    let guests = [
      smallGuest("a", min: 0, target: 0, max: .max, actual: .max, free: .max), smallGuest("b", min: .max, target: 0, max: 0, actual: 5),
    ]
    let host = HostStatistics(totalBytes: .max, usedBytes: 0, freeBytes: .max)
    var share = ShareProportionalPolicy()
    share.parameters.hostTargetPercent = .max
    share.parameters.maxChangeBytes = .max
    share.parameters.deadBandBytes = 0
    #expect(share.targets(host: host, guests: guests).count == 2)
    for goal: Int64 in [.min, -1, 0, 1, .max] {
      #expect(share.balance(goal: goal, guests: guests, untilStable: true).bytes.count == 2)
    }
    var squeeze = SqueezePolicy()
    squeeze.parameters = SqueezePolicy.Parameters()
    squeeze.parameters.wantedBytes = .max
    squeeze.parameters.inaccuracyBytes = .max
    squeeze.parameters.intervalNanoseconds = .max
    for _ in 0..<3 { #expect(squeeze.targets(host: host, guests: guests).count == 2) }
    for value in [Double.nan, .infinity, -.infinity, -1, 0, 1, 1e300] {
      var tax = IdleTaxPolicy()
      tax.parameters.tau = value
      #expect(tax.targets(host: host, guests: guests).count == 2)
      var mom = MomPolicy()
      mom.parameters.pressure = value
      mom.parameters.maxChange = value
      mom.parameters.minGuestFree = value
      #expect(mom.targets(host: host, guests: guests).count == 2)
    }
  }
}

/// Min-max-shares with an idle-memory tax: closed forms.
@Suite struct IdleTax {
  func divide(_ memory: UInt64, tau: Double, _ guests: [GuestStatistics]) -> [UInt64] {
    var policy = IdleTaxPolicy()
    policy.parameters.tau = tau
    return policy.divide(memory, among: guests)
  }

  @Test(
    "Equal shares, one idle and one busy guest, 360 to divide, at most 256 each",
    arguments: [(0, [180, 180]), (0.5, [120, 240]), (0.75, [104, 256])] as [(Double, [UInt64])])
  func equalShares(_ tau: Double, _ expected: [UInt64]) {
    for unit: UInt64 in [1, 1 << 20] {
      let guests = [0, 256].map { smallGuest("g", min: 0, target: 0, max: 256 * unit, actual: 0, active: $0 * unit, shares: 1000) }
      #expect(divide(360 * unit, tau: tau, guests) == expected.map { $0 * unit })
    }
  }

  @Test("Shares 2:1 with 100 and 200 active, 400 to divide", arguments: [(0, [267, 133]), (0.5, [225, 175])] as [(Double, [UInt64])])
  func unequalShares(_ tau: Double, _ expected: [UInt64]) {
    let guests = [
      smallGuest("a", min: 0, target: 0, max: 512, actual: 0, active: 100, shares: 2),
      smallGuest("b", min: 0, target: 0, max: 512, actual: 0, active: 200, shares: 1),
    ]
    #expect(divide(400, tau: tau, guests) == expected)
  }

  @Test("Whatever is divided is divided whole, between the sums of minima and maxima, within each guest's range")
  func dividesWhole() {
    var state: UInt64 = 11
    func random(_ bound: UInt64) -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (state >> 33) % bound
    }
    for _ in 0..<150 {
      let guests = (0..<(1 + random(5))).map { index in
        let min = random(1 << 30)
        let max = min + random(1 << 30)
        return smallGuest("\(index)", min: min, target: 0, max: max, actual: 0, active: random(max + 1), shares: 1 + random(4000))
      }
      let memory = random(1 << 33)
      let parts = divide(memory, tau: Double(random(95)) / 100, guests)
      for (guest, part) in zip(guests, parts) { #expect(part >= guest.minBytes && part <= guest.maxBytes) }
      let (least, most) = (guests.reduce(0) { $0 + $1.minBytes }, guests.reduce(0) { $0 + $1.maxBytes })
      let expected = min(max(memory, least), most)
      let sum = parts.reduce(0, +)
      #expect(sum <= expected && expected - sum <= 2, "\(sum) of \(expected)")
    }
  }
}

/// The rules of oVirt's manager, computed by hand.
@Suite struct Mom {
  func target(hostFree: UInt64, actual: UInt64, free: UInt64, min: UInt64 = 100, max: UInt64 = 2_000_000) -> UInt64 {
    var policy = PolicyKind.mom.makePolicy()
    let guest = smallGuest("g", min: min, target: actual, max: max, actual: actual, free: free)
    return policy.targets(host: HostStatistics(totalBytes: 100, usedBytes: 100 - hostFree, freeBytes: hostFree), guests: [guest])[0]
      .targetBytes
  }

  @Test("Under pressure a guest shrinks by 5 %, but keeps what it uses and its part of free memory")
  func shrinks() {
    #expect(target(hostFree: 10, actual: 1_000_000, free: 600_000) == 950_000)
    // 10 % of the host free: half the pressure threshold, so half of the guest's 20 %: used 880000 + 100000.
    #expect(target(hostFree: 10, actual: 1_000_000, free: 120_000) == 980_000)
    #expect(target(hostFree: 10, actual: 1_000_000, free: 600_000, min: 970_000) == 970_000)
    // With less free memory than its part of it, a guest that ought to shrink stays as it is.
    #expect(target(hostFree: 10, actual: 1_000_000, free: 50_000) == 1_000_000)
  }

  @Test("At 5 % of host memory free or less, a guest loses memory that it uses")
  func swaps() {
    // 3 % free: 2 % less than what it uses.
    #expect(target(hostFree: 3, actual: 1_000_000, free: 0) == 980_000)
    #expect(target(hostFree: 5, actual: 1_000_000, free: 10_000) == 990_000)
  }

  @Test("Otherwise a guest grows by 5 %, or as far as a fifth of it is free, up to its maximum")
  func grows() {
    #expect(target(hostFree: 20, actual: 1_000_000, free: 600_000) == 1_050_000)
    #expect(target(hostFree: 50, actual: 1_000_000, free: 0) == 1_200_000)
    #expect(target(hostFree: 50, actual: 1_000_000, free: 0, max: 1_100_000) == 1_100_000)
    #expect(target(hostFree: 50, actual: 1_000_000, free: 0, max: 1_000_000) == 1_000_000)
  }

  @Test("A change of less than a quarter of a percent is not made")
  func ignoresSmallChanges() {
    #expect(target(hostFree: 50, actual: 1_000_000, free: 0, max: 1_002_499) == 1_000_000)
    #expect(target(hostFree: 50, actual: 1_000_000, free: 0, max: 1_002_500) == 1_002_500)
  }
}
