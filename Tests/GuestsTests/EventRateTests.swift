import TestSupport
import Testing

@testable import Guests

@Suite("The rate of events")
struct EventRateTests {
  @Test("loses no event, however short the stretches are", arguments: [(1, 100), (7, 33), (999, 1), (1_000_000, 100), (3, 0)])
  func losesNothing(rate: Int, percent: Int) {
    var random = SeededGenerator(seed: UInt64(rate))
    var events = EventRate()
    var (sum, time): (Int, UInt64) = (0, 0)
    for _ in 0..<2000 {
      let stretch = UInt64.random(in: 0...3_000_000, using: &random)
      sum += events.events(perSecond: rate, percent: percent, nanoseconds: stretch)
      time += stretch
      #expect(sum == rate * percent * Int(time) / 100_000_000_000)
    }
  }

  @Test("counts the most that a scenario can ask for: 10^5 processes of 10^8 writes a second")
  func countsTheMost() {
    var events = EventRate()
    for _ in 0..<3 { #expect(events.events(perSecond: 10_000_000_000_000, percent: 100, nanoseconds: 100_000_000) == 1_000_000_000_000) }
  }

  @Test("survives any numbers")
  func survivesAnyNumbers() {
    var events = EventRate()
    #expect(events.events(perSecond: .max, percent: .max, nanoseconds: .max) == .max)
    #expect(events.events(perSecond: .min, percent: 100, nanoseconds: .max) == 0)
    #expect(events.events(perSecond: 10, percent: -1, nanoseconds: .max) == 0)
    #expect(events.events(perSecond: 1, percent: 100, nanoseconds: 1_000_000_000) == 1)
  }
}
