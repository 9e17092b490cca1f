import Overcommit
import Testing

/// Proportional squeeze in the scenarios of XenServer's squeezed (xapi-project, test/squeeze_test.ml): KiB, steps of 0.1 s.
@Suite struct Squeeze {
  /// A guest whose driver moves at a rate, never below a floor, and in every second interval of `stuckEvery` tenths of a second not at all.
  struct SimulatedGuest {
    var statistics: GuestStatistics
    /// KiB a second.
    var rate: Int64
    var floor: Int64 = 0
    var ceiling: Int64 = .max
    /// Hundredths of a second; 0 for never stuck.
    var stuckEvery: Int = 0

    /// Moves toward the target for a tenth of a second up to `tenth`; returns by how much.
    mutating func move(tenth: Int, inaccuracy: Int64) -> Int64 {
      let isStuck = stuckEvery > 0 && ((tenth - 1) * 10 / stuckEvery % 2 == 1 || tenth * 10 / stuckEvery % 2 == 1)
      let distance = Int64(statistics.currentBytes) - Int64(statistics.actualBytes)
      let reach = isStuck ? 0 : min(max(0, Int64(distance.magnitude) - inaccuracy), rate / 10)
      var next = Int64(statistics.actualBytes) + (distance < 0 ? -reach : reach)
      if distance < 0 { next = max(next, min(floor, Int64(statistics.actualBytes))) }
      next = min(next, ceiling)
      defer { statistics.actualBytes = UInt64(next) }
      return next - Int64(statistics.actualBytes)
    }
  }

  /// Runs until the targets are reached and settled; tells whether what was wanted is free then.
  func run(_ guests: [SimulatedGuest], free: Int64, wanted: UInt64, inaccuracy: UInt64) -> (succeeded: Bool, seconds: Int, guaranteed: Bool)
  {
    var (guests, free) = (guests, free)
    var policy = SqueezePolicy()
    policy.parameters.wantedBytes = wanted
    policy.parameters.inaccuracyBytes = inaccuracy
    for tenth in 1...2000 {
      let iteration = policy.iterate(
        freeBytes: UInt64(free), guests: guests.map(\.statistics), nowNanoseconds: UInt64(tenth - 1) * 100_000_000)
      if iteration.isSettled {
        let reserve = guests.reduce(free) {
          $0 - (Int64($1.statistics.currentBytes) + Int64(inaccuracy) - Int64($1.statistics.actualBytes))
        }
        return (free >= Int64(wanted), tenth / 10, reserve >= Int64(wanted))
      }
      for index in guests.indices {
        guests[index].statistics.currentBytes = iteration.targets[index]
        free -= guests[index].move(tenth: tenth, inaccuracy: Int64(inaccuracy))
      }
      #expect(free >= 0, "a guest was told to allocate what the host has not got")
    }
    return (false, 200, false)
  }

  let scenarioA = [
    SimulatedGuest(statistics: smallGuest("a", min: 1000, target: 1500, max: 2000, actual: 1500), rate: 100, floor: 1250),
    SimulatedGuest(statistics: smallGuest("b", min: 2500, target: 3500, max: 4500, actual: 3500), rate: 500, stuckEvery: 25),
  ]
  let scenarioB = [
    SimulatedGuest(statistics: smallGuest("a", min: 500, target: 3500, max: 4500, actual: 3500), rate: 100, stuckEvery: 300),
    SimulatedGuest(statistics: smallGuest("b", min: 500, target: 1500, max: 2500, actual: 1500), rate: 100, stuckEvery: 150),
  ]
  let scenarioC = [
    SimulatedGuest(statistics: smallGuest("a", min: 1000, target: 1500, max: 2000, actual: 1500), rate: 100),
    SimulatedGuest(statistics: smallGuest("b", min: 2000, target: 2500, max: 3000, actual: 2500), rate: 100),
  ]

  func first(_ guests: [SimulatedGuest], wanted: UInt64, inaccuracy: UInt64) -> SqueezePolicy.Iteration {
    var policy = SqueezePolicy()
    policy.parameters.wantedBytes = wanted
    policy.parameters.inaccuracyBytes = inaccuracy
    return policy.iterate(freeBytes: 0, guests: guests.map(\.statistics), nowNanoseconds: 0)
  }

