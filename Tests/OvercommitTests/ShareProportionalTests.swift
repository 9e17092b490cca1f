import Overcommit
import Testing

let MB: UInt64 = 1_000_000

/// A guest in megabytes of 10^6 bytes, as Proxmox VE's own tests count them; its target is what it has.
func guest(_ name: String, shares: UInt64, min: UInt64 = 1000, now: UInt64 = 1000, max: UInt64 = 2000, free: UInt64 = 0) -> GuestStatistics
{
  GuestStatistics(
    name: name, minBytes: min * MB, maxBytes: max * MB, currentBytes: now * MB, actualBytes: now * MB, freeBytes: free * MB, activeBytes: 0,
    shares: shares)
}

/// Share-proportional balancing against the vectors of Proxmox VE (pve-manager, test/balloontest.pl): MB = 10^6, at most 100 MB a round.
@Suite struct ShareProportional {
  let policy: ShareProportionalPolicy = {
    var parameters = ShareProportionalPolicy.Parameters()
    parameters.maxChangeBytes = 100 * MB
    return ShareProportionalPolicy(parameters: parameters)
  }()

  func megabytes(_ goal: Int64, _ guests: [GuestStatistics], untilStable: Bool = false) -> [UInt64] {
    policy.balance(goal: goal * Int64(MB), guests: guests, untilStable: untilStable).bytes.map { $0 / MB }
  }

  @Test(
    "One round for shares 2000 and 1000, both at their minimum",
    arguments: [(0, [1000, 1000]), (90, [1060, 1030]), (150, [1100, 1050]), (270, [1100, 1090])] as [(Int64, [UInt64])])
  func oneRound(_ goal: Int64, _ expected: [UInt64]) {
    let guests = [guest("a", shares: 2000), guest("b", shares: 1000)]
    #expect(policy.balance(goal: goal * Int64(MB), guests: guests).bytes == expected.map { $0 * MB })
  }

  @Test(
    "Rounds until nothing moves",
    arguments: [(180, [1120, 1060]), (270, [1180, 1090]), (600, [1300, 1300]), (900, [1600, 1300])] as [(Int64, [UInt64])])
  func untilStable(_ goal: Int64, _ expected: [UInt64]) {
    let guests = [guest("a", shares: 2000), guest("b", shares: 1000)]
    let balance = policy.balance(goal: goal * Int64(MB), guests: guests, untilStable: true)
    #expect(balance.bytes == expected.map { $0 * MB } && balance.isStable && balance.remainder == 0)
  }

  @Test("A guest at its maximum leaves its part to the others", arguments: [(0, 1000), (18, 1018), (500, 1100)] as [(Int64, UInt64)])
  func fullGuest(_ goal: Int64, _ expected: UInt64) {
    #expect(megabytes(goal, [guest("a", shares: 2000, min: 2000, now: 2000), guest("b", shares: 1000)]) == [2000, expected])
  }

  @Test(
    "Guests under pressure grow first, comfortable ones shrink first",
    arguments: [(0, 1007), (11, 1018), (80, 1087), (200, 1107)] as [(Int64, UInt64)])
  func pressureFirst(_ goal: Int64, _ expected: UInt64) {
    let guests = [
      guest("a", shares: 2000, min: 2000, now: 2000), guest("b", shares: 1000, now: 1007), guest("c", shares: 1000, free: 512),
    ]
    #expect(megabytes(goal, guests) == [2000, expected, 1000])
  }

  @Test("Growing by 593 MB and shrinking again, round by round")
  func growsAndShrinks() {
    var guests = [
      guest("a", shares: 2000, min: 2000, now: 2000), guest("b", shares: 1000, now: 1007), guest("c", shares: 1000, free: 512),
    ]
    #expect(megabytes(593, guests, untilStable: true) == [2000, 1300, 1300])
    // b grew by 293 MB from no free memory, c by 300 from 512.
    guests[1] = guest("b", shares: 1000, now: 1300, free: 293)
    guests[2] = guest("c", shares: 1000, now: 1300, free: 812)
    #expect(megabytes(-200, guests, untilStable: true) == [2000, 1200, 1200])
    #expect(megabytes(-400, guests, untilStable: true) == [2000, 1200, 1000])
    #expect(megabytes(-593, guests, untilStable: true) == [2000, 1007, 1000])
  }