  @Test("The first gamma and targets of scenarios a and b")
  func firstTargets() {
    let a = first(scenarioA, wanted: 1000, inaccuracy: 4)
    #expect(a.targets == [1161, 2822] && a.gamma == 484.0 / 3000 && a.shortfallBytes == 0)
    let b = first(scenarioB, wanted: 1000, inaccuracy: 4)
    #expect(b.targets == [2489, 1494] && b.gamma == 2984.0 / 6000)
  }

  @Test("a: a guest with a hidden limit is found stuck, and a sticky one takes the slack")
  func hiddenLimit() {
    let result = run(scenarioA, free: 0, wanted: 1000, inaccuracy: 4)
    #expect(result.succeeded && result.guaranteed && result.seconds < 60)
  }

  @Test("b: two guests that stick for different times free what is wanted")
  func stickyGuests() {
    let result = run(scenarioB, free: 0, wanted: 1000, inaccuracy: 4)
    #expect(result.succeeded && result.guaranteed && result.seconds < 120)
  }

  @Test("c: with minima too high it fails, and says by how much from the start")
  func minimaTooHigh() {
    #expect(first(scenarioC, wanted: 1500, inaccuracy: 0).shortfallBytes == 500)
    #expect(!run(scenarioC, free: 0, wanted: 1500, inaccuracy: 0).succeeded)
  }

  @Test("d: a guest that stays above its minimum for good makes it fail")
  func stuckAboveMinimum() {
    var guests = scenarioC
    guests[1].floor = 2250
    #expect(!run(guests, free: 0, wanted: 1000, inaccuracy: 0).succeeded)
  }

  @Test("e: a guest whose allocation must wait for another's memory is not taken for stuck")
  func waitsForMemory() {
    let guests = [
      SimulatedGuest(statistics: smallGuest("a", min: 5000, target: 7000, max: 7000, actual: 7000), rate: 0),
      SimulatedGuest(statistics: smallGuest("b", min: 5000, target: 6000, max: 11000, actual: 6000), rate: 100),
    ]
    #expect(run(guests, free: 0, wanted: 1000, inaccuracy: 0).succeeded)
  }

  @Test("h: what one guest cannot take another does")
  func slackIsTaken() {
    let guests = [
      SimulatedGuest(statistics: smallGuest("a", min: 1000, target: 1500, max: 2000, actual: 1500), rate: 100, ceiling: 1500),
      SimulatedGuest(statistics: smallGuest("b", min: 1000, target: 1500, max: 2000, actual: 1500), rate: 100),
    ]
    var (moving, free) = (guests, Int64(1000))
    var policy = SqueezePolicy()
    policy.parameters.wantedBytes = 0
    policy.parameters.inaccuracyBytes = 4
    for tenth in 1...300 {
      let iteration = policy.iterate(freeBytes: UInt64(free), guests: moving.map(\.statistics), nowNanoseconds: UInt64(tenth) * 100_000_000)
      for index in moving.indices {
        moving[index].statistics.currentBytes = iteration.targets[index]
        free -= moving[index].move(tenth: tenth, inaccuracy: 4)
      }
    }
    #expect(moving[0].statistics.actualBytes == 1500 && moving[1].statistics.actualBytes >= 1996 - 4)
  }

  @Test("A stuck guest counts again when it moves")
  func returns() {
    var guest = smallGuest("a", min: 0, target: 1000, max: 4000, actual: 2000)
    var policy = SqueezePolicy()
    policy.parameters.inaccuracyBytes = 4
    let second: UInt64 = 1_000_000_000
    for (time, isStuck): (UInt64, Bool) in [(0, false), (5, false), (6, true), (60, true)] {
      #expect(policy.iterate(freeBytes: 0, guests: [guest], nowNanoseconds: time * second).stuck == [isStuck])
    }
    guest.actualBytes = 1999
    #expect(policy.iterate(freeBytes: 0, guests: [guest], nowNanoseconds: 61 * second).stuck == [false])
  }
}