  @Test("A guest without shares takes no part")
  func noShares() {
    #expect(megabytes(90, [guest("a", shares: 0), guest("b", shares: 1000)]) == [1000, 1090])
    #expect(megabytes(90, [guest("a", shares: 0)]) == [1000])
    #expect(megabytes(90, []) == [])
  }

  @Test("A goal of 10 MiB or less, up or down, is left alone")
  func deadBand() {
    let guests = [guest("a", shares: 1, now: 1500, free: 1000)]
    for goal: Int64 in [10 << 20, -(10 << 20), 0] { #expect(policy.balance(goal: goal, guests: guests).bytes == [1500 * MB]) }
    #expect(policy.balance(goal: 10 << 20 + 1, guests: guests).bytes == [1500 * MB + 10 << 20 + 1])
    #expect(policy.balance(goal: -(10 << 20) - 1, guests: guests).bytes == [1500 * MB - 10 << 20 - 1])
  }

  @Test("The goal is the target percentage of the host's memory less what it uses, its fraction cut off")
  func goals() {
    func goal(_ total: UInt64, _ used: UInt64) -> Int64 {
      policy.goal(host: HostStatistics(totalBytes: total, usedBytes: used, freeBytes: 0))
    }
    #expect(goal(1000, 500) == 300 && goal(1000, 900) == -100 && goal(0, 0) == 0)
    // 80 % of 101 is 80.8: int(0.8) and int(-0.2) are both 0.
    #expect(goal(101, 80) == 0 && goal(101, 81) == 0 && goal(101, 79) == 1 && goal(101, 82) == -1)
    #expect(goal(.max, 0) == .max && goal(0, .max) == .min)
  }

  @Test("A round answers with a target for each guest in order; who does not move keeps the target that it has")
  func answersInOrder() {
    var guests = [guest("b", shares: 1000), guest("a", shares: 0), guest("c", shares: 1000)]
    guests[1].currentBytes = 1234
    let host = HostStatistics(totalBytes: 10_000 * MB, usedBytes: 7900 * MB, freeBytes: 2100 * MB)
    let targets = policy.targets(host: host, guests: guests)
    #expect(targets.map(\.name) == ["b", "a", "c"])
    #expect(targets.map(\.targetBytes) == [1050 * MB, 1234, 1050 * MB])
    #expect(policy.targets(host: HostStatistics(totalBytes: 0, usedBytes: 0, freeBytes: 0), guests: guests)[1].targetBytes == 1234)
  }

  @Test(
    "Nobody leaves its range, exceeds the cap or grows while the host takes; from minima no more is given than the goal"
  )
  func conservation() {
    var state: UInt64 = 7
    func random(_ bound: UInt64) -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (state >> 33) % bound
    }
    for turn in 0..<600 {
      let guests = (0..<(1 + random(6))).map { index in
        let min = 1 + random(1000)
        let max = min + random(3000)
        return guest(
          "\(index)", shares: random(4) * 500, min: min, now: turn % 2 == 0 ? min : min + random(max - min + 1), max: max, free: random(600)
        )
      }
      let goal = (Int64(random(4000)) - 2000) * Int64(MB)
      var uncapped = policy
      if turn % 2 == 0 { uncapped.parameters.maxChangeBytes = .max }
      let balance = uncapped.balance(goal: goal, guests: guests)
      var sum: Int64 = 0
      for (guest, bytes) in zip(guests, balance.bytes) {
        let change = Int64(bytes) - Int64(guest.actualBytes)
        #expect(bytes >= guest.minBytes && bytes <= guest.maxBytes)
        #expect(change.magnitude <= uncapped.parameters.maxChangeBytes && (guest.shares > 0 || change == 0))
        #expect(goal > 0 || change <= 0)
        sum += change
      }
      #expect(balance.remainder == goal - sum)
      // A fraction of a byte is cut off for each guest.
      let slack = Int64(guests.count)
      if goal > 0 && turn % 2 == 0 { #expect(sum >= 0 && sum <= goal + slack, "turn \(turn): \(sum) of \(goal)") }
    }
  }
}
